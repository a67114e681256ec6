"""What a verb answers."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from backlog.values import json_text


class Reply(NamedTuple):
    """JSON in pieces, written as they are; lines for people; the exit status."""

    json: Iterable[str]
    text: Iterable[str]
    status: int = 0


def document(value: Any) -> list[str]:
    """A JSON document on a line of its own."""
    return [json_text(value) + "\n"]
