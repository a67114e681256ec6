-- Every change of a card is an event, whoever makes it. The functions that run at a change anyway
-- write it: a trigger of its own would cost a claim more.

ALTER TABLE backlog_event ALTER id ADD GENERATED ALWAYS AS IDENTITY;

-- Who acts: what the verb was told, else the database's role.
CREATE FUNCTION backlog_actor() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('backlog.actor', true), ''), session_user)
$$;

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
    NEW.updated_at := clock_timestamp();
    NEW.status_changed_at := CASE NEW.status
        WHEN 'claimed' THEN NEW.claimed_at
        WHEN 'ready' THEN least(NEW.created_at, NEW.updated_at)
        ELSE NEW.updated_at END;
    NEW.block_reason := CASE NEW.status WHEN 'blocked' THEN coalesce(NEW.block_reason, 'other') END;
    NEW.block_count := (NEW.status = 'blocked')::int;
    NEW.claim_expires_at := NEW.claimed_at + make_interval(secs => NEW.claim_ttl_seconds);
    PERFORM backlog_hold(ids);
    NEW.open_dependencies := backlog_count_open(ids);
    RETURN NEW;
END $$;

-- For all rows of a statement at once: an import writes 100,000.
CREATE FUNCTION backlog_event_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO backlog_event (card_id, at, actor, verb, to_status, attempt)
    SELECT id, updated_at, backlog_actor(), 'create', status, attempts FROM created;
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_event_insert AFTER INSERT ON backlog
REFERENCING NEW TABLE AS created FOR EACH STATEMENT EXECUTE FUNCTION backlog_event_insert();

CREATE OR REPLACE FUNCTION backlog_before_move() RETURNS trigger LANGUAGE plpgsql AS $$
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
            NEW.status_changed_at := NEW.claimed_at;
            INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt)
            VALUES (NEW.id, NEW.updated_at, NEW.claim_owner, 'claim', OLD.status, 'claimed',
                NEW.attempts);
        END IF;
    ELSE
        IF OLD.status = 'claimed' THEN
            NEW.claim_owner := NULL;
            NEW.claim_ttl_seconds := NULL;
            NEW.claimed_at := NULL;
        END IF;
        NEW.updated_at := clock_timestamp();
        IF NEW.status <> OLD.status THEN
            NEW.status_changed_at := NEW.updated_at;
            IF NEW.status = 'blocked' THEN
                NEW.block_reason := coalesce(NEW.block_reason, 'other');
                NEW.block_count := CASE WHEN NEW.block_reason = OLD.block_reason
                    THEN OLD.block_count ELSE 0 END + 1;
            END IF;
            INSERT INTO backlog_event
                (card_id, at, actor, verb, from_status, to_status, attempt, note)
            VALUES (NEW.id, NEW.updated_at, backlog_actor(),
                CASE NEW.status
                    WHEN 'done' THEN 'complete'
                    WHEN 'blocked' THEN 'block'
                    ELSE CASE OLD.status
                        WHEN 'done' THEN 'reopen'
                        WHEN 'blocked' THEN 'unblock'
                        ELSE CASE WHEN OLD.claim_expires_at <= NEW.updated_at
                            THEN 'reclaim' ELSE 'release' END
                    END
                END, OLD.status, NEW.status, NEW.attempts,
                CASE WHEN NEW.status = 'blocked' THEN concat_ws(': ', NEW.block_reason, NEW.block_note)
                    WHEN OLD.status = 'claimed' THEN 'held by ' || OLD.claim_owner END);
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

-- Fires after the functions that fill it in: triggers of one moment run in the order of their names.
CREATE FUNCTION backlog_before_reason() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM backlog_refuse(NEW.id, 'block reason must be dependency, needs_input, capability, '
        'transient, attempts_exhausted or other');
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_reason BEFORE INSERT OR UPDATE OF block_reason ON backlog
FOR EACH ROW WHEN (CASE WHEN NEW.block_reason IS NULL THEN NEW.status = 'blocked'
    ELSE NEW.block_reason NOT IN ('dependency', 'needs_input', 'capability', 'transient',
        'attempts_exhausted', 'other') END)
EXECUTE FUNCTION backlog_before_reason();

