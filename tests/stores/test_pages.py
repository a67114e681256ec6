"""Every query of the pages on each tier: what they make of the rows is tested on one."""

import pytest

from tests.factories import CardFactory

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = [
    "/",
    "/?layout=columns",
    "/?q=card&phase=M1",
    "/live/",
    "/cards/",
    "/cards/?q=card&status=ready&phase=M1&owner=w&role=tester",
    *(f"/cards/?state={state}" for state in ("claimable", "waiting", "expired", "held")),
    "/cards/new/",
    "/card/blocked/",
    "/card/claimed/edit/",
    "/fleet/",
    "/fleet/?days=90",
    "/activity/",
    "/activity/?verb=claim&actor=w&card=claimed",
    "/doctor/",
    "/control/",
    "/admin/backlog/card/?q=card",
    *(f"/admin/backlog/card/?state={state}" for state in ("claimable", "waiting", "expired")),
    "/admin/backlog/card/?blocked=needs_input&status__exact=blocked",
    "/admin/backlog/card/claimed/change/",
    "/admin/backlog/card/claimed/history/",
]


@pytest.fixture
def busy(store):
    """A card in each state."""
    for state in ("ready", "claimed", "blocked", "done"):
        CardFactory(id=state, phase="M1", role="tester", status=state, reason="needs_input")
    CardFactory(id="waiting", depends_on=["blocked", "nowhere"])


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("page", PAGES)
def test_a_page_answers(admin_client, page):
    assert admin_client.get(page).status_code == 200
