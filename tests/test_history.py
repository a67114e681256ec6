"""Every change of a card is exactly one event, whoever makes it; nothing else is."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
from django.db import connection
from psycopg import errors

from backlog.models import Card
from backlog.session import ACTOR, PsycopgSession
from backlog.verbs import cards, claims, moves, transfer
from backlog.verbs.history import comment, history

pytestmark = pytest.mark.quick


@pytest.fixture(autouse=True)
def actor() -> Iterator[str]:
    """Who acts in these tests."""
    token = ACTOR.set("olga")
    yield "olga"
    ACTOR.reset(token)


@pytest.fixture
def role(session: PsycopgSession) -> str:
    """The database's role, which acts where no verb says who does."""
    return str(session.execute("SELECT session_user").fetchone()[0])


@pytest.fixture
def events(session: PsycopgSession) -> Any:
    """What happened to a card since the last look: `(verb, from, to, actor, attempt, note)`."""
    seen = 0

    def new(card_id: str = "A") -> list[tuple[Any, ...]]:
        nonlocal seen
        found = [event for event in history(session, card_id) if event.id > seen]
        seen = max([seen, *(event.id for event in found)])
        return [(e.verb, e.from_status, e.to_status, e.actor, e.attempt, e.note) for e in found]

    return new


# Verbs --------------------------------------------------------------------------------------------

Verb = Callable[[PsycopgSession, str], Any]
CLAIMED, EXPIRED = {"claimed": True}, {"expired": True}
DONE, BLOCKED, LINKED = {"done": True}, {"blocked": True}, {"needs": ["B"]}

CLAIM = ("claim", "ready", "claimed", "w", 1, None)
RECLAIM = ("reclaim", "claimed", "ready", "olga", 1, "held by w")

# The card before, the verb, and its event: verb, from, to, actor, attempt, note.
VERBS: dict[str, tuple[dict[str, Any], Verb, tuple[Any, ...]]] = {
    "claim": ({}, lambda s, _: claims.claim(s, "w"), CLAIM),
    "claim of an id": ({}, lambda s, i: claims.claim(s, "w", card_id=i), CLAIM),
    "complete by its worker": (
        CLAIMED,
        lambda s, i: moves.complete(s, i, "w", 1),
        ("complete", "claimed", "done", "w", 1, "held by w"),
    ),
    "complete by an operator": (
        CLAIMED,
        moves.complete,
        ("complete", "claimed", "done", "olga", 1, "held by w"),
    ),
    "complete without a claim": (
        {},
        moves.complete,
        ("complete", "ready", "done", "olga", 0, None),
    ),
    "block": ({}, moves.block, ("block", "ready", "blocked", "olga", 0, "other")),
    "block with a reason": (
        CLAIMED,
        lambda s, i: moves.block(s, i, "w", reason="needs_input", note="which port?"),
        ("block", "claimed", "blocked", "w", 1, "needs_input: which port?; held by w"),
    ),
    "unblock with an answer": (
        BLOCKED,
        lambda s, i: moves.unblock(s, i, note="8080"),
        ("unblock", "blocked", "ready", "olga", 0, "8080"),
    ),
    "comment": (
        CLAIMED,
        lambda s, i: comment(s, i, "hm"),
        ("comment", "claimed", "claimed", "olga", 1, "hm"),
    ),
    "unblock": (BLOCKED, moves.unblock, ("unblock", "blocked", "ready", "olga", 0, None)),
    "reopen": (DONE, moves.reopen, ("reopen", "done", "ready", "olga", 0, None)),
    "release": (
        CLAIMED,
        lambda s, i: moves.release(s, i, "w"),
        ("release", "claimed", "ready", "w", 1, "held by w"),
    ),
    "reclaim of what is expired": (EXPIRED, lambda s, _: moves.reclaim(s), RECLAIM),
    "reclaim of an expired id": (EXPIRED, moves.reclaim_card, RECLAIM),
    "reclaim of a lease that still lasts": (CLAIMED, moves.reclaim_card, RECLAIM),
    "link": ({}, lambda s, i: cards.link(s, i, "B"), ("link", "ready", "ready", "olga", 0, "B")),
    "unlink": (
        LINKED,
        lambda s, i: cards.unlink(s, i, "B"),
        ("unlink", "ready", "ready", "olga", 0, "B"),
    ),
    "edit": (
        {},
        lambda s, i: cards.edit(s, i, title="t", body="b", phase="M1", priority=3),
        ("edit", "ready", "ready", "olga", 0, "title, body, phase - → M1, priority 0 → 3"),
    ),
    "edit of the other fields": (
        CLAIMED,
        lambda s, i: cards.edit(s, i, idempotency_key="k", acceptance='["x"]'),
        ("edit", "claimed", "claimed", "olga", 1, "idempotency key, acceptance"),
    ),
    "edit of dependencies": (
        {},
        lambda s, i: cards.edit(s, i, depends_on=["B", "C"]),
        ("link", "ready", "ready", "olga", 0, "B, C"),
    ),
    "delete": (CLAIMED, cards.delete, ("delete", "claimed", None, "olga", 1, None)),
    "delete with others": (
        {},
        lambda s, i: cards.delete_together(s, [i, "B"]),
        ("delete", "ready", None, "olga", 0, None),
    ),
    "import over it": (
        {},
        lambda s, _: transfer.import_cards(s, [b'{"id":"A","priority":2}'], update=True),
        ("edit", "ready", "ready", "olga", 0, "priority 0 → 2"),
    ),
}


