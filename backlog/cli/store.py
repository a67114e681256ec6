"""`backlog store …`: the server behind the cards, started, stopped, saved and looked into."""

import os
from argparse import REMAINDER
from typing import TYPE_CHECKING, Any, Final

from backlog.cli.connection import open_session
from backlog.cli.options import Group, Options, flag, text, verb
from backlog.cli.reply import Reply, document
from backlog.errors import Refusal, UsageError, WrongState

if TYPE_CHECKING:
    from pathlib import Path

    from backlog.store.embedded import Store


def _path(name: str) -> "Path":
    from pathlib import Path

    return Path(name)


_ARCHIVE: Final = ("file", {"metavar": "FILE", "type": _path, "help": "an archive of pg_dump"})


@verb("start", "start the embedded store (every command does so itself)", on_session=False)
def start(options: Options) -> Reply:
    started = _embedded().start()
    return document({"started": started}, ["started" if started else "already running"])


@verb("stop", "stop the embedded store", on_session=False)
def stop(options: Options) -> Reply:
    stopped = _embedded().stop()
    return document({"stopped": stopped}, ["stopped" if stopped else "not running"])


@verb("status", "is it running, where, which version", on_session=False)
def status(options: Options) -> Reply:
    from backlog.store.storage import Embedded, from_environment

    is_embedded = isinstance(from_environment(), Embedded)
    found = _embedded_status() if is_embedded else _server_status()
    return document(found, [f"{key}: {_plain(value)}" for key, value in found.items()])


@verb("path", "the embedded store's directory", on_session=False)
def path(options: Options) -> Reply:
    root = str(_embedded().root)
    return document({"path": root}, [root])


@verb(
    "psql",
    "open psql on the store: store psql [-- ARGUMENTS]",
    ("arguments", {"nargs": REMAINDER, "help": "for psql"}),
    on_session=False,
)
def psql(options: Options) -> Reply:
    """Become psql: the terminal, the signals and the exit status are its own."""
    from backlog.cli import programs

    programs.reachable()
    words = options.arguments[1:] if options.arguments[:1] == ["--"] else options.arguments
    programs.become("psql", words)


@verb("dump", "save everything to an archive", _ARCHIVE, on_session=False)
def dump(options: Options) -> Reply:
    """Write an archive; an existing file is not touched, an unfinished one not left.

    It holds the passwords' hashes and open sessions: nobody but its owner may read it.
    """
    from backlog.cli import programs

    target: Path = options.file
    exists = UsageError(f"{target} exists already; choose another name")
    if os.path.lexists(target):
        raise exists
    if not target.parent.is_dir():
        raise UsageError(f"cannot write {target}: there is no directory {target.parent}")
    programs.reachable()
    try:
        programs.dump(target)
    except FileExistsError:
        raise exists from None
    except OSError as error:
        raise Refusal(f"cannot write {target}: {error.strerror}") from None
    return document({"dumped": str(target)}, [f"dumped to {target}"])


@verb(
    "restore",
    "replace everything by an archive's content",
    _ARCHIVE,
    flag("--force", "replace the cards there are"),
    on_session=False,
)
def restore(options: Options) -> Reply:
    """Put an archive's content in place of the database's, all of it or nothing."""
    from backlog.cli import programs

    if not options.file.is_file():
        raise UsageError(f"cannot read {options.file}: there is no such file")
    cards = programs.reachable()
    if cards and not options.force:
        raise WrongState(f"the store holds {cards} cards; --force replaces them by the archive's")
    programs.restore(options.file)
    return document({"restored": str(options.file)}, [f"restored from {options.file}"])


def _place(given: str, name: str) -> str:
    # Not any word: what is no URL, and was meant to be one, would be a directory here.
    if "://" not in given and not given.startswith(("/", "~")):
        raise UsageError(f"{name} must be the URL of a server, or the whole path of a directory")
    return given


@verb(
    "transfer",
    "copy everything to another store, which is empty",
    text(
        "--to",
        _place,
        "a server's URL, or a directory's whole path",
        required=True,
        env="BACKLOG_TRANSFER_TO",
    ),
    on_session=False,
)
def transfer(options: Options) -> Reply:
    """Copy every row of every table; the store itself stays as it is."""
    from backlog.cli.copying import transfer

    done = transfer(options.to)
    found = {name: copied._asdict() for name, copied in done.tables.items()}
    lines = [
        f"{name}: {rows} rows, checksum {checksum}"
        for name, (rows, checksum) in done.tables.items()
        if rows
    ]
    reply = document({"transferred": found}, [*lines, done.advice])
    changed = "the store has changed meanwhile, and that is not in the target: stop its workers"
    return reply._replace(note=f"{changed}, and transfer to a new one" if done.changed else None)


store: Final = Group(
    "store",
    "the server behind the cards",
    (start, stop, status, path, psql, dump, restore, transfer),
)


def _embedded() -> "Store":
    from backlog.store.embedded import Store
    from backlog.store.storage import Embedded, from_environment

    store = from_environment()
    if isinstance(store, Embedded):
        return Store(store.root)
    raise WrongState("DATABASE_URL selects a server; this is for the embedded store, without it")


def _embedded_status() -> dict[str, Any]:
    found = _embedded().status()
    return {
        "tier": "embedded",
        "running": found.running,
        "pid": found.pid,
        "path": str(found.root),
        "version": found.version,
        "socket": str(found.socket_dir),
        "binaries": str(found.binaries),
    }


def _server_status() -> dict[str, Any]:
    sql = "SELECT current_setting('server_version'), current_database(), current_user"
    with open_session() as session:
        found = session.execute(sql).fetchone()
    known = zip(("version", "database", "user"), found, strict=True)
    return {"tier": "server", "running": True, **dict(known)}


def _plain(value: Any) -> str:
    return {True: "yes", False: "no", None: "-"}.get(value, str(value))
