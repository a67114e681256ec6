"""Sweeps beside the web server: a process of its own, which ends when the server does.

The server holds the other end of its standard input. Whatever ends the server, SIGKILL included,
closes that, and the sweeps read the end of it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Final

from remote.command import run

# One that cannot start (the store is away, say) is not started again at once.
_RESTART_SECONDS: Final = 5.0
_GRACE_SECONDS: Final = 5.0


class Sweeping:
    """The process, kept going by a server that looks after it now and then."""

    def __init__(self, every: int | None) -> None:
        """With a pass about every so many seconds; None: none at all."""
        self._every = every
        self._process: subprocess.Popen[bytes] | None = None
        self._started = float("-inf")

    def keep(self) -> None:
        """Start it if it is not there."""
        if self._every is None or (self._process and self._process.poll() is None):
            return
        if time.monotonic() - self._started < _RESTART_SECONDS:
            return
        self.let_go()
        self._started = time.monotonic()
        # The child finds the same modules as the server, and none in the directory that it stands
        # in (-P), which may be anybody's.
        path = os.pathsep.join(filter(None, sys.path))
        self._process = subprocess.Popen(  # noqa: S603 (no shell, our own words)
            [sys.executable, "-P", "-m", __name__, "sweep", "--every", str(self._every)],
            env={"BACKLOG_OWNER": "sweep", **_of_the_store(), "PYTHONPATH": path},
            stdin=subprocess.PIPE,
        )

    def let_go(self) -> None:
        """Close this process's end of the pipe: the sweeps end if no other has it."""
        if self._process and self._process.stdin:
            self._process.stdin.close()

    def stop(self) -> None:
        """End it, after the pass under way, and for good."""
        self.let_go()
        self._every = None


def _of_the_store() -> dict[str, str]:
    """The environment without what would make the sweeps a client of another server: the site
    serves the store of this host."""
    return {name: value for name, value in os.environ.items() if name != "BACKLOG_URL"}


def _end_with_the_server() -> None:
    while os.read(0, 1024):  # not sys.stdin: its lock would be held as the interpreter ends
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os._exit(0)  # a statement that waits for a lock, say: the database undoes it


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    run(sys.argv[1:])
