-- What a cycle of claim and completion costs, without a change in what it does. Functions are those of
-- the migrations before but for what a comment here says.

-- PostgreSQL parses the expression of a generated column anew for every UPDATE, whatever it changes: a
-- twentieth of a claim. So triggers keep `claimable`, as they keep what it is made of.
ALTER TABLE backlog ALTER COLUMN claimable DROP EXPRESSION;
ALTER TABLE backlog ALTER COLUMN claimable SET DEFAULT false, ALTER COLUMN claimable SET NOT NULL;

-- The one rule of readiness.
CREATE FUNCTION backlog_claimable(status text, open_dependencies integer, held boolean)
RETURNS boolean LANGUAGE sql IMMUTABLE RETURN status = 'ready' AND open_dependencies = 0 AND NOT held;

-- Each function that changes one of the three is the last to do so, or is followed by one that is.
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
    ELSIF num_nonnulls(NEW.claim_owner, NEW.claim_ttl_seconds, NEW.claimed_at)
            <> 3 * (NEW.status = 'claimed')::int THEN
        PERFORM backlog_refuse(NEW.id, 'a claimed card, and no other, has an owner, a ttl and the time of its claim');
    END IF;
    PERFORM backlog_require_read_committed();
    PERFORM backlog_lock_id(NEW.id);
    NEW.attempts := greatest(
        NEW.attempts,
        CASE WHEN NEW.status = 'claimed' THEN 1 END,
        -- (id, attempts) names one claim for ever, also when a deleted id is used again.
        (SELECT attempts + (NEW.status = 'claimed')::int FROM backlog_deleted WHERE id = NEW.id));
    -- What it went through elsewhere does not count here.
    NEW.attempts_forgiven := NEW.attempts - (NEW.status = 'claimed')::int;
    NEW.updated_at := clock_timestamp();
    NEW.status_changed_at := CASE NEW.status
        WHEN 'claimed' THEN NEW.claimed_at
        WHEN 'ready' THEN least(NEW.created_at, NEW.updated_at)
        ELSE NEW.updated_at END;
    IF NEW.status = 'blocked' THEN
        NEW.block_reason := coalesce(NEW.block_reason, 'other');
        NEW.block_count := greatest(NEW.block_count, 1);
    END IF;
    NEW.held := coalesce(NEW.not_before > NEW.updated_at, false);
    NEW.claim_expires_at := NEW.claimed_at + make_interval(secs => NEW.claim_ttl_seconds);
    PERFORM backlog_hold(ids);
    NEW.open_dependencies := backlog_count_open(ids);
    NEW.claimable := backlog_claimable(NEW.status, NEW.open_dependencies, NEW.held);
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION backlog_before_depend() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids text[] := backlog_dependency_ids(NEW.id, NEW.depends_on);
BEGIN
    PERFORM backlog_hold(ARRAY(
        SELECT unnest(ids) EXCEPT SELECT jsonb_array_elements_text(OLD.depends_on)));
    NEW.open_dependencies := backlog_count_open(ids);
    NEW.claimable := backlog_claimable(NEW.status, NEW.open_dependencies, NEW.held);
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION backlog_before_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.held := coalesce(NEW.not_before > clock_timestamp(), false);
    NEW.claimable := backlog_claimable(NEW.status, NEW.open_dependencies, NEW.held);
    RETURN NEW;
END $$;

DROP TRIGGER backlog_before_count ON backlog;

CREATE OR REPLACE FUNCTION backlog_before_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.open_dependencies := OLD.open_dependencies;
    NEW.claimable := OLD.claimable;
    NEW.status_changed_at := OLD.status_changed_at;
    NEW.block_count := OLD.block_count;
    NEW.attempts_forgiven := OLD.attempts_forgiven;
    RETURN NEW;
END $$;

CREATE TRIGGER backlog_before_count BEFORE UPDATE OF
    open_dependencies, claimable, status_changed_at, block_count, attempts_forgiven
ON backlog FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION backlog_before_count();

CREATE OR REPLACE FUNCTION backlog_recount_dependents(card text) RETURNS integer LANGUAGE plpgsql
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
        UPDATE backlog SET (open_dependencies, claimable) = (
            SELECT open, backlog_claimable(status, open, held)
            FROM backlog_count_open(ARRAY(SELECT jsonb_array_elements_text(depends_on))) AS count (open))
        WHERE id = ANY (dependents);
    END IF;
    RETURN cardinality(dependents);
