-- The end of a card. Its history stays, and its number of attempts.

-- Whoever creates the id again waits here, and then sees its attempts.
CREATE FUNCTION backlog_before_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM backlog_lock_id(OLD.id);
    RETURN OLD;
END $$;

CREATE TRIGGER backlog_before_delete BEFORE DELETE ON backlog
FOR EACH ROW EXECUTE FUNCTION backlog_before_delete();

CREATE FUNCTION backlog_after_delete() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER backlog_after_delete AFTER DELETE ON backlog
FOR EACH ROW EXECUTE FUNCTION backlog_after_delete();

CREATE FUNCTION backlog_before_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE TRIGGER backlog_before_truncate BEFORE TRUNCATE ON backlog
FOR EACH STATEMENT EXECUTE FUNCTION backlog_before_truncate();

CREATE FUNCTION backlog_after_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Not TRUNCATE: the statement that fired this may name the table as well.
    DELETE FROM backlog_dependency;
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_after_truncate AFTER TRUNCATE ON backlog
FOR EACH STATEMENT EXECUTE FUNCTION backlog_after_truncate();
