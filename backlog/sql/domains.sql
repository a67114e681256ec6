-- What a value of one column can never be, whoever writes it and wherever it stands; what columns can
-- never be together is a constraint of the model. PostgreSQL reads the CHECKs of a table anew for every
-- statement that writes to it, those of a domain once a session, and heeds them only for what is written.
-- Lengths are those of `lifecycle.py`, in characters. What triggers write has none beyond its source's:
-- one that refused would refuse the move, and a sweep moves many cards at once.

-- Text that is not blank: a title.
CREATE DOMAIN backlog_line AS text
CONSTRAINT backlog_not_blank CHECK (VALUE ~ '\S')
CONSTRAINT backlog_line_length CHECK (char_length(VALUE) <= 4000000);

-- Of a card or an owner. Two of them fit into one row of an index.
CREATE DOMAIN backlog_name AS text
CONSTRAINT backlog_not_blank CHECK (VALUE ~ '\S')
CONSTRAINT backlog_name_length CHECK (char_length(VALUE) <= 255);

-- A phase or a role: beside an id in one row of an index.
CREATE DOMAIN backlog_label AS text CONSTRAINT backlog_label_length CHECK (char_length(VALUE) <= 255);

-- An idempotency key.
CREATE DOMAIN backlog_key AS text CONSTRAINT backlog_key_length CHECK (char_length(VALUE) <= 500);

-- Whatever a person or a worker writes.
CREATE DOMAIN backlog_text AS text CONSTRAINT backlog_text_length CHECK (char_length(VALUE) <= 4000000);

-- An array of names. Strict, or a path would look into arrays of arrays.
CREATE DOMAIN backlog_ids AS jsonb
CONSTRAINT backlog_ids_of_cards CHECK (
    jsonb_typeof(VALUE) = 'array'
    AND NOT VALUE @? 'strict $[*] ? (@.type() != "string" || !(@ like_regex "\\S"))')
CONSTRAINT backlog_ids_length CHECK (
    char_length(VALUE::text) <= 4000000
    AND NOT VALUE @? 'strict $[*] ? (@.type() == "string" && @ like_regex "^.{255}." flag "s")');

-- JSON. A number of a few characters is written out with up to 147,000.
CREATE DOMAIN backlog_document AS jsonb
CONSTRAINT backlog_document_length CHECK (char_length(VALUE::text) <= 4000000);

-- A counter stops before its type ends: one that could not be counted on would stop the queue.
CREATE DOMAIN backlog_count AS integer CONSTRAINT backlog_count_in_range
CHECK (VALUE BETWEEN 0 AND 2000000000);

CREATE DOMAIN backlog_tokens AS bigint CONSTRAINT backlog_tokens_in_range CHECK (VALUE >= 0);

-- Why a card is blocked.
CREATE DOMAIN backlog_block_reason AS text CONSTRAINT backlog_block_reason_known CHECK (
    VALUE IN ('dependency', 'needs_input', 'capability', 'transient', 'attempts_exhausted', 'in_review', 'other'));

-- What became of a card that is done without having been completed.
CREATE DOMAIN backlog_resolution AS text CONSTRAINT backlog_resolution_known
CHECK (VALUE IN ('dropped', 'duplicate'));

-- NaN, which no JSON holds, is more than any number.
CREATE DOMAIN backlog_cost AS numeric(20, 6) CONSTRAINT backlog_cost_in_range
CHECK (VALUE >= 0 AND VALUE < 1e14);

CREATE DOMAIN backlog_seconds AS integer CONSTRAINT backlog_seconds_in_range CHECK (VALUE >= 1);

-- That every client can read: those that are given end in 9000, and the longest lease adds 68 years.
CREATE DOMAIN backlog_timestamp AS timestamp with time zone CONSTRAINT backlog_timestamp_in_range
CHECK (VALUE BETWEEN '1000-01-01 00:00:00+00' AND '9100-01-01 00:00:00+00');
