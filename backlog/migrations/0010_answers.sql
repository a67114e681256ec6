-- What was said to a blocked card as it was unblocked: a column, and what triggers do with it.
LOCK TABLE backlog;
ALTER TABLE backlog ADD answer backlog_text;

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
        IF NEW.status = 'done' AND NEW.attempts = OLD.attempts
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
    IF OLD.status = 'claimed' OR NEW.status = 'done' THEN
        outcome := backlog_end_run(OLD, NEW.status, NEW.updated_at, report);
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

CREATE OR REPLACE FUNCTION backlog_event_move(was backlog, card backlog, outcome text, report jsonb)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt, note)
    VALUES (card.id, card.updated_at, backlog_actor(),
        coalesce(report ->> 'verb', CASE
            WHEN card.status = 'done' THEN 'complete'
            WHEN card.status = 'blocked' THEN 'block'
            WHEN was.status = 'done' THEN 'reopen'
            WHEN was.status = 'blocked' THEN 'unblock'
            WHEN outcome = 'expired' THEN 'reclaim'
            ELSE 'release' END),
        was.status, card.status, card.attempts,
        nullif(concat_ws('; ',
            CASE card.status WHEN 'blocked' THEN concat_ws(': ', card.block_reason, card.block_note) END,
            CASE was.status WHEN 'blocked' THEN card.answer END,
            'held by ' || was.claim_owner), ''));
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
            IS DISTINCT FROM (OLD.block_reason, OLD.block_note) THEN 'reason of its block' END,
        CASE WHEN NEW.status = OLD.status AND NEW.answer IS DISTINCT FROM OLD.answer THEN 'answer' END), '');
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

CREATE OR REPLACE TRIGGER backlog_before_touch
BEFORE UPDATE OF title, body, phase, role, priority, depends_on, max_attempts, not_before,
    idempotency_key, acceptance, created_at, updated_at, block_reason, block_note, answer
ON backlog FOR EACH ROW EXECUTE FUNCTION backlog_before_touch();
