-- Of cards in a gated phase nobody knows any more whether they had a gate of their own.
UPDATE backlog SET own_gate = true WHERE gated AND NOT backlog_phase_is_gated(phase);

-- A gate is the card's own, or its phase's: in a phase without one it can only be its own, and what leaves
-- a gated phase takes the gate along as that.
CREATE OR REPLACE FUNCTION backlog_before_gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM backlog_lock_phase(NEW.phase);
    IF backlog_phase_is_gated(NEW.phase) THEN
        NEW.own_gate := NEW.own_gate
            OR NEW.gated AND NOT OLD.gated AND NEW.phase IS DISTINCT FROM OLD.phase;
        NEW.gated := true;
    ELSE
        NEW.own_gate := NEW.gated;
    END IF;
    RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS backlog_before_gate ON backlog;

-- Its name puts it before those of a move: a card that comes into a gated phase and is done in one
-- statement is judged; so is one of it whose gate is taken away.
CREATE TRIGGER backlog_before_gate BEFORE UPDATE OF phase, gated, own_gate ON backlog
FOR EACH ROW WHEN (NEW.phase IS DISTINCT FROM OLD.phase
    OR (NEW.gated, NEW.own_gate) IS DISTINCT FROM (OLD.gated, OLD.own_gate))
EXECUTE FUNCTION backlog_before_gate();

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
            CASE WHEN card.gated THEN 'gated' ELSE 'not gated' END
            WHEN card.own_gate AND NOT was.own_gate AND card.phase IS NOT DISTINCT FROM was.phase THEN
                'gated by itself, too' END,
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

CREATE OR REPLACE FUNCTION backlog_reopened(card backlog) RETURNS backlog LANGUAGE plpgsql AS $$
BEGIN
    PERFORM backlog_judge_anew(card);
    PERFORM backlog_lock_phase(card.phase);
    card.gated := card.own_gate OR backlog_phase_is_gated(card.phase);
    RETURN card;
END $$;
