"""Every query of the pages on each tier: what they make of the rows is tested on one."""

import pytest
from django.urls import resolve

from backlog.models import Card
from backlog.web.urls import urlpatterns
from fleet.verbs import escalations, gate, signals
from tests.factories import CardFactory
from tests.test_access import POSTED

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = [
    "/",
    "/?layout=columns",
    "/?q=card&phase=M1",
    "/live/",
    "/live/cells/?key=totals",
    "/palette/?q=card",
    "/cards/",
    "/cards/?q=card&status=ready&phase=M1&owner=w&role=tester",
    *(f"/cards/?state={state}" for state in ("claimable", "waiting", "expired", "held")),
    "/cards/new/",
    "/card/blocked/",
    "/card/claimed/edit/",
    "/card/claimed/output/",
    "/card/claimed/output/live/",
    "/plan/",
    "/start/",
    "/phase/",
    "/phase/M1/",
    "/worker/w/",
    "/search/?q=card",
    "/fleet/",
    "/fleet/?days=90",
    "/activity/",
    "/activity/?verb=claim&actor=w&card=claimed",
    "/doctor/",
    "/escalations/",
    "/signals/?kind=skill",
    "/control/",
    "/admin/backlog/card/?q=card",
    *(f"/admin/backlog/card/?state={state}" for state in ("claimable", "waiting", "expired")),
    "/admin/backlog/card/?blocked=needs_input&status__exact=blocked",
    "/admin/backlog/card/claimed/change/",
    "/admin/backlog/card/claimed/history/",
    *(f"/admin/backlog/{what}/" for what in ("event", "run", "rule")),
]


@pytest.fixture
def busy(store):
    """A card in each state."""
    for state in ("ready", "claimed", "blocked", "done"):
        CardFactory(id=state, phase="M1", role="tester", status=state, reason="needs_input")
    CardFactory(id="waiting", depends_on=["blocked", "nowhere"])
    session = Card.objects.session()
    escalations.escalate(session, "help", "claimed")
    gate.decide(session, "claimed", "held", "why")
    signals.signal(session, "claimed", "skill", "what", "shown")


@pytest.mark.usefixtures("busy")
def test_every_page_answers(admin_client):
    for page in PAGES:
        assert admin_client.get(page).status_code == 200, page


@pytest.mark.one_tier
def test_no_page_is_forgotten():
    asked = {resolve(page.partition("?")[0]).url_name for page in PAGES}
    assert {pattern.name for pattern in urlpatterns} - POSTED <= asked
