"""The card's page and its forms, where cards are many, texts are odd, or somebody was quicker."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.urls import reverse
from django.utils import timezone

from backlog.models import Card, Event
from backlog.verbs import cards, moves, rules
from backlog.verbs.runs import Report
from backlog.web.forms import CardForm
from backlog.web.markup import LONGEST, markdown
from tests.factories import CardFactory
from tests.pages import text

pytestmark = [pytest.mark.usefixtures("django_store"), pytest.mark.one_tier]


def _save(client, card: Card, **changes: str):
    data = {"title": card.title, "priority": "0", "seen": card.updated_at.isoformat(), **changes}
    return client.post(reverse("edit", args=[card.pk]), data)


def _page(client, card_id: str = "A"):
    return client.get(reverse("card", args=[card_id]))


def _text(client) -> str:
    """What the page of A says, on one line."""
    return text(_page(client))


def test_what_a_card_has_none_of_has_no_heading(admin_client):
    CardFactory(id="A")
    headings = {"Description", "Acceptance", "Depends on", "Needed by"}
    assert not headings & set(re.findall("<h2[^>]*>([^<]*)</h2>", _page(admin_client).text))
    CardFactory(id="B", body="Some.", acceptance=[], depends_on=["A"])
    of_b = set(re.findall("<h2[^>]*>([^<]*)</h2>", _page(admin_client, "B").text))
    assert headings & of_b == headings - {"Needed by"}
    assert "Needed by" in _page(admin_client).text


def test_none_of_many_dependencies_is_said_to_be_missing(admin_client):
    needed = CardFactory.create_batch(230)
    CardFactory(id="A", depends_on=[card.pk for card in needed])
    page = _page(admin_client)
    assert [card.state for card in page.context["near"].needs] == ["ready"] * 200
    assert "The first 200 of 230" in page.text


def test_a_duplicate_leads_to_the_card_that_it_is_one_of(admin_client):
    CardFactory(id="B")
    Card.objects.drop(CardFactory(id="A").pk, "twice", duplicate_of="B")
    assert 'duplicate of <a href="/card/B/">B</a>' in _page(admin_client).text


def test_more_dependents_than_are_listed_are_mentioned(admin_client):
    CardFactory(id="hub")
    CardFactory.create_batch(201, depends_on=["hub"])
    page = _page(admin_client, "hub")
    assert len(page.context["near"].needed_by) == 200
    assert "More than these 200 wait for it" in page.text


def test_a_number_of_any_length_is_shown(admin_client, session):
    digits = "9" * 5000
    cards.create(session, "A", "A", acceptance=f"[{digits}]")
    assert digits in _page(admin_client).text


@pytest.mark.parametrize("text", ["[" * 20_000, "[[a]" * 5_000, "<" * (LONGEST + 1)])
def test_no_text_makes_the_page_wait(text):
    assert markdown(text)


def test_headings_of_a_body_leave_no_level_out():
    html = markdown("### a\n\n###### b\n\n# c")
    assert html == "<h3>a</h3>\n<h4>b</h4>\n<h3>c</h3>\n"


def test_a_form_that_does_not_say_what_it_saw_changes_nothing(admin_client):
    assert _save(admin_client, CardFactory(id="A"), title="Mine", seen="").status_code == 400
    assert Card.objects.get(pk="A").title == "Card A"


def test_newlines_as_a_browser_sends_them_do_not_change_the_body(admin_client):
    card = CardFactory(id="A", body="one\ntwo\n")
    _save(admin_client, card, title="Other", body="one\r\ntwo\r\n")
    assert Event.objects.filter(card_id="A").newest_first()[0].note == "title"
    assert Card.objects.get(pk="A").body == "one\ntwo\n"


def test_a_change_between_the_check_and_the_write_leaves_what_was_typed(admin_client, monkeypatch):
    card, check = CardFactory(id="A"), CardForm.is_valid

    def somebody_is_quicker(form):
        valid = check(form)
        Card.objects.edit("A", priority=7)
        return valid

    monkeypatch.setattr(CardForm, "is_valid", somebody_is_quicker)
    page = _save(admin_client, card, title="Typed")
    assert (page.status_code, "Typed" in page.text) == (409, True)


def test_a_key_that_is_taken_does_not_pretend_that_a_card_was_made(admin_client):
    CardFactory(id="A", idempotency_key="k")
    data = {"id": "B", "title": "B", "priority": "0", "idempotency_key": "k"}
    page = admin_client.post(reverse("create"), data, follow=True)
    assert "A has this idempotency key: nothing was created." in unescape(page.text)


def test_a_command_to_copy_holds_the_id_as_one_word(admin_client):
    page = _page(admin_client, "x; touch y")
    assert "--id='x; touch y'" in unescape(re.sub("<[^>]*>", "", page.text))


@pytest.mark.parametrize("path", ["/card/a_00b/", "/card/a_00b/edit/"])
def test_an_id_that_no_card_can_have_is_refused(admin_client, path):
    assert admin_client.get(path).status_code == 400


WHEN_AND_BY_WHOM = {"role": "reviewer", "max_attempts": "3", "not_before": "2030-01-02T03:04"}


def test_a_card_is_made_for_a_role_with_a_cap_and_a_time(admin_client):
    data = {"id": "N", "title": "New", "priority": "0", **WHEN_AND_BY_WHOM}
    admin_client.post(reverse("create"), data)
    card = Card.objects.get(pk="N")
    assert (card.role, card.max_attempts) == ("reviewer", 3)
    assert card.not_before == datetime(2030, 1, 2, 3, 4, tzinfo=UTC)


def test_an_edit_clears_role_cap_and_time(admin_client):
    card = CardFactory(
        id="A", role="r", max_attempts=3, not_before=datetime(2030, 1, 2, tzinfo=UTC)
    )
    _save(admin_client, card, role="", max_attempts="", not_before="")
    card.refresh_from_db()
    assert (card.role, card.max_attempts, card.not_before) == (None, None, None)


def test_a_time_that_a_browser_sends_back_is_no_change(admin_client):
    card = CardFactory(id="A", not_before=datetime(2030, 1, 2, 3, 4, 0, 7, tzinfo=UTC))
    form = admin_client.get(reverse("edit", args=["A"])).context["form"]
    assert form["not_before"].value() == "2030-01-02T03:04:00"
    _save(admin_client, card, title="Other", not_before="2030-01-02T03:04")
    assert Event.objects.filter(card_id="A").newest_first()[0].note == "title"


def test_a_time_may_be_typed_with_an_offset(admin_client):
    _save(admin_client, CardFactory(id="A"), not_before="2030-01-02T03:04:00+02:00")
    assert Card.objects.get(pk="A").not_before == datetime(2030, 1, 2, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"not_before": "tomorrow"}, "not before must be an ISO 8601 time"),
        ({"not_before": "0001-01-01T00:00:00+14:00"}, "not before is out of range"),
        ({"max_attempts": "-1"}, "Max attempts must be a whole number between 0"),
        ({"max_attempts": "many"}, "Enter a whole number."),
        ({"role": "a\0b"}, "Null characters"),
        ({"max_runtime": "0"}, "Max runtime must be"),
        ({"phase": "p" * 256}, "Phase must have at most 255"),
    ],
)
def test_what_no_worker_could_claim_by_is_an_error_of_the_form(admin_client, changes, said):
    page = _save(admin_client, CardFactory(id="A"), **changes)
    assert (page.status_code, said in unescape(page.text)) == (200, True)


def test_a_stale_form_carries_role_cap_and_time_over(admin_client):
    card = CardFactory(id="A")
    Card.objects.edit("A", role="author", not_before=datetime(2031, 1, 1, tzinfo=UTC))
    form = _save(admin_client, card, **WHEN_AND_BY_WHOM).context["form"]
    shown = {field.name: field.value() for field in form}
    assert {name: shown[name] for name in WHEN_AND_BY_WHOM} == WHEN_AND_BY_WHOM
    assert "2031-01-01T00:00:00" in form["not_before"].help_text
    again = {name: "" if value is None else value for name, value in shown.items()}
    admin_client.post(reverse("edit", args=["A"]), again)
    assert Card.objects.get(pk="A").role == "reviewer"


def test_a_question_is_answered_below_it_and_what_is_said_stands_whole_in_the_history(admin_client):
    CardFactory(id="A", blocked=True, note="<which> port?")
    Card.objects.comment("A", "long & " * 100)
    page = _page(admin_client)
    assert page.text.index("&lt;which&gt; port?") < page.text.index('value="answer"')
    assert "long &amp; " * 99 in page.text
    Card.objects.unblock("A", note="<8080>")
    assert "Answer <8080>" in _text(admin_client)
    Card.objects.filter(pk="A").delete()
    assert "<8080>" in _text(admin_client)


def test_a_viewer_reads_what_was_said_and_says_nothing(viewer):
    CardFactory(id="A", blocked=True)
    Card.objects.comment("A", "hm")
    page = _page(viewer).text
    assert (">hm<" in page, "<textarea" in page) == (True, False)
    assert "<textarea" not in viewer.get("/").text


def test_claims_that_are_not_listed_are_mentioned(admin_client, monkeypatch):
    for module in "views", "queries":
        monkeypatch.setattr(f"backlog.web.{module}.fleet.MOST_CLAIMS", 1)
    CardFactory.create_batch(2, claimed=True)
    assert "The 1 claims whose lease ends first" in admin_client.get("/fleet/").text


def test_a_card_shows_its_runs_with_what_their_workers_said(admin_client, session):
    CardFactory(id="A", claimed=True, owner="slow")
    failed = Report(outcome="failed", summary="no parser", tokens=1200, cost="0.25")
    moves.release(session, "A", "slow", 1, report=failed)
    Card.objects.claim("quick")
    done = Report(summary="parsed", result='{"n": 1.50}', tokens=300, cost="0.5")
    moves.complete(session, "A", "quick", 2, report=done)
    listed = _page(admin_client).context["runs"]
    shown = [(run.attempt, run.owner, run.outcome) for run in listed]
    assert shown == [(2, "quick", "completed"), (1, "slow", "failed")]
    page = _text(admin_client)
    assert "2 of 10 attempts; 1,500 tokens; cost 0.75 in your currency." in page
    assert 'Result of attempt 2 {"n": 1.50}' in page


@pytest.mark.parametrize(("state", "said"), [("claimed", "at work"), ("done", "by hand")])
def test_a_run_that_goes_on_or_had_no_attempt_says_so(admin_client, state, said):
    CardFactory(id="A", status=state)
    assert said in _text(admin_client)


def test_many_runs_are_shown_when_asked_for(admin_client):
    CardFactory(id="A", max_attempts=0)
    for _ in range(22):
        Card.objects.claim("w")
        Card.objects.release("A")
    assert "22 attempts, no cap. The newest 20 of them; all 22 ." in _text(admin_client)
    assert len(admin_client.get("/card/A/?runs=all").context["runs"]) == 22


def test_attempts_are_counted_against_the_cap_from_the_last_unblock(admin_client):
    CardFactory(id="A", max_attempts=3)
    for _ in range(3):
        Card.objects.claim("w")
        Card.objects.release("A")
    assert "Attempts 3 of 3" in _text(admin_client)
    Card.objects.unblock("A")
    page = _text(admin_client)
    assert "0 of 3 attempts that count, of 3 in all" in page
    assert "Last block no attempts left: 3 of 3 attempts" in page


def test_a_card_says_until_when_it_is_held_back_and_for_whom_it_is(admin_client):
    CardFactory(id="A", role="reviewer", not_before=timezone.now() + timedelta(hours=2))
    page = _text(admin_client)
    assert "Not claimable. It is held back until" in page
    assert "Role reviewer" in page


def test_a_claimable_card_says_what_holds_claims_back(admin_client, session):
    CardFactory(id="A", phase="M1")
    rules.pause(session, "phase", "M1", "release freeze")
    rules.limit(session, "phase", "M1", 0)
    page = _text(admin_client)
    assert "Claimable, but no worker gets it now." in page
    assert "Paused is phase M1 , by" in page
    assert "At its limit is phase M1 : 0 of 0 claims." in page
