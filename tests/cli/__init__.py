"""The command line from outside: what scripts and agents rely on."""

import json
from pathlib import Path
from typing import Any

KEYS = [
    *("id", "title", "body", "phase", "priority", "status", "dependsOn"),
    *("claimOwner", "claimTtlSeconds", "claimedAt", "attempts"),
    *("idempotencyKey", "acceptance", "createdAt", "updatedAt"),
    # The original's end here; more may follow.
    *("role", "maxAttempts", "notBefore", "blockReason", "blockNote", "blockCount", "answer"),
    *("draft", "gated", "due", "maxRuntime", "projectedTokens", "projectedCost", "resolution"),
    "archivedAt",
]
EVENT_KEYS = ["id", "cardId", "at", "actor", "verb", "from", "to", "attempt", "note"]

NEW = ("create", "--id", "A", "--title", "t", "--json")


def refused(call: Any, status: int, *words: str) -> str:
    """Run what must be refused, and return the one line that says why; nothing has changed."""
    before = call("export").out
    ran = call(*words)
    assert (ran.status, ran.out, ran.err.count("\n"), ran.err[-1:]) == (status, "", 1, "\n"), ran
    assert call("export").out == before
    return str(ran.err)


def lines(directory: Path, *cards: Any) -> str:
    """A file with a line for each card; bytes and text stand there as they are."""
    file = directory / "cards.jsonl"
    with file.open("wb") as out:
        for card in cards:
            text = card if isinstance(card, str | bytes) else json.dumps(card)
            out.write((text if isinstance(text, bytes) else text.encode()) + b"\n")
    return str(file)
