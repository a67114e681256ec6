"""One run of the command: a session of processes, fed and listened to on threads of their own."""

import errno
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from backlog.records import Record, to_json
from backlog.worker import processes
from backlog.worker.clock import now
from backlog.worker.output import Answers, Complaints, Tail, Tee
from backlog.worker.standby import Standby

# Linux takes no longer string into an environment, its name, `=` and the final NUL included.
_LONGEST_VARIABLE: Final = 128 * 1024
_OF_THE_CARD: Final = b"BACKLOG_CARD"

_CHUNK: Final = 64 * 1024
# A pipe holds no more. What comes later, somebody else wrote after the command's end.
_PIPE: Final = 1024 * 1024
_SILENCE_SECONDS: Final = 0.5
_TO_DIE_SECONDS: Final = 5


def environments(
    base: dict[bytes, bytes], owner: str, card: Record
) -> Iterator[dict[bytes, bytes]]:
    """`base` and what a command needs to know of its card; nothing of a card before.

    What is too long for a variable is left out: the card is on standard input as well. For a
    command that cannot start in it, the same without the longest; and so on, down to the claim.
    """
    claim = {
        "BACKLOG_OWNER": owner,
        "BACKLOG_ATTEMPT": str(card.attempts),
        "BACKLOG_CARD_ID": card.id,
    }
    about = {
        "BACKLOG_CARD_TITLE": card.title,
        "BACKLOG_CARD_PHASE": card.phase,
        "BACKLOG_CARD_ROLE": card.role,
        "BACKLOG_CARD": to_json(card),
    }
    kept = {name: value for name, value in base.items() if not name.startswith(_OF_THE_CARD)}
    kept |= {name.encode(): value.encode() for name, value in claim.items()}
    more = [(name.encode(), text.encode()) for name, text in about.items() if text is not None]
    more = [each for each in more if len(each[0]) + len(each[1]) + 2 <= _LONGEST_VARIABLE]
    more.sort(key=lambda each: len(each[1]))
    for count in range(len(more), -1, -1):
        yield kept | dict(more[:count])


class Command:
    """A running command; `ended` is set when it and all that it started are over.

    What it leaves running in its session is ended too, by the same SIGTERM and SIGKILL.
    """

    def __init__(
        self,
        argv: list[str],
        environ: dict[bytes, bytes],
        card: Record,
        grace: float,
        out: Callable[[bytes], None],
        err: Callable[[bytes], None],
        standby: Standby,
        until: float,
    ) -> None:
        """Start it; it may run until that moment, whatever becomes of the worker."""
        self.answers, self.complaints, self.tail = Answers(out), Complaints(err), Tail()
        self.ended = threading.Event()
        self.status = 0
        self._grace = grace
        self._kill_at: float | None = None
        self._left = threading.Event()
        self._standby = standby
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(  # noqa: S603 (no shell; the words of whoever started us)
            argv, env=environ, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        )
        self.may_run(until)  # before anybody hears of it
        self._unread = memoryview(to_json(card).encode() + b"\n")
        self._listener = threading.Thread(target=self._converse, daemon=True)
        try:
            self._listener.start()
            threading.Thread(target=self._await, daemon=True).start()
        except RuntimeError as error:  # no more threads: nobody would see to it
            processes.signal_session(self._process.pid, signal.SIGKILL)
            self._process.wait()
            raise OSError(errno.EAGAIN, str(error)) from None

    def may_run(self, until: float) -> None:
        """Stop it at that moment instead, unless this is said again."""
        if not self._left.is_set():
            self._standby.may_run(self._process.pid, until)

    def end(self, grace: float) -> None:
        """SIGTERM, which it hears if it was stopped, too; SIGKILL later, by `press`."""
        kill_at = now() + grace
        first = self._kill_at is None
        self._kill_at = kill_at if self._kill_at is None else min(self._kill_at, kill_at)
        self.may_run(self._kill_at)  # this process may be stopped by then
        if first:
            self._signal(signal.SIGTERM, signal.SIGCONT)
        self.press()

    def press(self) -> None:
        """Kill what has outlived its grace; to be called again and again."""
        if self._kill_at is not None and now() >= self._kill_at:
            self._signal(signal.SIGKILL)

    def _signal(self, *how: signal.Signals) -> None:
        # The leader is reaped after that, so its number cannot mean another session yet.
        if not self._left.is_set():
            processes.signal_session(self._process.pid, *how)

    def _await(self) -> None:
        pid = self._process.pid
        try:
            if hasattr(os, "waitid"):  # macOS has it since Python 3.13
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            else:
                self._process.wait()
            self._end_the_rest()
        finally:
            self._left.set()
            self._standby.forget(pid)
            self._listener.join()
            self.status = self._process.wait()
            self.ended.set()

    def _end_the_rest(self) -> None:
        pause = 0.005
        while processes.of_session(self._process.pid):
            if self._kill_at is None:
                self.end(self._grace)
            self.press()
            if self._kill_at is not None and now() > self._kill_at + _TO_DIE_SECONDS:
                return  # it may be another user's by now
            time.sleep(pause)
            pause = min(2 * pause, 0.1)

    def _converse(self) -> None:
        """Write the card, read what is said; until the end of it, or of the command."""
        process: Any = self._process
        pipes = (process.stdin, process.stdout, process.stderr)
        try:
            with selectors.DefaultSelector() as ready:
                os.set_blocking(process.stdin.fileno(), False)
                ready.register(process.stdin, selectors.EVENT_WRITE)
                ready.register(process.stdout, selectors.EVENT_READ, self.answers)
                ready.register(process.stderr, selectors.EVENT_READ, self.complaints)
                self._exchange_all(ready)
        finally:
            for pipe in pipes:
                with suppress(OSError):
                    pipe.close()
        self.answers.close()
        self.complaints.close()

    def _exchange_all(self, ready: selectors.BaseSelector) -> None:
        late = 0
        while ready.get_map():
            left = self._left.is_set()
            events = ready.select(_SILENCE_SECONDS)
            if left and (not events or late > 2 * _PIPE):
                return  # a daemon that left the session holds the pipes
            for key, _ in events:
                size = self._write(key.fd) if key.data is None else self._read(key.fd, key.data)
                late += left * size
                if not size:
                    ready.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]  # a pipe

    def _read(self, pipe: int, tee: Tee) -> int:
        """How much; nothing at the end."""
        data = os.read(pipe, _CHUNK)
        self.tail.add(data)
        tee.feed(data)
        return len(data)

    def _write(self, pipe: int) -> int:
        """How much was left to write; nothing also if the command does not want it."""
        left = len(self._unread)
        try:
            self._unread = self._unread[os.write(pipe, self._unread) :]
        except BlockingIOError:
            return left
        except OSError:
            return 0
        return left if self._unread else 0
