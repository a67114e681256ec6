"""The card's page, the forms and the fleet."""

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.urls import reverse

from backlog.models import Card, Event
from backlog.verbs.flow import DAY, SPANS, Span, parts, times
from backlog.verbs.runs import Report
from backlog.web.markup import markdown
from backlog.web.queries.fleet import by_worker, claims
from backlog.web.queries.neighbourhood import neighbourhood
from tests.factories import CardFactory

pytestmark = [pytest.mark.usefixtures("django_store"), pytest.mark.one_tier, pytest.mark.quick]

ODD = ["a/b", "..", ".", "ü ñ", "<i>", "a_2Fb", "a?b#c", "100%", 'quo"te', "a;b&c=d", "_", "a+b"]
ODD += ["\\"]


def _page(client, card_id: str):
    return client.get(reverse("card", args=[card_id]))


@pytest.mark.parametrize("card_id", ODD)
def test_every_id_has_a_page_of_its_own(admin_client, card_id):
    CardFactory(id=card_id)
    page = _page(admin_client, card_id)
    assert (page.status_code, page.context["card"].pk) == (200, card_id)


def test_a_card_shows_what_it_waits_for_and_why_it_is_not_claimable(admin_client):
    CardFactory(id="A")
    CardFactory(id="B", depends_on=["A", "nowhere"])
    page = _page(admin_client, "B").text
    assert "Not claimable" in page
    assert "nowhere" in page
    assert "As a table" in page


def test_a_card_shows_its_history_with_who_did_it(admin_client):
    CardFactory(id="A")
    Card.objects.claim("worker-7")
    assert "worker-7" in _page(admin_client, "A").text


def test_no_such_card_is_said_and_a_deleted_one_keeps_its_history(admin_client):
    CardFactory(id="A")
    Card.objects.delete_card("A")
    gone = _page(admin_client, "A")
    never = _page(admin_client, "B")
    assert (gone.status_code, "delete" in gone.text) == (404, True)
    assert (never.status_code, "There is no card B" in never.text) == (404, True)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "<img src=x onerror=alert(1)>",
        "![x](http://elsewhere.example/x.png)",
        "<a href='data:text/html,x'>x</a>",
        "[x](vbscript:x)",
        "<svg onload=alert(1)>",
    ],
)
def test_no_markdown_makes_anything_active(text):
    active = ("<script", "<img", "<svg", 'href="javascript', 'href="data')
    assert not [each for each in active if each in markdown(text)]


def test_markdown_is_rendered_below_the_headings_of_the_page():
    assert markdown("# One\n\n- *two*") == "<h3>One</h3>\n<ul>\n<li><em>two</em></li>\n</ul>\n"


def test_links_of_a_body_tell_nothing_to_where_they_lead():
    assert 'rel="noopener noreferrer nofollow"' in markdown("[x](https://elsewhere.example)")


def test_acceptance_that_is_no_list_keeps_every_digit(admin_client):
    CardFactory(id="A", acceptance={"n": 1})
    with_digits = '{"n": 12345678901234567890.123}'
    Card.objects.session().execute("UPDATE backlog SET acceptance = %s::jsonb", (with_digits,))
    assert "12345678901234567890" in unescape(_page(admin_client, "A").text)


def test_the_neighbourhood_goes_three_steps_both_ways():
    for n in range(9):
        CardFactory(id=f"A{n}", depends_on=[f"A{n - 1}"] if n else [])
    near = neighbourhood(Card.objects.get(pk="A4"))
    assert {card.pk for card in near.cards} == {f"A{n}" for n in range(1, 8)}
    assert ("A4", "A3") in near.edges


def _near(card_id: str) -> list[tuple[int, str, list[str]]]:
    """Rank, id and what it waits for, of each card near this one."""
    nodes = neighbourhood(Card.objects.get(pk=card_id)).nodes
    return [(n.rank, n.card.pk, [needed.card.pk for needed in n.needs]) for n in nodes]


def test_the_rank_of_a_card_is_below_all_that_it_waits_for():
    for card_id, needs in (("a", []), ("b", ["a"]), ("d", []), ("c", ["a", "b", "d"])):
        CardFactory(id=card_id, depends_on=needs)
    ranks = [(1, "a", []), (1, "d", []), (2, "b", ["a"]), (3, "c", ["a", "b", "d"])]
    assert _near("c") == ranks


def test_a_ring_made_past_the_verbs_is_of_the_last_rank(session, past_triggers):
    CardFactory(id="a")
    CardFactory(id="b", depends_on=["a"])
    past_triggers("INSERT INTO backlog_dependency (card_id, dependency_id) VALUES ('a', 'b')")
    assert _near("a") == [(1, "a", ["b"]), (1, "b", ["a"])]


def test_too_large_a_neighbourhood_is_a_list(admin_client):
    CardFactory(id="hub")
    CardFactory.create_batch(60, depends_on=["hub"])
    page = _page(admin_client, "hub").text
    assert ("too many to draw" in page, "As a table" in page) == (True, False)


