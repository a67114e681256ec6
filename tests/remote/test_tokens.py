"""Tokens: who is let in over the wire, how far, and for how long."""

import json
import re

import pytest
from django.test import Client

from fleet.verbs import workers
from remote.api import failures
from remote.verbs import tokens

pytestmark = [pytest.mark.one_tier, pytest.mark.quick]

SHOWN = re.compile(r"flb_[0-9a-f]{16}_[0-9a-f]{64}")


def test_a_token_is_shown_once_and_kept_as_a_digest(call, session):
    made = call("token", "create", "w", "--scope", "read", "--phases", "M1,M2", "--expires-in", "7")
    assert SHOWN.fullmatch(made.out.strip())
    secret = made.out.strip().rpartition("_")[2]
    assert "shown once" in made.err
    assert secret not in call("token", "list", "--json").out
    assert session.execute(
        "SELECT count(*) FROM remote_token WHERE remote_token::text LIKE %s", [f"%{secret}%"]
    ).fetchone() == (0,)


def test_a_list_says_whose_it_is_and_when_it_was_used(call, api):
    api.get("limits")
    (token,) = json.loads(call("token", "list", "--json").out)
    assert (token["worker"], token["scope"], token["phases"]) == ("w", "work", [])
    assert token["lastUsedAt"] is not None
    assert call("token", "revoke", token["key"]).out.startswith(f"revoked: {token['key']}\tw")


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["create", "w", "--scope", "all"], 2),
        (["create", " "], 2),
        (["create", "w", "--expires-in", "0"], 2),
        (["revoke", "nobody"], 1),
    ],
)
def test_what_is_no_token_is_refused(call, words, status):
    assert call("token", *words).status == status


def test_the_help_says_what_each_scope_lets_do(call, capsys):
    with pytest.raises(SystemExit):
        call("token", "create", "--help")
    told = " ".join(capsys.readouterr().out.split())
    assert "read: look at everything; work: claim, renew and end cards" in told
    assert "operate: everything a token may" in told


def status_with(header=None, **query):
    return Client().get(
        "/api/v1/limits", query, headers={"Authorization": header} if header else {}
    )


def test_only_a_token_lets_one_in(caller, admin_client, session):
    _, shown = tokens.create(session, "w")
    assert status_with(f"Bearer {shown}").status_code == 200
    wrong = [None, "Bearer", f"Basic {shown}", f"Bearer {shown}0", f"Bearer {shown[:-1]}x", shown]
    assert {status_with(each).status_code for each in wrong} == {401}
    assert status_with("Bearer é")["WWW-Authenticate"] == "Bearer"
    assert admin_client.post("/api/v1/claim").status_code == 401  # a session is no token


@pytest.mark.parametrize("over", ["revoked_at = now()", "expires_at = now()"])
def test_a_token_that_is_over_lets_nobody_in(session, caller, over):
    w = caller()
    session.execute(f"UPDATE remote_token SET {over}")  # noqa: S608 (a constant)
    assert w.get("limits").status_code == 401


def test_a_token_in_an_address_is_refused_and_not_repeated(caller, session):
    _, shown = tokens.create(session, "w")
    refused = status_with(f"Bearer {shown}", token=shown)
    assert refused.status_code == 422
    assert shown not in refused.content.decode()


def test_use_is_noted_once_a_minute(api, session):
    last = "SELECT last_used_at FROM remote_token"
    api.get("limits")
    first = session.execute(last).fetchone()
    api.get("limits")
    assert session.execute(last).fetchone() == first
    session.execute("UPDATE remote_token SET last_used_at = last_used_at - interval '61 s'")
    api.get("limits")
    assert session.execute(last).fetchone() > first


def test_who_fails_too_often_waits_and_a_right_token_does_not(caller, monkeypatch):
    w = caller()  # whom nobody here has heard yet
    said = [status_with("Bearer flb_0_0") for _ in range(failures.MOST + 1)]
    assert [each.status_code for each in said[-2:]] == [401, 429]
    assert 0 < int(said[-1]["Retry-After"]) <= failures.SECONDS
    assert w.get("limits").status_code == 200
    monkeypatch.setattr(failures.time, "monotonic", lambda: float("inf"))
    assert status_with("Bearer flb_0_0").status_code == 401


