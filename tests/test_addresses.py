"""What a page asks for fits into a request line, whatever names and searches are made of."""

import os
import re
from html import unescape
from urllib.parse import quote, urlencode

import pytest
from django.urls import reverse

from backlog.web.navigation import LONGEST_ADDRESS, LONGEST_SEARCH, reachable
from tests.command import copied_store, manage, used_store
from tests.factories import CardFactory
from tests.serving import ask, serving

pytestmark = pytest.mark.one_tier

# The most bytes that a name of 255 characters can have in an address.
WIDE = "😀" * 255
CHINESE = "中" * 454


@pytest.fixture(scope="module")
def sites():
    """URLs of two servers on one store: what all may read, and what asks for a login."""
    with copied_store(used_store()) as root:
        env = {**os.environ, "BACKLOG_DATA_DIR": str(root)}
        public = {**env, "BACKLOG_PUBLIC_BOARD": "1"}
        with serving(public, "--no-sweep", "--workers", "1") as (_, opened):
            words = ["create", "--id", WIDE, "--title", "Wide", "--phase", WIDE]
            assert manage(env, "backlog", *words).status == 0
            with serving(env, "--no-sweep", "--workers", "1") as (_, closed):
                yield opened, closed


ADDRESSES = {
    "a card": f"/card/{quote(WIDE)}/",
    "a search": "/?" + urlencode({"q": CHINESE}),
    "a list": "/cards/?"
    + urlencode({"q": "中" * 200, "phase": WIDE, "owner": WIDE, "status": "ready"}),
    "the poll of it": "/live/?"
    + urlencode({"q": "中" * 200, "phase": WIDE, "owner": WIDE, "v": "0" * 16}),
    "a lane": "/?" + urlencode({"phase": WIDE, "layout": "columns"}),
    "events": "/activity/?" + urlencode({"actor": WIDE, "card": WIDE, "verb": "unblock"}),
    "the admin": "/admin/backlog/card/?" + urlencode({"q": "中" * 600}),
}


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_every_page_opens_with_the_longest_names_logged_in_or_not(sites, address):
    assert [ask(site + address)[0] for site in sites] == [200, 200]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("store")
def test_the_links_of_the_pages_are_short_enough(admin_client):
    CardFactory(id=WIDE, phase=WIDE, depends_on=["仮" * 255])
    pages = ["/", "/cards/?" + urlencode({"q": "中" * 200, "phase": WIDE}), f"/card/{quote(WIDE)}/"]
    links = [re.findall('href="([^"]*)"', admin_client.get(page).text) for page in pages]
    assert max(len(unescape(link)) for found in links for link in found) <= LONGEST_ADDRESS


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("store")
def test_a_search_that_is_too_long_looks_for_its_beginning_and_says_so(admin_client):
    CardFactory(id="A", title="中" * LONGEST_SEARCH)
    page = admin_client.get(reverse("cards"), {"q": CHINESE})
    assert [card.pk for card in page.context["found"]] == ["A"]
    assert "Searched for are the first 200 characters only." in page.text


def test_a_login_leads_back_to_what_was_filtered_while_that_fits():
    login = "/login/?" + urlencode({"next": "/?" + urlencode({"q": "中" * 300})})
    assert reachable(login) == login


@pytest.mark.parametrize(
    ("next_", "kept"),
    [("/cards/?" + "q" * 9_000, "/login/?next=/cards/"), ("/" + "x" * 9_000, "/login/")],
    ids=["a long query", "a long path"],
)
def test_a_login_that_could_not_be_asked_for_leads_back_to_less(next_, kept):
    assert reachable(f"/login/?{urlencode({'next': next_}, safe='/')}") == kept
