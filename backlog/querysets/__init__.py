"""Querysets: cards with the verbs, and what stands beside the cards."""

from backlog.querysets.cards import EXPIRED, CardQuerySet, in_cell
from backlog.querysets.related import EventQuerySet, RuleQuerySet, RunQuerySet

__all__ = [
    "EXPIRED",
    "CardQuerySet",
    "EventQuerySet",
    "RuleQuerySet",
    "RunQuerySet",
    "in_cell",
]
