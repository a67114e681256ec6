-- Text that is not blank.
CREATE DOMAIN backlog_line AS text CONSTRAINT backlog_not_blank CHECK (VALUE ~ '\S');

-- Of a card or an owner.
CREATE DOMAIN backlog_name AS text CONSTRAINT backlog_not_blank CHECK (VALUE ~ '\S');

-- An array of names. Strict, or a path would look into arrays of arrays.
CREATE DOMAIN backlog_ids AS jsonb CONSTRAINT backlog_ids_of_cards CHECK (
    jsonb_typeof(VALUE) = 'array'
    AND NOT VALUE @? 'strict $[*] ? (@.type() != "string" || !(@ like_regex "\\S"))');

-- A counter stops before its type ends: one that could not be counted on would stop the queue.
CREATE DOMAIN backlog_count AS integer CONSTRAINT backlog_count_in_range
CHECK (VALUE BETWEEN 0 AND 2000000000);

CREATE DOMAIN backlog_seconds AS integer CONSTRAINT backlog_seconds_in_range CHECK (VALUE >= 1);

-- That every client can read: those that are given end in 9000, and the longest lease adds 68 years.
CREATE DOMAIN backlog_timestamp AS timestamp with time zone CONSTRAINT backlog_timestamp_in_range
CHECK (VALUE BETWEEN '1000-01-01 00:00:00+00' AND '9100-01-01 00:00:00+00');

-- Triggers hang on the columns of cards; they are taken off and put back, whoever made them.
DO $$
DECLARE
    again text[] := ARRAY(
        SELECT pg_get_triggerdef(oid) FROM pg_trigger
        WHERE tgrelid = 'backlog'::regclass AND NOT tgisinternal
        UNION ALL
        SELECT format('ALTER TABLE backlog %s TRIGGER %I', CASE tgenabled
            WHEN 'A' THEN 'ENABLE ALWAYS' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'DISABLE' END, tgname)
        FROM pg_trigger
        WHERE tgrelid = 'backlog'::regclass AND NOT tgisinternal AND tgenabled <> 'O');
    made text;
BEGIN
    FOR made IN SELECT tgname FROM pg_trigger
        WHERE tgrelid = 'backlog'::regclass AND NOT tgisinternal LOOP
        EXECUTE format('DROP TRIGGER %I ON backlog', made);
    END LOOP;
    -- A view of the same columns on no table: whatever is granted on it stays.
    CREATE OR REPLACE VIEW backlog_run AS
    SELECT NULL::text COLLATE "C" AS card_id, NULL::integer AS attempt, NULL::text AS owner,
        NULL::timestamptz AS started_at, NULL::timestamptz AS ended_at, NULL::text AS outcome,
        NULL::text AS summary, NULL::jsonb AS result, NULL::bigint AS tokens,
        NULL::numeric AS cost, NULL::bigint AS id;
    -- The first stores of 0001 had fewer of these, and bounds on the times of cards alone.
    ALTER TABLE backlog
        DROP CONSTRAINT IF EXISTS backlog_status_known,
        DROP CONSTRAINT IF EXISTS backlog_claimed_iff_held,
        DROP CONSTRAINT IF EXISTS backlog_not_blank,
        DROP CONSTRAINT IF EXISTS backlog_blocked_for_a_reason,
        DROP CONSTRAINT IF EXISTS backlog_counters_in_range,
        DROP CONSTRAINT IF EXISTS backlog_card_times_in_range,
        DROP CONSTRAINT IF EXISTS backlog_expiry_in_range,
        DROP CONSTRAINT IF EXISTS backlog_times_in_range,
        DROP CONSTRAINT IF EXISTS backlog_held_until,
        DROP CONSTRAINT IF EXISTS backlog_depends_on_ids;
    ALTER TABLE backlog_event DROP CONSTRAINT IF EXISTS backlog_event_times_in_range;
    ALTER TABLE backlog_ended_run DROP CONSTRAINT IF EXISTS backlog_ended_run_times_in_range;
    ALTER TABLE backlog_rule DROP CONSTRAINT IF EXISTS backlog_rule_times_in_range;
    UPDATE backlog SET held = false WHERE held AND not_before IS NULL;
    ALTER TABLE backlog ADD CONSTRAINT backlog_held_until CHECK (NOT held OR not_before IS NOT NULL);
    -- One statement a table: each writes it anew once.
    ALTER TABLE backlog
        ALTER id TYPE backlog_name COLLATE "C",
        ALTER title TYPE backlog_line,
        ALTER depends_on TYPE backlog_ids,
        ALTER claim_owner TYPE backlog_name,
        ALTER claim_ttl_seconds TYPE backlog_seconds,
        ALTER claimed_at TYPE backlog_timestamp,
        ALTER attempts TYPE backlog_count,
        ALTER created_at TYPE backlog_timestamp,
        ALTER updated_at TYPE backlog_timestamp,
        ALTER max_attempts TYPE backlog_count USING least(max_attempts, 2000000000),
        ALTER not_before TYPE backlog_timestamp,
        ALTER block_count TYPE backlog_count,
        ALTER status_changed_at TYPE backlog_timestamp,
        ALTER claim_expires_at TYPE backlog_timestamp,
        ALTER attempts_forgiven TYPE backlog_count;
    ALTER TABLE backlog_event ALTER at TYPE backlog_timestamp
        USING least(greatest(at, '1000-01-01Z'), '9000-01-01Z');
    ALTER TABLE backlog_ended_run
        ALTER started_at TYPE backlog_timestamp
            USING least(greatest(started_at, '1000-01-01Z'), '9000-01-01Z'),
        ALTER ended_at TYPE backlog_timestamp
            USING least(greatest(ended_at, '1000-01-01Z'), '9000-01-01Z');
    ALTER TABLE backlog_rule
        ALTER since TYPE backlog_timestamp
            USING least(greatest(since, '1000-01-01Z'), '9000-01-01Z'),
        ALTER due TYPE backlog_timestamp
            USING least(greatest(due, '1000-01-01Z'), '9000-01-01Z');
    CREATE OR REPLACE VIEW backlog_run AS
    SELECT card_id, attempt, owner, started_at::timestamptz, ended_at, outcome, summary, result,
        tokens, cost, id
    FROM backlog_ended_run
    UNION ALL
    SELECT id, attempts, claim_owner, status_changed_at, NULL, NULL, NULL, NULL, NULL, NULL,
        9223372036854775807
    FROM backlog WHERE claimed_at IS NOT NULL;
    FOREACH made IN ARRAY again LOOP
        EXECUTE made;
    END LOOP;
END $$;
