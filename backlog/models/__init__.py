"""The tables: the card, and what stands beside it."""

from backlog.models.cards import Card
from backlog.models.related import (
    DeletedCard,
    Dependency,
    EndedRun,
    Event,
    Kept,
    Rule,
    Run,
    RunOutput,
    SavedView,
    SearchDocument,
    Verdict,
)

__all__ = [
    "Card",
    "DeletedCard",
    "Dependency",
    "EndedRun",
    "Event",
    "Kept",
    "Rule",
    "Run",
    "RunOutput",
    "SavedView",
    "SearchDocument",
    "Verdict",
]
