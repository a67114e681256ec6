"""A process beside the worker: where that is stopped or dies, its commands do not run on alone.

A command is a session of its own, so what stops the worker (Ctrl-Z, SIGSTOP, a debugger) or kills
it leaves the command running, and nobody renews the lease: another may start the same card beside
it. This process stops a command (SIGSTOP) when its lease ends and nobody said that it was renewed,
lets it go on when somebody does, and ends what is left when the worker is gone.
"""

import math
import os
import select
import signal
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from backlog.errors import Refusal
from backlog.worker import processes
from backlog.worker.clock import now

# One word to it: a session, and the moment until which it may run.
_WORD: Final = struct.Struct("!qd")
_FOR_EVER: Final = math.inf
_FORGET: Final = math.nan

# What waits does not count the seconds of a sleeping machine: it looks up now and then.
_LOOK_SECONDS: Final = 1.0

_ROOT: Final = str(Path(__file__).parents[2])
# Isolated: nothing is imported from where the worker stands, nor by what its environment says.
_PROGRAM: Final = (
    "import sys; sys.path.append(sys.argv[1]); from backlog.worker import standby; standby.main()"
)


class Standby:
    """The worker's end. Its words never wait, and are lost on a process that has gone."""

    def __init__(self, grace: float) -> None:
        """Start it; what outlives the worker has `grace` seconds to end. Raises `Refusal`."""
        import subprocess  # not cheap, and not needed by the process itself

        told, self._tell = os.pipe()
        os.set_blocking(self._tell, False)
        words = [sys.executable, "-I", "-S", "-c", _PROGRAM, _ROOT, str(told), str(grace)]
        nowhere = subprocess.DEVNULL
        try:
            subprocess.run(  # noqa: S603 (no shell, our own words)
                words,
                stdin=nowhere,
                stdout=nowhere,
                stderr=nowhere,
                pass_fds=[told],
                start_new_session=True,
                cwd="/",
                check=True,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            raise Refusal(f"cannot start a process of the worker's own: {error}") from None
        finally:
            os.close(told)

    def may_run(self, session: int, until: float) -> None:
        """Let it run until that moment, by `clock.now`; also if it was stopped."""
        with suppress(OSError):
            os.write(self._tell, _WORD.pack(session, until))

    def forget(self, session: int) -> None:
        """It has ended: its number may be another's soon."""
        self.may_run(session, _FORGET)

    def close(self) -> None:
        os.close(self._tell)


def main() -> None:
    """The process itself: `told` and `grace` are its last words."""
    told, grace = int(sys.argv[-2]), float(sys.argv[-1])
    # What is sent to all that belongs to the worker ends the worker, and this one after it.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    if os.fork():
        os._exit(0)  # nobody's child: the worker has its commands to wait for, and nothing else
    left = _Watched()
    left.watch(told)
    left.end(grace)


class _Watched:
    def __init__(self) -> None:
        self._until: dict[int, float] = {}
        self._stopped: set[int] = set()

    def watch(self, told: int) -> None:
        """Until the worker has closed its end, or died."""
        poll = select.poll()
        poll.register(told, select.POLLIN)
        while True:
            if poll.poll(self._stop_what_is_due()):
                words = os.read(told, 64 * _WORD.size)
                if not words:
                    return
                for session, until in _WORD.iter_unpack(words):
                    self._hear(session, until)

    def _stop_what_is_due(self) -> int | None:
        """And say how many milliseconds later to look again."""
        next_due = _FOR_EVER
        for session in self._until.keys() - self._stopped:
            if now() >= self._until[session]:
                processes.signal_session(session, signal.SIGSTOP)
                self._stopped.add(session)
            else:
                next_due = min(next_due, self._until[session])
        if next_due == _FOR_EVER:
            return None
        return math.ceil(1000 * min(_LOOK_SECONDS, max(0.0, next_due - now())))

    def _hear(self, session: int, until: float) -> None:
        if math.isnan(until):
            self._until.pop(session, None)
            self._stopped.discard(session)
            return
        self._until[session] = until
        if session in self._stopped and now() < until:
            self._stopped.remove(session)
            processes.signal_session(session, signal.SIGCONT)

    def end(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after the grace; a session that was empty once is nobody's."""
        kill_at = now() + grace
        for session in self._until:
            processes.signal_session(session, signal.SIGTERM, signal.SIGCONT)
        while left := [each for each in self._until if processes.of_session(each)]:
            self._until = dict.fromkeys(left, _FOR_EVER)
            if now() >= kill_at:
                for session in left:
                    processes.signal_session(session, signal.SIGKILL)
                return
            time.sleep(0.05)
