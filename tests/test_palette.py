"""What the palette finds."""

import re

import pytest

from backlog.models import Card
from tests.factories import CardFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier, pytest.mark.quick]


@pytest.fixture(autouse=True)
def names_alike(store, transactional_db):
    """A card, a phase and a worker whose names have the same part."""
    CardFactory(id="A1", title="Mend the pump", phase="Pumps")
    CardFactory(id="B2", title="Else", claimed=True, owner="pumper-3")


def _found(client, **asked) -> list[tuple[str, str]]:
    page = client.get("/palette/", asked).text
    return re.findall(r'aria-label="([^"]+)"|<a role="option"[^>]* href="([^"]*)"', page)


@pytest.mark.both_tiers
@pytest.mark.parametrize("text", ["pump", " PUMP "])
def test_cards_phases_and_workers_are_found_by_a_part_of_a_name(admin_client, text):
    assert [group or link for group, link in _found(admin_client, q=text)] == [
        *("Cards", "/card/A1/"),
        *("Phases", "/phase/Pumps/"),
        *("Workers", "/worker/pumper-3/"),
        *("Search", f"/search/?q={text.strip()}"),
    ]


def test_without_a_word_it_lists_the_pages(admin_client):
    found = [link for _, link in _found(admin_client)]
    assert {"/", "/cards/", "/fleet/", "/cards/new/"} <= set(found)
    assert "/card/A1/" not in found


def test_what_is_found_is_text_and_nothing_else(admin_client):
    Card.objects.edit("A1", title="<b>pump</b>")
    page = admin_client.get("/palette/", {"q": "<b>pump"}).text
    assert "&lt;b&gt;pump&lt;/b&gt;" in page
    assert "<b>" not in page


def test_a_page_is_found_by_its_name(admin_client):
    assert ("", "/doctor/") in _found(admin_client, q="doc")


def test_who_may_not_add_a_card_is_not_led_to_the_form(client, settings):
    settings.BACKLOG_PUBLIC_BOARD = True
    assert ("", "/cards/new/") not in _found(client)
