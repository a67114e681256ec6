"""What has to happen to cards when their time comes, and nobody does it: one pass of it.

Any number of passes may run at once: each takes what no other holds at that moment.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from backlog.session import Session, in_statement
from backlog.verbs import beside, doctor, flow, moves, pool, search, spend
from backlog.verbs.archive import archive_older
from backlog.verbs.kept import keep
from backlog.verbs.overdue import end_overruns

_BATCH: Final = 10_000
# Of the words of new cards, in one pass: 100,000 cards. More, and expired claims would wait.
_MOST_WORDS: Final = 100

# What is older than so many days. Ids follow time closely enough to say where that ends.
_SPAN: Final = """
SELECT min(id), max(id) FROM {table} WHERE {moment} < now() - make_interval(days => %s)"""

# Of cards that are done or gone. What is said of an open one is what its next worker, or whoever is
# to unblock it, has to go by: it is kept whole.
_PRUNE: Final = """
DELETE FROM {table} AS old WHERE id BETWEEN %s AND %s
    AND {moment} < now() - make_interval(days => %s)
    AND NOT EXISTS (SELECT FROM backlog WHERE id = old.card_id AND status <> 'done'){kept}"""

_EVENTS: Final = {"table": "backlog_event", "moment": "at", "kept": ""}

# Whoever waits for a card will read what came of it.
_RUNS: Final = {
    "table": "backlog_ended_run",
    "moment": "ended_at",
    "kept": """
    AND NOT EXISTS (
        SELECT FROM backlog_dependency edge JOIN backlog waiting ON waiting.id = edge.card_id
        WHERE edge.dependency_id = old.card_id AND waiting.status <> 'done')""",
}


class Swept(NamedTuple):
    """What a pass did: ids of reclaimed cards, how many woke, how much was pruned; ids of those
    that ran too long, how many were archived; what the chores of other apps did (`beside.CHORES`).
    """

    reclaimed: list[str]
    woken: int
    events: int
    runs: int
    overrun: Sequence[str] = ()
    archived: int = 0
    others: Mapping[str, Sequence[str]] = {}


def sweep(session: Session, retention_days: int = 0, archive_days: int = 0) -> Swept:
    """Reclaim expired claims, give back what ran too long, wake held cards that are due, forget
    what is older than so many days, archive what has been done for so many; do the chores of
    other apps, and make the words that searches look through.

    0 keeps everything, and archives nothing. Events and runs go only with cards that are done or
    deleted, and the runs of a card not while another waits for it.
    """
    done = Swept(
        moves.reclaim(session),
        _wake(session),
        _prune(session, _EVENTS, retention_days),
        _prune(session, _RUNS, retention_days),
        tuple(end_overruns(session)),
        archive_older(session, archive_days) if archive_days else 0,
        beside.done(session),
    )
    any(not search.make_words(session) for _ in range(_MOST_WORDS))  # until there are none
    return done


_LOOKS: Final = {doctor.NAME: doctor.look, flow.NAME: flow.look, spend.NAME: spend.look}


def look(session: Session, *, paced: bool = False) -> None:
    """Look, for others, at what takes long to look at in a large backlog, and keep what is seen.

    `paced`: only if it is time to.
    """
    for name, at in _LOOKS.items():
        keep(session, name, at, paced=paced)


def _wake(session: Session) -> int:
    woken = 0
    while some := pool.wake(session):
        woken += some
    return woken


def _prune(session: Session, what: dict[str, str], days: int) -> int:
    """In batches of ids, each a transaction: neither long nor in anybody's way."""
    if not days:
        return 0
    low, high = session.execute(_SPAN.format(**what), (days,)).fetchone()
    if low is None:
        return 0
    return sum(_prune_batch(session, what, first, days) for first in range(low, high + 1, _BATCH))


@in_statement
def _prune_batch(session: Session, what: dict[str, str], first: int, days: int) -> int:
    return session.execute(_PRUNE.format(**what), (first, first + _BATCH - 1, days)).rowcount
