"""Who may do what: every page and every action, with each role."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import connection
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from backlog.actions import ACTIONS, Seen
from backlog.models import Card

pytestmark = pytest.mark.django_db(transaction=True)

ROLES = ("anonymous", "nobody", "viewer", "operator", "staff", "superuser")

# Of every URL: the first role, in the order above, that it answers.
OPENS = {
    "board": "viewer",
    "live": "viewer",
    "live_cells": "viewer",
    "cards": "viewer",
    "card": "viewer",
    "fleet": "viewer",
    "act": "operator",
    "create": "operator",
    "edit": "operator",
    "reclaim": "operator",
    "login": "anonymous",
    "logout": "nobody",
    "healthz": "anonymous",
    "readyz": "anonymous",
    "admin:index": "staff",
    "admin:jsi18n": "staff",
    "admin:backlog_card_changelist": "staff",
    "admin:backlog_card_add": "staff",
    "admin:backlog_card_change": "staff",
    "admin:backlog_card_history": "staff",
    "admin:backlog_card_delete": "staff",
    "admin:password_change": "staff",
    "admin:auth_user_changelist": "superuser",
    "admin:auth_group_changelist": "superuser",
    "admin:axes_accessattempt_changelist": "superuser",
}
POSTED = {"act", "reclaim", "logout"}


make_groups = import_module("backlog.migrations.0004_roles").make_groups


@pytest.fixture(autouse=True)
def card(store, transactional_db):
    make_groups(apps, SimpleNamespace(connection=connection))  # other tests empty every table
    return Card.objects.create(id="A", title="First")


@pytest.fixture
def as_role(client):
    """The client, logged in as the role."""

    def log_in(role: str):
        if role == "superuser":
            client.force_login(User.objects.create_superuser(role))
        elif role != "anonymous":
            user = User.objects.create_user(role)
            if role != "nobody":
                user.groups.add(Group.objects.get(name=role))
            client.force_login(user)
        return client

    return log_in


def _ask(client, name: str):
    takes_id = name in ("card", "edit") or (
        name.startswith("admin:backlog_card_") and not name.endswith(("list", "add"))
    )
    url = reverse(name, args=["A"] if takes_id else [])
    return client.post(url, {"action": "complete"}) if name in POSTED else client.get(url)


def _let_in(answer) -> bool:
    to_login = answer.status_code == 302 and answer.url.startswith(("/login/", "/admin/login/"))
    return answer.status_code != 403 and not to_login


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", OPENS)
def test_a_page_answers_whom_it_should(as_role, name, role):
    allowed = ROLES.index(role) >= ROLES.index(OPENS[name])
    assert _let_in(_ask(as_role(role), name)) == allowed


def test_every_page_of_the_site_is_in_that_table():
    def names(patterns):
        for each in patterns:
            if isinstance(each, URLResolver) and each.namespace != "admin":
                yield from names(each.url_patterns)
            elif isinstance(each, URLPattern) and each.name:
                yield each.name

    assert set(names(get_resolver().url_patterns)) <= OPENS.keys()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_is_refused_to_whom_it_is_not_for(as_role, card, name, role):
    least = "staff" if name == "delete" else "operator"
    data = {"action": name, "card": str(Seen.of(card)), "confirmed": "1", "priority": "5"}
    answer = as_role(role).post(reverse("act"), data)
    assert _let_in(answer) == (ROLES.index(role) >= ROLES.index(least))


def test_a_staff_flag_without_permission_shows_no_cards(client):
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    assert client.get(reverse("admin:backlog_card_changelist")).status_code == 403


def test_logging_in_leads_to_where_one_wanted_to_go(client):
    User.objects.create_superuser("root", password="secret")
    answer = client.post("/login/", {"username": "root", "password": "secret", "next": "/fleet/"})
    assert answer.url == "/fleet/"


def test_logging_in_never_leads_to_another_site(client):
    User.objects.create_superuser("root", password="secret")
    data = {"username": "root", "password": "secret", "next": "https://evil.example/"}
    assert client.post("/login/", data).url == "/"


def test_the_admin_has_no_login_of_its_own(client):
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/login/?next=")


def test_the_eleventh_failure_is_locked_out_even_with_the_password(client):
    User.objects.create_superuser("root", password="secret")
    for _ in range(10):
        client.post("/login/", {"username": "root", "password": "wrong"})
    locked = client.post("/login/", {"username": "root", "password": "secret"})
    assert (locked.status_code, "Too many attempts" in locked.text) == (429, True)


def test_another_address_is_not_locked_out(client):
    User.objects.create_superuser("root", password="secret")
    for _ in range(10):
        client.post("/login/", {"username": "root", "password": "wrong"})
    data = {"username": "root", "password": "secret"}
    assert client.post("/login/", data, REMOTE_ADDR="10.0.0.9").status_code == 302


def test_every_page_forbids_inline_code_frames_and_referrers(admin_client):
    headers = admin_client.get("/").headers
    assert (
        "default-src 'none'; script-src 'self'; style-src 'self'"
        in headers["Content-Security-Policy"]
    )
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_the_probes_tell_that_the_store_is_there(client):
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").json() == {"ready": True}


def test_a_store_behind_the_code_is_not_ready(client, session):
    session.execute("UPDATE django_migrations SET name = '0003_history_' WHERE name = '0004_roles'")
    try:
        answer = client.get("/readyz")
    finally:
        session.execute(
            "UPDATE django_migrations SET name = '0004_roles' WHERE name = '0003_history_'"
        )
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