@pytest.fixture
def limited(caller, card):
    """Calls of w, whose token is for the phase M1 and the role code; cards A to D."""
    card("A", phase="M1", role="code")
    card("B", phase="M2", role="code", priority=9)
    card("C", phase="M1", role="review", priority=9)
    card("D", phase="M1")
    return caller("w", "operate", phases=["M1"], roles=["code"])


def test_a_limited_claim_takes_the_token_s_cards_alone(limited):
    taken = [(limited("claim").json() or {}).get("id") for _ in range(3)]
    assert taken == ["A", "D", None]


def test_a_limited_claim_takes_a_card_of_the_token_s_by_its_id(limited):
    assert limited("claim", {"id": "D"}).json()["id"] == "D"
    assert limited("claim", {"id": "D"}).json() is None
    assert limited("claim", {"id": "NONE"}).json() is None


def test_a_limited_claim_takes_what_the_rights_of_its_worker_leave(
    caller, card, session, monkeypatch
):
    monkeypatch.setenv("BACKLOG_ENFORCE_ROLES", "on")
    workers.add(session, "p", ["planner"])
    card("A", phase="M1", priority=9)
    card("B", phase="M1", role="planner")
    call = caller("p", "operate", phases=["M1"])
    taken = [(call("claim", {"role": "planner"}).json() or {}).get("id") for _ in range(2)]
    assert taken == ["B", None]


def test_a_limited_claim_of_a_card_for_no_role_is_no_matter_of_roles(
    caller, card, session, monkeypatch
):
    monkeypatch.setenv("BACKLOG_ENFORCE_ROLES", "on")
    workers.add(session, "r", ["review"])
    card("A")
    call = caller("r", "operate", roles=["code"])
    assert call("claim").json()["error"]["message"].endswith("r may claim for review")
    assert call("claim", {"id": "A"}).json()["id"] == "A"


@pytest.mark.parametrize(
    ("verb", "given"),
    [
        ("claim", {"id": "B"}),
        ("claim", {"phase": "M2"}),
        ("claim", {"role": "review"}),
        ("cancel", {"id": "C"}),
        ("cancel", {"ids": ["A", "B"]}),
        ("edit", {"id": "A", "phase": "M2"}),
        ("create", {"id": "E", "title": "t"}),
        ("create", {"id": "E", "title": "t", "phase": "M2"}),
        ("reclaim", {}),
        ("pause", {"reason": "r"}),
        ("import", {"file": []}),
    ],
)
def test_an_act_on_other_cards_is_not_the_token_s(limited, verb, given):
    refused = limited(verb, given)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_allowed")


@pytest.mark.parametrize("dependents", ["drop", "wait"])
def test_a_limited_token_drops_nothing_behind_its_cards(limited, card, row, dependents):
    card("E", ["A"], phase="M2", role="code")
    given = {"id": "A", "reason": "r", "dependents": dependents}
    assert limited("drop", given).status_code == 403
    assert (row("status", "A"), row("status", "E")) == (("ready",), ("ready",))
    assert limited("drop", {**given, "dependents": "proceed"}).status_code == 200


def test_a_limited_token_ends_what_it_holds_and_claims_the_next(limited, row):
    limited("claim")
    said = limited("complete", {"id": "A", "attempt": 1, "claimNext": True}).json()
    assert (row("status", "A"), row("claim_owner", "D")) == (("done",), ("w",)), said
    assert limited("edit", {"id": "D", "title": "mine"}).status_code == 200


def test_the_admin_shows_a_token_once_and_revokes_it(transactional_db, admin_client, session):
    given = {"worker": "w", "scope": "read", "phases": "M1, M2", "expires_in": "7"}
    page = admin_client.post("/admin/remote/token/add/", given)
    (shown,) = SHOWN.findall(page.text)
    (token,) = tokens.tokens(session)
    assert (token.phases, tokens.found(session, shown).key) == (["M1", "M2"], token.key)
    chosen = {"action": "revoke", "_selected_action": [token.key]}
    listed = admin_client.post("/admin/remote/token/", chosen, follow=True)
    assert shown not in listed.text
    assert tokens.found(session, shown) is None
