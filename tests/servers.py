"""PostgreSQL servers of the tests' own, on TCP with a password, as an operator would run them."""

import hashlib
import hmac
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from base64 import b64encode
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from backlog.store.embedded import binaries, processes
from tests.embedded.children import made_once, make_place

# In the environment, so that the workers of xdist have the same.
PASSWORD = os.environ.setdefault("BACKLOG_TEST_PASSWORD", secrets.token_urlsafe(12))

# Root runs no server.
_AS_USER: dict[str, Any] = (
    {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
)


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


def _kept_of(password: str) -> str:
    """What a server keeps of a password: hashed once, for 4,096 times cost more than most tests."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations=1)
    client, server = (hmac.digest(salted, of, "sha256") for of in (b"Client Key", b"Server Key"))
    known = (salt, hashlib.sha256(client).digest(), server)
    return "SCRAM-SHA-256$1:{}${}:{}".format(*(b64encode(each).decode() for each in known))


def _template(programs: Path) -> Path:
    """The data of a server that has one database and nothing in it: made once in a test run."""

    def make(root: Path) -> None:
        root.mkdir()
        password_file = root / "password"
        password_file.write_text(_kept_of(PASSWORD))
        if _AS_USER:
            shutil.chown(root, _AS_USER["user"])
        options = ["--username=operator", "--auth=scram-sha-256", f"--pwfile={password_file}"]
        options += ["--encoding=UTF8", "--locale=C", "--no-sync"]
        initdb = [programs / "initdb", f"--pgdata={root / 'data'}", *options]
        single = [programs / "postgres", "--single", "-F", f"-D{root / 'data'}", "postgres"]
        for command in (initdb, single):
            sql = "CREATE DATABASE backlog\n"
            quiet: Any = {"input": sql, "text": True, "check": True, "capture_output": True}
            subprocess.run(command, **_AS_USER, **quiet)

    return made_once(f"server-{programs.parent.name}", make) / "data"


def _used(programs: Path) -> Path:
    """The data of such a server as the first use of the database left it."""

    def make(root: Path) -> None:
        from tests.command import On  # it remembers the environment, which is not yet as it will be

        root.mkdir()
        first = Server(programs).start()
        assert On(DATABASE_URL=first.url)("list").status == 0
        first.pause()
        subprocess.run(["cp", "-a", first.data, root / "data"], check=True)
        first.stop()

    return made_once(f"used-server-{programs.parent.name}", make) / "data"


class Server:
    """One server in a directory of its own, on loopback, with scram passwords."""

    def __init__(self, programs: Path) -> None:
        self.directory = make_place()
        self.data = self.directory / "data"
        self.port = free_port()
        self.password = PASSWORD
        self.url = f"postgresql://operator:{PASSWORD}@127.0.0.1:{self.port}/backlog"
        self.env = {"DATABASE_URL": self.url}
        self.programs = programs
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, used: bool = False) -> "Server":
        """With nothing in its database, or with the schema."""
        origin = _used(self.programs) if used else _template(self.programs)
        subprocess.run(["cp", "-a", origin, self.data], check=True)
        self.resume()
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
                    self.programs / "postgres",
                    f"-D{self.data}",
                    *(f"--{name}={value}" for name, value in options.items()),
                ],
                **_AS_USER,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self._wait()

    def pause(self) -> None:
        """End the process; the data stays."""
        if self._process:
            self._process.send_signal(signal.SIGINT)  # fast shutdown
            self._process.wait(30)

    def kill(self) -> None:
        """Kill it, and end what it leaves: nothing of it says another word."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)
        processes.end_orphans(self.data)

    def revive(self) -> None:
        """Start the process after somebody killed it."""
        assert self._process is not None
        self._process.wait(30)
        processes.end_orphans(self.data)
        self.resume()

    def stop(self) -> None:
        self.pause()
        shutil.rmtree(self.directory)

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
