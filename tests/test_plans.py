"""What a verb reads does not grow with the backlog, however old the planner's statistics are.

100,000 cards: half are done, and ready cards of a higher priority wait in front of those that can
be claimed. Counted are the pages that a verb touches, its triggers included; then it is undone.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import psycopg
import pytest

from backlog.session import PsycopgSession, Result
from backlog.store import storage
from backlog.verbs import batches, cards, claims, moves, pool
from backlog.verbs.batches import Held

MOST_PAGES = 60
PER_DEPENDENT = 20  # more, for each card that is counted again
PER_TARGET = 10  # more, for each card that is told of its first dependent
PER_VERB = {"create": 10}  # more, for the note that its words are to be made

# Cards by their number: claimed, claimable, waiting (for c00001 or one of fifty others), done.
NOW = """CASE WHEN n < 100 THEN 'claimed' WHEN n < 50000 THEN 'ready' ELSE 'done' END,
    CASE WHEN n BETWEEN 200 AND 202 THEN '["c00001"]'::jsonb
        WHEN n BETWEEN 203 AND 49999 THEN jsonb_build_array('c000' || 50 + n % 50)
        ELSE '[]' END"""
ALL_READY = "'ready', '[]'::jsonb"
NOTHING_DONE = NOW.replace("'done'", "'ready'").replace("49999", "99999")

# Without triggers, so that it takes seconds; what they derive is written here.
LOAD = """
INSERT INTO backlog (id, title, priority, status, depends_on, open_dependencies,
    claim_owner, claim_ttl_seconds, claimed_at, claim_expires_at, attempts, has_dependents)
SELECT 'c' || to_char(n, 'FM00000'), 'Card', jsonb_array_length(needs), status, needs,
    jsonb_array_length(needs),
    CASE WHEN held THEN 'w' END, CASE WHEN held THEN 86400 END,
    CASE WHEN held THEN now() END, CASE WHEN held THEN now() + interval '1 day' END, 1,
    n = 1 OR n BETWEEN 50 AND 99
