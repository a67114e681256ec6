"""Who worked when: the runs of each worker, as far apart as a picture can show them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from backlog.planner import few
from backlog.session import Session

# As many workers have a row; into as many columns the time is cut.
MOST_WORKERS: Final = 20
COLUMNS: Final = 240

# What a claim is beside the outcomes of runs: under its lease, or beyond it.
AT_WORK: Final = "at work"
LATE: Final = "late"


class Row(NamedTuple):
    """One worker: how many runs by outcome, and by outcome when they went on.

    The latter as pairs of columns, the first and the one after the last; what is next to each
    other, or at the same time, is one.
    """

    owner: str
    runs: dict[str, int]
    bars: dict[str, list[tuple[int, int]]]


class Timeline(NamedTuple):
    """Rows of the workers, who holds a card first, then who ended a run last; of how many workers.

    `since` is the left edge of the first column, `until` the right one of the last: now.
    """

    since: datetime
    until: datetime
    rows: list[Row]
    workers: int

    @property
    def more(self) -> int:
        """How many workers have no row."""
        return self.workers - len(self.rows)


# A run by hand takes no time.
_ENDED: Final = """
    SELECT owner, outcome, started_at, ended_at FROM backlog_ended_run, asked
    WHERE ended_at >= to_timestamp(begun) AND attempt IS NOT NULL"""
_GIVEN: Final = f"""
    SELECT who AS owner, given.* FROM asked, {few("%s::text[]", *2 * ["%s::timestamptz[]"])}
        AS given (outcome, started_at, ended_at)"""

# A claim is read from its card: it says whether the lease is over.
_COLUMN: Final = f"width_bucket(date_part('epoch', {{}}), begun, over, {COLUMNS})"
_TIMELINE: Final = f"""
WITH asked (begun, over, who) AS (SELECT %s::float8, %s::float8, %s::text), run AS ({{ended}}
    UNION ALL
    SELECT claim_owner, CASE WHEN claim_expires_at > now() THEN '{AT_WORK}' ELSE '{LATE}' END,
        status_changed_at, to_timestamp(over)
    FROM backlog, asked WHERE claim_expires_at IS NOT NULL AND (who IS NULL OR claim_owner = who)
), bar AS (
    SELECT owner, outcome, count(*) AS runs, max(ended_at) AS last, range_agg(int4range(
        least(greatest({_COLUMN.format("least(started_at, ended_at)")}, 1), {COLUMNS}) - 1,
        least({_COLUMN.format("ended_at")}, {COLUMNS}))) AS columns
    FROM run, asked GROUP BY owner, outcome
), worker AS (
    SELECT owner, bool_or(outcome IN ('{AT_WORK}', '{LATE}')) AS holds, max(last) AS last
    FROM bar GROUP BY owner
), first AS (
    SELECT * FROM worker ORDER BY holds DESC, last DESC, owner LIMIT {MOST_WORKERS}
)
SELECT owner, outcome, runs, ARRAY(SELECT ARRAY[lower(each), upper(each)]
    FROM unnest(columns) AS each), (SELECT count(*) FROM worker)
FROM first JOIN bar USING (owner) ORDER BY holds DESC, first.last DESC, owner, outcome"""


def timeline(
    session: Session,
    since: datetime,
    owner: str | None = None,
    ended: Iterable[tuple[str, datetime, datetime]] = (),
) -> Timeline:
    """The runs that went on since then: of all workers, of whom the first have rows, or of one.

    However many runs there are, what comes back is as much as can be drawn. No index knows whose
    runs are: of one worker the caller gives those that ended, each as its outcome, start and end.
    """
    until = datetime.now(UTC)
    rows: dict[str, Row] = {}
    asked: tuple[Any, ...] = (since.timestamp(), until.timestamp(), owner)
    sql = _TIMELINE.format(ended=_ENDED if owner is None else _GIVEN)
    if owner is not None:
        asked += tuple(map(list, zip(*ended, strict=True))) or ([], [], [])
    found = session.execute(sql, asked).fetchall()
    for name, outcome, runs, bars, _ in found:
        row = rows.setdefault(name, Row(name, {}, {}))
        row.runs[outcome] = runs
        row.bars[outcome] = bars
    return Timeline(since, until, list(rows.values()), found[0][-1] if found else 0)
