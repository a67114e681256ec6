-- Runs: one row an attempt that is over, written where the attempt ends, whoever ends it. The attempt
-- that is not over is the claim: a claim writes nothing here, and no run can be open without one.

ALTER TABLE backlog_ended_run ALTER id ADD GENERATED ALWAYS AS IDENTITY;

CREATE VIEW backlog_run AS
SELECT card_id, attempt, owner, started_at, ended_at, outcome, summary, result, tokens, cost, id
FROM backlog_ended_run
UNION ALL
SELECT id, attempts, claim_owner, status_changed_at, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM backlog WHERE claimed_at IS NOT NULL;

CREATE FUNCTION backlog_run_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'runs are never changed' USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER backlog_run_kept BEFORE UPDATE ON backlog_ended_run
FOR EACH ROW EXECUTE FUNCTION backlog_run_kept();

-- What the verb says of the move it is about to make of this card: verb, outcome, summary, result,
-- tokens, cost, counted (does the attempt count towards the cap), cap. NULL: nothing. What is said
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

-- The run of a claim that ends, or of a completion without one.
CREATE FUNCTION backlog_end_run(card backlog, actor text, moment timestamptz, outcome text, report jsonb)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    claimed boolean := card.status = 'claimed';
BEGIN
    INSERT INTO backlog_ended_run (card_id, attempt, owner, started_at, ended_at, outcome, summary,
        result, tokens, cost)
    VALUES (card.id, CASE WHEN claimed THEN card.attempts END,
        CASE WHEN claimed THEN card.claim_owner ELSE actor END,
        CASE WHEN claimed THEN card.status_changed_at ELSE moment END, moment,
        coalesce(report ->> 'outcome', outcome), report ->> 'summary', report -> 'result',
        (report ->> 'tokens')::bigint, (report ->> 'cost')::numeric);
END $$;

CREATE OR REPLACE FUNCTION backlog_before_move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    report jsonb;
    given_back text;
    cap integer;
