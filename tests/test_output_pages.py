"""What the command of a run printed, on the pages: to be read, live, and harmless."""

import re
from html import unescape

import pytest
from django.urls import reverse

from backlog.lifecycle import LONGEST_OUTPUT
from backlog.verbs import moves, output
from backlog.verbs.output import Printed
from backlog.web.printed import MOST_BYTES, html
from tests.factories import CardFactory

pytestmark = [pytest.mark.usefixtures("django_store"), pytest.mark.one_tier]

PRINTED = b"\x1b[1;32mok\x1b[0m <script>alert(1)</script>\x1b[2J\x00\xff\n"


@pytest.fixture
def prints(session):
    """Keeps what w has printed in its first attempt at A."""
    CardFactory(id="A", claimed=True)

    def keep(tail, ended=False):
        assert output.keep(session, "A", 1, "w", Printed(tail, 0, ended))

    return keep


def _page(client, name="output", **query):
    return client.get(reverse(name, args=["A"]), query)


def _asks(page: str) -> str:
    """The address at which the output of this page asks for what is new."""
    return unescape(re.search(r'hx-get="([^"]*/output/live/[^"]*)"', page)[1])


@pytest.mark.parametrize("name", ["output", "card"])
def test_a_page_shows_colours_as_classes_and_writes_out_what_acts(admin_client, prints, name):
    prints(PRINTED)
    shown = re.search(r'<pre class="printed">(.*?)</pre>', _page(admin_client, name).text, re.S)[1]
    assert shown.startswith('<span class="fg-green bold">ok</span> &lt;script&gt;')
    assert unescape(shown).rstrip().endswith(r"</script>\x1b[2J\x00\xff")


@pytest.mark.parametrize(
    ("codes", "classes"),
    [
        ("31", "fg-red"),
        ("91;1", "fg-red bold"),
        ("90", "fg-grey"),
        ("38;5;208", "fg-red"),
        ("38;5;46", "fg-green"),
        ("38;2;20;90;200;48;5;11", "fg-blue bg-yellow"),
        ("48:5:244", "bg-grey"),
        ("107;4;9", "bg-white strike underline"),
    ],
)
def test_every_way_to_tell_a_colour_comes_to_one_of_eight(codes, classes):
    assert html(f"\x1b[{codes}mx\x1b[0m") == f'<span class="{classes}">x</span>'


@pytest.mark.parametrize("codes", ["", "0", "1;22", "31;39", "44;49", "8", "999", ";;", "9" * 99])
def test_what_tells_of_no_look_leaves_the_text_as_it_is(codes):
    assert html(f"\x1b[{codes}mx") == "x"


@pytest.mark.parametrize("text", ["\x1b[31mx", "'", "\0", "\U000e0041", "\udcff", "\n"])
def test_no_output_makes_a_page_longer_than_it_may_be(text):
    size = len(text.encode("utf-8", "surrogateescape"))
    made = html(text * (LONGEST_OUTPUT // size))
    assert len(made.encode()) <= max(MOST_BYTES, 6 * LONGEST_OUTPUT)


@pytest.mark.both_tiers
def test_an_open_page_is_told_what_is_new_and_that_nothing_is(admin_client, prints):
    prints(b"one\n")
    asks = _asks(_page(admin_client).text)
    assert admin_client.get(asks).status_code == 204
    prints(b"one\ntwo\n")
    fresh = admin_client.get(asks)
    assert "one\ntwo\n</pre>" in fresh.text
    assert admin_client.get(_asks(fresh.text)).status_code == 204
    brief = admin_client.get(f"{asks}&end")
    assert admin_client.get(_asks(brief.text)).status_code == 204
    assert "&end" in _asks(brief.text)


def test_the_card_has_the_last_lines_and_the_fleet_the_last(admin_client, prints):
    prints("".join(f"line {number}\n" for number in range(100)).encode())
    card = _page(admin_client, "card").text
    assert ("line 80\n" in card, "line 79\n" in card) == (True, False)
    assert "line 99</a>" in admin_client.get(reverse("fleet")).text


@pytest.mark.both_tiers
def test_an_attempt_before_has_its_page_and_asks_no_more(admin_client, session, prints):
    prints(b"one\n", ended=True)
    moves.release(session, "A", "w", 1)
    page = _page(admin_client, attempt="1").text
    assert ("one\n</pre>" in page, "/output/live/" in page) == (True, False)
    assert f"{reverse('output', args=['A'])}?attempt=1" in _page(admin_client, "card").text


@pytest.mark.parametrize(("attempt", "status"), [("2", 404), ("x", 400), ("0", 400)])
def test_an_attempt_that_there_never_was_is_not_found(admin_client, prints, attempt, status):
    assert _page(admin_client, attempt=attempt).status_code == status
    assert _page(admin_client, "output_live", attempt="x").status_code == 400


def test_a_card_that_nobody_claimed_has_a_page_that_says_so(admin_client):
    CardFactory(id="A")
    assert "Nobody has claimed the card yet." in _page(admin_client).text
    assert admin_client.get(reverse("output", args=["nowhere"])).status_code == 404


def test_a_public_board_shows_none_of_it(client, settings, prints):
    settings.BACKLOG_PUBLIC_BOARD = True
    prints(b"a password\n")
    for page in (reverse("card", args=["A"]), reverse("fleet")):
        answer = client.get(page)
        assert (answer.status_code, "a password" in answer.text) == (200, False)
    assert _page(client).status_code == 302
