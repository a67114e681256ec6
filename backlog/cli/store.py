"""`backlog store …`: the server behind the cards, started, stopped, saved and looked into."""

import os
import re
import subprocess
from argparse import REMAINDER
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, Any, Final

from backlog import schema
from backlog.cli.connection import open_session
from backlog.cli.options import Options, flag, verb
from backlog.cli.reply import Reply, document
from backlog.errors import NotUpgraded, Refusal, UsageError, WrongState
from backlog.session import PsycopgSession
from backlog.store import files
from backlog.store.embedded import Store
from backlog.store.pins import PINNED
from backlog.store.storage import Embedded, from_environment

_ARCHIVE: Final = ("file", {"metavar": "FILE", "type": Path, "help": "an archive of pg_dump"})


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
    _reachable()
    program = _program("psql")
    words = options.arguments[1:] if options.arguments[:1] == ["--"] else options.arguments
    os.execve(program, ["psql", *words], from_environment().client_env())  # noqa: S606 (no shell)


@verb("dump", "save everything to an archive", _ARCHIVE, on_session=False)
def dump(options: Options) -> Reply:
    """Write an archive; an existing file is not touched, an unfinished one not left.

    It holds the passwords' hashes and open sessions: nobody but its owner may read it.
    """
    target: Path = options.file
    exists = UsageError(f"{target} exists already; choose another name")
    if os.path.lexists(target):
        raise exists
    _reachable()
    try:
        with files.written_whole(target) as file:
            _run("pg_dump", "--format=custom", "--no-owner", to=file)
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
    if not options.file.is_file():
        raise UsageError(f"cannot read {options.file}: there is no such file")
    cards = _reachable()
    if cards and not options.force:
        raise WrongState(f"the store holds {cards} cards; --force replaces them by the archive's")
    _restore(options.file)
    return document({"restored": str(options.file)}, [f"restored from {options.file}"])


ACTIONS: Final = (start, stop, status, path, psql, dump, restore)


def _embedded() -> Store:
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


def _reachable() -> int:
    """Start the store if it is down; how many cards are in it.

    One that cannot be upgraded as it is must be reached all the same, to be mended or replaced.
    """
    with closing(from_environment().connect()) as connection:
        session = PsycopgSession(connection)
        with suppress(NotUpgraded):
            schema.ensure(session)
        return int(session.execute("SELECT count(*) FROM backlog").fetchone()[0])


def _program(name: str) -> Path:
    return Store(Path()).programs() / name


def _run(name: str, *arguments: str, to: IO[bytes]) -> None:
    with _piped(name, *arguments, to=to) as program:
        said = program.communicate()[1].decode()
    if program.returncode:
        raise Refusal(f"{name} failed: {_reason(said)}")


_LOCKED: Final = "lock timeout"
# What is not run of the script: a setting that servers before 17 do not know, and what `--clean`
# does to domains, which are gone by then. No row of a table looks like these.
_SKIPPED: Final = re.compile(
    rb"SET transaction_timeout = 0;\n|ALTER DOMAIN [^\t]+ DROP CONSTRAINT [^\t]+;\n"
)


def _restore(archive: Path) -> None:
    """By psql, from pg_restore's script, which it would run whole."""
    how = ("--clean", "--if-exists", "--no-owner", "--file=-", str(archive))
    target = ("-Xq", "--single-transaction", "--set=ON_ERROR_STOP=1", f"--output={os.devnull}")
    terse = "--set=VERBOSITY=terse"  # the last line is the reason, whatever its language
    with _piped("pg_restore", *how) as script, _piped("psql", *target, terse) as psql:
        with suppress(BrokenPipeError):  # psql has ended, and says why
            psql.stdin.write(f"SELECT {PINNED};\n{schema.IMPATIENT};\n".encode())
            # `--clean` drops what the archive names; an earlier one does not name all of it.
            psql.stdin.write(schema.dropping().encode())
            psql.stdin.writelines(line for line in script.stdout if not _SKIPPED.fullmatch(line))
            psql.stdin.write(b"RESET ALL;\n")  # a pooler gives this connection to others
        script.stdout.close()
        if script.wait():
            psql.kill()  # before it comes to the end of its input, and commits
        said = (psql.communicate()[1] + script.stderr.read()).decode()
        if script.returncode or psql.returncode:
            held = f"; {schema.held()}; end that, and try again" if _LOCKED in said else ""
            raise Refusal(f"nothing is restored: {_reason(said)}{held}")


def _reason(said: str) -> str:
    """The line that says what went wrong; details and hints may follow it."""
    lines = said.strip().splitlines() or ["it gave no reason"]
    return next((line for line in lines if "error:" in line.lower()), lines[-1])


def _piped(name: str, *arguments: str, to: IO[bytes] | None = None) -> Any:
    pipe = subprocess.PIPE
    return subprocess.Popen(  # noqa: S603 (no shell, our own words)
        [_program(name), *arguments],
        env={**from_environment().client_env(), "LC_ALL": "C"},
        stdin=pipe if name == "psql" else subprocess.DEVNULL,
        stdout=to or pipe,
        stderr=pipe,
    )


def _plain(value: Any) -> str:
    return {True: "yes", False: "no", None: "-"}.get(value, str(value))
