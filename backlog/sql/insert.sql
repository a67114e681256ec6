-- A new card, whoever writes it: the verbs, COPY, another program.

CREATE FUNCTION backlog_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$
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
    NEW.own_gate := NEW.gated;
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

CREATE TRIGGER backlog_before_insert BEFORE INSERT ON backlog
FOR EACH ROW EXECUTE FUNCTION backlog_before_insert();

CREATE FUNCTION backlog_after_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM backlog_add_dependencies(NEW);
    IF NEW.status = 'done' THEN
        PERFORM backlog_recount_dependents(NEW.id);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_after_insert AFTER INSERT ON backlog
FOR EACH ROW WHEN (NEW.status = 'done' OR NEW.depends_on <> '[]')
EXECUTE FUNCTION backlog_after_insert();
