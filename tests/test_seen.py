"""A caller who says what it saw changes nothing else: `seen`, on every verb that takes it."""

from collections.abc import Callable
from typing import Any

import pytest

from backlog.errors import Stale
from backlog.session import PsycopgSession
from backlog.verbs import cards, moves

pytestmark = pytest.mark.quick

# The card as it was seen, and the verb.
SEEN: dict[str, tuple[dict[str, Any], Callable[..., Any]]] = {
    "complete": ({}, moves.complete),
    "complete of a done card": ({"done": True}, moves.complete),
    "block": ({}, moves.block),
    "unblock": ({"blocked": True}, moves.unblock),
    "reopen": ({"done": True}, moves.reopen),
    "release": ({"claimed": True}, moves.release),
    "reclaim": ({"claimed": True}, moves.reclaim_card),
    "delete": ({}, cards.delete),
    "edit": ({}, lambda s, i, seen: cards.edit(s, i, seen=seen, title="t")),
    "link": ({}, lambda s, i, seen: cards.link(s, i, "B", seen=seen)),
    "unlink": ({"needs": ["B"]}, lambda s, i, seen: cards.unlink(s, i, "B", seen=seen)),
}


def stored(session: PsycopgSession) -> list[Any]:
    """Everything in the tables, to compare."""
    sql = "SELECT {0}::text FROM {0} ORDER BY 1"
    return [session.execute(sql.format(t)).fetchall() for t in ("backlog", "backlog_event")]


@pytest.mark.parametrize(("before", "verb"), SEEN.values(), ids=SEEN)
def test_a_card_that_changed_meanwhile_is_left_alone(before, verb, session, card):
    card("B", priority=-1)
    seen = card("A", **before).updated_at
    cards.edit(session, "A", body="meanwhile")
    kept = stored(session)
    with pytest.raises(Stale, match=r"A was changed at .*; look at it again"):
        verb(session, "A", seen=seen)
    assert stored(session) == kept


@pytest.mark.parametrize(("before", "verb"), SEEN.values(), ids=SEEN)
def test_a_card_as_it_was_seen_is_changed(before, verb, session, card):
    card("B", priority=-1)
    seen = card("A", **before).updated_at
    verb(session, "A", seen=seen)


def test_a_heartbeat_does_not_make_a_page_stale(session, card):
    seen = card("A", claimed=True).updated_at
    moves.renew(session, "A")
    assert moves.release(session, "A", seen=seen).status == "ready"
