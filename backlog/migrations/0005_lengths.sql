-- At once, and not one after the other: who holds one of them is waited for before any work is done.
LOCK TABLE backlog, backlog_ended_run, backlog_rule, backlog_deleted;

-- What would stop others is cut, by an edit like any other: its event has the words that went. An id of
-- 1,580 bytes and more leaves less than 255 characters beside it in a row of an index.
SELECT set_config('backlog.actor', 'upgrade', true);
UPDATE backlog SET phase = rtrim(left(phase, room)), role = rtrim(left(role, room))
FROM (
    SELECT id, greatest(1, least(255, (2600 - octet_length(id)) / 4)) AS room FROM backlog
) AS beside
WHERE backlog.id = beside.id AND (char_length(phase) > room OR char_length(role) > room);

-- Rules go with their phases; of two that become one, one stays.
DELETE FROM backlog_rule AS rule USING backlog_rule AS other
WHERE rule.scope = 'phase' AND char_length(rule.name) > 255 AND other.name < rule.name
    AND (other.kind, other.scope, rtrim(left(other.name, 255)))
        = (rule.kind, rule.scope, rtrim(left(rule.name, 255)));
UPDATE backlog_rule SET name = rtrim(left(name, 255)) WHERE scope = 'phase' AND char_length(name) > 255;

