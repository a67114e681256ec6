"""PgBouncer of the tests' own, in transaction mode, in front of a `Server`."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import psycopg

from tests.servers import Server, free_port

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

_SETTINGS = """
[databases]
backlog = host=127.0.0.1 port={server.port} dbname=backlog
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {directory}/users
pool_mode = transaction
default_pool_size = 3
max_client_conn = 100
server_tls_sslmode = disable
"""


class PgBouncer:
    """Three connections to the server, shared by everyone, transaction by transaction."""

    def __init__(self, server: Server) -> None:
        self.port = free_port()
        self.url = server.url.replace(f":{server.port}/", f":{self.port}/")
        self._server = server
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "PgBouncer":
        assert PROGRAM
        directory = self._server.directory
        (directory / "users").write_text(f'"operator" "{self._server.password}"\n')
        settings = _SETTINGS.format(server=self._server, port=self.port, directory=directory)
        (directory / "pgbouncer.ini").write_text(settings)
        # It refuses to run as root; who it runs as instead can read what the server's user can.
        user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        with (directory / "pgbouncer.log").open("wb") as log:
            self._process = subprocess.Popen(
                [PROGRAM, directory / "pgbouncer.ini"],
                stdout=subprocess.DEVNULL,
                stderr=log,
                **(user if os.geteuid() == 0 else {}),
            )
        self._wait()
        return self

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(30)

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    log = Path(self._server.directory / "pgbouncer.log").read_text()
                    raise AssertionError(log) from None
                time.sleep(0.05)
            else:
                return
