-- Runs: one row an attempt that is over, written where the attempt ends, whoever ends it. The attempt
-- that is not over is the claim: a claim writes nothing here, and no run can be open without one.

-- The open run has the highest id there can be: it is the last of its card. Its columns have the
-- view's types in both branches: else a condition on the card would not reach below the UNION, and
-- the runs of one card would be looked for among those of all.
CREATE OR REPLACE VIEW backlog_run AS
SELECT card_id, attempt, owner, started_at::timestamptz, ended_at::timestamptz, outcome,
    summary::text, result::jsonb, tokens::bigint, cost::numeric, id
FROM backlog_ended_run
UNION ALL
SELECT id::text, attempts::integer, claim_owner::text, status_changed_at::timestamptz, NULL, NULL,
    NULL, NULL, NULL, NULL, 9223372036854775807
FROM backlog WHERE claim_expires_at IS NOT NULL;

CREATE FUNCTION backlog_run_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'runs are never changed' USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER backlog_run_kept BEFORE UPDATE ON backlog_ended_run
FOR EACH ROW EXECUTE FUNCTION backlog_run_kept();

-- What the verb says of the move it is about to make of this card: verb, outcome, summary, result,
-- tokens, cost, counted (does the attempt count towards the cap), cap, note. NULL: nothing. What is said
-- of one card holds for one move of it.
CREATE FUNCTION backlog_report(card text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    said text := current_setting('backlog.report', true);
    about text;
BEGIN
    IF said <> '' THEN
        about := said::jsonb ->> 'card';
        IF about = card THEN
            PERFORM set_config('backlog.report', '', true);
        END IF;
        IF coalesce(about, card) = card THEN
            RETURN said::jsonb;
        END IF;
    END IF;
    RETURN NULL;
END $$;

-- The run of a claim that ends, or of a completion without one, as the card goes to `status` (NULL:
-- it is deleted); its outcome.
CREATE FUNCTION backlog_end_run(card backlog, status text, moment timestamptz, report jsonb)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    claimed boolean := card.status = 'claimed';
    outcome text := coalesce(report ->> 'outcome', CASE
        WHEN status = 'done' THEN 'completed'
        WHEN status = 'blocked' THEN 'blocked'
        WHEN status IS NULL THEN 'cancelled'
        WHEN card.claim_expires_at <= moment THEN 'expired'
        ELSE 'released' END);
BEGIN
    INSERT INTO backlog_ended_run (card_id, attempt, owner, started_at, ended_at, outcome, summary,
        result, tokens, cost)
    VALUES (card.id, CASE WHEN claimed THEN card.attempts END,
        coalesce(card.claim_owner, backlog_actor()),
        CASE WHEN claimed THEN card.status_changed_at ELSE moment END, moment,
        outcome, report ->> 'summary', report -> 'result',
        (report ->> 'tokens')::bigint, (report ->> 'cost')::numeric);
    PERFORM backlog_spend(card.phase, (report ->> 'tokens')::bigint, (report ->> 'cost')::numeric);
    RETURN outcome;
END $$;
