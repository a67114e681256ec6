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
-- Edits: what changes of a card that is no move.

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
        CASE WHEN NEW.status = OLD.status AND NEW.not_before IS DISTINCT FROM OLD.not_before THEN
            coalesce('not before ' || to_char(NEW.not_before AT TIME ZONE 'UTC',
                'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'no longer held back') END,
        CASE WHEN NEW.status = OLD.status AND (NEW.block_reason, NEW.block_note)
            IS DISTINCT FROM (OLD.block_reason, OLD.block_note) THEN 'reason of its block' END), '');
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
    idempotency_key, acceptance, created_at, updated_at, block_reason, block_note
ON backlog FOR EACH ROW EXECUTE FUNCTION backlog_before_touch();
-- Every change of a card is an event, whoever makes it. The functions that run at a change anyway
-- write it: a trigger of its own would cost a claim more.

-- Who acts: what the verb was told, else the database's role.
CREATE FUNCTION backlog_actor() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('backlog.actor', true), ''), session_user)
$$;

-- For all rows of a statement at once: an import writes 100,000.
CREATE FUNCTION backlog_event_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO backlog_event (card_id, at, actor, verb, to_status, attempt)
    SELECT id, updated_at, backlog_actor(), 'create', status, attempts FROM created;
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_event_insert AFTER INSERT ON backlog
REFERENCING NEW TABLE AS created FOR EACH STATEMENT EXECUTE FUNCTION backlog_event_insert();

-- A card went from one status to another; `outcome` is how a run ended with it.
CREATE FUNCTION backlog_event_move(was backlog, card backlog, outcome text, report jsonb)
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
            'held by ' || was.claim_owner), ''));
END $$;

-- Somebody set the attempts of a card.
CREATE FUNCTION backlog_event_recount(was backlog, card backlog) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF card.attempts <> was.attempts THEN
        INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt, note)
        VALUES (card.id, card.updated_at, backlog_actor(), 'edit', card.status, card.status,
            card.attempts, concat_ws(' ', 'attempts', was.attempts, '→', card.attempts));
    END IF;
END $$;

CREATE FUNCTION backlog_event_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are never changed' USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER backlog_event_kept BEFORE UPDATE ON backlog_event
FOR EACH ROW EXECUTE FUNCTION backlog_event_kept();
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
    NEW.held := coalesce(NEW.not_before > NEW.updated_at, false);
    NEW.claim_expires_at := NEW.claimed_at + make_interval(secs => NEW.claim_ttl_seconds);
    PERFORM backlog_lock_targets(ids);
    NEW.open_dependencies := backlog_count_open(ids);
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_insert BEFORE INSERT ON backlog
FOR EACH ROW EXECUTE FUNCTION backlog_before_insert();

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
-- Moves: what a change of the status, of the claim or of the attempts brings with it.

CREATE FUNCTION backlog_before_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM backlog_refuse(OLD.id, CASE WHEN NEW.id <> OLD.id THEN 'the id of a card cannot change'
        ELSE 'the attempts of a card never go down' END);
    RETURN NEW;
END $$;

-- Its name makes it the first: those after it change the attempts.
CREATE TRIGGER backlog_before_all BEFORE UPDATE OF id, attempts ON backlog
FOR EACH ROW WHEN (NEW.id <> OLD.id OR NEW.attempts < OLD.attempts)
EXECUTE FUNCTION backlog_before_all();

-- To claimed: a claim, a renewal of it, or a claim that is taken away.
CREATE FUNCTION backlog_before_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.claim_expires_at := NEW.claimed_at + make_interval(secs => NEW.claim_ttl_seconds);
    IF OLD.status = 'claimed' THEN
        IF NEW.claim_owner = OLD.claim_owner AND NEW.attempts = OLD.attempts THEN
            RETURN NEW;  -- renewed: the same claim, and no change of the card
        END IF;
        -- Taken away, by a writer that asked nobody. The next attempt inherits no renewal.
        PERFORM backlog_end_run(OLD, 'claimed', clock_timestamp(), NULL);
        IF NEW.claimed_at = OLD.claimed_at THEN
            NEW.claimed_at := clock_timestamp();
            NEW.claim_expires_at := NEW.claimed_at + make_interval(secs => NEW.claim_ttl_seconds);
        END IF;
    END IF;
    -- At the bound of the constraint the counter stays; the card is claimed all the same.
    NEW.attempts := least(greatest(NEW.attempts, OLD.attempts + 1), 2000000000);
    NEW.updated_at := clock_timestamp();
    NEW.status_changed_at := coalesce(NEW.claimed_at, NEW.updated_at);
    IF NEW.not_before IS NOT NULL OR NEW.held THEN
        NEW.not_before := NULL;
        NEW.held := false;
    END IF;
    INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt)
    VALUES (NEW.id, NEW.updated_at, coalesce(NEW.claim_owner, ''), 'claim', OLD.status, 'claimed',
        NEW.attempts);
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_claim
BEFORE UPDATE OF status, claim_owner, claim_ttl_seconds, claimed_at, attempts, claim_expires_at
ON backlog FOR EACH ROW WHEN (NEW.status = 'claimed') EXECUTE FUNCTION backlog_before_claim();

