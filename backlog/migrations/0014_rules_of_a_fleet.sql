-- Drafts, gates and their verdicts, budgets, what is due, projected, dropped or archived.

DO $$
DECLARE
    log regclass;
BEGIN
    FOREACH log IN ARRAY ARRAY['backlog_event', 'backlog_ended_run', 'backlog_verdict']::regclass[] LOOP
        IF EXISTS (SELECT FROM pg_attribute
                WHERE attrelid = log AND attname = 'id' AND attidentity = '') THEN
            EXECUTE format('ALTER TABLE %s ALTER id ADD GENERATED ALWAYS AS IDENTITY', log);
        END IF;
    END LOOP;
END $$;

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

-- Whoever works on the card, or ever did: no judge of it.
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

-- A verdict is on a card that is not done, by another than its worker. Who gives it and who completes the
-- card wait for each other: a fail that is on its way is heard.
CREATE FUNCTION backlog_before_verdict() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    judged backlog;
    why text;
BEGIN
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
FOR EACH ROW WHEN (NEW.criterion IS NOT NULL) EXECUTE FUNCTION backlog_before_verdict();

CREATE OR REPLACE FUNCTION backlog_lock_phase(phase text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock_shared(1650549611, -1024 - (hashtext(phase) & 1023))
$$;

CREATE OR REPLACE FUNCTION backlog_phase_is_gated(phase text) RETURNS boolean LANGUAGE plpgsql STABLE
SET enable_seqscan = off AS $$
BEGIN
    RETURN phase IS NOT NULL
        AND EXISTS (SELECT FROM backlog_rule WHERE (kind, scope, name) = ('gate', 'phase', phase));
END $$;

CREATE OR REPLACE FUNCTION backlog_spend(phase text, run_tokens bigint, run_cost numeric)
RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    IF phase IS NULL OR num_nonnulls(run_tokens, run_cost) = 0 THEN
        RETURN;
    END IF;
    UPDATE backlog_rule SET
        spent_tokens = least(spent_tokens::numeric + coalesce(run_tokens, 0), 9223372036854775807),
        spent_cost = least(spent_cost + coalesce(run_cost, 0), 99999999999999.999999)
    WHERE (kind, scope, name) = ('budget', 'phase', phase);
END $$;

CREATE OR REPLACE FUNCTION backlog_before_budget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.due := CASE WHEN NEW.spent_tokens >= NEW.tokens OR NEW.spent_cost >= NEW.cost
        THEN '2000-01-01 00:00:00+00'::timestamptz ELSE '9000-01-01 00:00:00+00' END;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION backlog_before_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.held := NEW.draft OR coalesce(NEW.not_before > clock_timestamp(), false);
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION backlog_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids text[] := backlog_dependency_ids(NEW.id, NEW.depends_on);
    claimed integer := (NEW.status = 'claimed')::integer;
BEGIN
    PERFORM backlog_require_read_committed();
    PERFORM backlog_lock_id(NEW.id);
    -- (id, attempts) names one claim for ever, also when a deleted id is used again.
    NEW.attempts := greatest(NEW.attempts, nullif(claimed, 0), (
        SELECT least(attempts + claimed, 2000000000) FROM backlog_deleted WHERE id = NEW.id));
    -- What it went through elsewhere does not count here.
    NEW.attempts_forgiven := NEW.attempts - claimed;
    NEW.updated_at := clock_timestamp();
    NEW.status_changed_at := CASE NEW.status
        WHEN 'claimed' THEN coalesce(NEW.claimed_at, NEW.updated_at)
        WHEN 'ready' THEN least(NEW.created_at, NEW.updated_at)
        ELSE NEW.updated_at END;
    IF NEW.status = 'blocked' THEN
        NEW.block_reason := coalesce(NEW.block_reason, 'other');
        NEW.block_count := greatest(NEW.block_count, 1);
    END IF;
    NEW.held := NEW.draft OR coalesce(NEW.not_before > NEW.updated_at, false);
    PERFORM backlog_lock_phase(NEW.phase);
    NEW.gated := NEW.gated OR backlog_phase_is_gated(NEW.phase);
    NEW.claim_expires_at := NEW.claimed_at + make_interval(secs => NEW.claim_ttl_seconds);
    PERFORM backlog_lock_targets(ids);
    NEW.open_dependencies := backlog_count_open(ids);
    NEW.has_dependents := backlog_has_dependents(NEW.id);
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION backlog_before_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.claim_expires_at := NEW.claimed_at + make_interval(secs => NEW.claim_ttl_seconds);
    IF OLD.status = 'claimed' THEN
        IF NEW.claim_owner = OLD.claim_owner AND NEW.attempts = OLD.attempts THEN
            RETURN NEW;  -- renewed: the same claim, and no change of the card
        END IF;
        -- Taken away, by a writer that asked nobody. The next attempt inherits no renewal.
        PERFORM backlog_end_run(OLD, 'claimed', clock_timestamp(), NULL);
        IF NEW.claimed_at = OLD.claimed_at THEN
            NEW.claimed_at := clock_timestamp();
            NEW.claim_expires_at := NEW.claimed_at + make_interval(secs => NEW.claim_ttl_seconds);
        END IF;
    END IF;
    -- At the bound of the constraint the counter stays; the card is claimed all the same.
    NEW.attempts := least(greatest(NEW.attempts, OLD.attempts + 1), 2000000000);
    NEW.updated_at := clock_timestamp();
    NEW.status_changed_at := coalesce(NEW.claimed_at, NEW.updated_at);
    IF NEW.not_before IS NOT NULL OR NEW.held OR OLD.status = 'done' THEN
        NEW.not_before := NULL;
        NEW.held := false;
        NEW.draft := false;
        NEW.resolution := NULL;
        NEW.archived_at := NULL;
        IF OLD.status = 'done' THEN
            PERFORM backlog_judge_anew(NEW);
        END IF;
    END IF;
    INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt)
    VALUES (NEW.id, NEW.updated_at, coalesce(NEW.claim_owner, ''), 'claim', OLD.status, 'claimed',
        NEW.attempts);
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION backlog_before_move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    report jsonb;
    outcome text;
