-- Verdicts: what has been seen of each criterion of a card, and that a gated card is done only when each has
-- passed in the eyes of somebody else than who did the work.

CREATE FUNCTION backlog_verdict_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'verdicts are never changed' USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER backlog_verdict_kept BEFORE UPDATE ON backlog_verdict
FOR EACH ROW EXECUTE FUNCTION backlog_verdict_kept();

-- How many criteria a card has: as many as its list has, else one.
CREATE FUNCTION backlog_criteria(acceptance jsonb) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE jsonb_typeof(acceptance) WHEN 'array' THEN greatest(jsonb_array_length(acceptance), 1)
        ELSE 1 END
$$;

-- Who works on the card, or did last: no judge of it.
CREATE FUNCTION backlog_worker(card backlog) RETURNS text LANGUAGE plpgsql STABLE
SET enable_seqscan = off AS $$
BEGIN
    RETURN coalesce(card.claim_owner, (
        SELECT owner FROM backlog_ended_run
        WHERE card_id = card.id AND attempt IS NOT NULL ORDER BY id DESC LIMIT 1));
END $$;

-- The numbers of the criteria that have not passed: no verdict since all were judged anew, or the newest
-- is a fail, or that of the worker.
CREATE FUNCTION backlog_open_criteria(card backlog) RETURNS integer[] LANGUAGE plpgsql STABLE
SET enable_seqscan = off AS $$
DECLARE
    worker text := backlog_worker(card);
    since bigint := coalesce((SELECT max(id) FROM backlog_verdict
        WHERE card_id = card.id AND criterion IS NULL), 0);
BEGIN
    RETURN ARRAY(SELECT n FROM generate_series(1, backlog_criteria(card.acceptance)) AS n
        WHERE NOT coalesce((
            SELECT passed AND actor IS DISTINCT FROM worker FROM backlog_verdict
            WHERE card_id = card.id AND criterion = n AND id > since ORDER BY id DESC LIMIT 1), false));
END $$;

-- A gated card that would be done: so it is if all has passed; else it goes from its worker into review,
-- and from anywhere else it stays where it is.
CREATE FUNCTION backlog_judged(was backlog, card backlog) RETURNS backlog LANGUAGE plpgsql AS $$
DECLARE
    still_open integer[] := backlog_open_criteria(was);
BEGIN
    IF cardinality(still_open) > 0 THEN
        IF was.status <> 'claimed' THEN
            PERFORM backlog_refuse(card.id, format('it is gated, and these criteria have not passed: %s',
                array_to_string(still_open, ', ')));
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
