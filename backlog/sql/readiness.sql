-- Readiness. A card's open_dependencies is the number of ids in depends_on that do not exist or are
-- not done; `claimable` is generated from it. Two things must be true for the count to stay right
-- under READ COMMITTED:
--   * finishing (or reopening, creating as done, deleting a done) card locks its dependents
--     first, in id order, and counts them again in a second statement with a new snapshot;
--   * a new edge is added under FOR SHARE on its target, so that the target's finish is either
--     visible or still to come; a target that does not exist yet is held by an advisory lock on
--     its id, which its creation takes too.
-- A completion looks for dependents only where `has_dependents` says that there is, or was, an edge to
-- its card. The flag is written after the edges, by whoever adds the first one, who holds the target
-- from before; a card that is created later finds out itself. It is never taken back.
--
-- Edges that a card already has need no lock on their targets: a finish would have to lock the
-- card itself, and whoever changes its depends_on holds it.
--
-- What reads the tables from a trigger does so by id, always: a session keeps the plans of its
-- functions, and one that was made while the table was small must not scan it when it is large
-- (an import of 100,000 cards would take hours). Hence enable_seqscan = off on those functions.

-- Transaction lock on an id that may not exist. 1,024 keys bound the size of the lock table.
CREATE FUNCTION backlog_lock_id(card text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(1650549611, hashtext(card) & 1023)
$$;

CREATE FUNCTION backlog_require_read_committed() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'cards are created, finished and linked at READ COMMITTED only: an older snapshot would strand a card'
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
END $$;

-- What no constraint can say. TABLE, so that whoever catches it knows what it is about.
CREATE FUNCTION backlog_refuse(card text, reason text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: %', card, reason USING ERRCODE = 'check_violation', TABLE = 'backlog';
END $$;

-- depends_on as an array of ids; refuses one that is named twice. What is no array of ids, the
-- table's constraint refuses afterwards.
CREATE FUNCTION backlog_dependency_ids(card text, depends_on jsonb) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
    ids text[] := ARRAY(
        SELECT element #>> '{}'
        FROM jsonb_array_elements(CASE jsonb_typeof(depends_on) WHEN 'array' THEN depends_on END) AS element
        WHERE jsonb_typeof(element) = 'string');
BEGIN
    IF cardinality(ids) <> (SELECT count(DISTINCT id) FROM unnest(ids) AS id) THEN
        PERFORM backlog_refuse(card, 'depends_on names an id twice');
    END IF;
    RETURN ids;
END $$;

-- Lock this card, if it exists; whether it does. Its first dependent will write it: a lock that is shared
-- would have to become another then, and two that share it would wait for each other.
CREATE FUNCTION backlog_lock_target(target text) RETURNS boolean LANGUAGE plpgsql
SET enable_seqscan = off AS $$
BEGIN
    PERFORM FROM backlog WHERE id = target AND NOT has_dependents FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM FROM backlog WHERE id = target FOR SHARE;
    END IF;
    RETURN FOUND;
END $$;

-- Lock these ids, existing or not, so that none of them is finished before this transaction ends.
CREATE FUNCTION backlog_lock_targets(ids text[]) RETURNS void LANGUAGE plpgsql AS $$
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

-- How many of these ids are not done. The status is no condition of the scan: with statistics
-- from a time when nothing was done, an index on it would be read instead of the primary key.
CREATE FUNCTION backlog_count_open(ids text[]) RETURNS integer LANGUAGE plpgsql
SET enable_seqscan = off AS $$
BEGIN
    RETURN cardinality(ids) - CASE WHEN cardinality(ids) = 0 THEN 0 ELSE
        (SELECT count(*) FILTER (WHERE status = 'done') FROM backlog WHERE id = ANY (ids)) END;
END $$;

-- A card became done or stopped being done: its dependents are counted again, from the record.
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

-- A writer outside the triggers has no say in what they derive (Django's save() writes every column).
CREATE FUNCTION backlog_before_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.open_dependencies := OLD.open_dependencies;
    NEW.status_changed_at := OLD.status_changed_at;
    NEW.block_count := OLD.block_count;
    NEW.attempts_forgiven := OLD.attempts_forgiven;
    NEW.has_dependents := OLD.has_dependents OR NEW.has_dependents;
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_count
BEFORE UPDATE OF open_dependencies, status_changed_at, block_count, attempts_forgiven, has_dependents
ON backlog
FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION backlog_before_count();

-- Fires after backlog_before_count: triggers of one moment run in the order of their names.
CREATE FUNCTION backlog_before_depend() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids text[] := backlog_dependency_ids(NEW.id, NEW.depends_on);
BEGIN
    PERFORM backlog_lock_targets(ARRAY(
        SELECT unnest(ids) EXCEPT SELECT jsonb_array_elements_text(OLD.depends_on)));
    NEW.open_dependencies := backlog_count_open(ids);
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_depend BEFORE UPDATE OF depends_on ON backlog
FOR EACH ROW EXECUTE FUNCTION backlog_before_depend();

-- The edges of a card whose targets are locked, and what those have to know of them. A target that the
-- same statement finished after it was counted did not know yet that somebody waits for it.
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

CREATE FUNCTION backlog_after_depend() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM backlog_dependency d WHERE d.card_id = NEW.id
        AND NOT NEW.depends_on ? d.dependency_id;
    PERFORM backlog_add_dependencies(NEW);
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_after_depend AFTER UPDATE OF depends_on ON backlog
FOR EACH ROW WHEN (OLD.depends_on IS DISTINCT FROM NEW.depends_on)
EXECUTE FUNCTION backlog_after_depend();

-- The condition of the trigger is read anew by every statement that writes a status; that of the
-- function once a session.
CREATE FUNCTION backlog_after_finish() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.status = 'done') <> (NEW.status = 'done') THEN
        PERFORM backlog_recount_dependents(NEW.id);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_after_finish AFTER UPDATE OF status ON backlog
FOR EACH ROW WHEN (NEW.has_dependents) EXECUTE FUNCTION backlog_after_finish();
