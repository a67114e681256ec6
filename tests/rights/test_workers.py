"""Who is registered, as what, and what a role of the fleet's own may."""

import re
from functools import partial

import pytest

from backlog.errors import NotRegistered, WrongState
from backlog.verbs import rights
from backlog.verbs.rights import Deed
from fleet import roles as library
from fleet.verbs import workers
from tests.cli import refused
from tests.rights import ask
from tests.workers import Background

pytestmark = [pytest.mark.one_tier]


def test_who_is_not_registered_is_told_how_to_be(enforce, session, call):
    workers.add(session, "olga", ["operator"])
    said = refused(call, 1, "claim", "--owner", "eve")
    assert said.startswith("eve is not registered: an operator says ")
    with pytest.raises(NotRegistered):
        ask(session, "pause", "eve")
    assert call("list").status == 0


def test_the_first_operator_is_registered_by_anybody(enforce, call, monkeypatch):
    monkeypatch.setenv("LOGNAME", "ada")
    assert call("worker", "add", "ada", "--roles", "operator").status == 0
    assert call("worker", "add", "bob", "--roles", "code").status == 0
    monkeypatch.setenv("LOGNAME", "bob")
    assert "only operator may worker add" in refused(
        call, 1, "worker", "add", "bob", "--roles", "a"
    )


def test_somebody_is_left_who_may_register_others(enforce, call, session, monkeypatch):
    monkeypatch.setenv("LOGNAME", "ada")
    workers.add(session, "ada", ["operator"])
    last = "ada is the last who may register workers: register another operator first\n"
    for words in (("remove", "ada"), ("add", "ada", "--roles", "code")):
        assert refused(call, 1, "worker", *words) == last
    assert call("worker", "add", "bob", "--roles", "operator,code").status == 0
    assert call("worker", "remove", "ada").status == 0
    monkeypatch.delenv("BACKLOG_ENFORCE_ROLES")
    assert call("worker", "remove", "bob").status == 0


def test_of_two_who_leave_at_once_one_stays(enforce, session, sessions):
    for name in ("ada", "bob"):
        workers.add(session, name, ["operator"])
    with session.transaction():
        workers.remove(session, "ada")
        leaving = Background(sessions(), partial(workers.remove, name="bob"))
        assert leaving.waits()
    with pytest.raises(WrongState, match="bob is the last"):
        leaving.result()


def test_of_two_who_come_first_one_is_the_first(enforce, session, sessions):
    def come(at, name):
        with rights.allowed(at, Deed("worker add", name)):
            workers.add(at, name, ["operator"])

    with session.transaction():
        come(session, "ada")
        second = Background(sessions(), partial(come, name="eve"))
        assert second.waits()
    with pytest.raises(NotRegistered):
        second.result()


def test_a_role_that_no_worker_has_and_nobody_claims_for_is_found(session, call, card):
    for card_id, role in (("A", "code"), ("B", "site"), ("C", "site"), ("D", None)):
        card(card_id, role=role)
    assert call("doctor").status == 0  # nobody is registered: nothing is known of anybody
    workers.add(session, "w", ["review"])
    found = call("doctor", "--json").json["findings"]
    assert [(each["kind"], each["name"], each["count"]) for each in found] == [
        ("unserved", "code", 1),
        ("unserved", "site", 2),
    ]
    call("claim", "--owner", "w", "--role", "site")
    workers.add(session, "w", ["code"])
    assert call("doctor").status == 0


_OWN = """---
class: {}
kind: {}
mandate: M.
boundaries: [B]
{}persona: P.
---
"""


@pytest.mark.parametrize(
    ("name", "kind", "may", "expected"),
    [
        ("translator", "execution", "", {"claim", "claim-any"}),
        ("clerk", "meta", "", set()),
        ("clerk", "meta", "may: [pause, plan apply]\n", {"pause", "plan apply"}),
        ("review", "meta", "", {"claim", "claim-any", "block", "verify", "request-changes"}),
        ("review", "meta", "may: []\n", set()),
    ],
)
def test_a_role_of_a_fleet_may_what_it_says(tmp_path, monkeypatch, name, kind, may, expected):
    monkeypatch.setenv("BACKLOG_ROLES_DIR", str(tmp_path))
    (tmp_path / "a.md").write_text(_OWN.format(name, kind, may))
    assert library.granted([name]) == expected


def test_who_may_claim_cards_for_no_role_alone_gets_no_others(
    enforce, session, call, card, monkeypatch, tmp_path
):
    monkeypatch.setenv("BACKLOG_ROLES_DIR", str(tmp_path))
    (tmp_path / "a.md").write_text(_OWN.format("clerk", "meta", "may: [claim-any]\n"))
    workers.add(session, "w", ["clerk"])
    card("A", role="clerk", priority=9)
    card("B", role="code", priority=9)
    card("C")
    taken = [call("claim", "--owner", "w", "--json").json for _ in range(2)]
    assert [each and each["id"] for each in taken] == ["C", None]


def test_a_role_that_is_none_is_told_with_what_it_is_called(call, session, card, monkeypatch):
    for card_id, role in (("A", "code"), ("B", "orchestrator"), ("C", "site")):
        card(card_id, role=role)
    workers.add(session, "w", ["review"])
    outs = [each["wayOut"] for each in call("doctor", "--json").json["findings"]]
    assert outs == [
        "backlog worker add NAME --roles code",
        "backlog edit --id B --role planner",
        "backlog edit --id C --role ROLE",
    ]
    monkeypatch.setenv("BACKLOG_ROLES_DIR", "/none")  # what is wrong with it, `roles` says
    outs = [each["wayOut"] for each in call("doctor", "--json").json["findings"]]
    assert outs[2] == "backlog worker add NAME --roles site"


@pytest.mark.parametrize(
    ("role", "said"),
    [
        ("code", "only code may claim cards for code; w is planner"),
        (
            "orchestrator",
            "nobody may claim cards for orchestrator, .*: cards say planner for it; w",
        ),
        ("site", "nobody may claim cards for site, .*: `roles` lists those there are; w is"),
    ],
)
def test_who_claims_for_a_role_that_is_none_is_told_what_it_is_called(
    call, enforce, session, role, said
):
    workers.add(session, "w", ["planner"])
    assert re.search(said, refused(call, 1, "claim", "--owner", "w", "--role", role))
