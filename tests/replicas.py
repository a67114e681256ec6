"""Streaming replicas of a `Server`: read from, and promoted when that one is gone."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.servers import _AS_USER, Server


class Replica(Server):
    """A standby of a server that runs, on a port of its own."""

    def __init__(self, primary: Server) -> None:
        super().__init__(primary.programs)
        self._primary = primary

    def start(self) -> "Replica":
        """A copy of the primary as it is, which follows it from then on."""
        self.data.mkdir(0o700)
        if _AS_USER:
            shutil.chown(self.data, _AS_USER["user"])
        address = f"{self._primary.url}?application_name=replica"
        copy = [self.programs / "pg_basebackup", f"--pgdata={self.data}", f"--dbname={address}"]
        how = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
        subprocess.run([*copy, *how], **_AS_USER, check=True, capture_output=True)
        self.resume()
        return self

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """It is there, and answers nothing: as with a disk that hangs."""
        assert self._process is not None
        with psycopg.connect(self.url) as asked:
            others = asked.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            every = [self._process.pid, *(pid for (pid,) in others)]
        for pid in every:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in every:
                os.kill(pid, signal.SIGCONT)

    def promote(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as admin:
            assert admin.execute("SELECT pg_promote()").fetchone() == (True,)


def synchronous(primary: Server) -> None:
    """Let no commit of the primary be acknowledged before its replica has it."""
    with psycopg.connect(primary.url, autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'replica'")
        admin.execute("SELECT pg_reload_conf()")


def several(*servers: Server) -> str:
    """The URL that names them all."""
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    return f"postgresql://operator:{servers[0].password}@{hosts}/backlog"