CREATE OR REPLACE FUNCTION backlog_before_touch() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    added text;
    removed text;
    edited text;
BEGIN
    IF NEW.title !~ '\S' THEN
        PERFORM backlog_refuse(OLD.id, 'title must not be blank');
    END IF;
    -- Else backlog_before_move has set it, and written an event of that time.
    IF NEW.status = OLD.status AND NEW.attempts = OLD.attempts THEN
        NEW.updated_at := clock_timestamp();
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
        CASE WHEN NEW.priority <> OLD.priority THEN
            concat_ws(' ', 'priority', OLD.priority, '→', NEW.priority) END,
        CASE WHEN NEW.idempotency_key IS DISTINCT FROM OLD.idempotency_key THEN 'idempotency key' END,
        CASE WHEN NEW.acceptance IS DISTINCT FROM OLD.acceptance THEN 'acceptance' END,
        CASE WHEN NEW.created_at <> OLD.created_at THEN 'creation time' END,
        CASE WHEN NEW.status = OLD.status AND (NEW.block_reason, NEW.block_note)
            IS DISTINCT FROM (OLD.block_reason, OLD.block_note) THEN 'reason of its block' END), '');
    INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt, note)
    SELECT NEW.id, NEW.updated_at, backlog_actor(), verb, OLD.status, OLD.status, OLD.attempts, note
    FROM (VALUES ('link', added), ('unlink', removed), ('edit', edited)) AS change (verb, note)
    WHERE note IS NOT NULL;
    RETURN NEW;
END $$;

DROP TRIGGER backlog_before_touch ON backlog;

CREATE TRIGGER backlog_before_touch
BEFORE UPDATE OF title, body, phase, priority, depends_on, idempotency_key, acceptance, created_at,
    updated_at, block_reason, block_note
ON backlog FOR EACH ROW EXECUTE FUNCTION backlog_before_touch();

-- A writer outside the triggers has no say in what they derive (Django's save() writes every column).
DROP TRIGGER backlog_before_count ON backlog;

CREATE OR REPLACE FUNCTION backlog_before_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.open_dependencies := OLD.open_dependencies;
    NEW.status_changed_at := OLD.status_changed_at;
    NEW.block_count := OLD.block_count;
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_count
BEFORE UPDATE OF open_dependencies, status_changed_at, block_count ON backlog
FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION backlog_before_count();

CREATE OR REPLACE FUNCTION backlog_after_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM backlog_dependency WHERE card_id = OLD.id;
    IF OLD.status = 'done' THEN
        PERFORM backlog_recount_dependents(OLD.id);
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
    INSERT INTO backlog_event (card_id, at, actor, verb, from_status, attempt)
    SELECT id, clock_timestamp(), backlog_actor(), 'delete', status, attempts FROM backlog;
    RETURN NULL;
END $$;

CREATE FUNCTION backlog_event_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are never changed' USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER backlog_event_kept BEFORE UPDATE ON backlog_event
FOR EACH ROW EXECUTE FUNCTION backlog_event_kept();

-- What was there before: when it was created, and how it stood when it was last written.
ALTER TABLE backlog DISABLE TRIGGER USER;
UPDATE backlog SET
    status_changed_at = CASE status WHEN 'ready' THEN created_at ELSE coalesce(claimed_at, updated_at) END,
    block_reason = CASE status WHEN 'blocked' THEN 'other' END,
    block_count = (status = 'blocked')::int;
ALTER TABLE backlog ENABLE TRIGGER USER;

INSERT INTO backlog_event (card_id, at, actor, verb, to_status, attempt)
SELECT id, created_at, session_user, 'create', 'ready', 0 FROM backlog ORDER BY created_at, id;

INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt)
SELECT id, status_changed_at, coalesce(claim_owner, session_user),
    CASE status WHEN 'claimed' THEN 'claim' WHEN 'blocked' THEN 'block' ELSE 'complete' END,
    'ready', status, attempts
FROM backlog WHERE status <> 'ready' ORDER BY status_changed_at, id;

-- Events come in the order of time: ranges of blocks are as good as a tree, and cost a claim nothing.
CREATE INDEX backlog_event_time ON backlog_event USING brin (at, id)
WITH (pages_per_range = 32, autosummarize = on);
