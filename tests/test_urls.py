"""Every page of a card is reached by the links to it, whatever the card is called."""

import re
from html import unescape
from urllib.parse import urljoin

import pytest

from backlog.models import Card

pytestmark = [pytest.mark.usefixtures("django_store"), pytest.mark.one_tier]

LIST = "/admin/backlog/card/"

NAMES = [
    ".", "..", "...", "a/../b", "//evil.example/x", "../..", "/./",
    "%2F", "%2E%2e", "%zz", "?x=1", "#", "a&b=c;d+e", "a\\..\\b",
    "_5F", "_2E_2E", "_5F2E", "_", "_0A",
    "add", "history", "edit", "a/change/", "x/delete",
    " k", "k/", "k\x85", "\u3000k", "\ufeff", "two\nlines", "a\rb", "\tk",
    "字" * 255, "e\u0301", "<b>\"'&amp;", "javascript:alert(1)", "[::1]", ":",
]  # fmt: skip


INSERT = "INSERT INTO backlog (id, title, phase) VALUES (%s, 'Its title', %s)"


@pytest.fixture
def card_id(request, session):
    """The id of a card, which only the database was asked about."""
    session.execute(INSERT, [request.param, None])
    return request.param


@pytest.fixture
def named(session):
    """A card of each of the names, ten to a phase: as many has a cell of the board."""
    for number, name in enumerate(NAMES):
        session.execute(INSERT, [name, f"M{number // 10}"])


def _links(client, url: str) -> set[str]:
    """Where the links of a page lead, as a browser resolves them."""
    return _links_in(client.get(url), url)


def _links_in(page, url: str) -> set[str]:
    hrefs = re.findall(r'href="([^"]*)"', page.text)
    dots = re.compile(r"(?<=/)(\.|%2e)(?=/)|(?<=/)(\.|%2e){2}(?=/)", re.IGNORECASE)
    plain = (
        dots.sub(lambda dot: "." * (len(dot[0]) - dot[0].count("2") * 2), unescape(h))
        for h in hrefs
    )
    return {urljoin(url, href.strip()) for href in plain}


def test_the_admins_pages_of_a_card_open_by_its_links(admin_client, named):
    opened = []
    for change in {url for url in _links(admin_client, LIST) if url.endswith("/change/")}:
        page = admin_client.get(change)
        opened.append(page.context["original"].pk)
        links = [url for url in _links_in(page, change) if url.startswith(LIST)]
        pages = {url.rsplit("/", 2)[-2]: url for url in links}
        assert "Its title" in admin_client.get(pages["history"]).text
        assert admin_client.post(pages["delete"], {"post": "yes"}).url == LIST
        assert not Card.objects.filter(pk=opened[-1]).exists()
    assert sorted(opened) == sorted(NAMES)


def test_a_cards_own_pages_open_by_its_links(admin_client, named):
    lists = [_links(admin_client, page) for page in ("/", "/cards/")]
    board, listed = (
        {url for url in links if url.startswith("/card/") and "#" not in url} for links in lists
    )
    assert board == listed
    opened = []
    for url in listed:
        page = admin_client.get(url)
        opened.append(page.context["card"].pk)
        edit = next(each for each in _links_in(page, url) if each.endswith("/edit/"))
        assert admin_client.get(edit).context["card"].pk == opened[-1]
    assert sorted(opened) == sorted(NAMES)


@pytest.mark.parametrize("card_id", [".", "..", "a/../b", "%2F", "a\rb", " k"], indirect=True)
def test_a_save_in_the_admin_leads_back_to_the_card(admin_client, card_id):
    change = next(each for each in _links(admin_client, LIST) if each.endswith("/change/"))
    form = admin_client.get(change).context["adminform"].form
    data = {"title": "New", "priority": "1", "seen": form["seen"].value(), "_continue": "1"}
    saved = admin_client.post(change, data, follow=True)
    assert saved.context["original"].pk == card_id


def test_a_new_card_of_a_name_like_a_folder_is_saved_and_continued(admin_client):
    data = {"id": "..", "title": "Dots", "priority": "0", "_continue": "1"}
    saved = admin_client.post(f"{LIST}add/", data, follow=True)
    assert saved.context["original"].pk == ".."


@pytest.mark.parametrize("name", [".", "a/../b", "%2F", "a\rb", " k", "_5F", "?x=1", "字" * 255])
def test_the_page_of_a_phase_and_that_of_a_worker_open_by_the_links_to_them(
    admin_client, session, past_triggers, name
):
    session.execute("INSERT INTO backlog (id, title, phase) VALUES ('A', 'T', %s)", [name])
    Card.objects.claim("w")
    session.execute("UPDATE backlog SET claim_owner = %s", [name])
    for kind, context in (("phase", "phase"), ("worker", "owner")):
        url = next(url for url in _links(admin_client, "/cards/") if url.startswith(f"/{kind}/"))
        assert admin_client.get(url).context[context] == name
