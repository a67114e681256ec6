"""The board and the list: lanes, filters, and what an open page is told of changes."""

import re
from html import unescape

import pytest
from django.urls import reverse

from backlog.models import Card
from backlog.templatetags.backlog import card_url
from backlog.web.live import Live
from backlog.web.queries.board import board
from backlog.web.queries.filters import Filter
from tests.factories import CardFactory

pytestmark = [pytest.mark.usefixtures("django_store"), pytest.mark.quick, pytest.mark.one_tier]


def _board(**chosen):
    return board(Card.objects.session(), **chosen)


def _cells(chosen: Filter = Filter()):  # noqa: B008 (it is immutable)
    return {
        (lane.heading.phase, cell.name): (cell.total, [card.id for card in cell.cards])
        for lane in _board(chosen=chosen).lanes
        for cell in lane.cells
        if cell.total
    }


def test_nobody_sees_the_board_without_logging_in(client):
    assert client.get("/").url == reverse("login") + "?next=/"


@pytest.mark.both_tiers
def test_a_card_is_in_the_cell_of_what_can_happen_to_it_next():
    CardFactory(id="A", phase="M1")
    CardFactory(id="B", phase="M1", depends_on=["A"])
    CardFactory(id="C", phase="M1", blocked=True)
    CardFactory(id="D")
    CardFactory(id="E", phase="M1", claimed=True)
    assert _cells() == {
        ("M1", "ready"): (1, ["A"]),
        ("M1", "waiting"): (1, ["B"]),
        ("M1", "claimed"): (1, ["E"]),
        ("M1", "blocked"): (1, ["C"]),
        (None, "ready"): (1, ["D"]),
    }


def test_done_cards_are_only_counted():
    CardFactory(done=True)
    assert _cells() == {(None, "done"): (1, [])}


@pytest.mark.both_tiers
def test_a_cell_shows_the_first_ten_in_the_order_of_claims():
    for n in range(12):
        CardFactory(id=f"A{n:02}", priority=n)
    total, shown = _cells()[None, "ready"]
    assert (total, shown) == (12, [f"A{n:02}" for n in range(11, 1, -1)])


@pytest.mark.both_tiers
def test_lanes_are_in_natural_order_and_finished_ones_last():
    for phase in ("M10", "M2", None):
        CardFactory(phase=phase)
    CardFactory(phase="M1", done=True)
    assert [lane.heading.phase for lane in _board().lanes] == ["M2", "M10", None, "M1"]


@pytest.mark.both_tiers
def test_many_lanes_come_in_pages():
    for n in range(30):
        CardFactory(phase=f"P{n}")
    second = _board(page=2)
    assert second.pages == 2
    assert [lane.heading.phase for lane in second.lanes] == [f"P{n}" for n in range(25, 30)]


@pytest.mark.both_tiers
@pytest.mark.parametrize(
    ("chosen", "ids"),
    [
        (Filter(phases=("M1",)), {"A", "B"}),
        (Filter(phases=("",)), {"C", "D"}),
        (Filter(phases=("M1", "")), {"A", "B", "C", "D"}),
        (Filter(cells=("waiting",)), {"B", "D"}),
        (Filter(owner="w"), {"A"}),
        (Filter(text="card c"), {"C"}),
        (Filter(text="%"), set()),
        (Filter(stuck=True), {"A", "C", "D"}),
        (Filter(phases=("M1",), stuck=True), {"A"}),
    ],
)
def test_filters_narrow_the_board(chosen, ids):
    CardFactory(id="A", phase="M1", expired=True)
    CardFactory(id="B", phase="M1", depends_on=["A"])
    CardFactory(id="C", blocked=True)
    CardFactory(id="D", depends_on=["missing"])
    shown = {card for _, cards in _cells(chosen).values() for card in cards}
    assert shown == ids


def test_a_card_says_what_it_waits_for_and_whom_it_holds_up():
    CardFactory(id="A")
    CardFactory(id="B", depends_on=["A", "missing"])
    (lane,) = _board().lanes
    cards = {card.id: card for cell in lane.cells for card in cell.cards}
    assert cards["B"].waits_for == [["A", "ready"], ["missing", "missing"]]
    assert cards["A"].holds_up == 1


@pytest.mark.both_tiers
@pytest.mark.usefixtures("no_autovacuum")
def test_nothing_is_read_again_while_nothing_was_committed(django_assert_num_queries):
    CardFactory(id="A")
    live = Live(board)
    first = live.now(Card.objects.session())
    with django_assert_num_queries(1):
        assert live.now(Card.objects.session()) is first


@pytest.mark.both_tiers
def test_a_commit_anywhere_is_read_the_next_time(sessions):
    CardFactory(id="A")
    live = Live(board)
    before = live.now(Card.objects.session()).version
    sessions().execute("UPDATE backlog SET title = 'Other' WHERE id = 'A'")
    assert live.now(Card.objects.session()).version != before


