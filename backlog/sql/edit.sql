-- Edits: what changes of a card that is no move.

CREATE FUNCTION backlog_written(moment timestamptz) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
$$;

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
        CASE WHEN NEW.draft <> OLD.draft THEN
            CASE WHEN NEW.draft THEN 'a draft' ELSE 'published' END END,
        CASE WHEN NEW.gated <> OLD.gated THEN
            CASE WHEN NEW.gated THEN 'gated' ELSE 'not gated' END END,
        CASE WHEN NEW.due IS DISTINCT FROM OLD.due THEN
            coalesce('due ' || backlog_written(NEW.due), 'no longer due') END,
        CASE WHEN NEW.max_runtime IS DISTINCT FROM OLD.max_runtime THEN 'max runtime' END,
        CASE WHEN (NEW.projected_tokens, NEW.projected_cost)
            IS DISTINCT FROM (OLD.projected_tokens, OLD.projected_cost) THEN 'projection' END,
        CASE WHEN NEW.status = OLD.status AND NEW.resolution IS DISTINCT FROM OLD.resolution THEN
            coalesce(NEW.resolution, 'completed') END,
        CASE WHEN NEW.status = OLD.status AND NEW.archived_at IS DISTINCT FROM OLD.archived_at THEN
            CASE WHEN NEW.archived_at IS NULL THEN 'no longer archived' ELSE 'archived' END END,
        CASE WHEN NEW.status = OLD.status AND NEW.not_before IS DISTINCT FROM OLD.not_before THEN
            coalesce('not before ' || backlog_written(NEW.not_before), 'no longer held back') END,
        CASE WHEN NEW.status = OLD.status AND (NEW.block_reason, NEW.block_note)
            IS DISTINCT FROM (OLD.block_reason, OLD.block_note) THEN 'reason of its block' END,
        CASE WHEN NEW.status = OLD.status AND NEW.answer IS DISTINCT FROM OLD.answer THEN 'answer' END), '');
    IF NEW.phase IS DISTINCT FROM OLD.phase THEN
        NEW.gated := NEW.gated OR backlog_phase_is_gated(NEW.phase);
    END IF;
    IF NEW.acceptance IS DISTINCT FROM OLD.acceptance THEN
        PERFORM backlog_judge_anew(NEW);
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
