"""Many writers, dependencies and ages: nothing is dropped, and nothing is enforced by goodwill."""

import json
import os
from collections import Counter
from contextlib import suppress

import pytest
from psycopg import errors

from backlog.errors import Cycle
from backlog.verbs import cards, check, claims, moves, pool, runs, transfer
from backlog.verbs.pool import Pool
from tests.command import On
from tests.peers.children import FIELDS
from tests.workers import crowd, together

# Claims -------------------------------------------------------------------------------------------


@pytest.mark.one_tier
def test_double_claims_by_many_processes(session, card):
    """Peers: "Double claims": every card exactly once, as the workers and the store have it."""
    for number in range(150):
        card(f"c{number}")
    won = [claim for each in crowd(12, "drain", "0") for claim in each]
    assert Counter(claim.id for claim in won) == {f"c{number}": 1 for number in range(150)}
    sql = "SELECT count(*), count(DISTINCT card_id), max(attempt) FROM backlog_ended_run"
    assert session.execute(sql).fetchone() == (150, 150, 1)


def test_double_claims_where_skip_locked_parses_but_does_nothing(session, sessions, card):
    """Peers: "… where the store's `SKIP LOCKED` parses but does nothing": it neither waits …"""
    for number in range(3):
        card(f"c{number}")
    holders = [sessions(), sessions()]
    session.execute("SET lock_timeout = '1s'")
    with holders[0].transaction(), holders[1].transaction():
        held = [claims.claim(holder, "w").card.id for holder in holders]
        assert [*held, claims.claim(session, "v").card.id] == ["c0", "c1", "c2"]


@pytest.mark.parametrize("count", [1, 4])
def test_double_claims_of_several_at_once(count, session, other, card):
    """Peers: "Double claims": nor does it give out what another has not committed yet."""
    for number in range(8):
        card(f"c{number}")
    with other.transaction():
        claims.claim(other, "v", 60, Pool(), 2)
        taken = claims.claim(session, "w", 60, Pool(), count).cards
    assert [each.id for each in taken] == [f"c{n}" for n in range(2, 2 + count)]


# Writes -------------------------------------------------------------------------------------------


@pytest.mark.one_tier
def test_half_of_the_writes_silently_dropped_under_20_writers(session, store):
    """Peers: "half of the writes silently dropped under 20 writers": none of a thousand is."""
    told = together(20, "tests.peers.children", "create_and_edit", "25")
    acknowledged = {card_id: title for each in told for card_id, title in each}
    found = {card.id: card.title for card in cards.list_cards(session)}
    assert len(acknowledged) == 500
    assert found == acknowledged
    assert session.execute("SELECT count(*) FROM backlog_event").fetchone() == (1000,)


def test_lost_updates_between_processes_that_rewrite_one_card(session, card):
    """Peers: ""database is locked"; lost updates between processes": 20, all on one card."""
    card("A")
    for number in range(20):
        card(f"for-w{number}")
    told = together(20, "tests.peers.children", "edit_one", "A")
    kept = cards.show(session, "A")
    assert sorted(kept.dependencies) == sorted(f"for-w{number}" for number in range(20))
    assert {field: getattr(kept, field) for field, _ in FIELDS} == dict(FIELDS)
    assert [len(each) for each in told] == [2] * len(FIELDS) + [1] * (20 - len(FIELDS))


@pytest.mark.one_tier
def test_exit_status_untrue_under_20_writers(session, store):
    """Peers: "exit status untrue in both directions": of one id, one create says that it did it."""
    creates = [("create", "--id", "A", "--title", f"by {n}") for n in range(20)]
    ended = [ran.status for ran in On(**os.environ).race(*creates)]
    assert sorted(ended) == [0] + [1] * 19
    assert cards.show(session, "A").title == f"by {ended.index(0)}"


# Exit status --------------------------------------------------------------------------------------