BEGIN
    NEW.updated_at := clock_timestamp();
    NEW.claim_expires_at := NULL;
    IF OLD.status = 'claimed' THEN
        -- A completion as the verbs make it, of which nothing is said, in as few expressions as it
        -- takes: PL/pgSQL makes each ready anew in every transaction, at about a microsecond.
        IF NEW.status = 'done' AND NEW.attempts = OLD.attempts AND NOT NEW.gated
                AND num_nulls(NEW.claim_owner, NEW.claim_ttl_seconds, NEW.claimed_at) = 3
                AND coalesce(current_setting('backlog.report', true), '') = '' THEN
            NEW.status_changed_at := NEW.updated_at;
            WITH run AS (
                INSERT INTO backlog_ended_run (card_id, attempt, owner, started_at, ended_at, outcome)
                VALUES (OLD.id, OLD.attempts, OLD.claim_owner, OLD.status_changed_at, NEW.updated_at,
                    'completed')
            )
            INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt, note)
            VALUES (OLD.id, NEW.updated_at, backlog_actor(), 'complete', 'claimed', 'done', OLD.attempts,
                'held by ' || OLD.claim_owner);
            RETURN NEW;
        END IF;
        NEW.claim_owner := NULL;
        NEW.claim_ttl_seconds := NULL;
        NEW.claimed_at := NULL;
    END IF;
    IF NEW.status = OLD.status THEN
        PERFORM backlog_event_recount(OLD, NEW);
        RETURN NEW;
    END IF;
    NEW.status_changed_at := NEW.updated_at;
    report := backlog_report(NEW.id);
    IF OLD.status = 'claimed' OR NEW.status = 'done' AND NEW.resolution IS NULL THEN
        outcome := backlog_end_run(OLD, NEW.status, NEW.updated_at, report);
    END IF;
    IF NEW.status = 'done' AND NEW.gated AND NEW.resolution IS NULL THEN
        NEW := backlog_judged(OLD, NEW);
    ELSIF OLD.status = 'done' THEN
        NEW.resolution := NULL;
        NEW.archived_at := NULL;
        PERFORM backlog_judge_anew(NEW);
    END IF;
    IF NEW.status = 'ready' AND OLD.status = 'claimed' THEN
        NEW := backlog_given_back(NEW, report);
    ELSIF NEW.status = 'ready' AND OLD.status = 'blocked' THEN
        NEW.attempts_forgiven := NEW.attempts;
    END IF;
    IF NEW.status = 'blocked' THEN
        NEW.block_reason := coalesce(NEW.block_reason, 'other');
        NEW.answer := NULL;  -- it was to another question
        NEW.block_count := 1 + CASE WHEN NEW.block_reason = OLD.block_reason
            THEN least(OLD.block_count, 1999999999) ELSE 0 END;
    END IF;
    PERFORM backlog_event_move(OLD, NEW, outcome, report);
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION backlog_end_run(card backlog, status text, moment timestamptz, report jsonb)
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

