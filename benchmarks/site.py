"""`manage.py serve` on a backlog of the run's, and what a server's processes cost."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.request import Request, urlopen

from benchmarks.server import PROJECT, connect, environment, run_python

_SECRET_KEY = "a key of the benchmark's own, for as long as it runs"  # noqa: S105 (it opens nothing)

_LOG_IN = """
import django
django.setup()
from django.contrib.auth.models import Group, User
from django.test import Client
user = User.objects.create_user("reader")
user.groups.add(Group.objects.get(name="operator"))
client = Client()
client.force_login(user)
from django.conf import settings
name = settings.SESSION_COOKIE_NAME
print(f"{name}={client.cookies[name].value}")
"""


class Site(NamedTuple):
    """A site that runs: where, the cookie of an operator, its first process, its database."""

    address: str
    cookie: str
    process: int
    url: str

    @property
    def headers(self) -> dict[str, str]:
        """What makes a request the operator's."""
        return {"Cookie": self.cookie}

    def cpu(self) -> float:
        """Seconds of processor time so far, of the web processes and of their connections'."""
        with connect(self.url) as connection:
            backends = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid()"
            ).fetchall()
        return session_cpu(self.process) + sum(_cpu(pid) for (pid,) in backends)


@contextmanager
def served(url: str, *options: str, program: Sequence[str] = ("manage.py",)) -> Iterator[Site]:
    """The site on this database, with its two processes, until the end of the block."""
    manage = [sys.executable, *program, "serve", "--bind", "127.0.0.1:0", *options]
    env = environment(url) | {"SECRET_KEY": _SECRET_KEY}
    cookie = run_python("-c", _LOG_IN, url=url, SECRET_KEY=_SECRET_KEY).strip()
    with subprocess.Popen(
        manage, cwd=PROJECT, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            said = next(line for line in process.stdout if "Serving on" in line)
            address = said.partition("http://")[2].partition("/")[0]
            yield Site(f"http://{address}", cookie, process.pid, url)
        finally:
            process.terminate()


def read(url: str, headers: dict[str, str], patience: int = 60) -> bytes:
    """What a GET of this address answers, within so many seconds."""
    with urlopen(Request(url, headers=headers), timeout=patience) as answer:  # noqa: S310 (loopback)
        return answer.read()


def session_cpu(leader: int) -> float:
    """Seconds of processor time of every process of this one's session, ended ones included."""
    return sum(map(_cpu, _members(leader)))


def session_memory(leader: int, kind: str = "Pss") -> int:
    """Bytes that these take, of what they share each its part; or all of it (`Rss`)."""
    return sum(_memory(pid, kind) for pid in _members(leader))


def session_files(leader: int) -> int:
    """How many files and sockets these have open."""
    return sum(map(_files, _members(leader)))


def _members(leader: int) -> list[int]:
    every = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [pid for pid in every if _session(pid) == leader]


def _files(pid: int) -> int:
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:  # it has ended meanwhile
        return 0


def _memory(pid: int, kind: str) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # it has ended meanwhile
        return 0
    return 1024 * int(rollup.partition(f"\n{kind}:")[2].split()[0])


def _fields(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended meanwhile
        return []


def _session(pid: int) -> int | None:
    fields = _fields(pid)
    return int(fields[3]) if fields else None


def _cpu(pid: int) -> float:
    """Its own and that of its children that have ended."""
    return sum(map(int, _fields(pid)[11:15])) / os.sysconf("SC_CLK_TCK")
