"""Escalations: asked for, raised again until somebody sees to them, and answered on a page."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backlog.errors import NotFound, UsageError, WrongState
from backlog.models import Card
from backlog.verbs import cards
from backlog.verbs.history import history
from backlog.verbs.sweep import sweep
from fleet.models import Escalation
from fleet.verbs import escalations as verbs
from tests.factories import CardFactory
from tests.forms import sent

pytestmark = pytest.mark.quick

URL = "/escalations/"


@pytest.fixture
def due(session):
    """Makes every escalation due that is to be raised again."""
    return lambda: session.execute("UPDATE fleet_escalation SET again_at = now() - '1 s'::interval")


def _raised(session):
    """Of each escalation how often it was raised, and in how many hours it is again."""
    hours = "round(extract(epoch FROM again_at - now()) / 3600)::int"
    return session.execute(f"SELECT raised, {hours} FROM fleet_escalation ORDER BY id").fetchall()  # noqa: S608 (our own words)


def _events(session, card_id):
    return [(each.actor, each.verb, each.note) for each in history(session, card_id)][1:]


def test_one_is_open_until_it_is_resolved(session, card):
    card("A")
    made = verbs.escalate(session, "which one?", "A", "w")
    assert (made.state, made.card_id, made.actor, made.raised) == ("open", "A", "w", 1)
    assert verbs.ack(session, made.id, "olga").acknowledged_by == "olga"
    assert [each.state for each in verbs.escalations(session)] == ["acknowledged"]
    done = verbs.resolve(session, made.id, "the second", "olga")
    assert (done.state, done.resolution, done.resolved_by) == ("resolved", "the second", "olga")
    assert list(verbs.escalations(session)) == []
    assert list(verbs.escalations(session, resolved=True)) == [done]


def test_what_nobody_acknowledges_is_raised_again_after_twice_as_long_each_time(session, card, due):
    card("A")
    verbs.escalate(session, "which one?", "A", "w")
    assert (verbs.raise_again(session), _raised(session)) == ([], [(1, 1)])
    for times in (2, 3, 4):
        due()
        assert len(verbs.raise_again(session)) == 1
        assert _raised(session) == [(times, 2 ** (times - 1))]
    notes = [note for _, verb, note in _events(session, "A") if verb == "escalate"]
    assert notes == ["which one?", *(f"which one? (raised {n} times)" for n in (2, 3, 4))]


def test_what_somebody_sees_to_is_raised_no_more(session, due):
    seen, done = (verbs.escalate(session, "help").id for _ in range(2))
    verbs.ack(session, seen)
    verbs.resolve(session, done)
    due()
    assert sweep(session).others == {}


def test_it_is_raised_once_however_many_sweep(session, sessions, card, due):
    card("A")
    verbs.escalate(session, "help", "A")
    due()
    with session.transaction():
        assert len(verbs.raise_again(session)) == 1
        assert verbs.raise_again(sessions()) == []
    assert verbs.raise_again(sessions()) == []
    assert len(_events(session, "A")) == 2


def test_one_about_a_card_that_is_gone_is_raised_all_the_same(session, card, due):
    card("A")
    verbs.escalate(session, "help", "A")
    cards.delete(session, "A")
    due()
    assert len(sweep(session).others["raised"]) == 1


def test_who_acknowledged_first_sees_to_it(session):
    number = verbs.escalate(session, "help").id
    first = verbs.ack(session, number, "olga")
    assert verbs.ack(session, number, "paul") == first


@pytest.mark.parametrize(
    ("act", "refused", "said"),
    [
        (lambda s, n: verbs.escalate(s, "help", "nope"), NotFound, "there is no card nope"),
        (lambda s, n: verbs.escalate(s, " "), UsageError, "reason must not be blank"),
        (lambda s, n: verbs.ack(s, n + 1), NotFound, "there is no escalation"),
        (lambda s, n: verbs.ack(s, n), WrongState, "was resolved by olga"),
        (lambda s, n: verbs.resolve(s, n, "again"), WrongState, "`escalate` raises another"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(session, act, refused, said):
    number = verbs.escalate(session, "help").id
    resolved = verbs.resolve(session, number, "once", "olga")
    with pytest.raises(refused, match=said):
        act(session, number)
    assert list(verbs.escalations(session, resolved=True)) == [resolved]


@pytest.mark.one_tier
def test_the_command_escalates_about_the_card_in_hand(call, card, due, monkeypatch):
    card("A")
    monkeypatch.setenv("BACKLOG_CARD_ID", "A")
    monkeypatch.setenv("BACKLOG_OWNER", "w")
    made = call("escalate", "--reason", "which one?", "--json").json
    assert (made["cardId"], made["actor"], made["raised"]) == ("A", "w", 1)
    due()
    assert len(call("sweep", "--json").json["raised"]) == 1
    assert call("escalations", "--json").json[0]["raised"] == 2
    number = str(made["id"])
    assert "\t[acknowledged]\tA\t" in call("ack", "--escalation", number, "--by", "olga").out
    assert call("resolve", "--escalation", number, "--note", "both").out.endswith("\tboth\n")
    assert call("escalations").out == "(no escalations)\n"
    assert call("resolve", "--escalation", number).status == 1


@pytest.mark.one_tier
def test_a_sweep_without_any_says_what_it_always_said(call):
    assert call("sweep", "--json").json.keys() == {"reclaimed", "woken", "pruned"}


@pytest.mark.one_tier
def test_the_doctor_knows_that_some_wait(call, session):
    numbers = [verbs.escalate(session, "help").id for _ in range(2)]
    found = call("doctor", "--json").json["findings"]
    assert [(each["kind"], each["count"], each["wayOut"]) for each in found] == [
        ("escalated", 2, "backlog escalations")
    ]
    for number in numbers:
        verbs.ack(session, number)
    assert call("doctor", "--all").out == "(healthy)\n"


# Pages --------------------------------------------------------------------------------------------


@pytest.fixture
def escalation(store, transactional_db):
    """One about the card A."""
    CardFactory(id="A")
    return verbs.escalate(Card.objects.session(), "which one?", "A", "worker-1")


def _badge(page) -> str | None:
    """What the navigation counts."""
    found = re.search(r'<span id="count-escalations"[^>]*?( hidden)?>(\w+)<', page.text)
    return None if found[1] else found[2]


@pytest.mark.one_tier
@pytest.mark.django_db(transaction=True)
def test_an_operator_sees_to_it_on_the_page(admin_client, escalation):
    page = admin_client.get(URL)
    assert ("which one?" in page.text, _badge(page)) == (True, "1")
    fields = {"escalation": escalation.id, "action": "ack"}
    page = admin_client.post(f"{URL}act/", fields, follow=True)
    assert ("You see to escalation" in page.text, _badge(page)) == (True, None)
    fields = {"escalation": escalation.id, "action": "resolve", "note": "both", "next": "/card/A/"}
    page = admin_client.post(f"{URL}act/", fields, follow=True)
    assert page.redirect_chain == [("/card/A/", 302)]
    found = Escalation.objects.get()
    assert (found.acknowledged_by, found.resolution, found.state) == ("admin", "both", "resolved")


@pytest.mark.one_tier
@pytest.mark.django_db(transaction=True)
def test_who_acknowledges_has_the_note_of_the_resolution_before_them_again(
    admin_client, escalation
):
    fields = {"escalation": escalation.id, "action": "ack", "note": "half"}
    page = admin_client.post(f"{URL}act/", fields).text
    assert (sent(page, "note")["note"], "You see to escalation" in page) == (["half"], True)


@pytest.mark.one_tier
@pytest.mark.django_db(transaction=True)
def test_what_was_resolved_meanwhile_is_said_and_left(admin_client, escalation):
    verbs.resolve(Card.objects.session(), escalation.id, "first", "olga")
    fields = {"escalation": escalation.id, "action": "resolve", "note": "second"}
    page = admin_client.post(f"{URL}act/", fields)
    assert (page.status_code, "was resolved by olga" in page.text) == (409, True)
    assert "\nsecond</textarea>" in page.text
    assert Escalation.objects.get().resolution == "first"


@pytest.mark.one_tier
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fields", [{"action": "ack"}, {"escalation": "1", "action": "delete"}])
def test_what_no_button_sends_is_a_bad_request(admin_client, escalation, fields):
    assert admin_client.post(f"{URL}act/", fields).status_code == 400


@pytest.mark.one_tier
@pytest.mark.django_db(transaction=True)
def test_a_viewer_reads_and_is_offered_no_button(viewer, escalation):
    for url in (URL, "/card/A/"):
        page = viewer.get(url)
        assert ("which one?" in page.text, 'value="ack"' in page.text) == (True, False)


@pytest.mark.one_tier
@pytest.mark.django_db(transaction=True)
def test_the_count_costs_a_page_one_query_and_an_open_board_is_told(admin_client, escalation):
    with CaptureQueriesContext(connection) as queries:
        page = admin_client.get("/cards/")
        assert (_badge(page), 'id="count-menu"' in page.text) == ("1", True)
    assert sum("fleet_escalation" in each["sql"] for each in queries) == 1
    before = admin_client.get("/live/").json()
    verbs.escalate(Card.objects.session(), "and this?")
    after = admin_client.get(f"/live/?v={before['version']}").json()["cells"]
    assert {key for key in after if after[key] != before["cells"][key]} == {
        *("count-escalations", "count-menu")
    }
    cells = admin_client.get("/live/cells/?key=count-escalations").json()["cells"]
    assert ">2<" in cells["count-escalations"]
