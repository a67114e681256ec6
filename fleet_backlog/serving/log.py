"""The access log: a line a request, which no request can forge, for its owner only."""

import logging
import os
import stat
from collections.abc import Mapping
from typing import IO, Any, Final

from gunicorn.glogging import Logger

from backlog.errors import Refusal
from backlog.logs import Formatter
from fleet_backlog.serving.proxies import forwarded

# The peer, the client as a proxy that we believe saw it, and no query: what somebody searches for
# is nobody's business. Of a call to the API the worker, whose name the token tells.
FORMAT: Final = '%(t)s %(h)s %(client)s "%(m)s %(path)s" %(s)s %(B)s %(L)ss%(worker)s'


def opened(name: str) -> IO[str]:
    """The file to add lines to, made for its owner only. Raises `Refusal`."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        file = open(os.open(name, flags, 0o600), "a", encoding="utf-8")  # noqa: PTH123, SIM115 (a handler's)
    except OSError as error:
        reason = "it is a link" if os.path.islink(name) else error.strerror  # noqa: PTH114 (a name)
        raise Refusal(f"cannot log to {name}: {reason}; - is standard output") from None
    os.set_blocking(file.fileno(), True)  # it is asked only whether the other end is there
    found = os.fstat(file.fileno())
    if stat.S_ISREG(found.st_mode) and found.st_uid not in (0, os.geteuid()):
        file.close()
        raise Refusal(f"cannot log to {name}: it belongs to user id {found.st_uid}")
    return file


class _Handler(logging.FileHandler):
    def _open(self) -> Any:  # also where a rotated log is opened anew (SIGUSR1)
        return opened(self.baseFilename)


class AccessLog(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's, with a file of our own and words that stay on their line."""

    def _set_handler(self, log: Any, output: str | None, fmt: Any, stream: Any = None) -> None:
        fmt = Formatter(fmt._fmt, fmt.datefmt)
        if log is not self.access_log or output in (None, "-"):
            super()._set_handler(log, output, fmt, stream)
            return
        handler = _Handler(output or os.devnull)
        handler.setFormatter(fmt)
        handler._gunicorn = True  # type: ignore[attr-defined]  # so it knows which is its own
        log.addHandler(handler)

    def atoms(self, resp: Any, req: Any, environ: Mapping[str, Any], request_time: Any) -> Any:
        # The path as it was sent: gunicorn takes printable ASCII only, decoded it could be a line.
        found = super().atoms(resp, req, environ, request_time)
        path = environ["RAW_URI"].partition("?")[0]
        worker = environ.get("backlog.worker")
        said = f" worker={worker}" if worker else ""  # a name is one line, and it stands last
        return {**found, "path": path, "client": forwarded(environ) or "-", "worker": said}