@pytest.mark.both_tiers
def test_a_renewal_changes_only_its_own_cell_and_what_runs():
    CardFactory(id="A", claimed=True)
    CardFactory(id="B", phase="M1")
    before = _board().signatures
    Card.objects.renew("A", "w", 1, 5000)
    after = _board().signatures
    changed = [key.partition("-")[0] for key in after if after[key] != before[key]]
    assert changed == ["running", "claimed"]


@pytest.mark.both_tiers
def test_changed_cells_are_sent_by_key(admin_client):
    CardFactory(id="A")
    before = admin_client.get("/live/").json()["cells"]
    Card.objects.block("A")
    after = admin_client.get("/live/").json()["cells"]
    changed = [key for key in after if after[key] != before[key]]
    cells = admin_client.get("/live/cells/", {"key": changed}).json()["cells"]
    kinds = sorted(key.partition("-")[0] for key in changed)
    assert kinds == ["attention", "blocked", "lane", "ready", "totals"]
    assert any('data-card="A"' in html for html in cells.values())


@pytest.mark.both_tiers
def test_a_cell_is_made_anew_when_the_same_cards_show_something_else(admin_client):
    CardFactory(id="A")
    assert "Card A" in admin_client.get("/").text
    Card.objects.edit("A", title="Renamed")
    assert "Renamed" in admin_client.get("/").text


def test_large_numbers_are_in_groups_of_three(admin_client):
    Card.objects.session().execute("""
        INSERT INTO backlog (id, title, phase)
        SELECT n, n, 'M1' FROM generate_series(1, 1200) AS n""")
    page = admin_client.get("/").text
    for said in ("<b>1,200</b> ready", "0 of 1,200 done", "all 1,200 ready", "+1,199<"):
        assert said in page
    assert "1 to 50 of 1,200," in admin_client.get("/cards/").text


def test_a_name_that_is_read_from_the_right_is_cut_at_its_end(admin_client):
    name = "קורא הקלט"
    CardFactory(id=name, title=name, phase=name, claimed=True, owner=name)
    page = re.sub(r"\s+", " ", admin_client.get("/").text)
    for cut in ('class="title"', 'class="id"', 'class="phase"', 'class="printed"', "<h2"):
        assert f'{cut} dir="auto">' in page
    assert re.search(r'<a class="worker" href="[^"]+" dir="auto">', page)
    # What is within has none of its own: the way of what is around it would not go by it.
    assert re.search(r'<h2 dir="auto"><a class="of-phase" href="[^"]+">', page)


CHOSEN = "/?phase=M1&q=card&owner=w"


@pytest.mark.both_tiers
@pytest.mark.parametrize("link", ["2</b> claimed", "1</b> expired", "all 11 claimed"])
def test_a_number_leads_to_the_cards_it_counts(admin_client, link):
    for _ in range(11 if "all" in link else 2):
        CardFactory(phase="M1", claimed=True)
    if "expired" in link:
        CardFactory(id="card-late", phase="M1", expired=True)
    for other in ({"phase": "M2"}, {"owner": "v"}, {"title": "x", "id": "x"}):
        CardFactory(**({"phase": "M1"} | other), claimed=True)
    page = admin_client.get(CHOSEN).text
    href = re.search(rf'href="([^"]*)">(?:<b>)?{link}', page)[1]
    listed = admin_client.get(unescape(href)).context["found"]
    assert len(listed) == int(re.search(r"[0-9]+", link)[0])


def test_a_chosen_part_of_a_lane_says_so_beside_the_progress_of_all_of_it(admin_client):
    for state in ("done", "done", "blocked", "claimed"):
        CardFactory(phase="M1", **{state: True})
    assert "2 of 4 done</span>" in admin_client.get("/?phase=M1").text
    assert "2 of 4 done; 1 chosen</span>" in admin_client.get("/?status=blocked").text


@pytest.mark.parametrize("path", ["/", "/cards/", "/?phase=P1", "/?status=done"])
def test_every_phase_is_suggested_whatever_is_shown(admin_client, path):
    for n in range(26):
        CardFactory(phase=f"P{n}")
    CardFactory(phase="claimed alone", claimed=True)
    page = admin_client.get(path).text
    found = re.findall(r'<option value="([^"]*)"', page)
    assert set(found) >= {"claimed alone", *(f"P{n}" for n in range(26))}


@pytest.mark.parametrize("path", ["/", "/cards/", "/card/A/", "/doctor/", "/admin/backlog/card/"])
def test_a_cancelled_card_is_said_to_be_cancelled(admin_client, path):
    CardFactory(id="A")
    Card.objects.cancel("A", reason="the plan changes")
    page = admin_client.get(path).text
    assert "cancelled" in page
    assert not re.search('blocked: other|class="why">other|</span> other', page, re.IGNORECASE)


@pytest.mark.parametrize("path", ["/", "/cards/", "/admin/backlog/card/"])
def test_no_browser_puts_a_check_mark_back_over_another_card(admin_client, path):
    CardFactory(id="A")
    boxes = re.findall(r"<input[^>]*value=[^>]*\bA\b[^>]*>", admin_client.get(path).text)
    assert boxes
    assert all('autocomplete="off"' in box for box in boxes if "checkbox" in box)


