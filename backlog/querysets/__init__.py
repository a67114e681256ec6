"""Querysets: cards with the verbs, and what stands beside the cards."""

from backlog.querysets.cards import EXPIRED, REVIEWED, CardQuerySet, in_cell
from backlog.querysets.related import EventQuerySet, RuleQuerySet, RunOutputQuerySet, RunQuerySet

__all__ = [
    "EXPIRED",
    "REVIEWED",
    "CardQuerySet",
    "EventQuerySet",
    "RuleQuerySet",
    "RunOutputQuerySet",
    "RunQuerySet",
    "in_cell",
]
