"""One process at a time makes, starts or stops a store."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet_backlog.embedded.errors import StoreError


@contextmanager
def held(root: Path, timeout: float) -> Iterator[None]:
    """Hold ``root/lock``; raises StoreError when another process keeps it past ``timeout`` seconds.

    The kernel drops it with the process, however that ends; children never inherit it.
    """
    path = root / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _acquire(descriptor, path, timeout)
        try:
            yield
        finally:
            # Not left to close(): a fork of a threaded process may hold a duplicate.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, timeout: float) -> None:
    # Polled, for a blocking flock cannot be bounded without a signal.
    deadline = time.monotonic() + timeout
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StoreError(
                    f"{path} has been held by another process for {timeout:.0f} s; "
                    "end that process and try again."
                ) from None
        time.sleep(0.01)
