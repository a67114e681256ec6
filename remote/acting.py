"""Whoever calls over the wire, in the values of a call."""

from collections.abc import Mapping
from typing import Any

from backlog.errors import NotAllowed
from remote.calls import Called, Parameter


def says_who_acts(parameter: Parameter) -> bool:
    """Whether it names whoever does the verb."""
    return parameter.name == "by" or parameter.settings.get("env") == "BACKLOG_OWNER"


def in_the_name(
    called: Called, given: Mapping[str, Any], worker: str, *, operates: bool
) -> tuple[dict[str, Any], bool]:
    """The values with this worker as whoever acts; whether what is said of a claim is said by its
    holder: not so where `owner` is null and the worker `operates`. Whoever does not may say it all
    the same, and must hold the claim: so a command needs no owner. Raises `NotAllowed`.
    """
    said, holds = dict(given), True
    for parameter in filter(says_who_acts, called.parameters):
        name = parameter.name
        if name == "owner" and name in said and said[name] is None:
            holds = not operates
        elif said.get(name) not in (None, worker):
            raise NotAllowed(f"{name} must be {worker}, who calls")
        elif name == "by":
            said[name] = worker
    return said, holds
