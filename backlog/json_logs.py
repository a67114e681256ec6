"""Logs as lines of JSON, for what gathers them: `BACKLOG_LOGS=json`.

Each is one object: `time`, `level`, `logger`, `message`; `verb`, `card`, `owner` and `attempt`
where they are known; then whatever else there is to say.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final

from backlog import values
from backlog.records import iso
from backlog.shown import in_json

VARIABLE: Final = "BACKLOG_LOGS"
FORMS: Final = ("text", "json")

# What a worker tells of that somebody may want to see to.
UNUSUAL: Final = frozenset(
    {"lost", "expired", "cancelled", "ignored", "refused", "untraced", "store-away", "store-back"}
)

_NOTHING: Final[Mapping[str, Any]] = {}
# What is being done, in this context.
_ABOUT: Final = ContextVar("about", default=_NOTHING)


def are_asked_for(environ: Mapping[str, str]) -> bool:
    """Whether the environment wants lines of JSON. Raises `UsageError`."""
    said = environ.get("BACKLOG_LOGS", "").strip() or FORMS[0]
    return values.one_of(said, VARIABLE, FORMS) == "json"


@contextmanager
def about(**known: Any) -> Iterator[None]:
    """What is logged within, and of an error that leaves it, says this, too; None says nothing."""
    said = {**_ABOUT.get(), **_told(known)}
    token = _ABOUT.set(said)
    try:
        yield
    except Exception as error:
        error.__dict__.setdefault("about", said)
        raise
    finally:
        _ABOUT.reset(token)


def line(logger: str, message: str, level: str = "info", **known: Any) -> str:
    """A line of ours, without its end."""
    return _line(datetime.now(UTC), level, logger, message, {**_ABOUT.get(), **_told(known)})


def of_transition(said: Mapping[str, Any]) -> str:
    """What the log of `work` says in one line; see `backlog.worker.console.transition`."""
    known = {key: value for key, value in said.items() if key not in ("at", "what")}
    what = said["what"]
    level = "warning" if what in UNUSUAL else "info"
    return line("backlog.work", what, level, verb="work", **known)


class Formatter(logging.Formatter):
    """Python's records so; of a worker of functions with what the transition says.

    As `backlog.logs.Formatter`, without the traceback of what Django refuses to a client.
    """

    def format(self, record: logging.LogRecord) -> str:
        status = getattr(record, "status_code", None)
        known = {**_ABOUT.get(), **getattr(record, "transition", {}), "status": status}
        known |= self.fields(record)
        known.pop("at", None)
        if record.exc_info and record.exc_info[1] and not 400 <= (status or 500) < 500:
            known |= getattr(record.exc_info[1], "about", {})
            known["error"] = self.formatException(record.exc_info)
        at = datetime.fromtimestamp(record.created, UTC)
        return _line(at, record.levelname.lower(), record.name, self.message(record), _told(known))

    def message(self, record: logging.LogRecord) -> str:
        return record.getMessage()

    def fields(self, record: logging.LogRecord) -> Mapping[str, Any]:
        """What else there is to say of it."""
        return _NOTHING


def _told(known: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in known.items() if value is not None}


def _line(at: datetime, level: str, logger: str, message: str, known: Mapping[str, Any]) -> str:
    first = {"time": iso(at), "level": level, "logger": logger, "message": message}
    said = json.dumps(
        first | {key: value for key, value in known.items() if key not in first},
        ensure_ascii=False,
        separators=(",", ":"),
        default=str,
    )
    return in_json(said)
