-- How the tables are stored. Every statement may be run again.

-- Ids of events and runs are the database's own. Django's identity would have to be a primary key.
DO $$
DECLARE
    log regclass;
BEGIN
    FOREACH log IN ARRAY ARRAY['backlog_event', 'backlog_ended_run', 'backlog_verdict']::regclass[] LOOP
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
