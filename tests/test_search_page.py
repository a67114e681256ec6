"""The page of a search: ranked, marked, in pages, and only ever text."""

import re

import pytest

from backlog.models import Card
from backlog.web.views import search as views
from tests.factories import CardFactory

pytestmark = [pytest.mark.usefixtures("django_store"), pytest.mark.quick, pytest.mark.one_tier]


@pytest.mark.both_tiers
def test_what_was_sought_is_marked_and_all_else_is_text(admin_client):
    CardFactory(id="A", title="<b>import</b>er", body='<script>importer</script> "', phase="M1")
    page = admin_client.get("/search/", {"q": "import"}).text
    assert "&lt;b&gt;<mark>import</mark>&lt;/b&gt;er" in page
    assert "&lt;script&gt;<mark>import</mark>er&lt;/script&gt; &quot;" in page
    assert '<a href="/card/A/">A</a>' in page


def test_it_says_where_a_word_was_found(admin_client):
    CardFactory(id="A", claimed=True)
    Card.objects.block("A", note="which colour?")
    page = admin_client.get("/search/?q=colour").text
    assert "found in the note" in page
    assert "other: which <mark>colour</mark>?" in page


@pytest.mark.both_tiers
def test_pages_keep_the_words(admin_client, monkeypatch):
    monkeypatch.setattr(views, "PAGE", 1)
    for n in range(2):
        CardFactory(id=f"A{n}", title="a & b")
    first = admin_client.get("/search/", {"q": "a & b"}).text
    after = re.search(r'rel="next" href="([^"]+)"', first)[1].replace("&amp;", "&")
    second = admin_client.get(f"/search/{after}").text
    assert ("2 cards" in first, "/card/A0/" in first, "/card/A1/" in second) == (True,) * 3
    assert 'rel="next"' not in second


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "All words must be there"),
        ("q=nothing", "No card has all these words."),
        ("q=%21", "There is no word in this"),
        ("q=a&page=7", "No more cards."),
        (f"q={'a' * 300}", "the first 200 characters only"),
    ],
)
def test_a_page_without_cards_says_why(query, said, admin_client):
    assert said in admin_client.get(f"/search/?{query}").text


@pytest.mark.parametrize("query", ["q=a%00", "q=a&page=0", "q=a&page=1001", "q=a&page=x"])
def test_what_cannot_be_asked_for_is_refused(query, admin_client):
    assert admin_client.get(f"/search/?{query}").status_code == 400