def test_a_card_is_made_by_the_form(admin_client):
    data = {"id": "N", "title": "New", "priority": "3", "phase": "M1", "depends_on": "A"}
    answer = admin_client.post(reverse("create"), data)
    made = Card.objects.get(pk="N")
    assert (answer.url, made.depends_on, made.phase) == ("/card/N/", ["A"], "M1")


def test_what_the_domain_refuses_is_an_error_of_the_form(admin_client):
    CardFactory(id="N")
    page = admin_client.post(reverse("create"), {"id": "N", "title": "New", "priority": "0"})
    assert "there is a card N already" in unescape(page.text)


def _stale_edit(admin_client):
    """The page after a save of a title, when title, phase and body were changed meanwhile."""
    card = CardFactory(id="A", phase="M1", body="Old")
    Card.objects.edit("A", title="Theirs", phase="M2", body="New\n<i>", depends_on=["X"])
    data = {"title": "Mine", "priority": "0", "phase": "M2", "body": "Old"}
    return _save(admin_client, **data, seen=card.updated_at.isoformat())


def _save(client, **data: str):
    return client.post(reverse("edit", args=["A"]), data)


def _again(client):
    """What the form of a stale edit sends when it is saved once more."""
    form = _stale_edit(client).context["form"]
    return {field.name: "" if field.value() is None else field.value() for field in form}


def test_a_stale_form_carries_over_to_the_card_as_it_is_now(admin_client):
    page = _stale_edit(admin_client)
    assert (page.status_code, "Theirs" in page.text, "Mine" in page.text) == (409, True, True)
    shown = {field.name: field.value() for field in page.context["form"]}
    assert (shown["title"], shown["body"], shown["phase"]) == ("Mine", "Old", "M2")
    card = Card.objects.get(pk="A")
    assert (card.title, card.updated_at.isoformat()) == ("Theirs", shown["seen"])


def test_a_field_that_differs_says_what_the_card_has_now(admin_client):
    page = _stale_edit(admin_client)
    marked = {
        field.name: field.help_text.partition("now:</strong> ")[2]
        for field in page.context["form"]
        if "The card has now" in field.help_text
    }
    assert marked == {
        "title": '<span class="now">Theirs</span>',
        "body": '<span class="now">New\n&lt;i&gt;</span>',
        "depends_on": '<span class="now">X</span>',
    }
    assert "edit by " in page.text
    assert dict(page.context["form"].current)["Phase"] == "M2"


def test_saving_again_applies_what_was_typed_on_top_of_what_was_shown(admin_client):
    assert _save(admin_client, **_again(admin_client)).url == "/card/A/"
    card = Card.objects.get(pk="A")
    assert (card.title, card.body, card.phase, card.depends_on) == ("Mine", "Old", "M2", [])


def test_saving_again_is_refused_if_the_card_changed_once_more(admin_client):
    data = _again(admin_client)
    Card.objects.edit("A", title="Theirs again")
    page = _save(admin_client, **data)
    assert (page.status_code, "Theirs again" in page.text) == (409, True)
    assert Card.objects.get(pk="A").title == "Theirs again"


def test_a_form_saves_only_what_was_changed(admin_client):
    seen = CardFactory(id="A", phase="M1").updated_at.isoformat()
    _save(admin_client, title="Other", priority="0", phase="M1", seen=seen)
    assert Event.objects.filter(card_id="A").newest_first()[0].note == "title"


def test_the_fleet_shows_who_holds_what_and_whose_lease_is_over():
    CardFactory(expired=True, owner="slow")
    CardFactory(claimed=True, owner="quick")
    shown = [(card.claim_owner, card.expired) for card in by_worker(claims())]
    assert shown == [("quick", False), ("slow", True)]


@pytest.fixture
def two_expired():
    """A and B, whose leases are over."""
    for card_id in "AB":
        CardFactory(id=card_id, expired=True)


def test_more_expired_claims_than_are_named_are_counted(admin_client, two_expired, monkeypatch):
    monkeypatch.setattr("backlog.web.queries.fleet.MOST_CLAIMS", 1)
    assert "Those over for the longest, of 2." in admin_client.get("/fleet/").text


def _sent(page: str, name: str) -> list[str]:
    """The values of what a form of the page sends by this name."""
    return [unescape(value) for value in re.findall(f'name="{name}"\\s+value="([^"]*)"', page)]


def test_expired_claims_are_reclaimed_together(admin_client, two_expired):
    page = admin_client.get("/fleet/").text
    assert "Reclaim all 2" in page
    seen = {"action": "reclaim", "card": _sent(page, "card")}
    assert "Reclaimed 2 cards." in admin_client.post(reverse("act"), seen, follow=True).text
    assert set(Card.objects.values_list("status", flat=True)) == {"ready"}


def test_an_expired_claim_is_reclaimed_by_its_own_button(admin_client, two_expired):
    page = admin_client.get("/fleet/").text
    seen = {"one": _sent(page, "one")[0], "card": _sent(page, "card"), "next": "/fleet/"}
    assert admin_client.post(reverse("act"), seen).url == "/fleet/"
    assert Card.objects.get(pk="A").status == "ready"
    assert Card.objects.get(pk="B").status == "claimed"


