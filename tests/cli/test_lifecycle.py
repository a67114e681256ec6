"""claim, complete, block, release, renew, reclaim and the ways back."""

import json
import os
import select
import signal

import pytest

from tests.cli import refused
from tests.command import On
from tests.worker import until

pytestmark = pytest.mark.one_tier

TEN_YEARS = 315_360_000
WAITING = """SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND datname = current_database()"""


@pytest.mark.both_tiers
@pytest.mark.parametrize(
    ("words", "ttl"), [("", 900), ("--ttl 60", 60), (f"--ttl {TEN_YEARS}", TEN_YEARS)]
)
def test_a_claim_says_who_holds_it_since_when_and_for_how_long(call, card, session, words, ttl):
    card("A")
    claimed = call("claim", "--owner", "w", *words.split(), "--json").json
    assert (claimed["status"], claimed["claimOwner"]) == ("claimed", "w")
    assert (claimed["claimTtlSeconds"], claimed["attempts"]) == (ttl, 1)
    assert claimed["claimedAt"] is not None
    left = "SELECT extract(epoch FROM claim_expires_at - now()) FROM backlog"
    assert session.execute(left).fetchone()[0] == pytest.approx(ttl, abs=60)


def test_every_claim_is_one_more_attempt(call, card):
    card("A")
    for attempt in (1, 2, 3):
        assert call("claim", "--owner", "w", "--json").json["attempts"] == attempt
        call("release", "--id", "A")


def test_nothing_to_claim_ends_well_or_with_3_if_asked(call, card):
    assert call("claim", "--owner", "w").status == 0
    assert call("claim", "--owner", "w", "--exit-code", "--json") == (3, "null\n", "")
    assert call("claim", "--owner", "w", "--exit-code", "--id", "x").status == 3
    card("A")
    assert call("claim", "--owner", "w", "--exit-code").status == 0


@pytest.mark.parametrize("status", ["claimed", "blocked", "done"])
def test_a_claim_by_id_of_what_cannot_be_claimed_is_null(call, card, status):
    card("A", status=status)
    assert call("claim", "--owner", "v", "--id", "A", "--json") == (0, "null\n", "")


def test_a_claim_by_id_takes_that_card_and_no_waiting_one(call, card):
    card("first", priority=9)
    card("A")
    card("B", needs=["A"])
    assert call("claim", "--owner", "w", "--id", "B", "--json").json is None
    assert call("claim", "--owner", "w", "--id", "A", "--json").json["id"] == "A"


@pytest.mark.both_tiers
@pytest.mark.parametrize(("status", "claimed"), [("ready", "A"), ("done", None)])
def test_a_claim_by_id_waits_for_who_changes_the_card_and_then_decides(
    session, sessions, card, status, claimed
):
    card("A")
    holder = sessions()
    with holder.transaction():
        holder.execute("UPDATE backlog SET status = %s WHERE id = 'A'", (status,))
        waiting = start_claim(session)
        assert not select.select([waiting.stdout], [], [], 0.2)[0]
    answer = json.loads(waiting.communicate(timeout=30)[0])
    assert (answer and answer["id"]) == claimed


@pytest.mark.both_tiers
def test_ctrl_c_while_a_claim_waits_ends_with_130_and_no_traceback(session, sessions, card, call):
    card("A")
    holder = sessions()
    with holder.transaction():
        holder.execute("SELECT FROM backlog FOR UPDATE")
        waiting = start_claim(session)
        os.kill(waiting.pid, signal.SIGINT)
        assert waiting.communicate(timeout=30) == ("", "")
    assert waiting.returncode == 130
    assert call("show", "--id", "A", "--json").json["status"] == "ready"


def start_claim(session):
    """A claim of card A that has come to stand at somebody's lock."""
    started = On(**os.environ).start("claim", "--owner", "w", "--id", "A", "--json")
    until(lambda: session.execute(WAITING).fetchone()[0], "that it waits")
    return started