CLAIM = ("--owner", "w", "--attempt", "1")
# One card for each status, W waits for R; what is asked for, of which card, and what then holds.
DONE = {
    "create --id N --title t": ("N", "status", "ready"),
    "edit --id R --title t": ("R", "title", "t"),
    "claim --owner v --id R": ("R", "claimOwner", "v"),
    "claim --owner v --ttl 7": ("R", "claimTtlSeconds", 7),
    "renew --id C --owner w --attempt 1 --ttl 7": ("C", "claimTtlSeconds", 7),
    "complete --id C --owner w --attempt 1": ("C", "status", "done"),
    "complete --id R": ("R", "status", "done"),
    "complete --id D": ("D", "status", "done"),
    "block --id C --owner w": ("C", "status", "blocked"),
    "cancel --id C": ("C", "blockNote", "cancelled"),
    "release --id C --attempt 1": ("C", "status", "ready"),
    "reclaim --id C": ("C", "status", "ready"),
    "unblock --id B": ("B", "status", "ready"),
    "reopen --id D": ("D", "status", "ready"),
    "link --from R --to B": ("R", "dependsOn", ["B"]),
    "unlink --from W --to R": ("W", "dependsOn", []),
}
REFUSED = {
    "create --id R --title t": 1,
    "create --id N --title t --depends-on N": 1,
    "edit --id none --title t": 1,
    "renew --id R --owner w": 4,
    "renew --id C --owner w --attempt 2": 4,
    "complete --id C --owner v": 4,
    "complete --id C --attempt 2": 4,
    "complete --id B": 1,
    "complete --id D --owner w --attempt 1": 4,
    "complete --id C --owner w --attempt 1 --cost much": 2,
    "complete --id C --owner v --claim-next": 4,
    "block --id D": 1,
    "block --id C --reason bored": 2,
    "cancel --id D": 1,
    "release --id R": 1,
    "release --id C --owner w --attempt 9": 4,
    "unblock --id R": 1,
    "reopen --id R": 1,
    "link --from R --to W": 1,
    "link --from R --to R": 1,
    "link --from R --to none": 1,
    "unlink --from none --to R": 1,
    "delete --id R": 1,
    "delete --id none": 1,
    "pause --phase M1": 2,
    "limit --phase M1 --max -1": 2,
    "unlimit --phase M1": 1,
    "claim --owner v --ttl 0": 2,
    "claim": 2,
    "finish --id R": 2,
}


@pytest.fixture
def one_of_each(session, card):
    for card_id, needs in {"C": [], "R": [], "B": [], "D": [], "W": ["R"]}.items():
        card(card_id, needs)
    claims.claim(session, "w", card_id="C")
    moves.block(session, "B")
    moves.complete(session, "D")


@pytest.mark.usefixtures("one_of_each")
@pytest.mark.parametrize(("words", "holds"), DONE.items())
def test_exit_status_0_of_what_was_not_done(words, holds, call):
    """Peers: "exit status untrue in both directions": 0, and it is so."""
    card_id, key, value = holds
    assert call(*words.split()).status == 0
    assert call("show", "--id", card_id, "--json").json[key] == value


@pytest.mark.one_tier
@pytest.mark.usefixtures("one_of_each")
@pytest.mark.parametrize(("words", "status"), REFUSED.items())
def test_exit_status_that_tells_of_a_failure_after_a_change(words, status, call, rows):
    """Peers: "exit status untrue in both directions": not 0, and not a row is different."""
    before = rows()
    ran = call(*words.split())
    assert (ran.status, ran.out) == (status, "")
    assert rows() == before


# Links --------------------------------------------------------------------------------------------


def _import(session, card_id, needs):
    line = json.dumps({"id": card_id, "title": "t", "dependsOn": needs})
    transfer.import_cards(session, [line.encode()], update=True)


CLOSE = {
    "link": lambda s: cards.link(s, "A", "C"),
    "edit": lambda s: cards.edit(s, "A", depends_on=["C"]),
    "create": lambda s: cards.create(s, "N", "t", depends_on=["C"]),
    "import": lambda s: _import(s, "A", ["C"]),
    "import of a new card": lambda s: _import(s, "N", ["C"]),
}


@pytest.mark.parametrize("close", CLOSE.values(), ids=CLOSE)
def test_links_without_a_cycle_check(close, session, card, rows):
    """Peers: "links without a cycle check": C waits for B, B for A and a missing N."""
    card("A")
    card("B", needs=["A", "N"])
    card("C", needs=["B"])
    before = rows()
    with pytest.raises(Cycle):
        close(session)
    assert rows() == before


