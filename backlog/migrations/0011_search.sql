CREATE TABLE backlog_search (
    card_id text COLLATE "C" PRIMARY KEY,
    document tsvector
);

-- What a search looks through: the words of each card in a table of its own, so that no claim writes
-- them. The words of summaries and of notes stand in indexes of their tables, of rows that have some.

-- The same words on every server, and parts of paths: left to itself, the parser keeps a/b.py whole, and
-- under locale C quotation marks belong to words. 100,000 characters are at most 400,000 bytes of words,
-- and a document, which two of these make, may have a million.
CREATE FUNCTION backlog_words(given text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_tsvector('pg_catalog.simple', translate(left(given, 100000), E'-/.<“„«‘—\u00a0', '          '))
$$;

-- Texts and numbers of the acceptance, not its keys.
CREATE FUNCTION backlog_card_words(id text, title text, body text, acceptance jsonb) RETURNS tsvector
LANGUAGE sql STABLE AS $$
    SELECT setweight(backlog_words(concat_ws(' ', id, title)), 'A') || backlog_words(
        CASE WHEN acceptance IS NULL THEN coalesce(body, '') ELSE concat_ws(' ', body, (
            SELECT string_agg(part #>> '{}', ' ') FROM jsonb_path_query(acceptance,
                'strict $.** ? (@.type() == "string" || @.type() == "number")') AS part)) END)
$$;

-- A card without words yet, or with other texts than they were made of: searches and sweeps make them, for
-- that takes longer than to write the card. For all rows of a statement at once, as the events.
CREATE FUNCTION backlog_search_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO backlog_search (card_id) SELECT id FROM created
    ON CONFLICT (card_id) DO UPDATE SET document = NULL;
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_search_insert AFTER INSERT ON backlog
REFERENCING NEW TABLE AS created FOR EACH STATEMENT EXECUTE FUNCTION backlog_search_insert();

CREATE FUNCTION backlog_search_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO backlog_search (card_id) VALUES (NEW.id)
    ON CONFLICT (card_id) DO UPDATE SET document = NULL;
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_search_update AFTER UPDATE OF title, body, acceptance ON backlog
FOR EACH ROW WHEN ((OLD.title, OLD.body, OLD.acceptance) IS DISTINCT FROM
    (NEW.title, NEW.body, NEW.acceptance))
EXECUTE FUNCTION backlog_search_update();

CREATE FUNCTION backlog_search_delete() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off AS $$
BEGIN
    DELETE FROM backlog_search WHERE card_id = OLD.id;
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_search_delete AFTER DELETE ON backlog
FOR EACH ROW EXECUTE FUNCTION backlog_search_delete();

CREATE FUNCTION backlog_search_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM backlog_search;
    RETURN NULL;
END $$;

CREATE TRIGGER backlog_search_truncate AFTER TRUNCATE ON backlog
FOR EACH STATEMENT EXECUTE FUNCTION backlog_search_truncate();

CREATE INDEX backlog_search_words ON backlog_search USING gin (document)
WHERE document IS NOT NULL;

CREATE INDEX backlog_search_to_make ON backlog_search (card_id) WHERE document IS NULL;

-- A claim and a completion of which nothing is said have no entry in these. What is searched for has the
-- same conditions: `backlog.verbs.search`.
CREATE INDEX backlog_run_words ON backlog_ended_run USING gin (backlog_words(summary))
WHERE summary IS NOT NULL;

CREATE INDEX backlog_event_words ON backlog_event USING gin (backlog_words(note))
WHERE verb IN ('block', 'cancel', 'unblock', 'comment');

-- Their words are made by searches and sweeps, when nobody waits for this transaction any more.
INSERT INTO backlog_search (card_id) SELECT id FROM backlog;