@pytest.mark.parametrize(
    ("verb", "becomes", "status"),
    [
        *(("complete", "done", status) for status in ("ready", "claimed", "done")),
        *(("block", "blocked", status) for status in ("ready", "claimed", "blocked")),
    ],
)
def test_the_operator_moves_a_card_without_a_claim(call, card, verb, becomes, status):
    card("A", status=status)
    moved = call(verb, "--id", "A", "--json").json
    assert (moved["status"], moved["claimOwner"]) == (becomes, None)
    assert (moved["claimedAt"], moved["claimTtlSeconds"]) == (None, None)


@pytest.mark.parametrize(("verb", "status"), [("complete", "done"), ("block", "blocked")])
def test_what_is_so_already_does_not_change(call, card, verb, status):
    card("A", status=status)
    before = call("show", "--id", "A", "--json").json
    assert call(verb, "--id", "A", "--json").json == before


ADVICE = {
    "complete": ("unblock it first", ["blocked"]),
    "block": ("reopen it first", ["done"]),
    "unblock": ("only a blocked card can be unblocked", ["ready", "claimed", "done"]),
    "reopen": ("only a done card can be reopened", ["ready", "claimed", "blocked"]),
    "release": ("only a claimed card can be released", ["ready", "blocked", "done"]),
    "renew": ("only a claimed card has a lease to renew", ["ready", "blocked", "done"]),
}


@pytest.mark.parametrize(
    ("verb", "status"), [(verb, each) for verb, (_, wrong) in ADVICE.items() for each in wrong]
)
def test_a_move_from_the_wrong_status_is_refused_with_advice(call, card, verb, status):
    card("A", status=status)
    line = refused(call, 1, verb, "--id", "A")
    assert line == f"cannot {verb} A: it is {status}; {ADVICE[verb][0]}\n"


@pytest.mark.both_tiers
@pytest.mark.parametrize("verb", ["unblock", "reopen", "release", "renew", "explain"])
def test_an_unknown_card_is_refused(call, verb):
    assert refused(call, 1, verb, "--id", "x") == "there is no card x\n"


def test_reclaim_of_an_unknown_card_gives_an_empty_list(call):
    assert call("reclaim", "--id", "x", "--json").out == '{"reclaimed":[]}\n'


@pytest.mark.parametrize(("verb", "source"), [("unblock", "blocked"), ("reopen", "done")])
def test_unblock_and_reopen_make_a_card_ready(call, card, verb, source):
    card("A", status=source)
    assert call(verb, "--id", "A", "--json").json["status"] == "ready"
    assert call("claim", "--owner", "w", "--json").json["id"] == "A"


def test_reopen_gates_dependents_that_are_not_done(call, card):
    card("A")
    for card_id in ("open", "finished"):
        card(card_id, needs=["A"])
    call("complete", "--id", "A")
    call("complete", "--id", "finished")
    call("reopen", "--id", "A")
    assert [c["id"] for c in call("list", "--ready-only", "--json").json] == ["A"]
    assert call("show", "--id", "finished", "--json").json["status"] == "done"


def test_release_gives_the_card_back(call, claimed):
    released = call("release", "--id", "A", "--owner", "w", "--attempt", "1", "--json").json
    assert (released["status"], released["claimOwner"], released["attempts"]) == ("ready", None, 1)


def test_reclaim_takes_expired_claims_only(call, card):
    card("old", expired=True)
    card("fresh", claimed=True)
    assert call("stats", "--json").json["expiredClaimCount"] == 1
    assert call("reclaim", "--json").json == {"reclaimed": ["old"]}
    assert call("show", "--id", "fresh", "--json").json["status"] == "claimed"


def test_reclaim_by_id_takes_a_claim_of_any_age(call, claimed):
    assert call("reclaim", "--id", "A", "--json").json == {"reclaimed": ["A"]}
    again = call("claim", "--owner", "v", "--json").json
    assert (again["claimOwner"], again["attempts"]) == ("v", 2)


