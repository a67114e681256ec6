"""Each lock of the triggers: two transactions that count wrongly without it, and rightly with it.

A scenario returns what `check` finds drifted afterwards. It is run as the database is, and with
one function replaced by a mutant that lacks the lock.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import Any

import psycopg
import pytest

from backlog.session import PsycopgSession
from backlog.store import storage
from backlog.verbs import cards, check, claims, moves
from tests.workers import Background

Drift = list[tuple[str, int, int]]
Verb = Callable[[PsycopgSession], Any]

# Of X: what is kept and what is right.
STRANDED = [("X", 1, 0)]
PREMATURE = [("X", 0, 1)]


class Scenario:
    """Connections enough for one interleaving."""

    def __init__(self, card: Any, sessions: Callable[[], PsycopgSession]) -> None:
        self.card = card
        self.one, self.two, self.three = sessions(), sessions(), sessions()

    def drift(self) -> Drift:
        return check.recount(self.one).counts

    def meanwhile(self, verb: Callable[..., Any], *args: Any) -> Background:
        """Start the verb on the second connection and see it wait or end."""
        started = Background(self.two, verb, *args)
        started.waits()
        return started

    def race(self, first: Verb, second: Verb) -> Drift:
        """The second begins when the first has acted and is not committed yet."""
        with self.one.transaction():
            first(self.one)
            started = self.meanwhile(second)
        started.result()
        return self.drift()


Play = Callable[[Scenario], Drift]


@pytest.fixture
def scenario(card: Any, sessions: Any) -> Scenario:
    return Scenario(card, sessions)


@pytest.fixture
def mutate(store: None) -> Iterator[Callable[[str, str, str], None]]:
    """Replaces a part of a database function: `mutate(name, old, new)`; undone afterwards."""
    kept = []
    with closing(storage.from_environment().connect()) as connection:

        def replace(function: str, old: str, new: str) -> None:
            sql = "SELECT pg_get_functiondef(%s::regproc)"
            definition = connection.execute(sql, (function,)).fetchone()[0]
            assert old in definition
            kept.append(definition)
            connection.execute(definition.replace(old, new))

        yield replace
        for definition in reversed(kept):
            connection.execute(definition)


def create_dependent(session: PsycopgSession) -> None:
    cards.create(session, "X", "Waits for A", depends_on=["A"])


def insert_done(session: PsycopgSession) -> None:
    session.execute("INSERT INTO backlog (id, title, status) VALUES ('A', 'Done already', 'done')")


def delete(session: PsycopgSession) -> None:
    session.execute("DELETE FROM backlog WHERE id = 'A'")


def reopen_what_is_being_created_and_depended_on(scenario: Scenario) -> Drift:
    """The link has found its target missing, waits for its creation and then goes on."""
    scenario.card("W", needs=["A"])  # or the word of a first dependent would lock it
    reopening: list[Background] = []

    def depend(session: PsycopgSession) -> None:
        with session.transaction():
            create_dependent(session)
            reopening.append(Background(scenario.three, moves.reopen, "A"))
            reopening[0].waits()

    scenario.race(insert_done, depend)
    reopening[0].result()
    return scenario.drift()


def race(given: dict[str, Any], first: Verb, second: Verb) -> Play:
    """What two verbs at once do to the cards that there are."""

    def play(scenario: Scenario) -> Drift:
        for card_id, fields in given.items():
            scenario.card(card_id, **fields)
        return scenario.race(first, second)

    return play


finish = partial(moves.complete, card_id="A")
finish_other = partial(moves.complete, card_id="B")
reopen = partial(moves.reopen, card_id="A")

# Somebody waits for A already; the first that does is told of below.
FORMER = {"W": {"needs": ["A"]}}
READY, DONE = {"A": {}, **FORMER}, {"A": {"done": True}, **FORMER}
OTHERS = {"B": {}, "X": {"needs": ["A", "B"]}}

PLAYS: dict[str, Play] = {
    # Both finish at once: the second sees the first undone when it begins.
    "finish two dependencies": race({**READY, **OTHERS}, finish, finish_other),
    "finish one while another is reopened": race({**DONE, **OTHERS}, reopen, finish_other),
    "depend on what is being finished": race(READY, finish, create_dependent),
    "finish what is being depended on": race(READY, create_dependent, finish),
    "delete what is being depended on": race(DONE, create_dependent, delete),
    "depend on what is being created": race({}, insert_done, create_dependent),
    "create what is being depended on": race({}, create_dependent, insert_done),
    "reopen what is being created and depended on": reopen_what_is_being_created_and_depended_on,
}

LOCK_DEPENDENTS = "PERFORM FROM backlog WHERE id = ANY (dependents) ORDER BY id FOR NO KEY UPDATE;"
COUNT = "backlog_count_open(ARRAY(SELECT jsonb_array_elements_text(depends_on)))"
COUNT_IN_THE_STATEMENT = """(SELECT count(*)::integer
    FROM jsonb_array_elements_text(depends_on) d (id)
    WHERE NOT EXISTS (SELECT FROM backlog b WHERE b.id = d.id AND b.status = 'done'))"""

Mutant = list[tuple[str, str, str]]  # function, a part of it, what stands there instead

# The lock alone is not missed here: a volatile function counts with a snapshot of its own, after
# the wait. What is missed is both.
NO_LOCK_ON_DEPENDENTS: Mutant = [
    ("backlog_recount_dependents", LOCK_DEPENDENTS, ""),
    ("backlog_recount_dependents", COUNT, COUNT_IN_THE_STATEMENT),
]
NO_LOCK_ON_DEPENDENCIES: Mutant = [("backlog_lock_target", "FOR SHARE", "")]
NO_LOCK_ON_A_MISSING_ID: Mutant = [("backlog_lock_targets", "PERFORM backlog_lock_id(target);", "")]
NO_LOCK_ON_CREATION: Mutant = [("backlog_before_insert", "PERFORM backlog_lock_id(NEW.id);", "")]
NO_SECOND_LOOK: Mutant = [
    (
        "backlog_lock_targets",
        "(target);\n            PERFORM backlog_lock_target(target);",
        "(target);",
    )
]

MUTANTS = [
    ("finish two dependencies", NO_LOCK_ON_DEPENDENTS, STRANDED),
    ("finish one while another is reopened", NO_LOCK_ON_DEPENDENTS, PREMATURE),
    ("depend on what is being finished", NO_LOCK_ON_DEPENDENCIES, STRANDED),
    ("finish what is being depended on", NO_LOCK_ON_DEPENDENCIES, STRANDED),
    ("delete what is being depended on", NO_LOCK_ON_DEPENDENCIES, PREMATURE),
    ("depend on what is being created", NO_LOCK_ON_A_MISSING_ID, STRANDED),
    ("create what is being depended on", NO_LOCK_ON_A_MISSING_ID, STRANDED),
    ("depend on what is being created", NO_LOCK_ON_CREATION, STRANDED),
    ("create what is being depended on", NO_LOCK_ON_CREATION, STRANDED),
    ("reopen what is being created and depended on", NO_SECOND_LOOK, PREMATURE),
]


@pytest.mark.parametrize("play", PLAYS.values(), ids=PLAYS)
def test_the_count_is_right(play, scenario):
    assert play(scenario) == []


@pytest.mark.parametrize(("play", "mutant", "drift"), MUTANTS)
def test_the_count_is_wrong_without(play, mutant, drift, scenario, mutate):
    for part in mutant:
        mutate(*part)
    assert PLAYS[play](scenario) == drift


def second_dependent_is_free(scenario: Scenario) -> bool:
    """While a finish waits for the first dependent in id order: is the second not locked yet?"""
    # In one statement, so that they lie in this order: none gets the place of a version of before.
    scenario.one.execute(
        """INSERT INTO backlog (id, title, depends_on)
        VALUES ('A', 'A', '[]'), ('Y', 'Y', '["A"]'), ('X', 'X', '["A"]')"""
    )
    scenario.two.execute("SET enable_indexscan = off")  # else it has the order by chance
    with scenario.one.transaction():
        scenario.one.execute("SELECT FROM backlog WHERE id = 'X' FOR UPDATE")
        second = scenario.meanwhile(moves.complete, "A")
        sql = "SELECT id FROM backlog WHERE id = 'Y' FOR UPDATE SKIP LOCKED"
        free = scenario.one.execute(sql).fetchone() is not None
    second.result()
    return free


def test_dependents_are_locked_in_id_order(scenario):
    assert second_dependent_is_free(scenario)


def test_dependents_are_locked_in_any_order_without_their_lock(scenario, mutate):
    mutate("backlog_recount_dependents", LOCK_DEPENDENTS, "")
    assert not second_dependent_is_free(scenario)


def first_dependents(scenario: Scenario) -> list[Background]:
    """Two cards get their first dependent, each from two at once that have found it so."""
    scenario.card("A")
    insert = """INSERT INTO backlog (id, title, depends_on)
        SELECT %s || n, 'After ' || n || coalesce(pg_advisory_xact_lock_shared(n)::text, ''), needs
        FROM (VALUES (0, '["A"]'::jsonb), (1, '[]')) AS new (n, needs)"""
    with scenario.one.transaction():
        scenario.one.execute("SELECT pg_advisory_xact_lock(1)")
        both = [
            Background(session, PsycopgSession.execute, insert, (name,))
            for session, name in ((scenario.two, "X"), (scenario.three, "Y"))
        ]
        for each in both:
            each.waits()
    return both


def test_two_first_dependents_at_once_wait_for_each_other_one_way(scenario):
    for each in first_dependents(scenario):
        each.result()
    assert scenario.drift() == []


def test_two_first_dependents_at_once_wait_both_ways_without_their_lock(scenario, mutate):
    mutate("backlog_lock_target", "FOR NO KEY UPDATE", "FOR SHARE")
    errors = [each.error() for each in first_dependents(scenario)]
    assert [type(each) for each in errors if each] == [psycopg.errors.DeadlockDetected]


def test_who_is_created_after_its_dependents_knows_of_them(scenario):
    create_dependent(scenario.one)
    scenario.card("A", done=True)
    assert scenario.drift() == []


# An older snapshot than READ COMMITTED's does not show whom a change concerns: it is refused. So
# is, by PostgreSQL, a change of what somebody began to wait for since.

REFUSED = (psycopg.errors.InvalidTransactionState, psycopg.errors.SerializationFailure)

ISOLATION = ["REPEATABLE READ", "SERIALIZABLE"]
GRAPH_CHANGES = {
    "link": "UPDATE backlog SET depends_on = '[\"A\"]' WHERE id = 'X'",
    "wait for a missing id": "UPDATE backlog SET depends_on = '[\"none\"]' WHERE id = 'X'",
    "create a dependent": "INSERT INTO backlog (id, title, depends_on) VALUES ('Y', 'y', '[\"A\"]')",  # noqa: E501 (one statement a line)
    "create as done": "INSERT INTO backlog (id, title, status) VALUES ('Z', 'z', 'done')",
    "finish": "UPDATE backlog SET status = 'done' WHERE id = 'A'",
    "reopen": "UPDATE backlog SET status = 'ready' WHERE id = 'D'",
    "delete what was done": "DELETE FROM backlog WHERE id = 'D'",
}


@contextmanager
def older_snapshot(session: PsycopgSession, level: str) -> Iterator[None]:
    with session.transaction():
        session.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        session.execute("SELECT FROM backlog")
        yield


def change_in_an_older_snapshot(scenario: Scenario, level: str, change: str) -> None:
    with older_snapshot(scenario.one, level):
        for target in "A", "D", "Z":  # the snapshot does not see who waits for them
            cards.create(scenario.two, f"after {target}", "Later", depends_on=[target])
        scenario.one.execute(change)


@pytest.mark.parametrize("level", ISOLATION)
@pytest.mark.parametrize("change", GRAPH_CHANGES.values(), ids=GRAPH_CHANGES)
def test_an_older_snapshot_cannot_change_the_graph(change, level, scenario):
    for card_id in "A", "D", "X":
        scenario.card(card_id, done=card_id == "D")
    with pytest.raises(REFUSED):
        change_in_an_older_snapshot(scenario, level, change)
    assert scenario.drift() == []


@pytest.mark.parametrize("level", ISOLATION)
def test_an_older_snapshot_may_claim_and_release(level, scenario):
    scenario.card("A")
    with older_snapshot(scenario.one, level):
        claims.claim(scenario.one, "w")
        moves.release(scenario.one, "A", "w")
    assert cards.show(scenario.one, "A").attempts == 1


# `(id, attempts)` names one claim for ever, also when an id is deleted and used again meanwhile.


def test_an_id_used_again_while_it_is_deleted_continues_its_attempts(scenario):
    scenario.card("A", claimed=True)
    moves.release(scenario.one, "A")
    with scenario.one.transaction():
        cards.delete(scenario.one, "A")
        second = scenario.meanwhile(cards.create, "A", "Again")
    second.result()
    assert claims.claim(scenario.one, "w").card.attempts == 2


@pytest.mark.parametrize("level", ISOLATION)
def test_an_id_used_again_in_an_older_snapshot_continues_its_attempts_or_is_refused(
    level, scenario
):
    scenario.card("A", claimed=True)
    moves.release(scenario.one, "A")
    with suppress(psycopg.Error), older_snapshot(scenario.two, level):
        cards.delete(scenario.one, "A")
        scenario.two.execute("INSERT INTO backlog (id, title) VALUES ('A', 'Again')")
    again = claims.claim(scenario.one, "w").card
    assert again is None or again.attempts == 2
