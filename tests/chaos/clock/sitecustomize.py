"""The wall clock of this process is wrong by so many hours. Python imports this as it starts."""

import datetime
import os
import time

_SECONDS = 3600 * float(os.environ.get("CHAOS_CLOCK_HOURS", "0"))
_true, _true_ns = time.time, time.time_ns
_datetime = datetime.datetime


class _Kind(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, _datetime)


class _Wrong(_datetime, metaclass=_Kind):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> _datetime:
        return _datetime.now(tz) + datetime.timedelta(seconds=_SECONDS)


time.time = lambda: _true() + _SECONDS
time.time_ns = lambda: _true_ns() + int(_SECONDS * 1e9)
datetime.datetime = _Wrong  # type: ignore[misc]  # (that is the point)
