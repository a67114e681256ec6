"""Is what triggers derive still what the cards say, and is all within its limits?"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from backlog.lifecycle import MOST_COUNTED
from backlog.planner import by_itself, no_nested_loops
from backlog.session import Session, in_pages
from backlog.verbs.lines import Progress


class Check(NamedTuple):
    """What `check` found: counts, edges, claims and words that are not what the record says.

    `counts` has `(id, kept, recounted)`, `edges` has `(id, dependency, "missing" or "stray")`, or
    "untold": the dependency does not know that it has dependents. `claims` has `(id, problem)`:
    WRONG_EXPIRY or NEVER_LET_GO, `words` too: NO_WORDS or NO_CARD. There can only be any where
    triggers were disabled; what the table's constraints say holds there as well. `limits` has
    `(table, id, problem)`: what a store of before holds that is longer than may be written now, and
    counters near their end.
    """

    cards: int
    counts: list[tuple[str, int, int]]
    edges: list[tuple[str, str, str]]
    claims: list[tuple[str, str]]
    words: list[tuple[str, str]]
    limits: list[tuple[str, str, str]]

    @property
    def ok(self) -> bool:
        return not any(self[1:])


# Of a range of cards each, in place of {backlog.id} and {card_id}.
_RECORDED: Final = by_itself("""
    SELECT true AS said, backlog.id AS card_id, d.id COLLATE "C" AS dependency_id
    FROM backlog CROSS JOIN jsonb_array_elements_text(depends_on) AS d (id) WHERE {backlog.id}""")

_COUNTS: Final = f"""
WITH recounted AS (
    SELECT card_id, count(*) FILTER (WHERE b.status IS DISTINCT FROM 'done') AS open
    FROM ({_RECORDED}) recorded LEFT JOIN backlog b ON b.id = dependency_id GROUP BY card_id
)
SELECT id, open_dependencies, coalesce(open, 0) FROM backlog LEFT JOIN recounted ON card_id = id
WHERE {{backlog.id}} AND open_dependencies <> coalesce(open, 0) ORDER BY id"""

_EDGES: Final = f"""
SELECT card_id, dependency_id, CASE WHEN said AND kept THEN 'untold'
    WHEN said THEN 'missing' ELSE 'stray' END
FROM ({_RECORDED}) AS recorded FULL JOIN (
    SELECT true AS kept, card_id, dependency_id FROM backlog_dependency WHERE {{card_id}}
) AS edge USING (card_id, dependency_id)
LEFT JOIN backlog AS needed ON needed.id = dependency_id
WHERE said IS NULL OR kept IS NULL OR NOT needed.has_dependents ORDER BY 1, 2"""

WRONG_EXPIRY: Final = "expires at another time than its claim says"
NEVER_LET_GO: Final = "held back, and nothing lets it go"

_CLAIMS: Final = f"""
SELECT id, CASE WHEN wrong_expiry THEN '{WRONG_EXPIRY}' ELSE '{NEVER_LET_GO}' END
FROM (
    SELECT id,
        claim_expires_at IS DISTINCT FROM claimed_at + make_interval(secs => claim_ttl_seconds)
            AS wrong_expiry,
        held AND NOT draft AND NOT EXISTS (
            SELECT FROM backlog_rule AS rule
            WHERE (kind, scope, name) = ('hold', 'card', backlog.id COLLATE "default")
                AND due <= not_before) AS never_let_go
    FROM backlog WHERE {{backlog.id}}
) AS card
WHERE wrong_expiry OR never_let_go ORDER BY id"""

NO_WORDS: Final = "no search finds it"
NO_CARD: Final = "a search looks through its words, and there is no such card"

# Not which words, nor whether they are made: that takes longer than all the rest.
_WORDS: Final = f"""
SELECT coalesce(id, card_id), CASE WHEN card_id IS NULL THEN '{NO_WORDS}' ELSE '{NO_CARD}' END
FROM (SELECT id FROM backlog WHERE {{backlog.id}}) AS card FULL JOIN (
    SELECT card_id FROM backlog_search WHERE {{card_id}}) AS words ON card_id = id
WHERE id IS NULL OR card_id IS NULL ORDER BY 1"""

# As many cards: enough to be worth a pass over all that they wait for.
_AT_ONCE: Final = 100_000
_NEXT: Final = f"SELECT id FROM backlog WHERE id > %s ORDER BY id OFFSET {_AT_ONCE - 1} LIMIT 1"

# What PostgreSQL does not know to hold for every row: an upgrade leaves what was there before.
_UNSURE: Final = r"""
SELECT relname, attname,
    regexp_replace(pg_get_expr(conbin, 0), '\mVALUE\M', quote_ident(attname), 'g')