CREATE OR REPLACE FUNCTION backlog_event_move(was backlog, card backlog, outcome text, report jsonb)
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
END $$;

CREATE OR REPLACE FUNCTION backlog_written(moment timestamptz) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
$$;

CREATE OR REPLACE FUNCTION backlog_edited(was backlog, card backlog) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN nullif(concat_ws(', ',
        CASE WHEN card.title <> was.title THEN 'title' END,
        CASE WHEN card.body IS DISTINCT FROM was.body THEN 'body' END,
        CASE WHEN card.phase IS DISTINCT FROM was.phase THEN
            concat_ws(' ', 'phase', coalesce(was.phase, '-'), '→', coalesce(card.phase, '-')) END,
        CASE WHEN card.role IS DISTINCT FROM was.role THEN
            concat_ws(' ', 'role', coalesce(was.role, '-'), '→', coalesce(card.role, '-')) END,
        CASE WHEN card.priority <> was.priority THEN
            concat_ws(' ', 'priority', was.priority, '→', card.priority) END,
        CASE WHEN card.max_attempts IS DISTINCT FROM was.max_attempts THEN 'max attempts' END,
        CASE WHEN card.idempotency_key IS DISTINCT FROM was.idempotency_key THEN 'idempotency key' END,
        CASE WHEN card.acceptance IS DISTINCT FROM was.acceptance THEN 'acceptance' END,
        CASE WHEN card.created_at <> was.created_at THEN 'creation time' END,
        CASE WHEN card.draft <> was.draft THEN
            CASE WHEN card.draft THEN 'a draft' ELSE 'published' END END,
        CASE WHEN card.gated <> was.gated THEN
            CASE WHEN card.gated THEN 'gated' ELSE 'not gated' END END,
        CASE WHEN card.due IS DISTINCT FROM was.due THEN
            coalesce('due ' || backlog_written(card.due), 'no longer due') END,
        CASE WHEN card.max_runtime IS DISTINCT FROM was.max_runtime THEN 'max runtime' END,
        CASE WHEN (card.projected_tokens, card.projected_cost)
            IS DISTINCT FROM (was.projected_tokens, was.projected_cost) THEN 'projection' END,
        CASE WHEN card.status = was.status AND card.resolution IS DISTINCT FROM was.resolution THEN
            coalesce(card.resolution, 'completed') END,
        CASE WHEN card.status = was.status AND card.archived_at IS DISTINCT FROM was.archived_at THEN
            CASE WHEN card.archived_at IS NULL THEN 'no longer archived' ELSE 'archived' END END,
        CASE WHEN card.status = was.status AND card.not_before IS DISTINCT FROM was.not_before THEN
            coalesce('not before ' || backlog_written(card.not_before), 'no longer held back') END,
        CASE WHEN card.status = was.status AND (card.block_reason, card.block_note)
            IS DISTINCT FROM (was.block_reason, was.block_note) THEN 'reason of its block' END,
        CASE WHEN card.status = was.status AND card.answer IS DISTINCT FROM was.answer THEN 'answer' END), '');
END $$;

CREATE OR REPLACE FUNCTION backlog_before_touch() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    added text;
    removed text;
    edited text;
