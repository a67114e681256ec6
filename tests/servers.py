"""PostgreSQL servers of the tests' own, on TCP with a password, as an operator would run them."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psycopg

from backlog.store.embedded import binaries, processes


def wheel_programs() -> Path:
    """The programs that arrive with pip: the newest release."""
    return binaries.find()


def distribution_programs() -> Path | None:
    """The oldest server that the distribution has installed, if any."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[0].parent if found else None


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One server in a temporary directory, on loopback, with scram passwords."""

    def __init__(self, programs: Path) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="backlog-server-"))
        self.port = free_port()
        self.password = secrets.token_urlsafe(12)
        self.url = f"postgresql://operator:{self.password}@127.0.0.1:{self.port}/backlog"
        self.data = self.directory / "data"
        self._programs = programs
        self._user = "nobody" if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Server":
        password_file = self.directory / "password"
        password_file.write_text(self.password)
        if self._user:
            for path in (self.directory, password_file):
                shutil.chown(path, self._user)
        subprocess.run(
            [
                self._programs / "initdb",
                f"--pgdata={self.data}",
                "--username=operator",
                "--auth=scram-sha-256",
                f"--pwfile={password_file}",
                "--encoding=UTF8",
                "--locale=C",
            ],
            **self._as_user(),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        self.resume()
        with psycopg.connect(self.url.replace("/backlog", "/postgres"), autocommit=True) as admin:
            admin.execute("CREATE DATABASE backlog")
        return self

    def resume(self) -> None:
        """Start the process, on the same port as before."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 150,
            "fsync": "off",
        }
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._programs / "postgres",
                    f"-D{self.data}",
                    *(f"--{name}={value}" for name, value in options.items()),
                ],
                **self._as_user(),
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self._wait()

    def pause(self) -> None:
        """End the process; the data stays."""
        assert self._process is not None
        self._process.send_signal(2)  # fast shutdown
        self._process.wait(30)

    def revive(self) -> None:
        """Start the process after somebody killed it."""
        assert self._process is not None
        self._process.wait(30)
        processes.end_orphans(self.data)
        self.resume()

    def stop(self) -> None:
        self.pause()
        shutil.rmtree(self.directory)

    def _as_user(self) -> dict[str, object]:
        return {"user": self._user, "group": "nogroup", "extra_groups": []} if self._user else {}

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url.replace("/backlog", "/postgres")).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return
