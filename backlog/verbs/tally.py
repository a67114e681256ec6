"""What has happened so far, counted once: every event and every run, whatever is forgotten later.

The sums are kept beside the number of the last event and the last run that are in them. A number is
taken before its row can be seen, so numbers are counted up to where the last look found them, and
only when every transaction that had one by then has ended: nothing is counted twice, and nothing is
missed, however long a transaction takes.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from operator import add
from typing import Any, Final, NamedTuple

from backlog.session import Session, in_statement

# What is kept of it, in `backlog_kept`.
NAME: Final = "tally"


class Spent(NamedTuple):
    """How many runs there were, and what they took: seconds, tokens, and the fleet's currency."""

    runs: int = 0
    seconds: float = 0.0
    tokens: int = 0
    cost: Decimal = Decimal(0)


class Tally(NamedTuple):
    """Since the first event and run that were kept as somebody looked for the first time.

    `events` by verb, `runs` by outcome.
    """

    events: Mapping[str, int]
    runs: Mapping[str, Spent]


class _Mark(NamedTuple):
    """The last event and the last run that had a number, and a transaction that began later."""

    event: int = 0
    run: int = 0
    transaction: int = 0


# The event first. A run takes its number before the event of the same change does, so that of a run
# beyond this mark the event is beyond it, too.
_LAST: Final = """
SELECT coalesce(pg_sequence_last_value(
    pg_get_serial_sequence(%s, 'id')::regclass), 0), pg_is_in_recovery()
    OR current_setting('transaction_read_only')::boolean"""

_BEGIN: Final = """
INSERT INTO backlog_kept (name, begun_at) VALUES (%s, statement_timestamp())
ON CONFLICT (name) DO NOTHING"""

# A transaction of another server's, that the sums were brought from, is over.
_READ: Final = """
SELECT content::text, pg_current_xact_id()::text,
    (content #>> '{seen,2}')::xid8 <= pg_snapshot_xmin(pg_current_snapshot())
        OR (content #>> '{seen,2}')::xid8 > pg_snapshot_xmax(pg_current_snapshot())
FROM backlog_kept WHERE name = %s FOR UPDATE"""

_WRITE: Final = """
UPDATE backlog_kept SET (made_at, seconds, content) = (statement_timestamp(), 0, %s::jsonb)
WHERE name = %s"""

_EVENTS: Final = """
SELECT verb, count(*) FROM backlog_event WHERE id > %s AND id <= %s GROUP BY verb"""

# No index has the runs in the order of their numbers, as none has the events: but the ranges of
# blocks find these, and they name the cards whose runs are looked at.
_RUNS: Final = """
SELECT outcome, count(*), sum(extract(epoch FROM ended_at - started_at)),
    coalesce(sum(tokens), 0), coalesce(sum(cost), 0)
FROM backlog_ended_run WHERE id > %s AND id <= %s{cards} GROUP BY outcome"""
_OF_CHANGED: Final = """
    AND card_id = ANY (ARRAY(SELECT DISTINCT card_id FROM backlog_event WHERE id > %s))"""


def tally(session: Session) -> Tally | None:
    """Count what has come since the last look, up to a look ago.

    None: it was looked for the first time; of a standby, what its primary has counted.
    """
    event, is_standby = session.execute(_LAST, ("backlog_event",)).fetchone()
    run, _ = session.execute(_LAST, ("backlog_ended_run",)).fetchone()
    kept = session.execute("SELECT content::text FROM backlog_kept WHERE name = %s", (NAME,))
    row = kept.fetchone()
    content = json.loads(row[0]) if row and row[0] else None
    if not is_standby and (content is None or content["counted"][:2] != [event, run]):
        content = _count(session, event, run)
    return _told(content) if content and content["counted"][:2] != [0, 0] else None


@in_statement
def _count(session: Session, event: int, run: int) -> Any:
    """Count up to the mark of the last look, if what was under way then is over; mark this one."""
    with session.transaction():
        session.execute(_BEGIN, (NAME,))
        said, transaction, is_over = session.execute(_READ, (NAME,)).fetchone()
        now = _Mark(event, run, int(transaction))
        content = json.loads(said) if said else {"events": {}, "runs": {}, "counted": _Mark()}
        if said and not is_over:
            return content
        if said:
            _add(session, content)
        content["seen"] = now
        written = json.dumps(content, default=str)
        session.execute(_WRITE, (written, NAME))
    return json.loads(written)


def _add(session: Session, content: Any) -> None:
    counted, seen = _Mark(*content["counted"]), _Mark(*content["seen"])
    events = defaultdict(int, content["events"])
    for verb, number in session.execute(_EVENTS, (counted.event, seen.event)):
        events[verb] += number
    runs = {outcome: _spent(*sums) for outcome, sums in content["runs"].items()}
    params: tuple[int, ...] = (counted.run, seen.run)
    cards = ""
    if counted.event:  # else it is all of them
        cards, params = _OF_CHANGED, (*params, counted.event)
    for outcome, *more in session.execute(_RUNS.format(cards=cards), params):
        runs[outcome] = Spent(*map(add, runs.get(outcome, Spent()), _spent(*more)))
    content.update(events=events, runs=runs, counted=seen)


def _spent(runs: Any, seconds: Any, tokens: Any, cost: Any) -> Spent:
    return Spent(int(runs), float(seconds), int(tokens), Decimal(cost))


def _told(content: Any) -> Tally:
    runs = {outcome: _spent(*sums) for outcome, sums in content["runs"].items()}
    return Tally(content["events"], runs)
