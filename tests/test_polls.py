"""The poll of an open board: one query while nothing changes, and never an answer too many."""

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils import timezone

from backlog.models import Card
from backlog.web.live import Recent
from backlog.web.views import board as views

pytestmark = pytest.mark.django_db(transaction=True)

make_groups = import_module("backlog.migrations.0001_initial").make_groups


@pytest.fixture(autouse=True)
def card(store, transactional_db):
    make_groups(apps, SimpleNamespace(connection=connection))  # other tests empty every table
    return Card.objects.create(id="A", title="First")


@pytest.fixture
def viewer():
    user = User.objects.create_user("viewer", password="secret")
    user.groups.add(Group.objects.get(name="viewer"))
    return user


class Reader:
    """An open board."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.version = client.get("/live/").json()["version"]

    def poll(self, **extra):
        return self.client.get("/live/", {"v": self.version}, **extra)


@pytest.fixture
def reader(client, viewer):
    """The viewer's, who has just been told that nothing changed."""
    client.force_login(viewer)
    reader = Reader(client)
    assert reader.poll().status_code == 204
    return reader


@pytest.mark.usefixtures("no_autovacuum")
def test_an_unchanged_poll_is_one_query(reader, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert reader.poll().status_code == 204


@pytest.mark.usefixtures("no_autovacuum")
@pytest.mark.parametrize("secure", [False, True])
def test_it_carries_every_header_of_the_answer_that_it_repeats(
    client, viewer, settings, django_assert_num_queries, secure
):
    settings.SECURE_HSTS_SECONDS = 3600
    client.force_login(viewer)
    reader = Reader(client)
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


def test_a_lease_that_runs_out_is_told_without_a_write(client, viewer):
    Card.objects.claim("w", 1)
    client.force_login(viewer)
    reader = Reader(client)
    assert reader.poll().status_code == 204
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(1.1)")
    assert reader.poll().status_code == 200


def test_a_logout_elsewhere_ends_it(reader):
    other = Client()
    other.cookies = reader.client.cookies.copy()
    other.post("/logout/")
    assert reader.poll().url.startswith("/login/")


def test_a_new_password_ends_it(reader, viewer):
    viewer.set_password("other")
    viewer.save()
    assert reader.poll().url.startswith("/login/")


def test_a_permission_taken_away_ends_it(reader, viewer):
    viewer.groups.clear()
    assert reader.poll().status_code == 403


def test_a_permission_taken_from_the_group_ends_it(reader):
    Group.objects.get(name="viewer").permissions.remove(
        Permission.objects.get(codename="view_card")
    )
    assert reader.poll().status_code == 403


def test_an_account_no_longer_active_ends_it(reader):
    User.objects.update(is_active=False)
    assert reader.poll().url.startswith("/login/")


def test_an_account_deleted_ends_it(reader, viewer):
    viewer.delete()
    assert reader.poll().url.startswith("/login/")


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


def test_a_board_that_is_not_public_any_more_asks_for_an_account(client, settings):
    settings.BACKLOG_PUBLIC_BOARD = True
    reader = Reader(client)
    assert [reader.poll().status_code for _ in range(2)] == [204, 204]
    settings.BACKLOG_PUBLIC_BOARD = False
    assert reader.poll().url.startswith("/login/")


def test_what_is_committed_while_a_poll_is_answered_counts_at_the_next(
    client, viewer, monkeypatch, sessions
):
    client.force_login(viewer)
    reader = Reader(client)
    shown = views._shown

    def then_deactivated(choice):
        found = shown(choice)
        sessions().execute("UPDATE auth_user SET is_active = false")
        return found

    monkeypatch.setattr(views, "_shown", then_deactivated)
    assert reader.poll().status_code == 204
    assert reader.poll().url.startswith("/login/")


def test_only_so_many_are_remembered():
    recent: Recent[int, str] = Recent(2)
    for n in (1, 2):
        recent.keep(n, "kept")
    recent.get(1)
    recent.keep(3, "kept")
    assert [n for n in (1, 2, 3) if recent.get(n)] == [1, 3]