@pytest.mark.parametrize(("before", "verb", "event"), VERBS.values(), ids=VERBS)
def test_a_verb_is_one_event(before, verb, event, session, card, events):
    card("B", priority=-1)
    card("A", **before)
    events()
    verb(session, "A")
    assert events() == [event]


def test_a_create_is_one_event(card, events):
    card("A", needs=["B"])
    assert events() == [("create", None, "ready", "olga", 0, None)]


def test_an_import_is_one_event_a_card(session, events):
    lines = [{"id": "A", "title": "a"}, {"id": "B", "title": "b", "status": "done"}]
    transfer.import_cards(session, [json.dumps(line).encode() for line in lines])
    assert events("A") == [("create", None, "ready", "olga", 0, None)]
    assert events("B") == [("create", None, "done", "olga", 0, None)]


NO_CHANGE: dict[str, tuple[dict[str, Any], Verb]] = {
    "complete of a done card": (DONE, moves.complete),
    "block of a blocked card": (BLOCKED, lambda s, i: moves.block(s, i, reason="capability")),
    "claim of a claimed card": (CLAIMED, lambda s, i: claims.claim(s, "v", card_id=i)),
    "reclaim of a ready card": ({}, moves.reclaim_card),
    "reclaim of a lease that lasts": (CLAIMED, lambda s, _: moves.reclaim(s)),
    "link again": (LINKED, lambda s, i: cards.link(s, i, "B")),
    "unlink again": ({}, lambda s, i: cards.unlink(s, i, "B")),
    "edit of nothing": ({}, lambda s, i: cards.edit(s, i)),
    "edit with equal values": ({}, lambda s, i: cards.edit(s, i, title="Card A", priority=0)),
    "edit with equal dependencies": (LINKED, lambda s, i: cards.edit(s, i, depends_on=["B"])),
    "create with a known key": ({}, lambda s, _: cards.create(s, "X", "x", idempotency_key="k")),
    "import of what is there": (
        {},
        lambda s, _: transfer.import_cards(s, [b'{"id":"A","priority":0}'], update=True),
    ),
    "dry run of an import": (
        {},
        lambda s, _: transfer.import_cards(
            s, [b'{"id":"A","priority":9}'], update=True, dry_run=True
        ),
    ),
    "a dependency that is done": (LINKED, lambda s, _: moves.complete(s, "B")),
}


@pytest.mark.parametrize(("before", "verb"), NO_CHANGE.values(), ids=NO_CHANGE)
def test_no_change_is_no_event(before, verb, session, card, events):
    card("B", priority=-1)
    card("A", idempotency_key="k", **before)
    events()
    verb(session, "A")
    assert events() == []


def test_a_heartbeat_is_no_event_and_no_change(session, claimed, events, row):
    before = row("updated_at, status_changed_at, attempts")
    events()
    moves.renew(session, "A", "w", ttl=60)
    assert events() == []
    assert row("updated_at, status_changed_at, attempts") == before


@pytest.mark.one_tier
@pytest.mark.parametrize(("before", "verb", "event"), VERBS.values(), ids=VERBS)
def test_a_change_that_is_rolled_back_is_no_event(before, verb, event, session, card, events):
    card("B", priority=-1)
    card("A", **before)
    events()
    with suppress(_Undo), session.transaction():
        verb(session, "A")
        raise _Undo
    assert events() == []


class _Undo(Exception):
    pass


def test_an_event_has_the_time_of_its_change(session, claimed):
    assert history(session, "A")[-1].at == cards.show(session, "A").updated_at
    moves.block(session, "A")
    assert history(session, "A")[-1].at == cards.show(session, "A").updated_at


