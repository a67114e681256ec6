"""The poll of an open board: one query while nothing changes, and never an answer too many."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from backlog.models import Card
from backlog.web.live import Live, Recent
from tests.factories import AccountFactory, CardFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]


@pytest.fixture(autouse=True)
def card_a(store, transactional_db):
    CardFactory(id="A")


class Reader:
    """An open board."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.version = client.get("/live/").json()["version"]

    def poll(self, **extra):
        return self.client.get("/live/", {"v": self.version}, **extra)


@pytest.fixture
def opened(client):
    """The board, opened by a viewer."""
    client.force_login(AccountFactory(viewer=True))
    return Reader(client)


@pytest.fixture
def reader(opened):
    """The viewer's board, which has just been told that nothing changed."""
    answer = opened.poll()
    assert (answer.status_code, answer.content) == (204, b"")
    return opened


@pytest.mark.both_tiers
@pytest.mark.usefixtures("no_autovacuum")
def test_an_unchanged_poll_is_one_query(reader, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert reader.poll().status_code == 204


@pytest.mark.both_tiers
@pytest.mark.usefixtures("no_autovacuum")
@pytest.mark.parametrize("path", ["/card/A/", "/fleet/", "/doctor/", "/control/", "/phase/"])
def test_an_open_page_is_told_in_one_query_that_nothing_changed(
    admin_client, django_assert_num_queries, path
):
    shown = re.search(r'data-version="(\w+)"', admin_client.get(path).text)[1]
    asked = {"headers": {"X-Page-Version": shown}}
    assert admin_client.get(path, **asked).status_code == 204
    with django_assert_num_queries(1):
        assert admin_client.get(path, **asked).status_code == 204
    Card.objects.block("A")
    fresh = admin_client.get(path, **asked)
    assert (fresh.status_code, shown in fresh.text) == (200, False)
    assert f'data-version="{fresh["X-Page-Version"]}"' in fresh.text


def test_what_asks_for_an_open_page_takes_no_message_from_it(admin_client):
    admin_client.post("/control/resume/", {"scope": "fleet", "name": ""})
    polled = admin_client.get("/control/", headers={"X-Page-Version": "before"})
    assert "not paused any more" not in polled.text
    assert "not paused any more" in admin_client.get("/control/").text


@pytest.mark.usefixtures("no_autovacuum")
@pytest.mark.parametrize("secure", [False, True])
def test_it_carries_every_header_of_the_answer_that_it_repeats(
    viewer, settings, django_assert_num_queries, secure
):
    settings.SECURE_HSTS_SECONDS = 3600
    reader = Reader(viewer)
    first = reader.poll(secure=secure)
    with django_assert_num_queries(1):
        again = reader.poll(secure=secure)
    assert again.headers == first.headers
    assert ("Strict-Transport-Security" in again.headers) == secure
    for name in ("Content-Security-Policy", "X-Frame-Options", "Permissions-Policy", "Vary"):
        assert again.headers[name]


def test_a_change_of_a_card_is_told_at_the_next_poll(reader):
    Card.objects.block("A")
    assert reader.poll().json()["version"] != reader.version


@pytest.mark.both_tiers
def test_a_lease_that_runs_out_is_told_without_a_write(opened, session):
    Card.objects.claim("w", 1)
    opened.version = Reader(opened.client).version
    assert opened.poll().status_code == 204
    session.execute("SELECT pg_sleep(1.1)")
    assert opened.poll().status_code == 200


@pytest.mark.both_tiers
def test_a_logout_elsewhere_ends_it(reader):
    other = Client()
    other.cookies = reader.client.cookies.copy()
    other.post("/logout/")
    assert reader.poll().url.startswith("/login/")


ENDS = {
    "a new password": lambda: User.objects.update(password=make_password("other")),
    "an account no longer active": lambda: User.objects.update(is_active=False),
    "an account deleted": lambda: User.objects.all().delete(),
}


@pytest.mark.both_tiers
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_what_ends_the_session_ends_it(reader, end):
    end()
    assert reader.poll().url.startswith("/login/")


TAKEN = {
    "from the account": lambda: Group.objects.get(name="viewer").user_set.clear(),
    "from the group": lambda: Group.objects.get(name="viewer").permissions.remove(
        Permission.objects.get(codename="view_card")
    ),
}


@pytest.mark.parametrize("take", TAKEN.values(), ids=TAKEN)
def test_a_permission_taken_away_ends_it(reader, take):
    take()
    assert reader.poll().status_code == 403


def test_a_session_that_runs_out_ends_it_without_a_write(reader, monkeypatch):
    (session,) = Session.objects.all()
    later = session.expire_date + timedelta(seconds=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert reader.poll().url.startswith("/login/")


def test_another_session_is_asked_who_it_is(reader):
    stranger = Client()
    stranger.cookies["sessionid"] = "x" * 32
    for client in (stranger, Client()):
        assert client.get("/live/", {"v": reader.version}).url.startswith("/login/")


def test_another_host_is_refused_as_ever(reader):
    assert reader.poll(headers={"host": "evil.example"}).status_code == 400


def test_another_filter_is_another_question(reader):
    answer = reader.client.get("/live/", {"v": reader.version, "phase": "M1"})
    assert answer.status_code == 200


@pytest.mark.both_tiers
def test_a_board_that_is_not_public_any_more_asks_for_an_account(client, settings):
    settings.BACKLOG_PUBLIC_BOARD = True
    reader = Reader(client)
    assert [reader.poll().status_code for _ in range(2)] == [204, 204]
    settings.BACKLOG_PUBLIC_BOARD = False
    assert reader.poll().url.startswith("/login/")


def test_what_is_committed_while_a_poll_is_answered_counts_at_the_next(
    opened, monkeypatch, sessions
):
    now = Live.now

    def then_deactivated(*question):
        found = now(*question)
        sessions().execute("UPDATE auth_user SET is_active = false")
        return found

    monkeypatch.setattr(Live, "now", then_deactivated)
    assert opened.poll().status_code == 204
    assert opened.poll().url.startswith("/login/")


def test_only_so_many_are_remembered():
    recent: Recent[int, str] = Recent(2)
    for n in (1, 2):
        recent.keep(n, "kept")
    recent.get(1)
    recent.keep(3, "kept")
    assert [n for n in (1, 2, 3) if recent.get(n)] == [1, 3]