-- To another status, or within it.
CREATE FUNCTION backlog_before_move() RETURNS trigger LANGUAGE plpgsql AS $$
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
        NEW.block_count := 1 + CASE WHEN NEW.block_reason = OLD.block_reason
            THEN least(OLD.block_count, 1999999999) ELSE 0 END;
    END IF;
    PERFORM backlog_event_move(OLD, NEW, outcome, report);
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_move
BEFORE UPDATE OF status, claim_owner, claim_ttl_seconds, claimed_at, attempts, claim_expires_at
ON backlog FOR EACH ROW WHEN (NEW.status <> 'claimed') EXECUTE FUNCTION backlog_before_move();

-- A card that returns to the pool; after its last attempt it is blocked instead.
CREATE FUNCTION backlog_given_back(card backlog, report jsonb) RETURNS backlog LANGUAGE plpgsql AS $$
DECLARE
    -- Ten, where nobody says.
    cap integer := coalesce(card.max_attempts, (report ->> 'cap')::integer, 10);
    counted integer;
BEGIN
    IF NOT coalesce((report ->> 'counted')::boolean, true) THEN
        card.attempts_forgiven := least(card.attempts_forgiven + 1, card.attempts);
    END IF;
    counted := card.attempts - card.attempts_forgiven;
    IF cap > 0 AND counted >= cap THEN
        card.status := 'blocked';
        card.block_reason := 'attempts_exhausted';
        card.block_note := format('%s of %s attempts', counted, cap);
    END IF;
    RETURN card;
END $$;
-- Readiness. A card's open_dependencies is the number of ids in depends_on that do not exist or are
-- not done; `claimable` is generated from it. Two things must be true for the count to stay right
-- under READ COMMITTED:
--   * finishing (or reopening, creating as done, deleting a done) card locks its dependents
--     first, in id order, and counts them again in a second statement with a new snapshot;
--   * a new edge is added under FOR SHARE on its target, so that the target's finish is either
--     visible or still to come; a target that does not exist yet is held by an advisory lock on
--     its id, which its creation takes too.
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

-- Lock these ids, existing or not, so that none of them is finished before this transaction ends.
CREATE FUNCTION backlog_lock_targets(ids text[]) RETURNS void LANGUAGE plpgsql
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

-- A card became done or stopped being done: its dependents are counted again, from the record; how
-- many there are. Every completion comes here, mostly for none, so what finds none is no statement.
CREATE FUNCTION backlog_recount_dependents(card text) RETURNS integer LANGUAGE plpgsql
SET enable_seqscan = off AS $$
DECLARE
    dependents text[];
BEGIN
    -- First of all: an older snapshot may not even show the dependents.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM backlog_require_read_committed();
    END IF;
    dependents := ARRAY(SELECT card_id FROM backlog_dependency WHERE dependency_id = card);
    IF cardinality(dependents) > 0 THEN
        PERFORM FROM backlog WHERE id = ANY (dependents) ORDER BY id FOR NO KEY UPDATE;
        UPDATE backlog SET open_dependencies =
            backlog_count_open(ARRAY(SELECT jsonb_array_elements_text(depends_on)))
        WHERE id = ANY (dependents);
    END IF;
    RETURN cardinality(dependents);
END $$;

