"""Backlogs of any size, made by SQL in the server, with everything derived as the triggers do."""

from typing import Final

from psycopg import Connection

from backlog.session import PsycopgSession
from backlog.verbs import batches, check, claims, moves
from backlog.verbs.batches import Held
from benchmarks.server import connect

_CHECKED_UP_TO: Final = 10_000

_CARDS: Final = """
INSERT INTO backlog (id, title, body, phase, priority, status, depends_on, attempts,
                     open_dependencies, block_reason, created_at, updated_at)
SELECT 'c' || to_char(i, 'FM0000000'), 'Card number ' || i, repeat('What is to be done. ', 5),
       'M' || i %% 7, {priority}, {status}, {depends_on}, ({status} = 'done')::int, {open},
       CASE {status} WHEN 'blocked' THEN 'other' END,
       now() - interval '30 days' + i * interval '1 millisecond', now()
FROM generate_series(0, %(n)s - 1) AS i, LATERAL (SELECT i::bigint * 7919 %% 10 AS mixed) AS m"""

_PLAIN: Final = {"priority": "mixed", "status": "'ready'", "depends_on": "'[]'", "open": "0"}

# One card in ten waits, with a priority above all others, for a card that is blocked.
_GATED: Final = {
    "priority": "CASE WHEN i < %(n)s / 10 THEN 100 ELSE mixed END",
    "status": "CASE WHEN i >= %(n)s - %(n)s / 10 THEN 'blocked' ELSE 'ready' END",
    "depends_on": """CASE WHEN i < %(n)s / 10
        THEN jsonb_build_array('c' || to_char(%(n)s - 1 - i, 'FM0000000')) ELSE '[]' END""",
    "open": "(i < %(n)s / 10)::int",
}

# Ten layers, five of them done; each card needs three cards of the layer before its own.
_DAG: Final = {
    "priority": "mixed",
    "status": "CASE WHEN i < %(n)s / 10 * 5 THEN 'done' ELSE 'ready' END",
    "depends_on": """CASE WHEN i < %(n)s / 10 THEN '[]' ELSE (
        SELECT jsonb_agg('c' || to_char(
            (i / (%(n)s / 10) - 1) * (%(n)s / 10)
            + (i %% (%(n)s / 10) * 7919 + k * (%(n)s / 30 + 1)) %% (%(n)s / 10), 'FM0000000'))
        FROM generate_series(0, 2) AS k) END""",
    "open": "CASE WHEN i < %(n)s / 10 * 6 THEN 0 ELSE 3 END",
}

_LINKS: Final = """
INSERT INTO backlog_dependency (card_id, dependency_id)
SELECT id, jsonb_array_elements_text(depends_on) FROM backlog"""

_LINKED: Final = """
UPDATE backlog SET has_dependents = true
WHERE id IN (SELECT dependency_id FROM backlog_dependency)"""

_WORDS: Final = """
INSERT INTO backlog_search (card_id, document)
SELECT id, backlog_card_words(id, title, body, acceptance) FROM backlog"""

SHAPES: Final = {"flat": _PLAIN, "gated": _GATED, "dag": _DAG}

# What a claim would cost if cards had no dependencies and the database enforced nothing.
_BARE: Final = """
CREATE TABLE IF NOT EXISTS bare (
    id text COLLATE "C" PRIMARY KEY, title text NOT NULL, body text, phase text,
    priority integer NOT NULL, status text NOT NULL, depends_on jsonb NOT NULL, claim_owner text,
    claim_ttl_seconds integer, claimed_at timestamptz, attempts integer NOT NULL,
    idempotency_key text, acceptance jsonb, created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS bare_queue ON bare (priority DESC, created_at, id)
    WHERE status = 'ready'"""

_BARE_CARDS: Final = """
INSERT INTO bare SELECT id, title, body, phase, priority, 'ready', '[]', NULL, NULL, NULL, 0,
    idempotency_key, acceptance, created_at, updated_at FROM backlog"""

CLAIM_BARE: Final = """
UPDATE bare SET status = 'claimed', claim_owner = %s, claim_ttl_seconds = %s,
    claimed_at = clock_timestamp(), attempts = attempts + 1, updated_at = clock_timestamp()
WHERE id = (SELECT id FROM bare WHERE status = 'ready' ORDER BY priority DESC, created_at, id
            FOR UPDATE SKIP LOCKED LIMIT 1)
RETURNING *"""
FINISH_BARE: Final = """
UPDATE bare SET status = 'done', claim_owner = NULL, claim_ttl_seconds = NULL, claimed_at = NULL,
    updated_at = clock_timestamp() WHERE id = %s AND status = 'claimed' RETURNING *"""


