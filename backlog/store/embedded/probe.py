"""Does anything listen on the socket?"""

import errno
import os
import socket
from pathlib import Path

from backlog.store.embedded.errors import from_os


def is_down(path: Path) -> bool:
    """Say whether nobody listens at ``path``; raises StoreError where we may not even ask."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(os.fsencode(path))
        except BlockingIOError:
            return False  # its queue is full, so there is a listener
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ECONNREFUSED}:
                return True
            raise from_os(error, f"reach the server's socket {path}") from error
    return False
