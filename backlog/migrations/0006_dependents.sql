-- For every card whether something waits for it: a completion need not look any more where nothing does.
LOCK TABLE backlog, backlog_dependency;
ALTER TABLE backlog ADD has_dependents boolean DEFAULT false NOT NULL;
UPDATE backlog SET has_dependents = true
WHERE id IN (SELECT dependency_id FROM backlog_dependency);

DROP TRIGGER backlog_before_count ON backlog;
DROP TRIGGER backlog_after_finish ON backlog;
DROP FUNCTION backlog_recount_dependents(text);  -- it gave a number

CREATE FUNCTION backlog_lock_target(target text) RETURNS boolean LANGUAGE plpgsql
SET enable_seqscan = off AS $$
BEGIN
    PERFORM FROM backlog WHERE id = target AND NOT has_dependents FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM FROM backlog WHERE id = target FOR SHARE;
    END IF;
    RETURN FOUND;
END $$;

CREATE FUNCTION backlog_add_dependencies(card backlog) RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off AS $$
DECLARE
    ids text[] := ARRAY(SELECT jsonb_array_elements_text(card.depends_on));
    still_open integer := backlog_count_open(ids);
BEGIN
    INSERT INTO backlog_dependency (card_id, dependency_id)
    SELECT card.id, unnest(ids) ON CONFLICT DO NOTHING;
    UPDATE backlog SET has_dependents = true WHERE id = ANY (ids) AND NOT has_dependents;
    IF still_open <> card.open_dependencies THEN
        UPDATE backlog SET open_dependencies = still_open WHERE id = card.id;
    END IF;
END $$;

CREATE FUNCTION backlog_has_dependents(card text) RETURNS boolean LANGUAGE plpgsql
SET enable_seqscan = off AS $$
BEGIN
    RETURN EXISTS (SELECT FROM backlog_dependency WHERE dependency_id = card);
END $$;

CREATE FUNCTION backlog_recount_dependents(card text) RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off AS $$
DECLARE
    dependents text[];
BEGIN
    -- First of all: an older snapshot may not even show the dependents.
    PERFORM backlog_require_read_committed();
    dependents := ARRAY(SELECT card_id FROM backlog_dependency WHERE dependency_id = card);
    IF cardinality(dependents) > 0 THEN
        PERFORM FROM backlog WHERE id = ANY (dependents) ORDER BY id FOR NO KEY UPDATE;
        UPDATE backlog SET open_dependencies =
            backlog_count_open(ARRAY(SELECT jsonb_array_elements_text(depends_on)))
        WHERE id = ANY (dependents);
    END IF;
END $$;

CREATE OR REPLACE FUNCTION backlog_lock_targets(ids text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    target text;
BEGIN
    IF cardinality(ids) > 0 THEN
        PERFORM backlog_require_read_committed();
    END IF;
    FOR target IN SELECT i COLLATE "C" FROM unnest(ids) i ORDER BY 1 LOOP
        IF NOT backlog_lock_target(target) THEN
            PERFORM backlog_lock_id(target);
            PERFORM backlog_lock_target(target);
        END IF;
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION backlog_before_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.open_dependencies := OLD.open_dependencies;
    NEW.status_changed_at := OLD.status_changed_at;
    NEW.block_count := OLD.block_count;
    NEW.attempts_forgiven := OLD.attempts_forgiven;
    NEW.has_dependents := OLD.has_dependents;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION backlog_after_depend() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM backlog_dependency d WHERE d.card_id = NEW.id
        AND NOT NEW.depends_on ? d.dependency_id;
    PERFORM backlog_add_dependencies(NEW);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION backlog_after_finish() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM backlog_recount_dependents(NEW.id);
    RETURN NULL;
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
    NEW.held := coalesce(NEW.not_before > NEW.updated_at, false);
    NEW.claim_expires_at := NEW.claimed_at + make_interval(secs => NEW.claim_ttl_seconds);
    PERFORM backlog_lock_targets(ids);
    NEW.open_dependencies := backlog_count_open(ids);
    NEW.has_dependents := backlog_has_dependents(NEW.id);
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION backlog_after_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM backlog_add_dependencies(NEW);
    IF NEW.status = 'done' THEN
        PERFORM backlog_recount_dependents(NEW.id);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_before_count
BEFORE UPDATE OF open_dependencies, status_changed_at, block_count, attempts_forgiven, has_dependents
ON backlog
FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION backlog_before_count();

CREATE TRIGGER backlog_after_finish AFTER UPDATE OF status ON backlog
FOR EACH ROW WHEN (NEW.has_dependents AND (OLD.status = 'done') <> (NEW.status = 'done'))
EXECUTE FUNCTION backlog_after_finish();
