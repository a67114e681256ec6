"""The one exception of this package, and the shape of its message."""

import errno

from backlog.errors import StoreUnavailable

_ADVICE = {
    errno.EROFS: "; set BACKLOG_DATA_DIR to a directory that can be written to",
    errno.EACCES: "; set BACKLOG_DATA_DIR to a directory of your own",
    errno.ENOSPC: "; free some space and try again",
}


class StoreError(StoreUnavailable):
    """The store cannot be had: one line that names the path and says what would be right."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


def from_os(error: OSError, doing: str) -> StoreError:
    """Return a StoreError for a failed system call; ``doing`` ends with the path it was about."""
    where = f" ({error.filename})" if error.filename else ""
    advice = _ADVICE.get(error.errno or 0, "")
    return StoreError(f"Cannot {doing}: {error.strerror or error}{where}{advice}.")
