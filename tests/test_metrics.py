"""/metrics: who may read it, what it says, and what the dashboard and the alerts ask of it."""

import json
import re

import psycopg
import pytest
import yaml
from django.db import connections
from prometheus_client.parser import text_string_to_metric_families

from backlog.connection import open_session
from backlog.errors import NotFound
from backlog.verbs import moves, rules
from fleet.verbs import gate
from fleet_backlog.networks import networks
from fleet_backlog.serving import metrics
from hooks.verbs import webhooks
from remote import calls
from tests.command import PROJECT

pytestmark = pytest.mark.one_tier

TOKEN = "a-token-of-more-than-16"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(autouse=True)
def anew(monkeypatch):
    """Every test asks the store anew, and measures nothing in the others."""
    metrics._store.forget()
    monkeypatch.setattr(calls, "within", calls.within)


@pytest.fixture
def opened(settings):
    settings.BACKLOG_METRICS_TOKEN = TOKEN
    return settings


@pytest.fixture
def figures(client, store, transactional_db, opened):
    """Asks /metrics: the samples by name, and by the values of their labels, in their order."""

    def ask():
        metrics._store.forget()
        page = client.get("/metrics", headers=SHOWN).content.decode()
        samples = {}
        for family in text_string_to_metric_families(page):
            for each in family.samples:
                samples.setdefault(each.name, {})[
                    tuple(each.labels[name] for name in sorted(each.labels))
                ] = each.value
        return samples

    return ask


# Who may read it ----------------------------------------------------------------------------------


def test_it_is_closed_until_the_environment_opens_it_and_says_how(client):
    answer = client.get("/metrics")
    assert answer.status_code == 403
    assert "BACKLOG_METRICS_TOKEN" in answer.content.decode()
    assert "BACKLOG_METRICS_FROM" in answer.content.decode()


@pytest.mark.parametrize(
    "shown", ["", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer", "Bearer ä", TOKEN]
)
def test_who_does_not_show_the_token_is_told_nothing(client, opened, shown):
    answer = client.get("/metrics", headers={"Authorization": shown})
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert b"backlog_" not in answer.content


@pytest.mark.parametrize(
    ("allowed", "peer", "status"),
    [
        ("10.0.0.0/8, ::1", "10.1.2.3", 200),
        ("10.0.0.0/8, ::1", "::ffff:10.1.2.3", 200),
        ("10.0.0.0/8, ::1", "192.0.2.1", 403),
        ("10.0.0.0/8, ::1", "", 403),
    ],
)
def test_addresses_open_it_to_who_comes_from_there(
    client, store, transactional_db, settings, allowed, peer, status
):
    settings.BACKLOG_METRICS_FROM = networks(allowed, "X")
    assert client.get("/metrics", REMOTE_ADDR=peer).status_code == status


def test_where_both_are_set_both_hold(client, store, transactional_db, opened):
    opened.BACKLOG_METRICS_FROM = networks("10.0.0.0/8", "X")
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.1").status_code == 401
    assert client.get("/metrics", headers=SHOWN).status_code == 403
    assert client.get("/metrics", headers=SHOWN, REMOTE_ADDR="10.0.0.1").status_code == 200


# What it says -------------------------------------------------------------------------------------


def test_it_tells_what_the_store_tells(figures, card):
    card("A", phase="M1")
    assert figures()["backlog_store_up"] == {(): 1}
    said = figures()
    assert said["backlog_cards"] == {("M1", "ready"): 1}
    assert said["backlog_events_total"] == {("create",): 1}
    assert said["backlog_escalations_unanswered"] == {(): 0}


def test_a_store_that_is_away_is_told_with_what_is_known_without_it(figures, monkeypatch):
    def refuse(*_):
        raise psycopg.OperationalError("connection refused")

    connections.close_all()
    with monkeypatch.context() as patch:
        patch.setattr(type(connections["default"]), "get_new_connection", refuse)
        said = figures()
    assert said["backlog_store_up"] == {(): 0}
    assert "backlog_build_info" in said
    assert "backlog_cards" not in said


def test_the_store_is_not_asked_again_at_once(client, store, transactional_db, opened, monkeypatch):
    asked = []
    monkeypatch.setattr(metrics, "_asked", lambda: asked.append(1) or [])
    for _ in range(3):
        client.get("/metrics", headers=SHOWN)
    assert asked == [1]


def test_requests_are_measured_by_their_view_and_verbs_by_what_came_of_them(figures, client):
    client.get("/healthz")
    verbs = {each.name: each for each in calls.verbs()}
    with pytest.raises(NotFound):
        calls.call(verbs["show"], {"id": "A"}, "w", open_session, lambda *_: None)
    said = figures()
    assert said["backlog_http_request_seconds_count"]["200", "healthz"] >= 1
    assert said["backlog_verb_seconds_count"]["not_found", "show"] >= 1


# What asks it -------------------------------------------------------------------------------------

_ASKED = re.compile(r"\bbacklog_\w+")
_MONITORING = PROJECT / "docs" / "monitoring"


def _expressions():
    """Every expression of the dashboard and of the alerts."""
    dashboard = json.loads((_MONITORING / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    alerts = yaml.safe_load((_MONITORING / "alerts.yml").read_text())
    yield from (rule["expr"] for group in alerts["groups"] for rule in group["rules"])


def test_the_dashboard_and_the_alerts_ask_for_what_there_is(figures, session, card):
    card("A", claimed=True)
    moves.complete(session, "A", "w", 1)
    card("B")
    card("C", blocked=True)
    rules.pause(session, "fleet", "", "lunch")
    gate.heartbeat(session, "gate")
    webhooks.add_webhook(session, "https://example.org/", "card.blocked")
    figures()  # counts from here on
    verbs = {each.name: each for each in calls.verbs()}
    calls.call(verbs["stats"], {}, "w", open_session, lambda *_: None)
    asked = {name for each in _expressions() for name in _ASKED.findall(each)}
    assert asked
    assert asked <= set(figures())


@pytest.mark.parametrize("key", ["summary", "description"])
def test_every_alert_says_what_to_do(key):
    alerts = yaml.safe_load((_MONITORING / "alerts.yml").read_text())
    for group in alerts["groups"]:
        for rule in group["rules"]:
            assert rule["annotations"][key], rule["alert"]