FROM generate_series(0, 99999, {step}) AS n, LATERAL (SELECT {shape}) AS shape (status, needs),
    LATERAL (SELECT status = 'claimed') AS claim (held)"""
LOAD_EDGES = """
INSERT INTO backlog_dependency (card_id, dependency_id)
SELECT id, jsonb_array_elements_text(depends_on) FROM backlog"""

# Emptied with the events of whatever tests came before: each level of their index is a page more.
TABLES = ("backlog", "backlog_dependency", "backlog_deleted", "backlog_event", "backlog_ended_run")
EMPTY = f"TRUNCATE {', '.join(TABLES)}"
ANALYZE = f"ANALYZE {', '.join(TABLES)}"

STATISTICS = {
    "of an empty table": None,
    "from when all were ready": ALL_READY,
    "from when nothing was done": NOTHING_DONE,
    "of now": NOW,
}


def load(connection: psycopg.Connection[Any], shape: str, step: int = 1) -> None:
    connection.execute(EMPTY)
    connection.execute("SET session_replication_role = replica")
    connection.execute(LOAD.format(shape=shape, step=step))
    connection.execute(LOAD_EDGES)
    connection.execute("RESET session_replication_role")


@pytest.fixture(scope="module", params=STATISTICS.values(), ids=STATISTICS)
def backlog(request: pytest.FixtureRequest, django_db_setup: None) -> Iterator[None]:
    """The 100,000 cards under one kind of statistics."""
    with closing(storage.from_environment().connect()) as connection:
        connection.execute("SET allow_system_table_mods = on")
        for table in TABLES:
            sql = "DELETE FROM pg_statistic WHERE starelid = %s::regclass"
            connection.execute(sql, (table,))
        connection.execute("ALTER TABLE backlog SET (autovacuum_enabled = false)")
        connection.execute(EMPTY)
        if request.param is not None:
            load(connection, request.param, step=1 if request.param is NOW else 10)
        connection.execute(ANALYZE)
        if request.param is not NOW:
            load(connection, NOW)
        yield
        connection.execute(EMPTY)
        connection.execute(ANALYZE)
        connection.execute("ALTER TABLE backlog RESET (autovacuum_enabled)")


Verb = Callable[[PsycopgSession], Any]
VERBS: dict[str, Verb] = {
    "claim": lambda s: claims.claim(s, "w").card,
    "claim by id": lambda s: claims.claim(s, "w", card_id="c00150").card,
    "claim by id of what waits": lambda s: claims.claim(s, "w", card_id="c30000").card,
    "complete": lambda s: moves.complete(s, "c00000", "w", 1),
    "complete and claim": lambda s: claims.complete_and_claim(s, "c00000", "w", 1)[1].card,
    "block": lambda s: moves.block(s, "c00000"),
    "reopen": lambda s: moves.reopen(s, "c70000"),
    "release": lambda s: moves.release(s, "c00000", "w"),
    "renew": lambda s: moves.renew(s, "c00000", "w", 1),
    "reclaim of nothing": moves.reclaim,
    "reclaim by id": lambda s: moves.reclaim_card(s, "c00000"),
    "create": lambda s: cards.create(s, "new", "New"),
    "unlink": lambda s: cards.unlink(s, "c00200", "c00001"),
    "show": lambda s: cards.show(s, "c30000"),
    "explain": lambda s: pool.explain(s, "c30000"),
}
# With the search for a cycle.
NEW_EDGES: dict[str, Verb] = {
    "link": lambda s: cards.link(s, "c00150", "c70000"),
    "create": lambda s: cards.create(s, "new", "New", depends_on=["c70000", "c00000"]),
    "edit": lambda s: cards.edit(s, "c00150", depends_on=["c70000"]),
}

# Indexes without an entry here: they have no root that a session could remember, so that each plan
# reads their first page.
EMPTY_INDEXES = ("backlog_role_queue", "backlog_rule_due", "backlog_idempotency_key")
MOST_OF_AN_EMPTY_INDEX = 12

TOUCHED = """
SELECT relname, pg_stat_get_xact_blocks_fetched(oid) FROM pg_class
WHERE starts_with(relname, 'backlog')"""


@pytest.fixture
def connection(backlog: None) -> Iterator[psycopg.Connection[Any]]:
    with closing(storage.from_environment().connect()) as opened:
        opened.prepare_threshold = 0
        yield opened


def pages(session: PsycopgSession, verb: Verb, cards: int = 1) -> int:
    touched = []
    with session.transaction():
        for act in (lambda _: None, verb):
            act(session)
            touched.append(dict(session.execute(TOUCHED).fetchall()))
        raise psycopg.Rollback
    before, after = touched
    more = {name: after[name] - before[name] for name in after}
    assert max(more.pop(name) for name in EMPTY_INDEXES) <= cards * MOST_OF_AN_EMPTY_INDEX
    return sum(more.values())


@pytest.mark.parametrize(
    ("verbs", "targets"), [(VERBS, 0), (NEW_EDGES, 2)], ids=["verbs", "new edges"]
)
@pytest.mark.parametrize("plans", ["force_custom_plan", "force_generic_plan"])
def test_a_verb_touches_few_pages(plans, verbs, targets, connection):
    connection.execute(f"SET plan_cache_mode = {plans}")
    session = PsycopgSession(connection)
    touched = {name: pages(session, verb) for name, verb in verbs.items()}
    most = MOST_PAGES + targets * PER_TARGET
    above = {name: n - most - PER_VERB.get(name, 0) for name, n in touched.items()}
    assert {name: n for name, n in above.items() if n > 0} == {}


def test_a_dependent_costs_a_few_pages_more(connection):
    touched = pages(PsycopgSession(connection), lambda s: moves.complete(s, "c00001"))
    assert touched <= MOST_PAGES + 3 * PER_DEPENDENT


COMPLETE_AND_CLAIM = partial(batches.complete_many_and_claim, count=20)


@pytest.mark.parametrize("verb", [batches.complete_many, batches.renew_many, COMPLETE_AND_CLAIM])
@pytest.mark.parametrize("plans", ["force_custom_plan", "force_generic_plan"])
def test_a_card_of_a_batch_costs_few_pages(plans, verb, connection):
    connection.execute(f"SET plan_cache_mode = {plans}")
    held = [Held(f"c{n:05}", 1) for n in range(2, 22)]
    assert pages(PsycopgSession(connection), partial(verb, cards=held, owner="w"), 20) <= (
        20 * MOST_PAGES
    )


class Costs(PsycopgSession):
    """A session that asks for the estimated cost of each statement before it runs it."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        super().__init__(connection)
        self.found: list[float] = []

    def execute(self, sql: str, params: Sequence[Any] = ()) -> Result:
        self._explain(sql, params)
        return super().execute(sql, params)

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        self._explain(sql, params)
        return super().rows(sql, params)

    def _explain(self, sql: str, params: Sequence[Any]) -> None:
        plan = super().execute(f"EXPLAIN (FORMAT JSON) {sql}", params).fetchone()
        self.found.append(plan[0][0]["Plan"]["Total Cost"])


def test_no_verb_is_worth_compiling(connection):
    limit = float(connection.execute("SHOW jit_above_cost").fetchone()[0])
    session = Costs(connection)
    # Held, so that one statement does it; how many they are, no estimate knows.
    held = [Held(f"c{n:05}", 1) for n in range(2, 22)]
    verbs = (batches.complete_many, batches.renew_many, COMPLETE_AND_CLAIM)
    many = [partial(verb, cards=held, owner="w") for verb in verbs]
    for verb in (*VERBS.values(), *many):
        with session.transaction():
            verb(session)
            raise psycopg.Rollback
    assert max(session.found) < limit
