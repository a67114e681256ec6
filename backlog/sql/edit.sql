-- Edits: what changes of a card that is no move.

CREATE FUNCTION backlog_written(moment timestamptz) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
$$;

-- What was edited, in words; NULL: nothing that is told.
CREATE FUNCTION backlog_edited(was backlog, card backlog) RETURNS text LANGUAGE plpgsql AS $$
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

-- A gate is the card's own, or its phase's: in a phase without one it can only be its own, and what leaves
-- a gated phase takes the gate along as that.
CREATE FUNCTION backlog_before_gate() RETURNS trigger LANGUAGE plpgsql AS $$
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

-- Its name puts it before those of a move: a card that comes into a gated phase and is done in one
-- statement is judged; so is one of it whose gate is taken away.
CREATE TRIGGER backlog_before_gate BEFORE UPDATE OF phase, gated, own_gate ON backlog
FOR EACH ROW WHEN (NEW.phase IS DISTINCT FROM OLD.phase
    OR (NEW.gated, NEW.own_gate) IS DISTINCT FROM (OLD.gated, OLD.own_gate))
EXECUTE FUNCTION backlog_before_gate();

CREATE FUNCTION backlog_before_touch() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER backlog_before_touch
BEFORE UPDATE OF title, body, phase, role, priority, depends_on, max_attempts, not_before,
    idempotency_key, acceptance, created_at, updated_at, block_reason, block_note, answer, draft, gated,
    due, max_runtime, projected_tokens, projected_cost, resolution, archived_at
ON backlog FOR EACH ROW EXECUTE FUNCTION backlog_before_touch();