BEGIN
    IF NEW.depends_on <> OLD.depends_on THEN
        SELECT string_agg(id, ', ') INTO added FROM (
            SELECT unnest(backlog_dependency_ids(NEW.id, NEW.depends_on)) AS id
            EXCEPT SELECT jsonb_array_elements_text(OLD.depends_on)) AS ids;
        SELECT string_agg(id, ', ') INTO removed FROM (
            SELECT jsonb_array_elements_text(OLD.depends_on) AS id
            EXCEPT SELECT unnest(backlog_dependency_ids(NEW.id, NEW.depends_on))) AS ids;
    END IF;
    IF NEW.phase IS DISTINCT FROM OLD.phase THEN
        PERFORM backlog_lock_phase(NEW.phase);
        NEW.gated := NEW.gated OR backlog_phase_is_gated(NEW.phase);
    END IF;
    edited := backlog_edited(OLD, NEW);
    IF NEW.acceptance IS DISTINCT FROM OLD.acceptance THEN
        PERFORM backlog_judge_anew(NEW);
    END IF;
    IF NEW.gated AND NEW.status = 'done' AND OLD.status = 'done' AND NEW.resolution IS NULL
            AND OLD.resolution IS NOT NULL THEN
        NEW := backlog_judged(OLD, NEW);  -- completed after all
    END IF;
    -- Else backlog_before_move has set it, and written an event of that time.
    IF NEW.status = OLD.status AND NEW.attempts = OLD.attempts THEN
        NEW.updated_at := clock_timestamp();
    END IF;
    -- With the status it has by now: a move in the same statement is an event before this one.
    INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt, note)
    SELECT NEW.id, NEW.updated_at, backlog_actor(), verb, NEW.status, NEW.status, NEW.attempts, note
    FROM (VALUES ('link', added), ('unlink', removed), ('edit', edited)) AS change (verb, note)
    WHERE note IS NOT NULL;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION backlog_after_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM backlog_dependency WHERE card_id = OLD.id;
    IF OLD.status = 'done' THEN
        PERFORM backlog_recount_dependents(OLD.id);
    ELSIF OLD.status = 'claimed' THEN
        PERFORM backlog_end_run(OLD, NULL, clock_timestamp(), NULL);
    END IF;
    PERFORM backlog_judge_anew(OLD);
    IF OLD.attempts > 0 THEN
        INSERT INTO backlog_deleted (id, attempts) VALUES (OLD.id, OLD.attempts)
        ON CONFLICT (id) DO UPDATE SET attempts = greatest(backlog_deleted.attempts, excluded.attempts);
    END IF;
    INSERT INTO backlog_event (card_id, at, actor, verb, from_status, attempt)
    VALUES (OLD.id, clock_timestamp(), backlog_actor(), 'delete', OLD.status, OLD.attempts);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION backlog_before_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO backlog_deleted (id, attempts) SELECT id, attempts FROM backlog WHERE attempts > 0
    ON CONFLICT (id) DO UPDATE SET attempts = greatest(backlog_deleted.attempts, excluded.attempts);
    PERFORM backlog_end_run(backlog, NULL, clock_timestamp(), NULL)
    FROM backlog WHERE claimed_at IS NOT NULL;
    INSERT INTO backlog_verdict (card_id, actor, attempt)
    SELECT id, backlog_actor(), attempts FROM backlog
    WHERE id = ANY (ARRAY(SELECT card_id FROM backlog_verdict));
    INSERT INTO backlog_event (card_id, at, actor, verb, from_status, attempt)
    SELECT id, clock_timestamp(), backlog_actor(), 'delete', status, attempts FROM backlog;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER backlog_before_budget BEFORE INSERT OR UPDATE ON backlog_rule
FOR EACH ROW WHEN (NEW.kind = 'budget') EXECUTE FUNCTION backlog_before_budget();

CREATE OR REPLACE TRIGGER backlog_before_hold BEFORE UPDATE OF not_before, held, draft ON backlog
FOR EACH ROW EXECUTE FUNCTION backlog_before_hold();

CREATE OR REPLACE TRIGGER backlog_after_hold AFTER INSERT OR UPDATE OF not_before, held, draft ON backlog
FOR EACH ROW WHEN (NEW.held AND NOT NEW.draft) EXECUTE FUNCTION backlog_after_hold();

CREATE OR REPLACE TRIGGER backlog_before_touch
BEFORE UPDATE OF title, body, phase, role, priority, depends_on, max_attempts, not_before,
    idempotency_key, acceptance, created_at, updated_at, block_reason, block_note, answer, draft, gated,
    due, max_runtime, projected_tokens, projected_cost, resolution, archived_at
ON backlog FOR EACH ROW EXECUTE FUNCTION backlog_before_touch();