BEGIN
    IF NEW.id <> OLD.id THEN
        PERFORM backlog_refuse(OLD.id, 'the id of a card cannot change');
    ELSIF NEW.attempts < OLD.attempts THEN
        PERFORM backlog_refuse(OLD.id, 'the attempts of a card never go down');
    ELSIF NEW.status NOT IN ('ready', 'claimed', 'blocked', 'done') THEN
        PERFORM backlog_refuse(OLD.id, 'status must be ready, claimed, blocked or done');
    END IF;
    IF NEW.status = 'claimed' THEN
        IF NEW.claim_owner !~ '\S' OR NEW.claim_ttl_seconds < 1 THEN
            PERFORM backlog_refuse(OLD.id, 'owner must not be blank, ttl at least 1');
        END IF;
        IF OLD.status <> 'claimed' OR NEW.claim_owner IS DISTINCT FROM OLD.claim_owner THEN
            NEW.attempts := greatest(NEW.attempts, OLD.attempts + 1);
        END IF;
        -- The same claim, renewed, is no change of the card.
        IF NEW.attempts <> OLD.attempts THEN
            NEW.updated_at := clock_timestamp();
            IF OLD.status = 'claimed' THEN  -- by a writer that asked nobody
                PERFORM backlog_end_run(OLD, NULL, NEW.updated_at,
                    CASE WHEN OLD.claim_expires_at <= NEW.updated_at THEN 'expired' ELSE 'released' END,
                    NULL);
                -- The next attempt inherits no heartbeat.
                IF NEW.claimed_at = OLD.claimed_at THEN
                    NEW.claimed_at := NEW.updated_at;
                END IF;
            END IF;
            NEW.status_changed_at := NEW.claimed_at;
            NEW.not_before := NULL;
            NEW.held := false;
            INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt)
            VALUES (NEW.id, NEW.updated_at, NEW.claim_owner, 'claim', OLD.status, 'claimed',
                NEW.attempts);
        END IF;
    ELSE
        NEW.updated_at := clock_timestamp();
        IF OLD.status = 'claimed' THEN
            NEW.claim_owner := NULL;
            NEW.claim_ttl_seconds := NULL;
            NEW.claimed_at := NULL;
        END IF;
        IF NEW.status <> OLD.status THEN
            report := backlog_report(NEW.id);
            NEW.status_changed_at := NEW.updated_at;
            IF OLD.status = 'claimed' OR NEW.status = 'done' THEN
                given_back := CASE WHEN OLD.claim_expires_at <= NEW.updated_at
                    THEN 'expired' ELSE 'released' END;
                PERFORM backlog_end_run(OLD, backlog_actor(), NEW.updated_at,
                    CASE NEW.status WHEN 'done' THEN 'completed' WHEN 'blocked' THEN 'blocked'
                        ELSE given_back END,
                    report);
            END IF;
            IF NEW.status = 'ready' AND OLD.status = 'claimed' THEN
                IF NOT coalesce((report ->> 'counted')::boolean, true) THEN
                    NEW.attempts_forgiven := OLD.attempts_forgiven + 1;
                END IF;
                -- Ten, where nobody says.
                cap := coalesce(NEW.max_attempts, (report ->> 'cap')::integer, 10);
                IF cap > 0 AND NEW.attempts - NEW.attempts_forgiven >= cap THEN
                    NEW.status := 'blocked';
                    NEW.block_reason := 'attempts_exhausted';
                    NEW.block_note := format('%s of %s attempts', NEW.attempts - NEW.attempts_forgiven, cap);
                END IF;
            ELSIF NEW.status = 'ready' AND OLD.status = 'blocked' THEN
                NEW.attempts_forgiven := NEW.attempts;
            END IF;
            IF NEW.status = 'blocked' THEN
                NEW.block_reason := coalesce(NEW.block_reason, 'other');
                NEW.block_count := CASE WHEN NEW.block_reason = OLD.block_reason
                    THEN OLD.block_count ELSE 0 END + 1;
            END IF;
            INSERT INTO backlog_event
                (card_id, at, actor, verb, from_status, to_status, attempt, note)
            VALUES (NEW.id, NEW.updated_at, backlog_actor(),
                coalesce(report ->> 'verb', CASE NEW.status
                    WHEN 'done' THEN 'complete'
                    WHEN 'blocked' THEN 'block'
                    ELSE CASE OLD.status
                        WHEN 'done' THEN 'reopen'
                        WHEN 'blocked' THEN 'unblock'
                        ELSE CASE given_back WHEN 'expired' THEN 'reclaim' ELSE 'release' END
                    END
                END), OLD.status, NEW.status, NEW.attempts,
                nullif(concat_ws('; ',
                    CASE NEW.status WHEN 'blocked' THEN concat_ws(': ', NEW.block_reason, NEW.block_note) END,
                    'held by ' || OLD.claim_owner), ''));
        ELSIF NEW.attempts <> OLD.attempts THEN
            INSERT INTO backlog_event
                (card_id, at, actor, verb, from_status, to_status, attempt, note)
            VALUES (NEW.id, NEW.updated_at, backlog_actor(), 'edit', NEW.status, NEW.status,
                NEW.attempts, concat_ws(' ', 'attempts', OLD.attempts, '→', NEW.attempts));
        END IF;
    END IF;
    NEW.claim_expires_at := NEW.claimed_at + make_interval(secs => NEW.claim_ttl_seconds);
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION backlog_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids text[] := backlog_dependency_ids(NEW.id, NEW.depends_on);
BEGIN
    IF NEW.id !~ '\S' OR NEW.title !~ '\S' OR NEW.claim_owner !~ '\S' THEN
        PERFORM backlog_refuse(NEW.id, 'id, title and owner must not be blank');
    ELSIF NEW.status NOT IN ('ready', 'claimed', 'blocked', 'done') THEN
        PERFORM backlog_refuse(NEW.id, 'status must be ready, claimed, blocked or done');
    ELSIF NEW.claim_ttl_seconds < 1 OR NEW.attempts < 0 THEN
        PERFORM backlog_refuse(NEW.id, 'ttl must be at least 1 and attempts at least 0');
    END IF;
    PERFORM backlog_require_read_committed();
    PERFORM backlog_lock_id(NEW.id);
    NEW.attempts := greatest(
        NEW.attempts,
        CASE WHEN NEW.status = 'claimed' THEN 1 END,
        -- (id, attempts) names one claim for ever, also when a deleted id is used again.
        (SELECT attempts + (NEW.status = 'claimed')::int FROM backlog_deleted WHERE id = NEW.id));
    -- What it went through elsewhere does not count here.
    NEW.attempts_forgiven := NEW.attempts - (NEW.status = 'claimed')::int;
    NEW.updated_at := clock_timestamp();
    NEW.status_changed_at := CASE NEW.status
        WHEN 'claimed' THEN NEW.claimed_at
        WHEN 'ready' THEN least(NEW.created_at, NEW.updated_at)
        ELSE NEW.updated_at END;
    IF NEW.status = 'blocked' THEN
        NEW.block_reason := coalesce(NEW.block_reason, 'other');
        NEW.block_count := greatest(NEW.block_count, 1);
    END IF;
    NEW.held := coalesce(NEW.not_before > NEW.updated_at, false);
    NEW.claim_expires_at := NEW.claimed_at + make_interval(secs => NEW.claim_ttl_seconds);
    PERFORM backlog_hold(ids);
    NEW.open_dependencies := backlog_count_open(ids);
    RETURN NEW;
END $$;

-- Whoever writes `held` only makes the database look at its clock.
CREATE FUNCTION backlog_before_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.held := coalesce(NEW.not_before > clock_timestamp(), false);
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_hold BEFORE UPDATE OF not_before, held ON backlog
FOR EACH ROW EXECUTE FUNCTION backlog_before_hold();