def test_a_claim_renewed_since_the_fleet_was_shown_is_not_reclaimed(admin_client, two_expired):
    page = admin_client.get("/fleet/").text
    Card.objects.renew("A", "w", 1)
    answer = admin_client.post(reverse("act"), {"action": "reclaim", "card": _sent(page, "card")})
    assert "Reclaimed 1 card; 1 refused" in answer.text
    assert Card.objects.get(pk="A").status == "claimed"


def test_who_may_not_change_cards_sees_expired_claims_without_buttons(client, settings):
    settings.BACKLOG_PUBLIC_BOARD = True
    CardFactory(expired=True)
    page = client.get("/fleet/").text
    assert ("Expired claims" in page, "Reclaim" in page) == (True, False)


def test_an_idle_fleet_shows_how_a_worker_begins(admin_client):
    assert "Nobody holds a card" in admin_client.get("/fleet/").text


def test_days_of_the_past_are_counted_back_from_today(session, past_triggers):
    for card_id in "ABC":
        CardFactory(id=card_id)
    Card.objects.claim("w")
    Card.objects.complete("A")
    past_triggers(
        "UPDATE backlog_event SET at = at - interval '2 days' WHERE verb = 'create'",
        "UPDATE backlog_event SET at = at - interval '1 day' WHERE verb = 'claim'",
    )
    past = parts(session, Span("4 days", DAY, 4), Card.objects.stats().counts)
    assert [(day.created, day.claimed, day.done) for day in past] == [
        (0, 0, 0), (3, 0, 0), (0, 1, 0), (0, 0, 1)
    ]  # fmt: skip
    assert [(d.standing["ready"], d.standing["claimed"], d.standing["done"]) for d in past] == [
        (0, 0, 0), (3, 0, 0), (2, 1, 0), (2, 0, 1)
    ]  # fmt: skip


def test_cycle_times_run_from_the_first_claim(session, past_triggers):
    CardFactory(id="A", claimed=True)
    Card.objects.release("A")
    Card.objects.claim("w")
    Card.objects.complete("A")
    past_triggers(
        "UPDATE backlog_event SET at = at - interval '1 hour' WHERE verb = 'claim' AND attempt = 1"
    )
    cycle = next(
        spread for spread in times(session, SPANS["7d"]) if spread.name == "first claim to done"
    )
    assert (cycle.number, round(cycle.p50 / timedelta(minutes=1))) == (1, 60)


def test_open_cards_are_as_old_as_their_creation_and_their_status(session, past_triggers):
    CardFactory()
    past_triggers(
        "UPDATE backlog SET created_at = created_at - interval '2 hours'",
        "UPDATE backlog SET status_changed_at = status_changed_at - interval '1 hour'",
    )
    hour = timedelta(hours=1)
    ages = {
        spread.name: round(spread.p50 / hour)
        for spread in times(session, SPANS["7d"])
        if spread.number
    }
    assert ages == {"ready, since created": 2, "ready, since its status changed": 1}


def test_charts_begin_with_the_first_card_and_say_so(admin_client):
    CardFactory(id="A")
    shown = admin_client.get("/fleet/")
    assert len(shown.context["past"]) == 1
    assert "before that there was no card" in shown.text


def test_without_any_card_the_fleet_draws_no_chart(admin_client):
    page = admin_client.get("/fleet/").text
    assert ("<figure" in page, "There was no card in this time" in page) == (False, True)


def test_a_large_chart_is_the_table_of_its_figures_the_latest_first(admin_client):
    CardFactory(id="A", claimed=True, owner="w")
    Card.objects.complete("A", "w", report=Report(cost="1234.5"))
    CardFactory(id="B", blocked=True)
    charts = admin_client.get("/fleet/?span=1h").context["charts"]
    assert {chart.name: list(chart.rows[0][1]) for chart in charts} == {
        "standing": [1, 1, 0, 0],
        "happened": [2, 1, 1],
        "cost": [Decimal("1234.5")],
    }


def test_a_chart_of_what_nobody_said_is_not_drawn(admin_client):
    CardFactory(id="A")
    assert "chart-cost" not in admin_client.get("/fleet/").text


@pytest.mark.parametrize("query", ["days=8", "days=x", "span=2h"])
def test_a_span_that_is_not_offered_is_refused(admin_client, query):
    assert admin_client.get(f"/fleet/?{query}").status_code == 400


def test_beyond_the_last_page_of_the_list_is_the_last(admin_client):
    CardFactory(id="A")
    page = admin_client.get("/cards/?page=999")
    assert (page.status_code, page.context["found"].number) == (200, 1)
    assert "1 to 1 of 1" in page.text


def test_the_pages_need_as_many_queries_for_many_cards(admin_client, django_assert_max_num_queries):
    for n in range(40):
        CardFactory(id=f"A{n}", depends_on=[f"A{n - 1}"] if n else [])
    with django_assert_max_num_queries(13):
        _page(admin_client, "A20")
    with django_assert_max_num_queries(18):
        admin_client.get("/fleet/")
