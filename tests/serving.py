"""`manage.py serve` as a process, for the tests that ask it something."""

import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.command import MANAGE, manage, unavailable


@contextmanager
def serving(env: Mapping[str, str], *words: str, **popen: Any) -> Iterator[tuple[Any, str]]:
    """A server on a free port: the process, and the URL that it says."""
    process: Any = subprocess.Popen(
        [*MANAGE, "serve", "--bind", "127.0.0.1:0", *words],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **popen,
    )
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"Serving on (http://\S+)/ ", line):
                break
        assert found, said
        process.said = "".join(said)
        yield process, found[1]
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def ask(url: str, **headers: str) -> tuple[int, str]:
    """Status and body of a page, whatever they are."""
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 (our own server)
    try:
        with urllib.request.urlopen(request, timeout=20) as page:  # noqa: S310 (our own server)
            return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def refused(env: Mapping[str, str], *words: str) -> str:
    """The one line that a serve which cannot start leaves."""
    return unavailable(manage(env, "serve", *words), status=1)


def send(url: str, *pieces: bytes) -> socket.socket:
    """A connection on which these bytes were sent, and nothing is read yet."""
    host, _, port = url.removeprefix("http://").partition(":")
    client = socket.create_connection((host, int(port)), 20)
    for piece in pieces:
        client.sendall(piece)
    return client


def answer(client: socket.socket) -> bytes:
    """All that comes until the other end closes."""
    with client, client.makefile("rb") as stream:
        return stream.read()


def sweeps(pid: int) -> list[int]:
    """The processes that sweep for this server."""
    return [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if reads(path).startswith(
            f"{sys.executable}\0-P\0-m\0fleet_backlog.serving.sweeper\0".encode()
        )
        and f"\nPPid:\t{pid}\n".encode() in reads(path.with_name("status"))
    ]


def reads(path: Path) -> bytes:
    """What is in this file of a process, which may be gone."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
