"""The first process of a container, or of any namespace, has its duties to the others in it."""

import os
import signal
from types import FrameType
from typing import Final

_OWN: Final = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGPIPE}
_FAULTS: Final = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP}
_FORWARDED: Final = signal.valid_signals() - _OWN - _FAULTS


def stand_aside() -> None:
    """As process 1, go on as a child of it. Process 1 passes signals on and reaps what is left.

    Whatever a command leaves behind becomes a child of process 1, and stays a zombie until that
    waits for it. The worker itself cannot: it would take away what its own threads wait for.
    """
    if os.getpid() != 1:
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)
    worker = os.fork()
    if worker == 0:
        os.setpgid(0, 0)  # what a terminal sends to the group comes once, from process 1
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return

    def forward(number: int, frame: FrameType | None) -> None:
        os.kill(worker, number)

    for number in _FORWARDED:
        signal.signal(number, forward)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    while True:
        pid, status = os.wait()
        if pid == worker:
            ended = os.waitstatus_to_exitcode(status)
            os._exit(ended if ended >= 0 else 128 - ended)
