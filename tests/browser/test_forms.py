"""What a browser does to forms by itself: it alters texts, and puts back what was typed."""

import pytest
from django.conf import settings
from playwright.sync_api import expect

from backlog.models import Card
from backlog.verbs import rules
from tests.browser.test_browser import in_light_and_dark

# No page depends on the store's tier.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]

CHECKED = "[...document.querySelectorAll('[type=checkbox]:checked')].map(box => box.value)"
LIST = "/admin/backlog/card/"


def _away_and_back(page, url: str) -> None:
    """To another page and back again; the browser of these tests keeps no page alive meanwhile."""
    page.goto(f"{url}/healthz")
    page.go_back()


RETURNS = {"back": _away_and_back, "reload": lambda page, url: page.reload()}


@pytest.mark.parametrize("comes_back", RETURNS)
@pytest.mark.parametrize("path", ["/", "/cards/", LIST])
def test_no_other_card_is_ticked_after_coming_back(operator, live_server, path, comes_back):
    operator.goto(live_server.url + path)
    operator.locator("input[type=checkbox][value*='ready-2']").check()
    Card.objects.create(id="first", title="First", phase="M1", priority=99)
    if path == "/":
        expect(operator.locator('[data-card="first"]')).to_be_visible()
    RETURNS[comes_back](operator, live_server.url)
    expect(operator.locator("input[type=checkbox][value*='ready-1']")).to_be_visible()
    assert [box for box in operator.evaluate(CHECKED) if "ready-2" not in box] == []


def test_an_action_for_all_pages_is_not_put_back(operator, live_server, monkeypatch):
    monkeypatch.setattr("backlog.admin.CardAdmin.list_per_page", 2)
    operator.goto(live_server.url + LIST)
    operator.get_by_label("Select all objects on this page").check()
    operator.locator(".question a").click()
    _away_and_back(operator, live_server.url)
    assert operator.locator("[name=select_across]").input_value() == "0"
    assert operator.locator(".action-select:checked").count() == 0


@pytest.mark.parametrize("comes_back", RETURNS)
def test_a_limit_is_not_typed_into_the_row_of_another(operator, live_server, session, comes_back):
    rules.limit(session, "phase", "M2", 3)
    operator.goto(live_server.url + "/control/")
    operator.get_by_label("Claims at once of phase M2").fill("77")
    rules.limit(session, "phase", "M1", 5)
    RETURNS[comes_back](operator, live_server.url)
    expect(operator.get_by_label("Claims at once of phase M1")).to_have_value("5")


@pytest.mark.parametrize("phase", ["M1", "M9"], ids=["a cell", "a lane"])
def test_an_answer_stays_while_the_board_changes_and_is_given(board, phase):
    board.locator(".answering summary").click()
    board.locator(".answering").get_by_label("Answer", exact=True).fill("the second")
    board.locator(".count").first.click()
    Card.objects.create(id="new", title="New", phase=phase, priority=99)
    expect(board.locator('[data-card="new"]')).to_be_visible()
    expect(board.locator(".answering").get_by_label("Answer", exact=True)).to_have_value(
        "the second"
    )
    board.get_by_role("button", name="Answer and unblock").first.click()
    expect(board.get_by_text("Answered and unblocked stopped.")).to_be_visible()
    assert Card.objects.get(pk="stopped").answer == "the second"
    expect(board.locator('[data-needs="stopped"]')).to_have_count(0)


EDITS = ("/card/ready-1/edit/", f"{LIST}ready-1/change/")
SAVE = "form:has([name=shown]) .primary, [name=_save]"


@pytest.mark.parametrize("comes_back", RETURNS)
@pytest.mark.parametrize("path", EDITS)
def test_what_is_put_back_is_not_saved_over_what_came_meanwhile(
    operator, live_server, path, comes_back
):
    operator.goto(live_server.url + path)
    operator.get_by_label("Title").fill("Mine")
    Card.objects.edit("ready-1", title="Theirs")
    RETURNS[comes_back](operator, live_server.url)
    expect(operator.get_by_label("Title")).to_have_value("Mine")
    operator.locator(SAVE).click()
    expect(operator.locator("[role=alert], .errornote")).to_be_visible()
    expect(operator.get_by_label("Title")).to_have_value("Mine")
    assert Card.objects.get(pk="ready-1").title == "Theirs"