def test_a_title_is_text_and_never_markup(admin_client):
    Card.objects.create(id="<i>", title="<script>alert(1)</script>", phase="<b>")
    for page in ("/", "/cards/", "/fleet/"):
        assert "<script>alert" not in admin_client.get(page).text


def test_nothing_that_a_card_shows_is_ever_markup(admin_client):
    odd = """<i a='b' c="d">&amp;"""
    for n, name in enumerate("ABC"):
        CardFactory(id=name + odd, priority=n, depends_on=["missing" + odd] if name == "A" else [])
    Card.objects.claim(odd)
    Card.objects.block("B" + odd, reason="other", note=odd)
    page = admin_client.get("/").text
    assert "<i a" not in page
    shown = {unescape(card_id) for card_id in re.findall('data-card="([^"]*)"', page)}
    assert shown >= {"A" + odd, "B" + odd, "C" + odd}
    text = unescape(re.sub("<[^>]*>", " ", page))
    for part in (odd, f"other: {odd}", f"missing{odd}", f"Card B{odd}"):
        assert part in text


@pytest.mark.parametrize("query", ["status=nope", "layout=x", "page=x", "page=0", "sort=x"])
def test_what_cannot_be_chosen_is_refused_in_plain_words(admin_client, query):
    answer = admin_client.get(f"/cards/?{query}")
    assert (answer.status_code, "must be" in answer.text) == (400, True)


def test_the_number_of_queries_does_not_grow_with_the_cards(
    admin_client, django_assert_max_num_queries
):
    for n in range(30):
        CardFactory(id=f"A{n}", phase=f"P{n % 7}", depends_on=[f"A{n - 1}"] if n % 3 else [])
    with django_assert_max_num_queries(17):
        admin_client.get("/")
    with django_assert_max_num_queries(10):
        admin_client.get("/cards/")


@pytest.mark.both_tiers
@pytest.mark.parametrize(("sort", "ids"), [("", "BCA"), ("-claim", "CBA")])
def test_the_list_has_what_is_done_last_whatever_its_priority(admin_client, sort, ids):
    CardFactory(id="A", priority=9, done=True)
    CardFactory(id="B", priority=1)
    CardFactory(id="C", blocked=True)
    found = admin_client.get(f"/cards/?sort={sort}").context["found"]
    assert [card.id for card in found] == list(ids)


def test_the_list_is_sorted_filtered_and_paged(admin_client):
    for n in range(60):
        CardFactory(id=f"A{n:02}", phase="M1" if n % 2 else None)
    page = admin_client.get("/cards/?sort=id&page=2")
    assert ("A50" in page.text, "A49" in page.text) == (True, False)
    assert "of 30" in admin_client.get("/cards/?phase=M1").text
    assert "1 to 50 of 60" in admin_client.get("/cards/?phase=").text


def test_anybody_reads_a_public_board_and_changes_nothing(client, settings):
    settings.BACKLOG_PUBLIC_BOARD = True
    CardFactory(id="A")
    page = client.get("/")
    assert (page.status_code, 'name="action"' in page.text) == (200, False)
    assert client.post("/cards/act/", {"action": "complete"}).url.startswith("/login/")


@pytest.mark.parametrize(("asked", "layout"), [({}, "rows"), ({"layout": "columns"}, "columns")])
def test_a_poll_leaves_the_totals_above_their_columns(admin_client, asked, layout):
    CardFactory()
    fresh = admin_client.get("/live/cells/", asked).json()["cells"]["totals"]
    assert f'class="totals {layout}"' in fresh


def test_whatever_a_card_says_is_text_in_its_cell(admin_client):
    odd = "<b>\"'&{0}"
    CardFactory(id=odd, title=odd, phase=odd, claimed=True, owner=odd)
    CardFactory(id="B", blocked=True, note=odd)
    CardFactory(id="C", depends_on=[odd])
    page = admin_client.get("/").text
    assert ('<b>"' in page, f"other: {odd}" in unescape(page)) == (False, True)


@pytest.mark.parametrize("card_id", ["fleet-001", "a_b", "a.b", "..", "ä b", "%/?#"])
def test_the_address_of_a_card_is_what_the_urls_say(card_id):
    assert card_url(card_id) == reverse("card", args=[card_id])


@pytest.mark.parametrize(("asked", "opened"), [("", 0), ("open", 8), ("folded", 0)])
def test_all_lanes_are_open_or_folded_if_the_address_says_so(admin_client, asked, opened):
    for n in range(8):
        CardFactory(phase=f"P{n}")
    page = admin_client.get("/", {"lanes": asked}).text
    assert page.count("<details open>") == opened


def test_what_lanes_cannot_be_is_refused(admin_client):
    assert admin_client.get("/?lanes=half").status_code == 400
