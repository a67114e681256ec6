"""The times of a line of cron in a time zone, as Debian's cron keeps them.

Daylight saving is heeded as there: what stands in the hour that is left out comes right after it,
and what stands in the hour that comes twice comes once. A line whose minute or hour begins with a
star goes by the clock alone.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from backlog import values
from backlog.errors import UsageError

_LONGEST_LINE: Final = 200
_FIELDS: Final = 5
# What may stand in each of them, as `CronSim` calls it.
_RIGHT: Final = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day-of-month": "1 to 31, L or LW, and a day that such a month has",
    "month": "1 to 12 or JAN to DEC",
    "day-of-week": "0 (SUN) to 6 (SAT), or 7 (SUN)",
}
# They lie among the zones: what this host is set to, and what one is that is set to nothing.
_NO_ZONES: Final = {"localtime", "Factory"}

# As long as any zone's clocks were ever turned back for the summer's end, and more. Where an hour
# comes twice, a moment of its second time is told from one of its first in UTC alone: `CronSim`
# goes on, or back, from whatever the clock shows.
_LONGEST_TWICE: Final = timedelta(hours=3)


def after(line: str, zone: str, moment: datetime) -> datetime:
    """The first of its times after this one, in UTC. Raises `UsageError` if there is none."""
    for found in _times(line, moment.astimezone(_zone(zone))):
        if (time := found.astimezone(UTC)) > moment:
            return time
    raise UsageError(f"the line {line} has no time in the years to come")


def latest(line: str, zone: str, moment: datetime) -> datetime | None:
    """The last of its times until this one, in UTC."""
    later = moment.replace(microsecond=0) + _LONGEST_TWICE
    for found in _times(line, later.astimezone(_zone(zone)), back=True):
        if (time := found.astimezone(UTC)) <= moment:
            return time
    return None


def written(moment: datetime, zone: str) -> str:
    """The time as that zone's clocks have it, to the minute, with its offset."""
    local = moment.astimezone(_zone(zone)).isoformat(timespec="minutes")
    return f"{local.removesuffix('+00:00')}Z" if local.endswith("+00:00") else local


def _times(line: str, moment: datetime, *, back: bool = False) -> CronSim:
    values.line(line, "the line of cron", _LONGEST_LINE)
    if len(line.split()) != _FIELDS:
        raise UsageError(
            "a line of cron has five fields (minute, hour, day of the month, month, day of the"
            f' week), such as "0 9 * * 1", not {len(line.split())}'
        )
    try:
        return CronSim(line, moment, reverse=back)
    except CronSimError as error:
        said = str(error).removeprefix("Bad ")
        wrong = f'in the line of cron "{line}" this is wrong: {said}'
        raise UsageError(f"{wrong}, which is {_RIGHT[said]}, or *; a range goes upwards") from None


def zone(name: str) -> str:
    """The time zone of that name, as everybody calls it. Raises `UsageError` if there is none."""
    if values.line(name, "the time zone", _LONGEST_LINE) == "UTC":  # a machine may have no zones
        return name
    known = available_timezones() - _NO_ZONES
    if name in known:
        return name
    if not known:
        raise UsageError(
            f"there is no time zone {name} here, nor any but UTC: this host lacks the database of"
            " time zones (the package tzdata)"
        )
    raise UsageError(f"there is no time zone {name} here: Europe/Berlin is one, and UTC")


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # another host took it
        raise UsageError(f"this host has no time zone {name}") from None
