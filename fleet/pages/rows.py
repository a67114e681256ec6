"""Rows as pages show them: of long texts only the beginnings leave the database, and of these no
more than a page bears is shown."""

from typing import Any, Final

from django.db.models import F, QuerySet

from backlog.web.markup import LONGEST_FOLDED, Room, folded
from backlog.web.queries.lines import start
from fleet.models import Decision, Escalation, Signal

# As many bytes take the texts of a table.
_BYTES: Final = 150_000


def escalations(chosen: QuerySet[Escalation], most: int) -> list[Any]:
    """So many and one more, with `said` and `came`, of the reason and the resolution; as an
    operator sees to them: what nobody has acknowledged, then what somebody has, the oldest first;
    what was resolved last."""
    state = F("resolved_at").desc(nulls_first=True), F("acknowledged_at").asc(nulls_first=True)
    return _shown(chosen.order_by(*state, "id")[: most + 1], said="reason", came="resolution")


def decisions(chosen: QuerySet[Decision], most: int) -> list[Any]:
    """So many and one more, with `said`, of the reason; the newest first."""
    return _shown(chosen.order_by("-id")[: most + 1], said="reason")


def signals(chosen: QuerySet[Signal], most: int) -> list[Any]:
    """So many and one more, with `said` and `shown`, of the text and the evidence; the newest
    first."""
    return _shown(chosen.order_by("-id")[: most + 1], said="text", shown="evidence")


def _shown(listed: QuerySet[Any], **texts: str) -> list[Any]:
    """With these attributes, of these columns, folded."""
    begun = {name: start(column, LONGEST_FOLDED) for name, column in texts.items()}
    found, room = list(listed.annotate(**begun).defer(*texts.values())), Room(_BYTES)
    for row in found:
        for name in texts:
            setattr(row, name, folded(getattr(row, name), room))
    return found