-- A number of a few characters is written out with up to 147,000; where they are so many that the whole is
-- too long for whoever reads it, they become texts of the same digits: 1e131071 is "1e131071".
CREATE FUNCTION backlog_short(number jsonb) RETURNS jsonb LANGUAGE sql AS $$
    -- By bytes: as text, a character takes many times as long.
    SELECT CASE WHEN octet_length(digits) <= 1000 THEN number
        WHEN position('.'::bytea IN digits) = 0 THEN to_jsonb(
            convert_from(whole, 'UTF8') || 'e' || octet_length(digits) - octet_length(whole))
        ELSE to_jsonb(CASE WHEN starts_with(number #>> '{}', '-') THEN '-' ELSE '' END
            || coalesce(nullif(ltrim(translate(number #>> '{}', '-.', ''), '0'), ''), '0')
            || 'e-' || octet_length(digits) - position('.'::bytea IN digits)) END
    FROM convert_to(number #>> '{}', 'UTF8') AS digits, rtrim(digits, '0'::bytea) AS whole
$$;

CREATE FUNCTION backlog_shortened(document jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE jsonb_typeof(document)
        WHEN 'array' THEN (
            SELECT coalesce(jsonb_agg(backlog_shortened(item) ORDER BY place), '[]')
            FROM jsonb_array_elements(document) WITH ORDINALITY AS items (item, place))
        WHEN 'object' THEN (
            SELECT coalesce(jsonb_object_agg(key, backlog_shortened(value)), '{}')
            FROM jsonb_each(document))
        WHEN 'number' THEN backlog_short(document)
        ELSE document END;
END $$;

-- Asked number by number: what is too long as a whole cannot be written out to be counted.
CREATE FUNCTION backlog_overgrown(document jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN document @? 'strict $.** ? (@.type() == "number" && (@ > 1e999 || @ < -1e999
            || (@ < 1e-999 && @ > -1e-999)))'
        AND (SELECT sum(octet_length(number #>> '{}')) > 4000000
            FROM jsonb_path_query(document, 'strict $.** ? (@.type() == "number")') AS number);
END $$;

UPDATE backlog SET acceptance = backlog_shortened(acceptance) WHERE backlog_overgrown(acceptance);

-- Without constraints as yet: a type without any is given to a column without writing the table anew.
CREATE DOMAIN backlog_label AS text;
CREATE DOMAIN backlog_key AS text;
CREATE DOMAIN backlog_text AS text;
CREATE DOMAIN backlog_document AS jsonb;
CREATE DOMAIN backlog_tokens AS bigint;
CREATE DOMAIN backlog_cost AS numeric(20, 6);

-- Triggers hang on the columns; they are taken off and put back, whoever made them.
DO $$
DECLARE
    tables regclass[] := ARRAY['backlog', 'backlog_ended_run', 'backlog_rule', 'backlog_deleted'];
    again text[] := ARRAY(
        SELECT pg_get_triggerdef(oid) FROM pg_trigger
        WHERE tgrelid = ANY (tables) AND NOT tgisinternal
        UNION ALL
        SELECT format('ALTER TABLE %s %s TRIGGER %I', tgrelid::regclass, CASE tgenabled
            WHEN 'A' THEN 'ENABLE ALWAYS' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'DISABLE' END, tgname)
        FROM pg_trigger
        WHERE tgrelid = ANY (tables) AND NOT tgisinternal AND tgenabled <> 'O');
    made text;
BEGIN
    FOR made IN SELECT format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass) FROM pg_trigger
        WHERE tgrelid = ANY (tables) AND NOT tgisinternal LOOP
        EXECUTE made;
    END LOOP;
    -- A view of the same columns on no table: whatever is granted on it stays.
    CREATE OR REPLACE VIEW backlog_run AS
    SELECT NULL::text COLLATE "C" AS card_id, NULL::integer AS attempt, NULL::text AS owner,
        NULL::timestamptz AS started_at, NULL::timestamptz AS ended_at, NULL::text AS outcome,
        NULL::text AS summary, NULL::jsonb AS result, NULL::bigint AS tokens,
        NULL::numeric AS cost, NULL::bigint AS id;
    -- What no JSON holds, and what nobody can have spent.
    UPDATE backlog_ended_run SET cost = NULL WHERE cost = 'NaN' OR cost < 0;
    UPDATE backlog_ended_run SET tokens = NULL WHERE tokens < 0;
    UPDATE backlog_ended_run SET result = backlog_shortened(result) WHERE backlog_overgrown(result);
    UPDATE backlog_rule SET most = 2000000000 WHERE most > 2000000000;
    UPDATE backlog_deleted SET attempts = least(greatest(attempts, 0), 2000000000)
    WHERE attempts NOT BETWEEN 0 AND 2000000000;
    ALTER TABLE backlog
        ALTER body TYPE backlog_text,
        ALTER phase TYPE backlog_label,
        ALTER role TYPE backlog_label,
        ALTER idempotency_key TYPE backlog_key,
        ALTER acceptance TYPE backlog_document,
        ALTER block_note TYPE backlog_text;
    ALTER TABLE backlog_ended_run
        ALTER summary TYPE backlog_text,
        ALTER result TYPE backlog_document,
        ALTER tokens TYPE backlog_tokens,
        ALTER cost TYPE backlog_cost;
    ALTER TABLE backlog_rule ALTER reason TYPE backlog_text, ALTER most TYPE backlog_count;
    ALTER TABLE backlog_deleted ALTER attempts TYPE backlog_count;
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

DROP FUNCTION backlog_overgrown, backlog_shortened, backlog_short;

-- Cards of before may be longer: they stay, and move, and `doctor` names them; it refuses what is written.
ALTER DOMAIN backlog_line ADD CONSTRAINT backlog_line_length
    CHECK (char_length(VALUE) <= 4000000) NOT VALID;
ALTER DOMAIN backlog_name ADD CONSTRAINT backlog_name_length
    CHECK (char_length(VALUE) <= 255) NOT VALID;
ALTER DOMAIN backlog_label ADD CONSTRAINT backlog_label_length
    CHECK (char_length(VALUE) <= 255) NOT VALID;
ALTER DOMAIN backlog_key ADD CONSTRAINT backlog_key_length
    CHECK (char_length(VALUE) <= 500) NOT VALID;
ALTER DOMAIN backlog_text ADD CONSTRAINT backlog_text_length
    CHECK (char_length(VALUE) <= 4000000) NOT VALID;
ALTER DOMAIN backlog_ids ADD CONSTRAINT backlog_ids_length CHECK (
    char_length(VALUE::text) <= 4000000
    AND NOT VALUE @? 'strict $[*] ? (@.type() == "string" && @ like_regex "^.{255}." flag "s")') NOT VALID;
ALTER DOMAIN backlog_document ADD CONSTRAINT backlog_document_length
    CHECK (char_length(VALUE::text) <= 4000000) NOT VALID;
ALTER DOMAIN backlog_tokens ADD CONSTRAINT backlog_tokens_in_range CHECK (VALUE >= 0);
ALTER DOMAIN backlog_cost ADD CONSTRAINT backlog_cost_in_range CHECK (VALUE >= 0 AND VALUE < 1e14);
ALTER TABLE backlog_rule ADD CONSTRAINT backlog_rule_name_length
    CHECK (kind = 'hold' OR length(name) <= 255) NOT VALID;

-- Where there is nothing longer, the database may know.
DO $$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT contypid, conrelid, conname,
            CASE contypid WHEN 0 THEN format('TABLE %s', conrelid::regclass)
                ELSE format('DOMAIN %s', contypid::regtype) END AS owner
        FROM pg_constraint WHERE NOT convalidated AND (conrelid = 'backlog_rule'::regclass
            OR contypid IN (SELECT atttypid FROM pg_attribute
                WHERE attrelid IN ('backlog'::regclass, 'backlog_ended_run'::regclass))) LOOP
        BEGIN
            EXECUTE format('ALTER %s VALIDATE CONSTRAINT %I', made.owner, made.conname);
        EXCEPTION WHEN check_violation THEN
            NULL;
        END;
    END LOOP;
END $$;