@pytest.mark.parametrize("status", ["ready", "blocked", "done"])
def test_reclaim_by_id_of_an_unclaimed_card_is_an_empty_list(call, card, status):
    card("A", status=status)
    assert call("reclaim", "--id", "A", "--json").json == {"reclaimed": []}
    assert call("show", "--id", "A", "--json").json["status"] == status


@pytest.mark.both_tiers
def test_renew_extends_from_now_and_is_no_change_of_the_card(call, claimed, session):
    session.execute("UPDATE backlog SET claimed_at = now() - interval '800 s'")
    before = call("show", "--id", "A", "--json").json
    renewed = call("renew", "--id", "A", "--owner", "w", "--attempt", "1", "--json").json
    assert renewed["claimedAt"] > before["claimedAt"]
    assert renewed == {**before, "claimedAt": renewed["claimedAt"]}


def test_renew_can_change_the_length(call, claimed):
    assert call("renew", "--id", "A", "--ttl", "7", "--json").json["claimTtlSeconds"] == 7
    assert call("renew", "--id", "A", "--json").json["claimTtlSeconds"] == 7


def test_a_lease_that_is_over_may_be_renewed_until_somebody_reclaims_it(call, card):
    card("A", expired=True)
    assert call("renew", "--id", "A", "--owner", "w", "--attempt", "1").status == 0
    assert call("reclaim", "--json").json == {"reclaimed": []}


OWNED = ["complete", "block", "release", "renew"]


@pytest.mark.both_tiers
@pytest.mark.parametrize("verb", OWNED)
@pytest.mark.parametrize("claim", ["--owner w --attempt 1", "--owner w", "--attempt 1"])
def test_who_holds_the_claim_may(call, claimed, verb, claim):
    assert call(verb, "--id", "A", *claim.split()).status == 0


@pytest.mark.both_tiers
@pytest.mark.parametrize("verb", OWNED)
@pytest.mark.parametrize(
    "claim",
    ["--owner v --attempt 1", "--owner w --attempt 2", "--owner v", "--attempt 2", "--owner W"],
)
def test_who_does_not_hold_the_claim_is_refused(call, card, verb, claim):
    card("A", claimed=True)
    line = refused(call, 4, verb, "--id", "A", *claim.split())
    assert line == (
        f"cannot {verb} A: the claim is not yours, the card is claimed by w in attempt 1;"
        " stop working on it\n"
    )


@pytest.mark.parametrize("verb", OWNED)
@pytest.mark.parametrize("status", ["ready", "blocked", "done"])
def test_an_owner_of_a_card_that_nobody_holds_is_refused(call, card, verb, status):
    card("A", status=status)
    line = refused(call, 4, verb, "--id", "A", "--owner", "w")
    assert f"the card is {status};" in line


@pytest.mark.both_tiers
@pytest.mark.parametrize("verb", OWNED)
def test_an_owner_of_a_card_that_does_not_exist_is_refused(call, verb):
    assert "it does not exist (any more)" in refused(call, 4, verb, "--id", "x", "--owner", "w")


@pytest.mark.parametrize("verb", OWNED)
def test_a_worker_whose_lease_was_lost_cannot_touch_another_s_work(call, card, verb):
    card("A", expired=True)
    call("reclaim")
    call("claim", "--owner", "v")
    line = refused(call, 4, verb, "--id", "A", "--owner", "w", "--attempt", "1")
    assert "claimed by v in attempt 2" in line
    refused(call, 4, verb, "--id", "A", "--attempt", "1")


def test_the_same_worker_in_a_later_attempt_is_another_claim(call, claimed):
    call("reclaim", "--id", "A")
    call("claim", "--owner", "w")
    refused(call, 4, "complete", "--id", "A", "--owner", "w", "--attempt", "1")
    assert call("complete", "--id", "A", "--owner", "w", "--attempt", "2").status == 0


@pytest.mark.both_tiers
def test_a_lost_claim_in_json(call, card):
    card("A")
    ran = call("complete", "--id", "A", "--attempt", "3", "--json")
    assert (ran.status, ran.out) == (4, "")
    assert ran.err.startswith('{"error":{"code":"claim_lost","message":"cannot complete A: ')
