"""Accounts on the pages and in the admin: as workers of their names, else as operators."""

import re

import pytest
from django.urls import reverse

from backlog.models import Card
from backlog.web.seen import Seen
from fleet.verbs import workers
from tests.factories import AccountFactory, CardFactory
from tests.forms import sent

pytestmark = [pytest.mark.one_tier]

M1 = {"scope": "phase", "name": "M1", "reason": "r", "most": "1"}
PAGES = {
    **{verb: verb for verb in ("pause", "resume", "limit", "unlimit", "budget", "unbudget")},
    **{"gate": "gate", "ungate": "ungate", "repeat": "repeat", "repeat_off": "repeat"},
    **{"north_star_propose": "north-star propose", "north_star_decide": "north-star veto"},
    "act_on_escalation": "ack",
}
SENT = {"escalation": "1", "number": "1", "note": "my <words>"}


def press(client, name, card, **more):
    return client.post("/cards/act/", {"action": name, "card": str(Seen.of(card)), **more})


@pytest.mark.django_db(transaction=True)
def test_an_account_is_the_worker_of_its_name_and_else_an_operator(store, enforce, client):
    client.force_login(AccountFactory(operator=True, username="ada"))
    card = CardFactory(claimed=True)
    assert client.post("/control/limit/", M1).status_code == 302
    workers.add(Card.objects.session(), "ada", ["code"])
    for name, verb in PAGES.items():
        page = client.post(reverse(name), {"action": verb.split()[-1], **SENT})
        said = f" may {verb}; ada is code" in re.sub("<[^>]+>", "", page.text)
        assert (page.status_code, said, "my &lt;words&gt;" in page.text) == (403, True, True)
    page = press(client, "release", card, confirmed=1)
    assert (page.status_code, "which w holds; ada is code" in page.text) == (403, True)
    workers.remove(Card.objects.session(), "ada")
    assert press(client, "release", card, confirmed=1).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_a_form_that_is_refused_keeps_what_was_typed(store, enforce, client):
    client.force_login(AccountFactory(operator=True, username="ada"))
    page = client.post("/cards/new/", {"id": "A", "title": "Mine", "priority": 0})
    assert "only decomposition may create; ada is operator" in page.text
    assert 'value="Mine"' in page.text
    assert "only decomposition may create" in client.post("/plan/", {"outline": "- A"}).text
    assert client.post("/start/sample/").status_code == 403
    assert not Card.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_admin_asks_as_the_pages_do_and_registers_workers(
    store, enforce, admin_client, monkeypatch
):
    card = CardFactory(id="A")
    data = {"name": "admin", "roles": ["code", "review"]}
    assert admin_client.post("/admin/fleet/worker/add/", data).status_code == 302
    assert [each.roles for each in workers.workers(Card.objects.session())] == [["code", "review"]]
    page = admin_client.post("/admin/backlog/card/A/delete/", {"post": "yes"})
    assert (page.status_code, "may delete; admin is code and review" in page.text) == (403, True)
    assert press(admin_client, "complete", card).status_code == 403
    assert admin_client.get("/admin/fleet/worker/admin%00/change/").status_code == 404
    data = {"name": "x", "roles": ["nobody"]}
    assert "Select a valid choice" in admin_client.post("/admin/fleet/worker/add/", data).text
    workers.add(Card.objects.session(), "ada", ["operator"])
    for path in ("ada/delete/", ""):
        given = {"post": "yes", "action": "delete_selected", "_selected_action": "ada"}
        page = admin_client.post(f"/admin/fleet/worker/{path}", given)
        assert (page.status_code, "ada is the last who may" in page.text) == (409, True)
    workers.add(Card.objects.session(), "bob", ["operator"])
    admin_client.post("/admin/fleet/worker/ada/delete/", {"post": "yes"})
    admin_client.post("/admin/fleet/worker/admin/delete/", {"post": "yes"})
    monkeypatch.delenv("BACKLOG_ENFORCE_ROLES")
    admin_client.post("/admin/fleet/worker/bob/delete/", {"post": "yes"})
    assert workers.workers(Card.objects.session()) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("face", ["edit", "admin:backlog_card_change"])
def test_an_account_that_is_known_as_another_takes_no_gate_away(
    fleet, session, card, client, transactional_db, face
):
    card("A", gated=True)
    account = AccountFactory(is_superuser=True, is_staff=True, username="decomposition")
    client.force_login(account)
    url = reverse(face, args=["A"])
    typed = sent(client.get(url).text, "shown")
    typed.pop("gated")
    page = client.post(url, typed)
    assert "only operator may take away the gate of A" in page.text
    assert Card.objects.get(pk="A").gated
