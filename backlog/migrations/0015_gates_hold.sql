-- Why a card is blocked.
CREATE DOMAIN backlog_block_reason AS text CONSTRAINT backlog_block_reason_known CHECK (
    VALUE IN ('dependency', 'needs_input', 'capability', 'transient', 'attempts_exhausted', 'in_review', 'other'));

-- One at a time, or the table would be written twice. A trigger that names the column keeps its type.
DROP TRIGGER IF EXISTS backlog_before_touch ON backlog;
ALTER TABLE backlog
    DROP CONSTRAINT IF EXISTS backlog_blocked_for_a_reason,
    ALTER block_reason TYPE backlog_block_reason,
    ADD CONSTRAINT backlog_blocked_for_a_reason CHECK (NOT status = 'blocked' OR block_reason IS NOT NULL);

CREATE TRIGGER backlog_before_touch
BEFORE UPDATE OF title, body, phase, role, priority, depends_on, max_attempts, not_before,
    idempotency_key, acceptance, created_at, updated_at, block_reason, block_note, answer, draft, gated,
    due, max_runtime, projected_tokens, projected_cost, resolution, archived_at
ON backlog FOR EACH ROW EXECUTE FUNCTION backlog_before_touch();

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
    IF backlog_phase_is_gated(NEW.phase) THEN
        NEW.gated := true;
        IF NEW.status = 'done' AND NEW.resolution IS NULL THEN
            PERFORM backlog_refuse(NEW.id, format('it cannot be done at once, for phase %s is gated and'
                ' nobody has judged it: bring it as ready, or ungate the phase', NEW.phase));
        END IF;
    END IF;
    NEW.claim_expires_at := NEW.claimed_at + make_interval(secs => NEW.claim_ttl_seconds);
    PERFORM backlog_lock_targets(ids);
    NEW.open_dependencies := backlog_count_open(ids);
    NEW.has_dependents := backlog_has_dependents(NEW.id);
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION backlog_before_gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM backlog_lock_phase(NEW.phase);
    NEW.gated := NEW.gated OR backlog_phase_is_gated(NEW.phase);
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_gate BEFORE UPDATE OF phase ON backlog
FOR EACH ROW WHEN (NEW.phase IS DISTINCT FROM OLD.phase) EXECUTE FUNCTION backlog_before_gate();

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

-- To claimed: a claim, a renewal of it, or a claim that is taken away.
CREATE OR REPLACE FUNCTION backlog_before_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.claim_expires_at := NEW.claimed_at + make_interval(secs => NEW.claim_ttl_seconds);
    -- As claims go, it is claimable and was not held back: one expression, and no more.
    IF NOT OLD.claimable OR NEW.not_before IS NOT NULL THEN
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
        NEW.not_before := NULL;
        NEW.held := false;
        NEW.draft := false;
        NEW.resolution := NULL;
        NEW.archived_at := NULL;
        IF OLD.status = 'done' THEN
            PERFORM backlog_judge_anew(NEW);
        END IF;
    END IF;
    -- At the bound of the constraint the counter stays; the card is claimed all the same.
    NEW.attempts := least(greatest(NEW.attempts, OLD.attempts + 1), 2000000000);
    NEW.updated_at := clock_timestamp();
    NEW.status_changed_at := coalesce(NEW.claimed_at, NEW.updated_at);
    INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt)
    VALUES (NEW.id, NEW.updated_at, coalesce(NEW.claim_owner, ''), 'claim', OLD.status, 'claimed',
        NEW.attempts);
    RETURN NEW;
END $$;

-- To another status, or within it.
CREATE OR REPLACE FUNCTION backlog_before_move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    report jsonb;
    outcome text;
BEGIN
    NEW.updated_at := clock_timestamp();
    NEW.claim_expires_at := NULL;
    -- A completion as the verbs make it, of which nothing is said, in as few expressions as it
    -- takes: PL/pgSQL makes each ready anew in every transaction, at about a microsecond.
    IF OLD.status = 'claimed' AND NEW.status = 'done' AND NEW.attempts = OLD.attempts AND NOT NEW.gated
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
    IF OLD.status = 'claimed' THEN
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

DROP TRIGGER IF EXISTS backlog_before_verdict ON backlog_verdict;

-- A verdict is on a card that is not done, by another than its worker. Who gives it and who completes the
-- card wait for each other: a fail that is on its way is heard.
CREATE OR REPLACE FUNCTION backlog_before_verdict() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
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

-- The condition of the trigger is read anew by every statement that writes a status; that of the
-- function once a session.
CREATE OR REPLACE FUNCTION backlog_after_finish() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.status = 'done') <> (NEW.status = 'done') THEN
        PERFORM backlog_recount_dependents(NEW.id);
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS backlog_after_finish ON backlog;

CREATE TRIGGER backlog_after_finish AFTER UPDATE OF status ON backlog
FOR EACH ROW WHEN (NEW.has_dependents) EXECUTE FUNCTION backlog_after_finish();