# Dependencies -------------------------------------------------------------------------------------

AROUND_THE_GATE = [
    "UPDATE backlog SET open_dependencies = 0",
    "UPDATE backlog SET held = false, title = 't'",
    "DELETE FROM backlog_dependency",
    "UPDATE backlog_dependency SET dependency_id = 'other'",
    "DELETE FROM backlog WHERE id = 'A'",
    "UPDATE backlog SET claimable = true",
]


@pytest.fixture
def a_pair(card):
    """B waits for A, which is less urgent."""
    card("A", priority=-1)
    card("B", needs=["A"])


@pytest.mark.usefixtures("a_pair")
@pytest.mark.parametrize("sql", ["SELECT", *AROUND_THE_GATE])
def test_dependency_tables_that_nothing_enforces(sql, session):
    """Peers: "dependency tables that nothing enforces": no way of a claim takes what waits."""
    with suppress(errors.GeneratedAlways):  # what is claimable can not even be written
        session.execute(sql)
    assert "B" not in [each.id for each in claims.claim(session, "w", count=9).cards]
    assert claims.claim(session, "w", card_id="B").card is None
    assert list(cards.list_cards(session, ready_only=True)) == []


@pytest.mark.usefixtures("a_pair")
@pytest.mark.parametrize("sql", AROUND_THE_GATE[2:4])
def test_dependency_tables_whose_damage_nobody_sees(sql, session, call):
    """Peers: "dependency tables …": an edge that is not the record's is found, and put right."""
    session.execute(sql)
    moves.complete(session, "A")
    found = check.recount(session)
    assert (("B", "A", "missing") in found.edges, found.counts) == (True, [("B", 1, 0)])
    assert (call("check").status, claims.claim(session, "w").card) == (1, None)
    call("unlink", "--from", "B", "--to", "A")
    call("link", "--from", "B", "--to", "A")
    assert (call("check").status, claims.claim(session, "w").card.id) == (0, "B")


@pytest.mark.usefixtures("a_pair")
def test_dependency_tables_that_gate_only_the_first_time(session):
    """Peers: "dependency tables …": what is reopened is waited for again."""
    moves.complete(session, "A")
    moves.reopen(session, "A")
    assert claims.claim(session, "w", card_id="B").card is None
    moves.complete(session, "A")
    assert claims.claim(session, "w").card.id == "B"


# Ages ---------------------------------------------------------------------------------------------

TOUCHES = {
    "edit": lambda s: cards.edit(s, "A", title="t", body="b", priority=4, phase="M1"),
    "link": lambda s: cards.link(s, "A", "B"),
    "unlink": lambda s: (cards.link(s, "A", "B"), cards.unlink(s, "A", "B")),
    "renew": lambda s: moves.renew(s, "A"),
    "update of everything by hand": lambda s: s.execute(
        "UPDATE backlog SET status = status, title = title, updated_at = now(), "
        "status_changed_at = now(), claimed_at = claimed_at"
    ),
}


@pytest.mark.parametrize("touch", TOUCHES.values(), ids=TOUCHES)
def test_age_that_resets_with_every_write(touch, session, card):
    """Peers: "age that resets with every write, so stuck cards look fresh"."""
    card("A", needs=[])
    card("B")
    claims.claim(session, "w", card_id="A")
    sql = "SELECT status_changed_at, created_at, attempts FROM backlog WHERE id = 'A'"
    before = session.execute(sql).fetchone(), runs.runs(session, "A")
    touch(session)
    assert (session.execute(sql).fetchone(), runs.runs(session, "A")) == before


def test_age_of_the_oldest_ready_card_that_resets_with_every_write(session, card):
    """Peers: "age that resets …": neither an edit nor a claim that was given back is a new card."""
    card("A")
    session.execute("UPDATE backlog SET created_at = now() - interval '1 hour'")
    cards.edit(session, "A", title="t")
    claims.claim(session, "w")
    moves.release(session, "A")
    assert pool.stats(session).oldest_ready_age_seconds >= 3600