# Others -------------------------------------------------------------------------------------------

STATEMENTS = {
    "UPDATE backlog SET status = 'done'": ("complete", "ready", "done", 0, None),
    "UPDATE backlog SET status = 'blocked'": ("block", "ready", "blocked", 0, "other"),
    "UPDATE backlog SET status = 'blocked', block_reason = 'transient', block_note = 'n'": (
        *("block", "ready", "blocked", 0, "transient: n"),
    ),
    "UPDATE backlog SET title = 't'": ("edit", "ready", "ready", 0, "title"),
    "UPDATE backlog SET phase = 'M2'": ("edit", "ready", "ready", 0, "phase - → M2"),
    "UPDATE backlog SET created_at = '2020-01-01Z'": (
        *("edit", "ready", "ready", 0, "creation time"),
    ),
    "UPDATE backlog SET attempts = 4": ("edit", "ready", "ready", 4, "attempts 0 → 4"),
    """UPDATE backlog SET depends_on = '["X"]'""": ("link", "ready", "ready", 0, "X"),
    "DELETE FROM backlog": ("delete", "ready", None, 0, None),
    "TRUNCATE backlog": ("delete", "ready", None, 0, None),
    """INSERT INTO backlog (id, title) VALUES ('A', 't')
    ON CONFLICT (id) DO UPDATE SET title = excluded.title""": (
        *("edit", "ready", "ready", 0, "title"),
    ),
}


@pytest.mark.parametrize(("sql", "event"), STATEMENTS.items())
def test_a_statement_is_one_event_of_the_role(sql, event, session, card, events, role):
    card("A")
    events()
    session.execute(sql)
    verb, before, after, attempt, note = event
    assert events() == [(verb, before, after, role, attempt, note)]


def test_a_claim_by_hand_is_an_event_of_its_owner(session, card, events):
    card("A")
    events()
    session.execute("""UPDATE backlog SET status = 'claimed', claim_owner = 'w',
        claim_ttl_seconds = 60, claimed_at = now()""")
    assert events() == [CLAIM]


def test_a_takeover_by_hand_is_the_next_claim(session, claimed, events):
    events()
    session.execute("UPDATE backlog SET claim_owner = 'v'")
    assert events() == [("claim", "claimed", "claimed", "v", 2, None)]


def test_two_changes_in_one_statement_are_two_events(session, card, events, role):
    card("A")
    events()
    session.execute("""UPDATE backlog SET status = 'done', title = 't', depends_on = '["X"]'""")
    done, linked, edited = [event[:3] for event in events()]
    assert done == ("complete", "ready", "done")
    assert (linked, edited) == (("link", "done", "done"), ("edit", "done", "done"))


def test_copy_is_one_event_a_card(session, events, role):
    rows = [("A", "a", "ready"), ("B", "b", "done")]
    session.copy("COPY backlog (id, title, status) FROM STDIN", rows)
    assert events("A") == [("create", None, "ready", role, 0, None)]
    assert events("B") == [("create", None, "done", role, 0, None)]


def test_a_queryset_update_is_one_event(card, events, role, django_db_blocker):
    card("A")
    events()
    with django_db_blocker.unblock(), closing(connection):
        Card.objects.filter(pk="A").update(status="blocked", priority=2)
    found = events()
    assert [event[:3] for event in found] == [
        ("block", "ready", "blocked"),
        ("edit", "blocked", "blocked"),
    ]
    assert {event[3] for event in found} == {role}


def test_a_save_of_what_is_there_is_no_event(card, events, django_db_blocker):
    card("A")
    events()
    with django_db_blocker.unblock(), closing(connection):
        Card.objects.get(pk="A").save()
    assert events() == []


def test_who_acts_ends_with_the_transaction(session, card, events, role):
    card("A")
    moves.complete(session, "A")
    session.execute("UPDATE backlog SET status = 'ready'")
    assert [event[3] for event in events()] == ["olga", "olga", role]


def test_nobody_named_is_the_role(session, card, events, role):
    card("A")
    ACTOR.set("")
    moves.complete(session, "A")
    assert events()[-1][3] == role


def test_a_deleted_card_keeps_its_history_when_the_id_is_used_again(session, card, events):
    card("A", claimed=True)
    cards.delete(session, "A")
    card("A")
    assert [event[0] for event in events()] == ["create", "claim", "delete", "create"]


def test_an_event_cannot_be_changed(session, card, events):
    card("A")
    with pytest.raises(errors.CheckViolation, match="never changed"):
        session.execute("UPDATE backlog_event SET actor = 'somebody else'")
