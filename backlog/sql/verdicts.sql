-- Verdicts: what has been seen of each criterion of a card, and that a gated card is done only when each has
-- passed in the eyes of somebody else than who did the work.

CREATE FUNCTION backlog_verdict_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'verdicts are never changed' USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER backlog_verdict_kept BEFORE UPDATE OR DELETE ON backlog_verdict
FOR EACH ROW EXECUTE FUNCTION backlog_verdict_kept();

CREATE TRIGGER backlog_verdict_kept_whole BEFORE TRUNCATE ON backlog_verdict
FOR EACH STATEMENT EXECUTE FUNCTION backlog_verdict_kept();

-- How many criteria a card has: as many as its list has, else one.
CREATE FUNCTION backlog_criteria(acceptance jsonb) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE jsonb_typeof(acceptance) WHEN 'array' THEN greatest(jsonb_array_length(acceptance), 1)
        ELSE 1 END
$$;

-- Whoever works on the card, or ever did, also on one of this id that was deleted: no judge of it.
CREATE FUNCTION backlog_workers(card backlog) RETURNS text[] LANGUAGE plpgsql STABLE
SET enable_seqscan = off AS $$
BEGIN
    RETURN ARRAY(SELECT owner FROM backlog_ended_run WHERE card_id = card.id AND attempt IS NOT NULL
        UNION SELECT card.claim_owner WHERE card.claim_owner IS NOT NULL);
END $$;

-- The numbers of the criteria that have not passed: no verdict since all were judged anew, or the newest
-- is a fail, or that of a worker.
CREATE FUNCTION backlog_open_criteria(card backlog) RETURNS integer[] LANGUAGE plpgsql STABLE
SET enable_seqscan = off AS $$
DECLARE
    workers text[] := backlog_workers(card);
    since bigint := coalesce((SELECT max(id) FROM backlog_verdict
        WHERE card_id = card.id AND criterion IS NULL), 0);
BEGIN
    RETURN ARRAY(
        SELECT generate_series(1, backlog_criteria(card.acceptance))
        EXCEPT SELECT criterion FROM (
            SELECT DISTINCT ON (criterion) criterion, passed AND actor <> ALL (workers) AS counts
            FROM backlog_verdict WHERE card_id = card.id AND id > since
            ORDER BY criterion, id DESC) AS newest WHERE counts
        ORDER BY 1);
END $$;

-- A gated card that would be done: so it is if all has passed; else it goes from its worker into review,
-- and from anywhere else it stays where it is.
CREATE FUNCTION backlog_judged(was backlog, card backlog) RETURNS backlog LANGUAGE plpgsql AS $$
DECLARE
    still_open integer[] := backlog_open_criteria(was);
BEGIN
    IF card.acceptance IS DISTINCT FROM was.acceptance THEN  -- nobody has seen these
        still_open := ARRAY(SELECT generate_series(1, backlog_criteria(card.acceptance)));
    END IF;
    IF cardinality(still_open) > 0 THEN
        IF was.status <> 'claimed' THEN
            RAISE EXCEPTION 'cannot complete %: it is gated, and of its criteria these have not passed in the eyes of another than its worker: %',
                card.id, array_to_string(still_open, ', ')
                USING ERRCODE = 'check_violation', TABLE = 'backlog', CONSTRAINT = 'backlog_verdicts';
        END IF;
        card.status := 'blocked';
        card.block_reason := 'in_review';
        card.block_note := NULL;
    END IF;
    RETURN card;
END $$;

-- From here on what was seen of the card counts no longer.
CREATE FUNCTION backlog_judge_anew(card backlog) RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off AS $$
BEGIN
    INSERT INTO backlog_verdict (card_id, actor, attempt)
    SELECT card.id, backlog_actor(), card.attempts
    WHERE EXISTS (SELECT FROM backlog_verdict WHERE card_id = card.id);
END $$;

-- A card that was done comes back: it starts over, and into the gate that its phase may have by now.
CREATE FUNCTION backlog_reopened(card backlog) RETURNS backlog LANGUAGE plpgsql AS $$
BEGIN
    PERFORM backlog_judge_anew(card);
    PERFORM backlog_lock_phase(card.phase);
    card.gated := card.own_gate OR backlog_phase_is_gated(card.phase);
    RETURN card;
END $$;

-- A verdict is on a card that is not done, by another than its worker. Who gives it and who completes the
-- card wait for each other: a fail that is on its way is heard.
CREATE FUNCTION backlog_before_verdict() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    judged backlog;
    why text;
BEGIN
    -- The newest counts: a writer that gives an id of its own gets the next one all the same.
    NEW.id := nextval(pg_get_serial_sequence('backlog_verdict', 'id'));
    IF NEW.criterion IS NULL THEN
        RETURN NEW;
    END IF;
    SELECT * INTO judged FROM backlog WHERE id = NEW.card_id FOR SHARE;
    why := CASE
        WHEN judged.id IS NULL THEN 'there is no such card to judge'
        WHEN judged.status = 'done' THEN 'a card that is done is not judged'
        WHEN NEW.criterion NOT BETWEEN 1 AND backlog_criteria(judged.acceptance)
            THEN format('it has no criterion %s', NEW.criterion)
        WHEN NEW.actor !~ '\S' THEN 'a verdict is somebody''s'
        WHEN NEW.actor = ANY (backlog_workers(judged)) THEN 'its worker does not judge it' END;
    IF why IS NOT NULL THEN
        PERFORM backlog_refuse(NEW.card_id, why);
    END IF;
    NEW.attempt := judged.attempts;
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_verdict BEFORE INSERT ON backlog_verdict
FOR EACH ROW EXECUTE FUNCTION backlog_before_verdict();
