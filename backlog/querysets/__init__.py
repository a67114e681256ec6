"""Querysets: cards with the verbs, and what stands beside the cards."""

from backlog.querysets.cards import CELLS, CardQuerySet
from backlog.querysets.related import EventQuerySet, RuleQuerySet, RunQuerySet

__all__ = ["CELLS", "CardQuerySet", "EventQuerySet", "RuleQuerySet", "RunQuerySet"]