def replace(connection: Connection, tables: str, number: int, *statements: str) -> None:
    """Empty the tables and fill them by these statements, given the number as `n`."""
    with connection.transaction():
        _without_triggers(connection)
        connection.execute(f"TRUNCATE {tables}")
        for statement in statements:
            connection.execute(statement, {"n": number})
    connection.execute(f"VACUUM ANALYZE {tables}")


def fill(connection: Connection, cards: int, shape: str = "flat") -> None:
    """Replace the cards; a hundred at least."""
    statements = (_CARDS.format(**SHAPES[shape]), _LINKS, _LINKED, _WORDS)
    replace(connection, "backlog, backlog_dependency, backlog_search", cards, *statements)
    if cards <= _CHECKED_UP_TO:
        assert check.recount(PsycopgSession(connection)).ok


def fill_board(url: str, cards: int, shape: str = "flat") -> None:
    """As `fill`, in twenty phases, one card in fifty blocked."""
    with connect(url) as connection:
        fill(connection, cards, shape)
        with connection.transaction():
            _without_triggers(connection)
            connection.execute("UPDATE backlog SET phase = 'P' || (hashtext(id) & 1023) % 20")
            connection.execute(
                "UPDATE backlog SET status = 'blocked', block_reason = 'other', block_count = 1"
                " WHERE status = 'ready' AND open_dependencies = 0 AND hashtext(id) & 31 = 0"
            )
        connection.execute("VACUUM ANALYZE backlog")


# Two runs for each finished card, by forty workers, and the events of both, over thirty days.
_RUNS: Final = """
INSERT INTO backlog_ended_run (card_id, attempt, owner, started_at, ended_at, outcome, tokens, cost)
SELECT id, n, 'worker-' || (hashtext(id || n) & 1023) %% 40, ended - interval '5 minutes', ended,
    CASE WHEN n = 2 THEN 'completed' WHEN hashtext(id) & 1 = 0 THEN 'failed' ELSE 'released' END,
    1000, 0.25
FROM backlog, generate_series(1, 2) AS n, LATERAL (SELECT now() - interval '20 minutes'
    - (hashtext(id) & 1048575) * interval '2.4 seconds' + n * interval '10 minutes') AS t (ended)
WHERE status = 'done' ORDER BY ended"""

_EVENTS: Final = """
INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt)
SELECT card_id, at, owner, verb, came_from, went_to, attempt FROM backlog_ended_run
CROSS JOIN LATERAL (VALUES
    (started_at, 'claim', 'ready', 'claimed'),
    (ended_at, CASE outcome WHEN 'completed' THEN 'complete' ELSE 'release' END, 'claimed',
        CASE outcome WHEN 'completed' THEN 'done' ELSE 'ready' END)
) AS event (at, verb, came_from, went_to)
ORDER BY at"""


def fill_history(url: str) -> None:
    """What would have happened to the cards that are done."""
    with connect(url) as connection:
        tables = "backlog_ended_run, backlog_event"
        replace(connection, tables, 0, _RUNS, _EVENTS)


def card_id(number: int) -> str:
    """The id of the card of this number, from 0."""
    return f"c{number:07}"


def claim_first(connection: Connection, cards: int) -> None:
    """The first cards are claimed for a day, in their first attempt."""
    with connection.transaction():
        _without_triggers(connection)
        connection.execute(
            """
            UPDATE backlog SET status = 'claimed', claim_owner = 'worker',
                attempts = 1, claim_ttl_seconds = 86400, claimed_at = now(),
                status_changed_at = now(), claim_expires_at = now() + interval '1 day'
            WHERE id < %s AND status <> 'claimed'""",
            (card_id(cards),),
        )
    connection.execute("VACUUM ANALYZE backlog")


def expire_first(connection: Connection, cards: int) -> None:
    """The leases of the first cards are over."""
    with connection.transaction():
        _without_triggers(connection)
        connection.execute(
            "UPDATE backlog SET claim_expires_at = now() - interval '1 second' WHERE id < %s",
            (card_id(cards),),
        )


def fill_bare(connection: Connection) -> None:
    """Replace the bare table's cards by as many as there are, all of them ready."""
    connection.execute(_BARE)
    replace(connection, "bare", 0, _BARE_CARDS)


def cycle(session: PsycopgSession, batch: int = 1) -> int:
    """Claim so many cards and complete them, as a worker does that names its claims; how many."""
    cards = claims.claim(session, "worker", count=batch).cards
    assert cards, "the backlog is empty"
    if batch == 1:
        moves.complete(session, cards[0].id, "worker", cards[0].attempts, texts=False)
    else:
        held = [Held(card.id, card.attempts) for card in cards]
        outcomes = batches.complete_many(session, held, "worker", texts=False)
        assert not any(outcome.refusal for outcome in outcomes)
    return len(cards)


def _without_triggers(connection: Connection) -> None:
    connection.execute("SET LOCAL session_replication_role = replica")
