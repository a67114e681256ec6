-- What a value of one column can never be, whoever writes it and wherever it stands; what columns can
-- never be together is a constraint of the model. PostgreSQL reads the CHECKs of a table anew for every
-- statement that writes to it, those of a domain once a session, and heeds them only for what is written.

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
