-- Every change of a card is an event, whoever makes it. The functions that run at a change anyway
-- write it: a trigger of its own would cost a claim more.

-- Who acts: what the verb was told, else the database's role.
CREATE FUNCTION backlog_actor() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('backlog.actor', true), ''), session_user)
$$;

-- For all rows of a statement at once: an import writes 100,000.
CREATE FUNCTION backlog_event_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO backlog_event (card_id, at, actor, verb, to_status, attempt)
    SELECT id, updated_at, backlog_actor(), 'create', status, attempts FROM created;
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_event_insert AFTER INSERT ON backlog
REFERENCING NEW TABLE AS created FOR EACH STATEMENT EXECUTE FUNCTION backlog_event_insert();

-- A card went from one status to another; `outcome` is how a run ended with it.
CREATE FUNCTION backlog_event_move(was backlog, card backlog, outcome text, report jsonb)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt, note)
    VALUES (card.id, card.updated_at, backlog_actor(),
        coalesce(report ->> 'verb', CASE
            WHEN card.status = 'done' THEN 'complete'
            WHEN card.status = 'blocked' AND card.block_reason = 'in_review' THEN 'submit'
            WHEN card.status = 'blocked' THEN 'block'
            WHEN was.status = 'done' THEN 'reopen'
            WHEN was.status = 'blocked' THEN 'unblock'
            WHEN outcome = 'expired' THEN 'reclaim'
            ELSE 'release' END),
        was.status, card.status, card.attempts,
        nullif(concat_ws('; ',
            CASE card.status WHEN 'blocked' THEN concat_ws(': ', card.block_reason, card.block_note) END,
            CASE was.status WHEN 'blocked' THEN card.answer END,
            report ->> 'note', 'held by ' || was.claim_owner), ''));
    -- Of an app that has to know of moves, if there is one. A claim, and a completion of which nothing
    -- is said, do not come by here, and pay nothing for it.
    IF to_regprocedure('on_backlog_move(backlog, backlog, text)') IS NOT NULL THEN
        EXECUTE 'SELECT on_backlog_move($1, $2, $3)' USING was, card, outcome;
    END IF;
END $$;

-- Somebody set the attempts of a card.
CREATE FUNCTION backlog_event_recount(was backlog, card backlog) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF card.attempts <> was.attempts THEN
        INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt, note)
        VALUES (card.id, card.updated_at, backlog_actor(), 'edit', card.status, card.status,
            card.attempts, concat_ws(' ', 'attempts', was.attempts, '→', card.attempts));
    END IF;
END $$;

CREATE FUNCTION backlog_event_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are never changed' USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER backlog_event_kept BEFORE UPDATE ON backlog_event
FOR EACH ROW EXECUTE FUNCTION backlog_event_kept();
