"""The command on stores of the tests' own: embedded ones, servers old and new, behind a pooler."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backlog.store.embedded import Store
from tests.conftest import MANAGE, PROJECT, Ran

WORKER = """
import io, json, sys
from contextlib import redirect_stdout
from backlog.cli.main import main

def ask(*words):
    out = io.StringIO()
    with redirect_stdout(out):
        assert main([*words, "--json"]) == 0
    return json.loads(out.getvalue())

owner = sys.argv[1]
while card := ask("claim", "--owner", owner):
    held = ["--owner", owner, "--attempt", str(card["attempts"])]
    ask("complete", "--id", card["id"], *held)
    print(card["id"])
"""


class On:
    """Runs the command on one store: `on("claim", "--owner", "w")`."""

    def __init__(self, **env: str) -> None:
        bare = {
            n: v for n, v in os.environ.items() if n not in ("DATABASE_URL", "BACKLOG_DATA_DIR")
        }
        self.env = {**bare, **env}

    def __call__(self, *words: str, stdin: str = "", **popen: object) -> Ran:
        with self.start(*words, **popen) as process:
            return Ran(*self._end(process, stdin))

    def start(self, *words: str, **popen: object) -> "subprocess.Popen[str]":
        return self._popen([*MANAGE, "backlog", *words], **popen)

    def python(self, code: str, *words: str) -> "subprocess.Popen[str]":
        """Run code of the project's."""
        return self._popen([sys.executable, "-c", code, *words], cwd=PROJECT)

    def drain(self, workers: int) -> list[str]:
        """Claim and complete with many processes until nothing is left; what they finished."""
        racing = [self.python(WORKER, f"w{n}") for n in range(workers)]
        ended = [self._end(process) for process in racing]
        assert all(status == 0 and not err for status, _, err in ended), ended
        return sorted(line for _, out, _ in ended for line in out.split())

    def _popen(self, argv: list[str], **popen: object) -> "subprocess.Popen[str]":
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return subprocess.Popen(argv, env=self.env, text=True, **{**pipes, **popen})

    @staticmethod
    def _end(process: "subprocess.Popen[str]", stdin: str = "") -> tuple[int, str, str]:
        out, err = process.communicate(stdin, timeout=120)
        return process.returncode, out, err


def unavailable(ran: Ran, *secrets: str, status: int = 5) -> str:
    """The one line of a command that has no store; no secret stands in it."""
    assert (ran.status, ran.out, ran.err.count("\n")) == (status, "", 1), ran
    assert not [secret for secret in secrets if secret in ran.err]
    return ran.err


@contextmanager
def empty_store() -> Iterator[Path]:
    """A directory that an embedded store may be made in."""
    place = Path(tempfile.mkdtemp(prefix="backlog-tier-"))
    place.chmod(0o755)  # for root the server runs as another user
    try:
        yield place / "store"
    finally:
        Store(place / "store").stop()
        shutil.rmtree(place)
