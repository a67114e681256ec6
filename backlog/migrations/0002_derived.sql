-- The rules that hold whoever writes: the verbs, the admin, update(), COPY, psql, another program.
--
-- A card's open_dependencies is the number of ids in depends_on that do not exist or are not
-- done; `claimable` is generated from it. Two things must be true for the count to stay right
-- under READ COMMITTED:
--   * finishing (or reopening, creating as done, deleting a done) card locks its dependents
--     first, in id order, and counts them again in a second statement with a new snapshot;
--   * a new edge is added under FOR SHARE on its target, so that the target's finish is either
--     visible or still to come; a target that does not exist yet is held by an advisory lock on
--     its id, which its creation takes too.
-- Edges that a card already has need no lock on their targets: a finish would have to lock the
-- card itself, and whoever changes its depends_on holds it.

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

-- depends_on as an array; refuses what is not an array of distinct, non-blank ids of other cards.
CREATE FUNCTION backlog_dependency_ids(card text, depends_on jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    ids text[];
BEGIN
    IF jsonb_typeof(depends_on) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'depends_on of % must be an array of ids', card USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM jsonb_array_elements(depends_on) e
               WHERE jsonb_typeof(e) <> 'string' OR e #>> '{}' !~ '\S') THEN
        RAISE EXCEPTION 'depends_on of % must hold ids, none of them blank', card USING ERRCODE = 'check_violation';
    END IF;
    ids := ARRAY(SELECT jsonb_array_elements_text(depends_on));
    IF card = ANY (ids) THEN
        RAISE EXCEPTION '% cannot depend on itself', card USING ERRCODE = 'check_violation';
    END IF;
    IF cardinality(ids) <> (SELECT count(DISTINCT i) FROM unnest(ids) i) THEN
        RAISE EXCEPTION 'depends_on of % names an id twice', card USING ERRCODE = 'check_violation';
    END IF;
    RETURN ids;
END $$;

-- Hold these ids, existing or not, so that none of them is finished before this transaction ends.
CREATE FUNCTION backlog_hold(ids text[]) RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off AS $$
DECLARE
    target text;
BEGIN
    IF cardinality(ids) > 0 THEN
        PERFORM backlog_require_read_committed();
    END IF;
    FOR target IN SELECT i COLLATE "C" FROM unnest(ids) i ORDER BY 1 LOOP
        PERFORM FROM backlog WHERE id = target FOR SHARE;
        IF NOT FOUND THEN
            PERFORM backlog_lock_id(target);
            PERFORM FROM backlog WHERE id = target FOR SHARE;
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
    dependents text[] := ARRAY(SELECT card_id FROM backlog_dependency WHERE dependency_id = card);
BEGIN
    -- First of all: an older snapshot may not even show the dependents.
    PERFORM backlog_require_read_committed();
    IF cardinality(dependents) = 0 THEN
        RETURN;
    END IF;
    PERFORM FROM backlog WHERE id = ANY (dependents) ORDER BY id FOR NO KEY UPDATE;
    UPDATE backlog SET open_dependencies =
        backlog_count_open(ARRAY(SELECT jsonb_array_elements_text(depends_on)))
    WHERE id = ANY (dependents);
END $$;

-- What a card can never be. Here and not as CHECK constraints: Postgres parses those anew for every
-- statement, which cost a claim a sixth of its time.
CREATE FUNCTION backlog_refuse(card text, reason text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: %', card, reason USING ERRCODE = 'check_violation', TABLE = 'backlog';
END $$;

-- This one is cheap, and the one that must never be in doubt.
ALTER TABLE backlog ADD CONSTRAINT backlog_claimed_iff_held CHECK (
    num_nonnulls(claim_owner, claim_ttl_seconds, claimed_at)
        = CASE status WHEN 'claimed' THEN 3 ELSE 0 END);


-- Before a row is written ------------------------------------------------------------------------

CREATE FUNCTION backlog_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$
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
    NEW.claim_expires_at := NEW.claimed_at + make_interval(secs => NEW.claim_ttl_seconds);
    PERFORM backlog_hold(ids);
    NEW.open_dependencies := backlog_count_open(ids);
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_insert BEFORE INSERT ON backlog
FOR EACH ROW EXECUTE FUNCTION backlog_before_insert();

-- One function for everything that a claim and its end write: it runs at every one of them.
CREATE FUNCTION backlog_before_move() RETURNS trigger LANGUAGE plpgsql AS $$
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
        END IF;
    ELSE
        IF OLD.status = 'claimed' THEN
            NEW.claim_owner := NULL;
            NEW.claim_ttl_seconds := NULL;
            NEW.claimed_at := NULL;
        END IF;
        NEW.updated_at := clock_timestamp();
    END IF;
    NEW.claim_expires_at := NEW.claimed_at + make_interval(secs => NEW.claim_ttl_seconds);
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_move
BEFORE UPDATE OF id, status, claim_owner, claim_ttl_seconds, claimed_at, attempts, claim_expires_at
ON backlog FOR EACH ROW EXECUTE FUNCTION backlog_before_move();

CREATE FUNCTION backlog_before_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.title !~ '\S' THEN
        PERFORM backlog_refuse(OLD.id, 'title must not be blank');
    END IF;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_touch
BEFORE UPDATE OF title, body, phase, priority, depends_on, idempotency_key, acceptance, created_at,
    updated_at
ON backlog FOR EACH ROW EXECUTE FUNCTION backlog_before_touch();

-- A writer outside the triggers has no say in the count (Django's save() writes every column).
CREATE FUNCTION backlog_before_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.open_dependencies := OLD.open_dependencies;
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_count BEFORE UPDATE OF open_dependencies ON backlog
FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION backlog_before_count();

-- Fires after backlog_before_count: triggers of one moment run in the order of their names.
CREATE FUNCTION backlog_before_depend() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids text[] := backlog_dependency_ids(NEW.id, NEW.depends_on);
BEGIN
    PERFORM backlog_hold(ARRAY(
        SELECT unnest(ids) EXCEPT SELECT jsonb_array_elements_text(OLD.depends_on)));
    NEW.open_dependencies := backlog_count_open(ids);
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_depend BEFORE UPDATE OF depends_on ON backlog
FOR EACH ROW EXECUTE FUNCTION backlog_before_depend();


-- After a row is written -------------------------------------------------------------------------

CREATE FUNCTION backlog_after_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO backlog_dependency (card_id, dependency_id)
    SELECT NEW.id, jsonb_array_elements_text(NEW.depends_on);
    IF NEW.status = 'done' THEN
        PERFORM backlog_recount_dependents(NEW.id);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_after_insert AFTER INSERT ON backlog
FOR EACH ROW WHEN (NEW.status = 'done' OR NEW.depends_on <> '[]')
EXECUTE FUNCTION backlog_after_insert();

CREATE FUNCTION backlog_after_depend() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM backlog_dependency d WHERE d.card_id = NEW.id
        AND NOT NEW.depends_on ? d.dependency_id;
    INSERT INTO backlog_dependency (card_id, dependency_id)
    SELECT NEW.id, jsonb_array_elements_text(NEW.depends_on) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_after_depend AFTER UPDATE OF depends_on ON backlog
FOR EACH ROW WHEN (OLD.depends_on IS DISTINCT FROM NEW.depends_on)
EXECUTE FUNCTION backlog_after_depend();

CREATE FUNCTION backlog_after_finish() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM backlog_recount_dependents(NEW.id);
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_after_finish AFTER UPDATE OF status ON backlog
FOR EACH ROW WHEN ((OLD.status = 'done') <> (NEW.status = 'done'))
EXECUTE FUNCTION backlog_after_finish();

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
    END IF;
    IF OLD.attempts > 0 THEN
        INSERT INTO backlog_deleted (id, attempts) VALUES (OLD.id, OLD.attempts)
        ON CONFLICT (id) DO UPDATE SET attempts = greatest(backlog_deleted.attempts, excluded.attempts);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_after_delete AFTER DELETE ON backlog
FOR EACH ROW EXECUTE FUNCTION backlog_after_delete();

CREATE FUNCTION backlog_before_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO backlog_deleted (id, attempts) SELECT id, attempts FROM backlog WHERE attempts > 0
    ON CONFLICT (id) DO UPDATE SET attempts = greatest(backlog_deleted.attempts, excluded.attempts);
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


-- Storage ----------------------------------------------------------------------------------------

-- Room on each page for the versions that a claim and its completion write; the queue's churn is
-- cleaned up by the number of dead rows, not by a share of a large table.
ALTER TABLE backlog SET (
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.05
);

-- Django adds these for LIKE on a text key; under collation C the key's own index serves that, and
-- every claim would have to write them.
DROP INDEX backlog_id_2605e437_like;
DROP INDEX backlog_deleted_id_5af0e45a_like;
