"""What takes long to look at in a large backlog: sweeps look now and then, and keep what they saw.

A row of `backlog_kept` for each; how often goes by how long it takes.
"""

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from backlog.session import Session

# Up to about so many cards everything is looked at when it is asked for.
SMALL: Final = 5_000

# By the planner's number, which costs nothing: what it has never counted is small.
_IS_LARGE: Final = "SELECT reltuples > %s FROM pg_class WHERE oid = to_regclass('backlog')"

# One pass looks, of however many are made at once, and spends a fiftieth of its time on it. What
# begins later than now began before somebody set the clock back.
_BEGIN: Final = """
INSERT INTO backlog_kept AS kept (name, begun_at) VALUES (%s, statement_timestamp())
ON CONFLICT (name) DO UPDATE SET begun_at = excluded.begun_at
WHERE %s OR kept.begun_at + make_interval(secs => greatest(60, 50 * coalesce(kept.seconds, 0)))
    < excluded.begun_at OR kept.begun_at > excluded.begun_at + interval '1 minute'
RETURNING begun_at"""

_KEEP: Final = """
UPDATE backlog_kept SET (made_at, seconds, content) = (%s, %s, %s::jsonb) WHERE name = %s"""

# What is older than this nobody keeps up to date.
_KEPT: Final = """
SELECT content::text, made_at FROM backlog_kept WHERE name = %s
    AND made_at BETWEEN now() - make_interval(secs => greatest(3600, 100 * seconds))
        AND now() + interval '1 minute'"""


class Kept(NamedTuple):
    """What was seen, as JSON, and when the look began."""

    content: Any
    at: datetime


def is_large(session: Session, most: int | None = None) -> bool:
    """Whether there are more than about so many cards (None: more than `SMALL`)."""
    return bool(session.execute(_IS_LARGE, (SMALL if most is None else most,)).fetchone()[0])


def kept(session: Session, name: str) -> Kept | None:
    """What a sweep saw last; None if that is too old, or none has looked."""
    row = session.execute(_KEPT, (name,)).fetchone()
    return Kept(json.loads(row[0]), row[1]) if row else None


def keep(session: Session, name: str, look: Callable[[Session], Any], *, paced: bool) -> None:
    """Look, and keep what is seen, as JSON; `paced`: only if it is time to."""
    begun = session.execute(_BEGIN, (name, not paced)).fetchone()
    if begun:
        start = time.monotonic()
        content = json.dumps(look(session), default=_plain)
        session.execute(_KEEP, (begun[0], time.monotonic() - start, content, name))


def _plain(value: datetime | timedelta | Decimal) -> str | float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, datetime) else str(value)
