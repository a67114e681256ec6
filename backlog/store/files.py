"""Files that hold secrets, or stand where somebody else may write.

They are opened so that it does no harm: no link is followed at the end of a path, nothing that is
there is written to, and what is read is a plain file of the right owner.
"""

import errno
import os
import shlex
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

# What is read here are keys, numbers and process ids.
_LONGEST = 64 * 1024


class UnsafeFile(OSError):
    """The file is not what may be believed."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(None, reason, str(path))


def read_own(path: Path) -> str:
    """A secret of this user: nobody else may read or write it. Raises OSError."""
    with _opened(path, os.geteuid()) as (descriptor, mode):
        if mode & 0o077:
            raise UnsafeFile(path, f"others may use it, so: chmod 600 {shlex.quote(str(path))}")
        return _text(descriptor)


def read_of(owner: int, path: Path) -> str:
    """A short file that this user id, who may write its directory, has made. Raises OSError."""
    with _opened(path, owner) as (descriptor, _):
        return _text(descriptor)


def write_anew(path: Path, text: str, own: Callable[[int], None]) -> None:
    """Replace a file by one for its owner only; `own` may give it away. Raises OSError."""
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        own(file.fileno())
        file.write(text)


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A file to write, for its owner only, which gets the name `path` when the block has ended.

    Until then its name cannot be guessed; afterwards nothing of it is left if the block failed.
    Raises OSError, `FileExistsError` where there is something of that name already.
    """
    descriptor, name = tempfile.mkstemp(prefix=".unfinished-", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        _name(part, path)
    finally:
        part.unlink(missing_ok=True)


def _name(part: Path, path: Path) -> None:
    """Give a whole file its name; unlike a rename, a link replaces nothing."""
    try:
        os.link(part, path, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        part.rename(path)


@contextmanager
def _opened(path: Path, owner: int) -> Iterator[tuple[int, int]]:
    # O_NONBLOCK: a pipe in place of the file would be waited for.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise UnsafeFile(path, "it is a link, and none is followed there") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != owner:
            raise UnsafeFile(path, f"it is no file of user id {owner}: see who put it there")
        yield descriptor, stat.S_IMODE(found.st_mode)
    finally:
        os.close(descriptor)


def _text(descriptor: int) -> str:
    return os.read(descriptor, _LONGEST).decode(errors="surrogateescape")
