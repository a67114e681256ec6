"""A text as long as a book is a line where it is one of many, and whole on its card's own page."""

import pytest
from django.urls import reverse

from backlog.verbs import rules
from backlog.web.queries.filters import ALL
from backlog.web.queries.fleet import claims
from backlog.web.queries.listing import cards
from fleet.verbs import escalations, north_star, signals
from fleet.verbs import gate as verdict
from tests.factories import CardFactory

pytestmark = [pytest.mark.usefixtures("django_store"), pytest.mark.one_tier]

BOOK = "b" * 2_000_000
PAGES = ["/", "/cards/", "/fleet/", "/activity/", "/doctor/", "/control/", "/card/near/"]
PAGES += ["/phase/", f"/worker/{'b' * 255}/"]
ADMIN = ["/admin/backlog/card/", "/admin/backlog/card/long/history/"]


@pytest.fixture
def books(django_store, past_triggers):
    """Cards whose title and notes are books, and whose owner has a name as long as there may be."""
    CardFactory(id="long", title=BOOK, blocked=True, note=BOOK)
    CardFactory(id="held", title=BOOK, claimed=True)
    CardFactory(id="late", title=BOOK, expired=True)
    CardFactory(id="near", depends_on=["long", "held"])
    past_triggers(
        "UPDATE backlog SET claim_owner = repeat('b', 255) WHERE claim_owner IS NOT NULL",
        "UPDATE backlog_event SET note = repeat('b', 2000000), actor = repeat('b', 2000000)",
    )


@pytest.mark.usefixtures("books")
def test_no_page_has_the_whole_of_anothers_text(admin_client):
    for path in (*PAGES, *ADMIN):
        page = admin_client.get(path)
        assert (page.status_code, len(page.content) < 100_000) == (200, True), path
        assert BOOK[:1_500] not in page.text, path


def test_what_a_fleet_wrote_is_a_line_each_that_opens(admin_client, session):
    CardFactory(id="A")
    star = north_star.propose(session, "goals: [{goal: Done}]", BOOK).number
    verdict.decide(session, "A", "held", BOOK[:3_000_000])
    signals.signal(session, "A", "defect", BOOK, BOOK)
    number = escalations.escalate(session, BOOK, "A").id
    escalations.resolve(session, escalations.escalate(session, BOOK, "A").id, BOOK)
    pages = ["/card/A/", "/escalations/", "/signals/", "/north-star/"]
    pages += ["/admin/fleet/escalation/", "/admin/fleet/decision/", "/admin/fleet/proposal/"]
    sizes = {path: len(admin_client.get(path).content) for path in pages}
    assert {path: size for path, size in sizes.items() if size > 250_000} == {}
    north_star.veto(session, star, "ann", BOOK)
    assert len(admin_client.get("/north-star/").content) < 100_000
    page = admin_client.get("/escalations/").text
    assert (f"<summary>{BOOK[:79]}…</summary>" in page, f"escalation-{number}" in page) == (
        *(True, True),
    )


@pytest.mark.usefixtures("books")
def test_only_the_beginnings_leave_the_database():
    (listed,) = [card for card in cards(ALL) if card.pk == "long"]
    assert [len(text) for text in (listed.title, listed.block_note)] == [201, 201]
    assert {len(card.claim_owner) for card in claims()} == {255}  # a link has the whole name


def test_a_cards_own_page_has_its_title_once(admin_client):
    CardFactory(id="long", title=BOOK)
    CardFactory(id="near", depends_on=["long"])
    page = admin_client.get(reverse("card", args=["long"]))
    assert page.text.count(BOOK) == 1
    assert len(page.content) < len(BOOK) + 50_000


def test_a_pause_for_a_reason_as_long_as_a_book_is_a_line_of_the_banner(admin_client, session):
    CardFactory(id="A")
    rules.pause(session, "fleet", "", BOOK)
    sizes = [len(admin_client.get(path).content) for path in [*PAGES[:-1], "/card/A/"]]
    assert max(sizes) < 100_000


def test_a_card_that_waits_for_many_names_some_and_says_how_many_more(admin_client):
    CardFactory(id="A", depends_on=[f"missing-{n}" for n in range(300)])
    page = admin_client.get(reverse("card", args=["A"]))
    explained = page.text.partition("It waits for what does not exist:")[2].partition("</li>")[0]
    assert (explained.count("<a "), "and 280 more" in explained) == (20, True)


def test_a_question_about_many_cards_names_some_and_asks_for_all(admin_client):
    seen = [
        f"done {card.updated_at.isoformat()} {card.pk}"
        for card in CardFactory.create_batch(30, done=True)
    ]
    page = admin_client.post(reverse("act"), {"action": "reopen", "card": seen}).text
    assert ("and 10 more" in page, page.count('name="card"')) == (True, 30)


def test_what_the_admin_did_to_many_is_a_message_of_some(admin_client):
    made = CardFactory.create_batch(30, done=True)
    seen = [f"done {card.updated_at.isoformat()} {card.pk}" for card in made]
    chosen = {"action": "reopen", "confirmed": "1", "card": seen, "seen": seen}
    chosen["_selected_action"] = [card.pk for card in made]
    page = admin_client.post("/admin/backlog/card/", chosen, follow=True)
    assert "and 10 more" in page.text


def test_a_refusal_of_a_long_word_says_its_beginning(admin_client):
    page = admin_client.get(reverse("cards"), {"sort": "s" * 5_000})
    assert (page.status_code, len(page.content) < 5_000) == (400, True)
