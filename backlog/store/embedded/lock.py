"""One process at a time makes, starts or stops a store; one server at a time has its data."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backlog.store.embedded.errors import StoreError

# How long the processes of a killed server may take to end.
CLAIM_TIMEOUT = 15.0


@contextmanager
def held(root: Path, timeout: float) -> Iterator[None]:
    """Hold ``root/lock``; raises StoreError when another process keeps it past ``timeout`` seconds.

    The kernel drops it with the process, however that ends; children do not inherit it.
    """
    path = root / "lock"
    hint = f"{path} has been held by another process for {timeout:.0f} s; end it and try again."
    with _opened(path) as descriptor:
        _acquire(descriptor, timeout, hint)
        try:
            yield
        finally:
            # Not left to close(): a fork of a threaded process may hold a duplicate.
            fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextmanager
def claimed(root: Path) -> Iterator[int]:
    """Hold ``root/running`` and yield its descriptor, for the server to inherit.

    All its processes keep it until the last has ended. Process ids say nothing about a server in
    another container; this does, and so keeps a second server from the data. Raises StoreError.
    """
    path = root / "running"
    hint = (
        f"{path} is held by a server that this process cannot see, as in another container; "
        "stop it there, and try again."
    )
    with _opened(path) as descriptor:
        _acquire(descriptor, CLAIM_TIMEOUT, hint)
        yield descriptor


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, timeout: float, hint: str) -> None:
    # Polled, for a blocking flock cannot be bounded without a signal.
    deadline = time.monotonic() + timeout
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StoreError(hint) from None
        time.sleep(0.01)
