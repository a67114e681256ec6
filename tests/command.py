"""The command as a process, on the store of this run or on one of a test's own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from backlog.store.embedded import Store
from tests import warm
from tests.embedded.children import copy, made_once, make_place, template

PROJECT = Path(__file__).resolve().parent.parent
MANAGE = [sys.executable, str(PROJECT / "manage.py")]
PIPES: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)

DRAIN = """
import io, json, os, sys
from contextlib import redirect_stdout
from multiprocessing import get_context
from backlog.cli.main import main

def ask(*words):
    out = io.StringIO()
    with redirect_stdout(out):
        assert main([*words, "--json"]) == 0
    return json.loads(out.getvalue())

def drain(owner):
    while card := ask("claim", "--owner", owner):
        lease = ["--owner", owner, "--attempt", str(card["attempts"])]
        ask("complete", "--id", card["id"], *lease)
        os.write(1, f"{card['id']}\\n".encode())  # in one piece

process = get_context("fork").Process
racing = [process(target=drain, args=(f"w{n}",)) for n in range(int(sys.argv[1]))]
for each in racing: each.start()
for each in racing: each.join()
sys.exit(max(each.exitcode for each in racing))
"""


class Ran(NamedTuple):
    """What a command left: exit status, standard output and error."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class On:
    """Runs the command on the store that `env` names: `on("claim", "--owner", "w")`."""

    def __init__(self, **env: str) -> None:
        self.env = {**storeless(), **env}

    def __call__(self, *words: str, stdin: str = "", **popen: object) -> Ran:
        if not popen:
            return manage(self.env, "backlog", *words, stdin=stdin)
        with self.start(*words, **popen) as process:
            return _end(process, stdin)

    def start(self, *words: str, **popen: object) -> "subprocess.Popen[str]":
        return self._popen([*MANAGE, "backlog", *words], **popen)

    def race(self, *commands: Sequence[str]) -> list[Ran]:
        """Run these at once; what each left."""
        with ThreadPoolExecutor(len(commands)) as racing:
            return list(racing.map(lambda words: self(*words), commands))

    def python(self, code: str, *words: str) -> "subprocess.Popen[str]":
        """Run code of the project's."""
        return self._popen([sys.executable, "-c", code, *words], cwd=PROJECT)

    def drain(self, workers: int) -> list[str]:
        """Claim and complete with many processes until nothing is left; what they finished."""
        with self.python(DRAIN, str(workers)) as process:
            ran = _end(process)
        assert (ran.status, ran.err) == (0, "")
        return sorted(ran.out.split())

    def _popen(self, argv: list[str], **popen: object) -> "subprocess.Popen[str]":
        return subprocess.Popen(argv, env=self.env, text=True, **{**PIPES, **popen})


def manage(env: Mapping[str, str], *words: str, stdin: str = "") -> Ran:
    """Run `manage.py` to its end: in a process that is forked, not started, where it can be."""
    is_worker = "work" in words[:2]  # which asks the system what it was started with
    if warm.fits(env) and not is_worker:
        return Ran(*warm.run([*MANAGE[1:], *words], env, stdin))
    with subprocess.Popen([*MANAGE, *words], env=env, text=True, **PIPES) as process:
        return _end(process, stdin)


def _end(process: "subprocess.Popen[str]", stdin: str = "") -> Ran:
    out, err = process.communicate(stdin, timeout=120)
    return Ran(process.returncode, out, err)


def storeless() -> dict[str, str]:
    """The environment of this process, without what names its store."""
    store = ("DATABASE_URL", "BACKLOG_DATA_DIR")
    return {name: value for name, value in os.environ.items() if name not in store}


@contextmanager
def empty_store() -> Iterator[Path]:
    """Where an embedded store may be made; it is stopped and removed at the end."""
    place = make_place()
    try:
        yield place / "store"
    finally:
        Store(place / "store").stop()
        shutil.rmtree(place)


def used_store() -> Path:
    """The root of an embedded store as its first use left it, stopped: to be copied."""

    def make(root: Path) -> None:
        copy(root, template())
        assert On(BACKLOG_DATA_DIR=str(root))("list").status == 0
        Store(root).stop()

    return made_once("used", make)


@contextmanager
def copied_store(origin: Path) -> Iterator[Path]:
    """An embedded store that is as the one at `origin`, which is stopped, as long as it lasts."""
    with empty_store() as root:
        copy(root, origin)
        yield root


def unavailable(ran: Ran, *secrets: str, status: int = 5) -> str:
    """The one line of a command that has no store; no secret stands in it."""
    assert (ran.status, ran.out, ran.err.count("\n")) == (status, "", 1), ran
    assert not [secret for secret in secrets if secret in ran.err]
    return ran.err