-- A writer outside the triggers has no say in what they derive (Django's save() writes every column).
CREATE FUNCTION backlog_before_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.open_dependencies := OLD.open_dependencies;
    NEW.status_changed_at := OLD.status_changed_at;
    NEW.block_count := OLD.block_count;
    NEW.attempts_forgiven := OLD.attempts_forgiven;
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_count
BEFORE UPDATE OF open_dependencies, status_changed_at, block_count, attempts_forgiven ON backlog
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
DECLARE
    recounted integer;
BEGIN
    -- Assigned, not performed: an expression costs less than a statement.
    recounted := backlog_recount_dependents(NEW.id);
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_after_finish AFTER UPDATE OF status ON backlog
FOR EACH ROW WHEN ((OLD.status = 'done') <> (NEW.status = 'done'))
EXECUTE FUNCTION backlog_after_finish();
-- Holds: a card that is kept back until its not_before, and the rule that lets it go.

-- Whoever writes `held` only makes the database look at its clock.
CREATE FUNCTION backlog_before_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.held := coalesce(NEW.not_before > clock_timestamp(), false);
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_hold BEFORE UPDATE OF not_before, held ON backlog
FOR EACH ROW EXECUTE FUNCTION backlog_before_hold();

-- A card that is held back is a rule from when it may be let go. Whoever lets cards go deletes what is
-- needed no longer, so a rule that is left over does no harm: a claim goes the longer way once.
CREATE FUNCTION backlog_after_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO backlog_rule (kind, scope, name, actor, due)
    VALUES ('hold', 'card', NEW.id, backlog_actor(), NEW.not_before)
    ON CONFLICT (kind, scope, name) DO UPDATE SET actor = excluded.actor, due = excluded.due;
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_after_hold AFTER INSERT OR UPDATE OF not_before, held ON backlog
FOR EACH ROW WHEN (NEW.held) EXECUTE FUNCTION backlog_after_hold();
-- Runs: one row an attempt that is over, written where the attempt ends, whoever ends it. The attempt
-- that is not over is the claim: a claim writes nothing here, and no run can be open without one.

-- The open run has the highest id there can be: it is the last of its card.
CREATE OR REPLACE VIEW backlog_run AS
SELECT card_id, attempt, owner, started_at, ended_at, outcome, summary, result, tokens, cost, id
FROM backlog_ended_run
UNION ALL
SELECT id, attempts, claim_owner, status_changed_at, NULL, NULL, NULL, NULL, NULL, NULL,
    9223372036854775807
FROM backlog WHERE claimed_at IS NOT NULL;

CREATE FUNCTION backlog_run_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'runs are never changed' USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER backlog_run_kept BEFORE UPDATE ON backlog_ended_run
FOR EACH ROW EXECUTE FUNCTION backlog_run_kept();

-- What the verb says of the move it is about to make of this card: verb, outcome, summary, result,
-- tokens, cost, counted (does the attempt count towards the cap), cap. NULL: nothing. What is said
-- of one card holds for one move of it.
CREATE FUNCTION backlog_report(card text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    said text := current_setting('backlog.report', true);
    about text;
BEGIN
    IF said <> '' THEN
        about := said::jsonb ->> 'card';
        IF about = card THEN
            PERFORM set_config('backlog.report', '', true);
        END IF;
        IF coalesce(about, card) = card THEN
            RETURN said::jsonb;
        END IF;
    END IF;
    RETURN NULL;
END $$;

-- The run of a claim that ends, or of a completion without one, as the card goes to `status` (NULL:
-- it is deleted); its outcome.
CREATE FUNCTION backlog_end_run(card backlog, status text, moment timestamptz, report jsonb)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    claimed boolean := card.status = 'claimed';
    outcome text := coalesce(report ->> 'outcome', CASE
        WHEN status = 'done' THEN 'completed'
        WHEN status = 'blocked' THEN 'blocked'
        WHEN status IS NULL THEN 'cancelled'
        WHEN card.claim_expires_at <= moment THEN 'expired'
        ELSE 'released' END);
BEGIN
    INSERT INTO backlog_ended_run (card_id, attempt, owner, started_at, ended_at, outcome, summary,
        result, tokens, cost)
    VALUES (card.id, CASE WHEN claimed THEN card.attempts END,
        coalesce(card.claim_owner, backlog_actor()),
        CASE WHEN claimed THEN card.status_changed_at ELSE moment END, moment,
        outcome, report ->> 'summary', report -> 'result',
        (report ->> 'tokens')::bigint, (report ->> 'cost')::numeric);
    RETURN outcome;
END $$;
-- How the tables are stored. Every statement may be run again.

-- Ids of events and runs are the database's own. Django's identity would have to be a primary key.
DO $$
DECLARE
    log regclass;
BEGIN
    FOREACH log IN ARRAY ARRAY['backlog_event', 'backlog_ended_run']::regclass[] LOOP
        IF EXISTS (SELECT FROM pg_attribute
                WHERE attrelid = log AND attname = 'id' AND attidentity = '') THEN
            EXECUTE format('ALTER TABLE %s ALTER id ADD GENERATED ALWAYS AS IDENTITY', log);
        END IF;
    END LOOP;
END $$;

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
DROP INDEX IF EXISTS backlog_id_2605e437_like;
DROP INDEX IF EXISTS backlog_deleted_id_5af0e45a_like;

-- Events come in the order of time: ranges of blocks are as good as a tree, and cost a claim nothing.
CREATE INDEX IF NOT EXISTS backlog_event_time ON backlog_event USING brin (at, id)
WITH (pages_per_range = 32, autosummarize = on);

-- The first range of a new index would be kept up to date with every event; later ones are summarized
-- when they are full.
SELECT brin_desummarize_range('backlog_event_time', 0) FROM backlog_event
HAVING count(*) = 0;
