"""A caller who says what it saw changes nothing else: `seen`, on every verb that takes it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from backlog.errors import Stale
from backlog.session import PsycopgSession
from backlog.verbs import cards, claims, moves

pytestmark = pytest.mark.quick

Prepare = Callable[[PsycopgSession], Any]


def _nothing(session: PsycopgSession) -> None:
    pass


def _claimed(session: PsycopgSession) -> None:
    claims.claim(session, "w")


def _done(session: PsycopgSession) -> None:
    moves.complete(session, "A")


def _blocked(session: PsycopgSession) -> None:
    moves.block(session, "A")


def _linked(session: PsycopgSession) -> None:
    cards.link(session, "A", "B")


SEEN: dict[str, tuple[Prepare, Callable[..., Any]]] = {
    "complete": (_nothing, moves.complete),
    "complete of a done card": (_done, moves.complete),
    "block": (_nothing, moves.block),
    "unblock": (_blocked, moves.unblock),
    "reopen": (_done, moves.reopen),
    "release": (_claimed, moves.release),
    "reclaim": (_claimed, moves.reclaim_card),
    "delete": (_nothing, cards.delete),
    "edit": (_nothing, lambda s, i, seen: cards.edit(s, i, seen=seen, title="t")),
    "link": (_nothing, lambda s, i, seen: cards.link(s, i, "B", seen=seen)),
    "unlink": (_linked, lambda s, i, seen: cards.unlink(s, i, "B", seen=seen)),
}


@pytest.fixture
def stored(session: PsycopgSession) -> Callable[[], Any]:
    """Everything in the tables, to compare."""

    def read() -> Any:
        sql = "SELECT {0}::text FROM {0} ORDER BY 1"
        return [session.execute(sql.format(t)).fetchall() for t in ("backlog", "backlog_event")]

    return read


@pytest.mark.parametrize(("before", "verb"), SEEN.values(), ids=SEEN)
def test_a_card_that_changed_meanwhile_is_left_alone(before, verb, session, card, stored):
    card("A")
    card("B", priority=-1)
    before(session)
    seen = cards.show(session, "A").updated_at
    cards.edit(session, "A", body="meanwhile")
    kept = stored()
    with pytest.raises(Stale, match=r"A was changed at .*; look at it again"):
        verb(session, "A", seen=seen)
    assert stored() == kept


@pytest.mark.parametrize(("before", "verb"), SEEN.values(), ids=SEEN)
def test_a_card_as_it_was_seen_is_changed(before, verb, session, card):
    card("A")
    card("B", priority=-1)
    before(session)
    verb(session, "A", seen=cards.show(session, "A").updated_at)


def test_a_heartbeat_does_not_make_a_page_stale(session, card):
    card("A")
    _claimed(session)
    seen: datetime = cards.show(session, "A").updated_at
    moves.renew(session, "A")
    assert moves.release(session, "A", seen=seen).status == "ready"
