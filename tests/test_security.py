"""What stands in front of the pages: headers, cookies, and a login that cannot be guessed at."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fleet_backlog.serving.proxies import NOWHERE, address
from fleet_backlog.wsgi import application
from tests.factories import AccountFactory

# No page depends on the store's tier.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]

RIGHT = {"username": "root", "password": "secret"}
WRONG = {"username": "root", "password": "wrong"}


@pytest.fixture
def superuser(store, transactional_db):
    return AccountFactory(superuser=True, username="root")


@pytest.fixture
def locked(client, superuser):
    """The client, after ten failures of the account."""
    for _ in range(10):
        client.post("/login/", WRONG)
    return client


def test_every_page_forbids_inline_code_frames_and_referrers(admin_client):
    headers = admin_client.get("/").headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Permissions-Policy"].startswith("camera=()")


@pytest.mark.parametrize("path", ["/login/", "/admin/", "/static/backlog/base.css", "/no/"])
def test_whatever_is_answered_carries_the_policy(client, superuser, path):
    answer = client.get(path)
    answer.close()  # a static file is open until then
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/login/", "/api/v1/list"])
@pytest.mark.parametrize("kind", ["a/b; charset=hex", "a/b; charset=latin-1", "a/b; x*=none''%ff"])
def test_texts_that_are_said_to_be_no_utf_8_are_not_read(store, path, kind):
    asked = {**RequestFactory().get(path, {"next": "é"}).environ, "CONTENT_TYPE": kind}
    began = []
    (said,) = application(asked, lambda status, headers: began.append(status))
    assert began == ["415 Unsupported Media Type"]
    assert b"must be UTF-8" in said


def test_no_script_reads_the_session_and_no_other_site_posts_with_it(client, superuser):
    client.post("/login/", RIGHT)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert cookie["max-age"] == 7 * 24 * 60 * 60


def test_over_https_cookies_are_sent_over_nothing_else(client, superuser, settings):
    settings.SESSION_COOKIE_SECURE = True
    client.post("/login/", RIGHT, secure=True)
    assert client.cookies[settings.SESSION_COOKIE_NAME]["secure"]


def test_logging_in_leads_to_where_one_wanted_to_go(client, superuser):
    assert client.post("/login/", {**RIGHT, "next": "/fleet/"}).url == "/fleet/"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:x"])
def test_logging_in_never_leads_to_another_site(client, superuser, target):
    assert client.post("/login/", {**RIGHT, "next": target}).url == "/"


def test_the_admin_has_no_login_of_its_own(client, superuser):
    answer = client.get("/admin/backlog/card/?status=ready", follow=True)
    where = "/login/?next=/admin/backlog/card/%3Fstatus%3Dready"
    assert answer.redirect_chain[-1][0] == where


def test_who_is_logged_in_and_may_not_enter_the_admin_is_told_so(client, superuser):
    client.force_login(AccountFactory())
    answer = client.get("/admin/", follow=True)
    assert (answer.status_code, "Your account may not do that" in answer.text) == (403, True)


def test_the_eleventh_failure_is_locked_out_even_with_the_password(locked):
    answer = locked.post("/login/", RIGHT)
    assert (answer.status_code, "Too many attempts" in answer.text) == (429, True)


def test_nine_failures_are_forgiven_and_forgotten_with_the_password(client, superuser):
    for _ in range(2):
        for _ in range(9):
            assert client.post("/login/", WRONG).status_code == 200
        assert client.post("/login/", RIGHT).status_code == 302
        client.post("/logout/")


def test_another_address_is_not_locked_out(locked):
    assert locked.post("/login/", RIGHT, REMOTE_ADDR="10.0.0.9").status_code == 302


def test_another_account_is_not_locked_out(locked):
    AccountFactory(superuser=True, username="other")
    assert locked.post("/login/", {**RIGHT, "username": "other"}).status_code == 302


def test_trying_on_does_not_lengthen_the_quarter_of_an_hour(locked):
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=14))
    assert locked.post("/login/", RIGHT).status_code == 429
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert locked.post("/login/", RIGHT).status_code == 302


def test_passwords_are_not_kept(locked):
    kept = AccessAttempt.objects.get()
    assert "wrong" not in kept.post_data + kept.get_data


@pytest.mark.parametrize("name", ["\0", "x" * 255, "'; --", "\u202e"])
def test_a_name_that_no_account_can_have_is_a_failure_like_any_other(client, superuser, name):
    assert client.post("/login/", {**RIGHT, "username": name}).status_code == 200


def test_the_throttle_costs_other_requests_nothing(client, superuser):
    client.force_login(superuser)
    with CaptureQueriesContext(connection) as queries:
        client.get("/")
    assert not [query for query in queries if "axes" in query["sql"]]


@pytest.mark.parametrize(
    ("peer", "forwarded", "https", "seen"),
    [
        ("10.0.0.1", None, False, "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6", False, "10.0.0.1"),  # no proxy: the client wrote it
        ("10.0.0.1", "8.8.8.8", True, "8.8.8.8"),
        ("10.0.0.1", "6.6.6.6, 8.8.8.8", True, "8.8.8.8"),
        ("10.0.0.1", "8.8.8.8:4711", True, "8.8.8.8"),
        ("10.0.0.1", "[2001:db8::1]:4711", True, "2001:db8::1"),
        ("10.0.0.1", "unknown", True, "10.0.0.1"),
        ("", None, False, NOWHERE),  # a Unix socket
        ("", "8.8.8.8", True, "8.8.8.8"),
    ],
)
def test_a_client_is_whom_the_last_proxy_saw(settings, peer, forwarded, https, seen):
    settings.HTTPS = https
    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    assert address(RequestFactory().get("/", REMOTE_ADDR=peer, **headers)) == seen


def test_a_foreign_host_is_refused_without_a_traceback_in_the_log(client, capsys):
    assert client.get("/healthz", headers={"host": "elsewhere.example"}).status_code == 400
    assert capsys.readouterr() == ("", "")