END $$;

-- Further, a completion is known by one expression, as a claim is, and its run and its event are one
-- statement.
CREATE OR REPLACE FUNCTION backlog_before_move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fault text;
    report jsonb;
    run_ended text;
    cap integer;
    moment timestamptz;
BEGIN
    -- The two moves of every cycle are looked at in one expression each: PL/pgSQL makes an expression
    -- ready anew in every transaction, at about a microsecond. All else is looked at in full.
    -- First a claim as the verbs make it.
    IF (NEW.status = 'claimed' AND OLD.status <> 'claimed' AND NEW.id = OLD.id
            AND NEW.attempts = OLD.attempts + 1 AND NEW.claim_owner ~ '\S'
            AND NEW.claim_ttl_seconds >= 1 AND NEW.claimed_at IS NOT NULL
            AND NEW.not_before IS NULL) IS NOT TRUE THEN
        -- A completion as the verbs make it, of which nothing is said.
        IF NEW.status = 'done' AND OLD.status = 'claimed' AND OLD.claim_owner IS NOT NULL
                AND NEW.id = OLD.id AND NEW.attempts = OLD.attempts
                AND num_nulls(NEW.claim_owner, NEW.claim_ttl_seconds, NEW.claimed_at,
                    NEW.claim_expires_at) = 4
                AND coalesce(current_setting('backlog.report', true), '') = '' THEN
            moment := clock_timestamp();
            NEW.updated_at := moment;
            NEW.status_changed_at := moment;
            WITH run AS (
                INSERT INTO backlog_ended_run (card_id, attempt, owner, started_at, ended_at, outcome)
                VALUES (OLD.id, OLD.attempts, OLD.claim_owner, OLD.status_changed_at, moment,
                    'completed')
            )
            INSERT INTO backlog_event
                (card_id, at, actor, verb, from_status, to_status, attempt, note)
            VALUES (OLD.id, moment, backlog_actor(), 'complete', 'claimed', 'done', OLD.attempts,
                'held by ' || OLD.claim_owner);
            RETURN NEW;
        END IF;
        fault := CASE
            WHEN NEW.id <> OLD.id THEN 'the id of a card cannot change'
            WHEN NEW.attempts < OLD.attempts THEN 'the attempts of a card never go down'
            WHEN NEW.status NOT IN ('ready', 'claimed', 'blocked', 'done') THEN
                'status must be ready, claimed, blocked or done'
            WHEN NEW.status = 'claimed' AND (NEW.claim_owner !~ '\S' OR NEW.claim_ttl_seconds < 1) THEN
                'owner must not be blank, ttl at least 1'
            -- Whoever leaves the status gives back the claim: see below.
            WHEN (NEW.status = 'claimed' OR OLD.status <> 'claimed')
                    AND num_nonnulls(NEW.claim_owner, NEW.claim_ttl_seconds, NEW.claimed_at)
                        <> 3 * (NEW.status = 'claimed')::int THEN
                'a claimed card, and no other, has an owner, a ttl and the time of its claim'
            END;
        IF fault IS NOT NULL THEN
            PERFORM backlog_refuse(OLD.id, fault);
        END IF;
        IF NEW.status <> 'claimed' THEN
            NEW.updated_at := clock_timestamp();
            IF OLD.status = 'claimed' THEN
                NEW.claim_owner := NULL;
                NEW.claim_ttl_seconds := NULL;
                NEW.claimed_at := NULL;
            END IF;
            IF NEW.status <> OLD.status THEN
                IF current_setting('backlog.report', true) <> '' THEN
                    report := backlog_report(NEW.id);
                END IF;
                NEW.status_changed_at := NEW.updated_at;
                IF OLD.status = 'claimed' OR NEW.status = 'done' THEN
                    -- Assigned, not performed: an expression costs less than a statement.
                    run_ended := backlog_end_run(OLD, backlog_actor(), NEW.updated_at,
                        CASE WHEN NEW.status = 'done' THEN 'completed'
                            WHEN NEW.status = 'blocked' THEN 'blocked'
                            WHEN OLD.claim_expires_at <= NEW.updated_at THEN 'expired'
                            ELSE 'released' END,
                        report);
                END IF;
                IF NEW.status = 'ready' AND OLD.status = 'claimed' THEN
                    IF NOT coalesce((report ->> 'counted')::boolean, true) THEN
                        NEW.attempts_forgiven := OLD.attempts_forgiven + 1;
                    END IF;
                    -- Ten, where nobody says.
                    cap := coalesce(NEW.max_attempts, (report ->> 'cap')::integer, 10);
                    IF cap > 0 AND NEW.attempts - NEW.attempts_forgiven >= cap THEN
                        NEW.status := 'blocked';
                        NEW.block_reason := 'attempts_exhausted';
                        NEW.block_note := format('%s of %s attempts', NEW.attempts - NEW.attempts_forgiven, cap);
                    END IF;
                ELSIF NEW.status = 'ready' AND OLD.status = 'blocked' THEN
                    NEW.attempts_forgiven := NEW.attempts;
                END IF;
                IF NEW.status = 'blocked' THEN
                    NEW.block_reason := coalesce(NEW.block_reason, 'other');
                    NEW.block_count := CASE WHEN NEW.block_reason = OLD.block_reason
                        THEN OLD.block_count ELSE 0 END + 1;
                END IF;
                INSERT INTO backlog_event
                    (card_id, at, actor, verb, from_status, to_status, attempt, note)
                VALUES (NEW.id, NEW.updated_at, backlog_actor(),
                    coalesce(report ->> 'verb', CASE NEW.status
                        WHEN 'done' THEN 'complete'
                        WHEN 'blocked' THEN 'block'
                        ELSE CASE OLD.status
                            WHEN 'done' THEN 'reopen'
                            WHEN 'blocked' THEN 'unblock'
                            ELSE CASE run_ended WHEN 'expired' THEN 'reclaim' ELSE 'release' END
                        END
                    END), OLD.status, NEW.status, NEW.attempts,
                    nullif(concat_ws('; ',
                        CASE NEW.status WHEN 'blocked' THEN concat_ws(': ', NEW.block_reason, NEW.block_note) END,
                        'held by ' || OLD.claim_owner), ''));
            ELSIF NEW.attempts <> OLD.attempts THEN
                INSERT INTO backlog_event
                    (card_id, at, actor, verb, from_status, to_status, attempt, note)
                VALUES (NEW.id, NEW.updated_at, backlog_actor(), 'edit', NEW.status, NEW.status,
                    NEW.attempts, concat_ws(' ', 'attempts', OLD.attempts, '→', NEW.attempts));
            END IF;
            NEW.claim_expires_at := NULL;
            NEW.claimable := backlog_claimable(NEW.status, NEW.open_dependencies, NEW.held);
            RETURN NEW;
        END IF;
        IF OLD.status <> 'claimed' OR NEW.claim_owner IS DISTINCT FROM OLD.claim_owner THEN
            NEW.attempts := greatest(NEW.attempts, OLD.attempts + 1);
        END IF;
        IF NEW.attempts = OLD.attempts THEN  -- renewed: the same claim, and no change of the card
            NEW.claimable := false;
            NEW.claim_expires_at := NEW.claimed_at + make_interval(secs => NEW.claim_ttl_seconds);
            RETURN NEW;
        END IF;
        IF OLD.status = 'claimed' THEN  -- taken away by a writer that asked nobody
            moment := clock_timestamp();
            PERFORM backlog_end_run(OLD, NULL, moment,
                CASE WHEN OLD.claim_expires_at <= moment THEN 'expired' ELSE 'released' END, NULL);
            -- The next attempt inherits no heartbeat.
            IF NEW.claimed_at = OLD.claimed_at THEN
                NEW.claimed_at := moment;
            END IF;
        END IF;
        NEW.not_before := NULL;
        NEW.held := false;
    END IF;
    NEW.claimable := false;
    NEW.updated_at := clock_timestamp();
    NEW.status_changed_at := NEW.claimed_at;
    NEW.claim_expires_at := NEW.claimed_at + make_interval(secs => NEW.claim_ttl_seconds);
    INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt)
    VALUES (NEW.id, NEW.updated_at, NEW.claim_owner, 'claim', OLD.status, 'claimed', NEW.attempts);
    RETURN NEW;
END $$;

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

INSERT INTO backlog_rule (kind, scope, name, actor, due)
SELECT 'hold', 'card', id, '', not_before FROM backlog WHERE held;

-- The first range of a new index would be kept up to date with every event; later ones are summarized
-- when they are full.
SELECT brin_desummarize_range('backlog_event_time', 0) FROM backlog_event
HAVING count(*) = 0;
