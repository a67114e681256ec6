"""Filters as chips, a list in either direction, and names for what an account looks at."""

from urllib.parse import parse_qs

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from backlog.models import SavedView
from backlog.web.queries.listing import SORTS
from backlog.web.views.saved import MOST
from tests.factories import AccountFactory, CardFactory

pytestmark = [pytest.mark.usefixtures("django_store"), pytest.mark.one_tier]


def _save(client, name: str = "Mine", page: str = "cards", query: str = "status=done", **more):
    data = {"name": name, "page": page, "query": query, **more}
    return client.post(reverse("save_view"), data)


def _views(page) -> list[tuple[str, str, bool]]:
    return [(view.name, view.address, here) for view, here in page.context["views"]]


@pytest.mark.both_tiers
def test_a_view_is_saved_and_shown_where_it_leads(viewer):
    back = _save(viewer, query="page=3&status=done&sort=-id&phase=a%26b", next="/cards/?q=x")
    assert back.url == "/cards/?q=x"
    address = "/cards/?status=done&sort=-id&phase=a%26b"
    assert _views(viewer.get(address)) == [("Mine", address, True)]
    assert _views(viewer.get("/?q=x")) == [("Mine", address, False)]


def test_a_view_is_its_accounts_alone(viewer, admin_client):
    _save(viewer)
    assert _views(admin_client.get("/cards/")) == []
    admin_client.post(reverse("remove_view"), {"name": "Mine"})
    assert SavedView.objects.count() == 1


def test_a_name_that_is_saved_again_is_of_what_is_shown_now(viewer):
    _save(viewer)
    _save(viewer, page="board", query="")
    assert _views(viewer.get("/cards/")) == [("Mine", "/", False)]


@pytest.mark.both_tiers
def test_a_view_that_is_removed_is_gone_and_once_more_is_no_harm(viewer):
    _save(viewer)
    for said in ("Removed the view Mine", "no such view any more"):
        answer = viewer.post(reverse("remove_view"), {"name": "Mine"}, follow=True)
        assert said in answer.text
    assert not SavedView.objects.exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"name": " "}, "name must not be blank"),
        ({"name": "x" * 61}, "at most 60 characters"),
        ({"name": "a\u202eb"}, "visible text"),
        ({"page": "fleet"}, "page must be one of board, cards"),
        ({"page": "https://evil.example/"}, "page must be one of"),
        ({"query": "q=" + "x" * 2_000}, "at most 2000 characters"),
        ({"query": "status=odd"}, "status must be one of ready, waiting, claimed, blocked, done"),
        ({"page": "cards", "query": "sort=odd"}, "sort must be one of claim, longest, changed"),
    ],
)
def test_what_cannot_be_saved_is_refused_in_plain_words(viewer, data, said):
    answer = _save(viewer, **data)
    assert (answer.status_code, said in answer.text) == (400, True)
    assert not SavedView.objects.exists()


def test_an_account_has_so_many_views_and_no_more(viewer):
    for number in range(MOST + 1):
        _save(viewer, name=f"v{number}")
    assert SavedView.objects.count() == MOST
    assert _save(viewer, name="v0").status_code == 302


@pytest.mark.parametrize("wrong", [{"page": "admin:index"}, {"name": ""}, {"query": "x" * 2_001}])
def test_the_database_holds_no_other_address(wrong):
    view = SavedView(**{"account": AccountFactory(), "name": "v", "page": "board", **wrong})
    with pytest.raises(IntegrityError), transaction.atomic():
        view.save()


def test_who_has_no_account_is_offered_nothing_to_save(client, settings):
    settings.BACKLOG_PUBLIC_BOARD = True
    CardFactory(id="A")
    assert reverse("save_view") not in client.get("/cards/?q=A").text


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("phase=M1&page=2", {"phase M1": {}}),
        ("phase=&phase=M1", {"no phase": {"phase": ["M1"]}, "phase M1": {"phase": ["", ""]}}),
        ("status=done&status=ready&layout=columns", {
            "done": {"status": ["ready"], "layout": ["columns"]},
            "ready": {"status": ["done"], "layout": ["columns"]},
        }),
        ("owner=w&q=x&stuck=1", {
            "owner w": {"q": ["x"], "stuck": ["1"]},
            "“x”": {"owner": ["w"], "stuck": ["1"]},
            "stuck only": {"owner": ["w"], "q": ["x"]},
        }),
    ],
)  # fmt: skip
def test_each_filter_is_a_chip_that_takes_it_away(viewer, query, left):
    chips = viewer.get(f"/?{query}").context["choice"].chips
    without = {words: parse_qs(url[1:], keep_blank_values=True) for words, url in chips}
    assert without == left


def _ids(client, sort: str) -> list[str]:
    return [card.pk for card in client.get(f"/cards/?sort={sort}").context["found"]]


@pytest.mark.parametrize("sort", [each for each in SORTS if each != "lease"])
def test_every_order_has_its_opposite(viewer, sort):
    for number in range(3):
        CardFactory(id=f"A{number}", priority=number % 2, title=f"T{-number}")
    assert _ids(viewer, f"-{sort}") == _ids(viewer, sort)[::-1]


def test_cards_without_a_lease_come_after_those_that_have_one_either_way(viewer):
    CardFactory(id="free")
    CardFactory(id="long", claimed=True, ttl=900)
    CardFactory(id="short", claimed=True, ttl=60)
    assert _ids(viewer, "lease") == ["short", "long", "free"]
    assert _ids(viewer, "-lease") == ["long", "short", "free"]


def test_the_heading_says_which_way_and_leads_the_other_way(viewer):
    for sort, way, other in (("title", "ascending", "-title"), ("-title", "descending", "title")):
        page = viewer.get(f"/cards/?sort={sort}").text
        assert f'<th scope="col" aria-sort="{way}"><a href="?sort={other}">Title' in page
    assert 'aria-sort="descending"><a href="?sort=-claim">Priority' in viewer.get("/cards/").text