@pytest.mark.parametrize("path", EDITS)
def test_without_a_script_nothing_is_put_back_over_what_came_meanwhile(plain, live_server, path):
    plain.goto(live_server.url + path)
    plain.get_by_label("Title").fill("Mine")
    plain.locator("[name=body]").fill("Mine")
    Card.objects.edit("ready-1", title="Theirs", body="Theirs")
    _away_and_back(plain, live_server.url)
    plain.locator(SAVE).click()
    card = Card.objects.get(pk="ready-1")
    assert (card.title, card.body) == ("Theirs", "Theirs")


def test_a_form_that_is_opened_anew_is_of_the_card_as_it_is(operator, live_server):
    operator.goto(live_server.url + EDITS[0])
    operator.get_by_label("Title").fill("Mine")
    operator.goto(live_server.url + "/card/ready-1/")
    operator.get_by_role("link", name="Edit").click()
    expect(operator.get_by_label("Title")).to_have_value("About ready-1")


ODD = {
    "title": "two\r\nlines, padded ",
    "body": "\n\r\n a\rb \u2028\x85\x0b\ufeff e\u0301 \r\n",
    "phase": "\tM1 ",
    "idempotency_key": " k\x0c",
    "role": "r\u00a0",
    "depends_on": '["a,b", " c", "two\\nlines"]',
    "acceptance": '["a;b", " c\\r\\nd"]',
    "not_before": "2030-01-02 03:04:05.678901+00",
}


@pytest.mark.parametrize("path", ["/card/odd/edit/", f"{LIST}odd/change/"])
def test_a_browser_that_saves_the_priority_alters_nothing_else(
    operator, live_server, session, path
):
    names, values = ", ".join(ODD), ", ".join(["%s"] * len(ODD))
    session.execute(
        f"INSERT INTO backlog (id, {names}) VALUES ('odd', {values})",  # noqa: S608 (our own)
        list(ODD.values()),
    )
    everything = (
        "SELECT to_jsonb(backlog) - '{priority,updated_at}'::text[] FROM backlog WHERE id = 'odd'"
    )
    before = session.rows(everything)
    operator.goto(live_server.url + path)
    operator.get_by_label("Priority").fill("7")
    operator.locator(SAVE).click()
    expect(operator.locator(".success")).to_be_visible()
    assert session.rows(everything) == before
    assert Card.objects.get(pk="odd").priority == 7


def test_a_browser_opens_a_card_of_any_name(operator, live_server, session):
    session.execute("DELETE FROM backlog")
    for n, card_id in enumerate((".", "..", "a/../b", "%2e%2e", " k", "\x85k", "\tk", "_2E")):
        insert = "INSERT INTO backlog (id, title) VALUES (%s, %s)"
        session.execute(insert, [card_id, f"Odd {n}"])
    operator.goto(live_server.url + "/")
    cards = leads_to(operator, "[data-card] > a")
    operator.goto(live_server.url + LIST)
    opened = [open_the_card(operator, url) for url in leads_to(operator, "#result_list tbody th a")]
    assert sorted(title for title, _ in opened) == [f"Odd {n}" for n in range(8)]
    assert sorted(card for _, card in opened) == sorted(cards)


def leads_to(page, links: str) -> list[str]:
    """Where these links lead, as the browser has it."""
    return page.locator(links).evaluate_all("links => links.map(link => link.href)")


def open_the_card(page, url: str) -> tuple[str, str]:
    """Its title and its own page, which lies between the form of the admin and the other one."""
    page.goto(url)
    title = page.get_by_label("Title").input_value()
    page.get_by_role("link", name="On the board").click()
    expect(page.locator("h1")).to_contain_text(title)
    card = page.url
    page.get_by_role("link", name="Edit").click()
    expect(page.get_by_label("Title")).to_have_value(title)
    return title, card


def test_what_was_typed_outlives_the_session(operator, live_server):
    operator.goto(live_server.url + EDITS[0])
    operator.get_by_label("Title").fill("Mine")
    operator.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    operator.locator(SAVE).click()
    operator.get_by_label("Username").fill("olga")
    operator.get_by_label("Password").fill("secret")
    operator.get_by_role("button", name="Log in").click()
    expect(operator.get_by_role("textbox", name="title")).to_have_value("Mine")
    assert in_light_and_dark(operator) == []
    assert Card.objects.get(pk="ready-1").title == "About ready-1"
    operator.get_by_role("button", name="Send it now").click()
    expect(operator.locator(".success")).to_be_visible()
    assert Card.objects.get(pk="ready-1").title == "Mine"