FROM pg_constraint
JOIN pg_attribute ON atttypid = contypid AND NOT attisdropped
JOIN pg_class ON pg_class.oid = attrelid AND relkind = 'r'
WHERE contypid <> 0 AND NOT convalidated AND attrelid = ANY (ARRAY(
    SELECT to_regclass(name) FROM unnest(%s::text[]) AS name))
UNION ALL
SELECT relname, 'name', pg_get_expr(conbin, conrelid)
FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
WHERE conrelid = to_regclass('backlog_rule') AND contype = 'c' AND NOT convalidated
ORDER BY 1, 2"""

# What a row is called: a card, or what a rule is about.
_CALLED: Final = {"backlog": "id", "backlog_ended_run": "card_id", "backlog_rule": "name"}

# So near to its end, somebody has set it.
_NEAR: Final = MOST_COUNTED // 20 * 19
_NEAR_ID: Final = (2**63 - 1) // 20 * 19

_COUNTERS: Final = f"""
SELECT 'backlog', id, counter, value FROM backlog CROSS JOIN LATERAL (
    VALUES ('attempts', attempts), ('block_count', block_count)) AS counters (counter, value)
WHERE greatest(attempts, block_count) >= {_NEAR} AND value >= {_NEAR}
UNION ALL
SELECT 'backlog_deleted', id, 'attempts', attempts FROM backlog_deleted WHERE attempts >= {_NEAR}
UNION ALL
SELECT log, '', 'id', pg_sequence_last_value(pg_get_serial_sequence(log, 'id')::regclass)
FROM unnest(ARRAY['backlog_event', 'backlog_ended_run', 'backlog_verdict']) AS log
WHERE pg_sequence_last_value(pg_get_serial_sequence(log, 'id')::regclass) >= {_NEAR_ID}
ORDER BY 1, 2"""


def _beyond(session: Session) -> Iterator[tuple[str, str, str]]:
    for table, column, is_right in session.execute(_UNSURE, (list(_CALLED),)):
        sql = f"SELECT DISTINCT {_CALLED[table]} FROM {table} WHERE NOT ({is_right}) ORDER BY 1"
        for (name,) in in_pages(session, sql.replace("%", "%%")):
            yield table, name, f"{column} is longer than it may be now"
    for table, name, counter, value in session.execute(_COUNTERS):
        yield table, name, f"{counter} has come to {value}, near the end of what can be counted"


# In the order of `Check`.
_DERIVED: Final = {"counts": _COUNTS, "edges": _EDGES, "claims": _CLAIMS, "words": _WORDS}


def differences(
    session: Session, progress: Progress = lambda stage, done, total: None
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Count everything again that triggers keep: pairs of a part of `Check` and a row of it.

    In the order of those parts. Reads only, so many cards at a time, each card in one snapshot;
    `progress` is told how far it is.
    """
    total = number(session)
    ranges = list(_ranges(session))
    for part, sql in _DERIVED.items():
        for done, (low, high) in enumerate(ranges):
            progress(f"cards, {part}", min(done * _AT_ONCE, total), total)
            with no_nested_loops(session):
                rows = session.execute(*of_range(sql, low, high))
            yield from ((part, row) for row in rows)
    yield from (("limits", row) for row in _beyond(session))


def number(session: Session) -> int:
    """How many cards there are."""
    return int(session.execute("SELECT count(*) FROM backlog").fetchone()[0])


def _ranges(session: Session) -> Iterator[tuple[str, str | None]]:
    """All ids: what each range is above, and what it ends with (None: with the last)."""
    low = ""
    while row := session.execute(_NEXT, (low,)).fetchone():
        yield low, row[0]
        low = row[0]
    yield low, None


def of_range(sql: str, low: str, high: str | None) -> tuple[str, list[str]]:
    """One of the statements, about the ids above `low`, up to `high`; and its parameters."""
    ends = [low] if high is None else [low, high]
    for column in ("backlog.id", "card_id"):
        within = f"{column} > %s" if high is None else f"{column} > %s AND {column} <= %s"
        sql = sql.replace(f"{{{column}}}", within)
    return sql, ends * (sql.count("%s") // len(ends))


def recount(session: Session) -> Check:
    """All `differences` together."""
    found = Check(number(session), [], [], [], [], [])
    for part, row in differences(session):
        getattr(found, part).append(tuple(row))
    return found
