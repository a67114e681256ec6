"""PostgreSQL's own programs on the store that the environment names: psql, pg_dump, pg_restore.

Apart from `store`, whose help needs none of it.
"""

import os
import re
import subprocess
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, Any, Final, NoReturn

from backlog import schema
from backlog.errors import NotUpgraded, Refusal
from backlog.session import PsycopgSession
from backlog.store import files
from backlog.store.embedded import Store
from backlog.store.pins import PINNED
from backlog.store.storage import from_environment


def reachable() -> int:
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


def become(name: str, arguments: Iterable[str]) -> NoReturn:
    """Run a program of PostgreSQL's in place of this one."""
    os.execve(_program(name), [name, *arguments], from_environment().client_env())  # noqa: S606 (no shell)


def dump(target: Path) -> None:
    """Write everything to an archive that is not there yet. Raises `Refusal`, OSError."""
    with files.written_whole(target) as file:
        with _piped("pg_dump", "--format=custom", "--no-owner", to=file) as program:
            said = program.communicate()[1].decode()
        if program.returncode:
            raise Refusal(f"pg_dump failed: {_reason(said)}")


_LOCKED: Final = "lock timeout"
# What is not run of the script: a setting that servers before 17 do not know, and what `--clean`
# does to domains, which are gone by then. No row of a table looks like these.
_SKIPPED: Final = re.compile(
    rb"SET transaction_timeout = 0;\n|ALTER DOMAIN [^\t]+ DROP CONSTRAINT [^\t]+;\n"
)


def restore(archive: Path) -> None:
    """Replace everything by an archive's content, or nothing. Raises `Refusal`.

    By psql, from pg_restore's script, which it would run whole.
    """
    how = ("--clean", "--if-exists", "--no-owner", "--file=-", str(archive))
    target = ("-Xq", "--single-transaction", "--set=ON_ERROR_STOP=1", f"--output={os.devnull}")
    terse = "--set=VERBOSITY=terse"  # the last line is the reason, whatever its language
    # `--clean` drops what the archive names; an earlier one does not name all of it.
    first = (f"SELECT {PINNED}", schema.UNHURRIED, schema.IMPATIENT, schema.dropping())
    with _piped("pg_restore", *how) as script, _piped("psql", *target, terse) as psql:
        with suppress(BrokenPipeError):  # psql has ended, and says why
            psql.stdin.write(";\n".join(first).encode())
            psql.stdin.flush()  # before its transaction has stood idle for longer than it may
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