CREATE FUNCTION backlog_before_cap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM backlog_refuse(NEW.id, 'max_attempts must be at least 0');
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_cap BEFORE INSERT OR UPDATE OF max_attempts ON backlog
FOR EACH ROW WHEN (NEW.max_attempts < 0) EXECUTE FUNCTION backlog_before_cap();

CREATE OR REPLACE FUNCTION backlog_before_touch() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    added text;
    removed text;
    edited text;
BEGIN
    IF NEW.title !~ '\S' THEN
        PERFORM backlog_refuse(OLD.id, 'title must not be blank');
    END IF;
    IF NEW.depends_on <> OLD.depends_on THEN
        SELECT string_agg(id, ', ') INTO added FROM (
            SELECT jsonb_array_elements_text(NEW.depends_on) AS id
            EXCEPT SELECT jsonb_array_elements_text(OLD.depends_on)) AS ids;
        SELECT string_agg(id, ', ') INTO removed FROM (
            SELECT jsonb_array_elements_text(OLD.depends_on) AS id
            EXCEPT SELECT jsonb_array_elements_text(NEW.depends_on)) AS ids;
    END IF;
    edited := nullif(concat_ws(', ',
        CASE WHEN NEW.title <> OLD.title THEN 'title' END,
        CASE WHEN NEW.body IS DISTINCT FROM OLD.body THEN 'body' END,
        CASE WHEN NEW.phase IS DISTINCT FROM OLD.phase THEN
            concat_ws(' ', 'phase', coalesce(OLD.phase, '-'), '→', coalesce(NEW.phase, '-')) END,
        CASE WHEN NEW.role IS DISTINCT FROM OLD.role THEN
            concat_ws(' ', 'role', coalesce(OLD.role, '-'), '→', coalesce(NEW.role, '-')) END,
        CASE WHEN NEW.priority <> OLD.priority THEN
            concat_ws(' ', 'priority', OLD.priority, '→', NEW.priority) END,
        CASE WHEN NEW.max_attempts IS DISTINCT FROM OLD.max_attempts THEN 'max attempts' END,
        CASE WHEN NEW.idempotency_key IS DISTINCT FROM OLD.idempotency_key THEN 'idempotency key' END,
        CASE WHEN NEW.acceptance IS DISTINCT FROM OLD.acceptance THEN 'acceptance' END,
        CASE WHEN NEW.created_at <> OLD.created_at THEN 'creation time' END,
        CASE WHEN NEW.status = OLD.status AND NEW.not_before IS DISTINCT FROM OLD.not_before THEN
            coalesce('not before ' || to_char(NEW.not_before AT TIME ZONE 'UTC',
                'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'no longer held back') END,
        CASE WHEN NEW.status = OLD.status AND (NEW.block_reason, NEW.block_note)
            IS DISTINCT FROM (OLD.block_reason, OLD.block_note) THEN 'reason of its block' END), '');
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

DROP TRIGGER backlog_before_touch ON backlog;

CREATE TRIGGER backlog_before_touch
BEFORE UPDATE OF title, body, phase, role, priority, depends_on, max_attempts, not_before,
    idempotency_key, acceptance, created_at, updated_at, block_reason, block_note
ON backlog FOR EACH ROW EXECUTE FUNCTION backlog_before_touch();

DROP TRIGGER backlog_before_count ON backlog;

CREATE OR REPLACE FUNCTION backlog_before_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.open_dependencies := OLD.open_dependencies;
    NEW.status_changed_at := OLD.status_changed_at;
    NEW.block_count := OLD.block_count;
    NEW.attempts_forgiven := OLD.attempts_forgiven;
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_count
BEFORE UPDATE OF open_dependencies, status_changed_at, block_count, attempts_forgiven ON backlog
FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION backlog_before_count();

CREATE OR REPLACE FUNCTION backlog_after_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM backlog_dependency WHERE card_id = OLD.id;
    IF OLD.status = 'done' THEN
        PERFORM backlog_recount_dependents(OLD.id);
    ELSIF OLD.status = 'claimed' THEN
        PERFORM backlog_end_run(OLD, NULL, clock_timestamp(), 'cancelled', NULL);
    END IF;
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
    PERFORM backlog_end_run(backlog, NULL, clock_timestamp(), 'cancelled', NULL)
    FROM backlog WHERE claimed_at IS NOT NULL;
    INSERT INTO backlog_event (card_id, at, actor, verb, from_status, attempt)
    SELECT id, clock_timestamp(), backlog_actor(), 'delete', status, attempts FROM backlog;
    RETURN NULL;
END $$;

-- What was there before: attempts that ended before runs were kept do not count towards the cap.
ALTER TABLE backlog DISABLE TRIGGER USER;
UPDATE backlog SET attempts_forgiven = attempts - (status = 'claimed')::int WHERE attempts > 0;
ALTER TABLE backlog ENABLE TRIGGER USER;
