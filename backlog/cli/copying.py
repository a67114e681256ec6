"""Everything of the store that the environment names, copied into another one.

Apart from `store`, whose help needs none of it.
"""

import sys
from contextlib import closing
from typing import Any, NamedTuple

from backlog import schema
from backlog.cli.progress import bar
from backlog.errors import WrongState
from backlog.session import PsycopgSession
from backlog.store.pins import PINNED
from backlog.store.storage import Embedded, Server, from_environment, named
from backlog.verbs import copying
from backlog.verbs.copying import Copied


class Transferred(NamedTuple):
    """What was copied of each table; what is to be set from now on, in words; whether the source
    has changed since."""

    tables: dict[str, Copied]
    advice: str
    changed: bool


def transfer(to: str) -> Transferred:
    """Copy everything to a store without rows: a server's URL, or a directory for an embedded one.

    Its tables are made if it has none. Raises `Refusal`, and what the databases raise; nothing is
    in the target then but empty tables.
    """
    target = named(to, "--to")
    with closing(from_environment().connect()) as source:
        schema.ensure(PsycopgSession(source))
        with closing(target.connect()) as goal:
            _prepare(source, goal, target)
            before = (schema.UNHURRIED, f"SELECT {PINNED}")
            with bar(sys.stderr) as progress:
                copies = copying.copy(source, goal, schema.tables(), before, progress)
        changed = copying.last_event(source) != copies.last_event
    return Transferred(copies.tables, _advice(target), changed)


def _prepare(source: Any, goal: Any, target: Embedded | Server) -> None:
    """Make the target's tables if it has none. Raises `WrongState` where it has others."""
    wanted, there = (schema.applied(PsycopgSession(each)) for each in (source, goal))
    if not there:
        schema.migrate(target)
    elif there != wanted:
        app, name = min(there ^ wanted)
        has = "has" if (app, name) in there else "lacks"
        raise WrongState(
            f"the target's schema is another version (it {has} {app}.{name}): name a new database"
        )


def _advice(target: Embedded | Server) -> str:
    if isinstance(target, Server):
        return "set DATABASE_URL to what --to was, for workers and serve; then start them"
    return f"unset DATABASE_URL and set BACKLOG_DATA_DIR={target.root}, for workers and serve"
