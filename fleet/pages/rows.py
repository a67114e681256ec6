"""Rows as pages show them: of long texts only the beginnings leave the database."""

from typing import Any, Final

from django.db.models import F, QuerySet

from backlog.web.queries.lines import start
from fleet.models import Decision, Escalation, Signal

# As much of a text, and of the evidence.
TEXT: Final = 1_000
EVIDENCE: Final = 4_000


def escalations(chosen: QuerySet[Escalation]) -> QuerySet[Escalation, Any]:
    """With `said` and `came`, of the reason and the resolution; as an operator sees to them: what
    nobody has acknowledged, then what somebody has, the oldest first; what was resolved last."""
    begun = chosen.annotate(said=start("reason", TEXT), came=start("resolution", TEXT))
    state = F("resolved_at").desc(nulls_first=True), F("acknowledged_at").asc(nulls_first=True)
    return begun.defer("reason", "resolution").order_by(*state, "id")


def decisions(chosen: QuerySet[Decision]) -> QuerySet[Decision, Any]:
    """With `said`, of the reason; the newest first."""
    return chosen.annotate(said=start("reason", TEXT)).defer("reason").order_by("-id")


def signals(chosen: QuerySet[Signal]) -> QuerySet[Signal, Any]:
    """With `said` and `shown`, of the text and the evidence; the newest first."""
    begun = chosen.annotate(said=start("text", TEXT), shown=start("evidence", EVIDENCE))
    return begun.defer("text", "evidence").order_by("-id")
