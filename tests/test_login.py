"""What a session's end, or another store's cookies, may never do: lose a text, or send one."""

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from backlog.errors import StoreUnavailable
from backlog.models import Card
from fleet_backlog.cookies import suffix
from fleet_backlog.serving.answers import server_error
from tests.factories import AccountFactory, CardFactory
from tests.forms import sent

pytestmark = [pytest.mark.usefixtures("django_store"), pytest.mark.one_tier]

HERE = {"Origin": "http://testserver"}
LONG = 'Words of an hour,\r\n\r\n<b>"with" & without ends.\r\n'


@pytest.fixture
def card_a(transactional_db):
    return CardFactory(id="A", body="Old")


@pytest.fixture
def strict(card_a):
    """A client that looks at tokens, as browsers make the server do, of a superuser."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(AccountFactory(superuser=True, username="root"))
    return client


def _typed(client, path: str, having: str, **typed: str):
    """The form of a page, with that typed over what it shows."""
    return {**sent(client.get(path).text, having), **typed}


def _expire(client) -> None:
    client.cookies.pop(settings.SESSION_COOKIE_NAME)


def _log_in(client, page):
    """The answer to the login that the page asks for."""
    form = {**sent(page.text, "username"), "username": "root", "password": "secret"}
    return client.post("/login/", form, headers=HERE)


# Path of a page, a field of its form, where that is sent, and what is typed.
FORMS = [
    ("/card/A/edit/", "shown", "/card/A/edit/", {"body": LONG}),
    ("/cards/new/", "shown", "/cards/new/", {"id": "N", "title": "N", "body": LONG}),
    ("/card/A/", "note", "/cards/act/", {"action": "block", "note": LONG}),
    ("/control/", "reason", "/control/pause/", {"scope": "fleet", "reason": "freeze"}),
    ("/admin/backlog/card/A/change/", "shown", "/admin/backlog/card/A/change/", {"body": LONG}),
]


@pytest.mark.parametrize(("path", "having", "target", "typed"), FORMS)
def test_what_was_typed_outlives_the_session(strict, path, having, target, typed):
    form = _typed(strict, path, having, **typed)
    _expire(strict)
    asked = strict.post(target, form, headers=HERE)
    again = _log_in(strict, asked)
    assert (asked.status_code, again.status_code) == (403, 200)
    kept = sent(again.text, having)
    for name, value in typed.items():
        assert kept[name] == [value]
    assert Card.objects.get().body == "Old"
    assert Card.objects.get().status == "ready"


def test_it_is_sent_when_its_button_is_pressed(strict):
    form = _typed(strict, "/card/A/edit/", "shown", body=LONG)
    _expire(strict)
    again = _log_in(strict, strict.post("/card/A/edit/", form, headers=HERE))
    saved = strict.post("/card/A/edit/", sent(again.text, "shown"), headers=HERE)
    assert saved.url == "/card/A/"
    assert Card.objects.get().body == LONG.replace("\r\n", "\n")


def test_a_wrong_password_loses_nothing(strict):
    form = _typed(strict, "/card/A/edit/", "shown", body=LONG)
    _expire(strict)
    asked = strict.post("/card/A/edit/", form, headers=HERE)
    wrong = {**sent(asked.text, "username"), "username": "root", "password": "wrong"}
    refused = strict.post("/login/", wrong, headers=HERE)
    assert sent(_log_in(strict, refused).text, "shown")["body"] == [LONG]


def test_a_login_elsewhere_meanwhile_loses_nothing(strict):
    form = _typed(strict, "/card/A/edit/", "shown", body=LONG)
    other = Client()
    other.cookies = strict.cookies  # a second tab of the same browser
    _expire(strict)
    other.post("/login/", {"username": "root", "password": "secret"})
    again = strict.post("/card/A/edit/", form, headers=HERE)
    assert (again.status_code, Card.objects.get().body) == (403, "Old")
    assert strict.post("/card/A/edit/", sent(again.text, "shown"), headers=HERE).status_code == 302


def test_two_tabs_that_log_in_one_after_the_other_lose_nothing(strict):
    form = _typed(strict, "/card/A/edit/", "shown", body=LONG)
    _expire(strict)
    asked = strict.post("/card/A/edit/", form, headers=HERE)
    _log_in(strict, asked)
    again = _log_in(strict, asked)
    assert sent(again.text, "shown")["body"] == [LONG]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
@pytest.mark.parametrize("logged_in", [True, False])
def test_a_form_of_another_site_is_never_sent(strict, origin, logged_in):
    if not logged_in:
        _expire(strict)
    crafted = {"title": "evil", "body": "evil", "priority": "0", "seen": "x"}
    headers = {"Origin": origin} if origin else {}
    answer = strict.post("/card/A/edit/", crafted, headers=headers)
    assert (answer.status_code, "evil" in answer.text) == (403, True)
    assert "Send it now" not in answer.text
    assert "csrfmiddlewaretoken" not in answer.text
    assert 'name="kept"' not in answer.text


def test_a_login_that_another_site_posts_carries_nothing_along(strict):
    kept = '{"path": "/card/A/edit/", "fields": [["title", "evil"]]}'
    crafted = {"username": "root", "password": "secret", "kept": kept}
    answer = strict.post("/login/", crafted, headers={"Origin": "https://evil.example"})
    assert (answer.status_code, "Send it now" in answer.text) == (403, False)


@pytest.mark.parametrize("path", ["https://evil.example/", "//evil.example/", "javascript:x", ""])
def test_what_is_kept_is_sent_to_this_site_only(client, path):
    AccountFactory(username="root")
    kept = f'{{"path": "{path}", "fields": [["title", "x"]]}}'
    answer = client.post("/login/", {"username": "root", "password": "secret", "kept": kept})
    assert answer.status_code == 302


def test_what_nobody_kept_there_is_left_out(client):
    AccountFactory(username="root")
    data = {"username": "root", "password": "secret", "kept": "[" * 100_000}
    assert client.post("/login/", data).status_code == 302


def test_a_password_is_not_kept(strict):
    path = reverse("admin:auth_user_add")
    form = _typed(strict, path, "password1", username="new", password1="hunter2-hunter2")
    _expire(strict)
    asked = strict.post(path, form, headers=HERE)
    assert "new" in asked.text
    assert "hunter2" not in asked.text


@pytest.mark.parametrize("path", ["/login/", "/login/?next=/login/", "/logout/", "/logout/?x"])
def test_a_login_never_leads_to_itself_or_out_again(strict, path):
    there = reverse("login", query={"next": path})
    assert strict.get(there).url == "/"
    _expire(strict)
    assert _log_in(strict, strict.get(there)).url == "/"


@pytest.mark.parametrize("path", ["/login/", "/card/A/edit/", "/admin/login/"])
@pytest.mark.parametrize("charset", ["utf-16", "latin-1"])
def test_a_form_in_another_encoding_is_a_bad_request(strict, path, charset):
    kind = f"application/x-www-form-urlencoded; charset={charset}"
    assert strict.post(path, b"a=b", content_type=kind).status_code == 400


def test_who_logs_out_too_late_is_led_to_the_login(client):
    assert client.post("/logout/").url == "/login/?next=/"


# Names of cookies ---------------------------------------------------------------------------------


def _server(**options: str):
    return {"NAME": "backlog", "OPTIONS": options}


@pytest.mark.parametrize(
    "other",
    [
        {"NAME": "staging", "OPTIONS": {"host": "db", "port": "5432"}},
        _server(host="db2", port="5432"),
        _server(host="db", port="5433"),
        _server(host="db", port="5432", options="-c search_path=staging"),
        {"NAME": "backlog", "OPTIONS": {"root": "/srv/a"}},
        {"NAME": "backlog", "OPTIONS": {"root": "/srv/b"}},
    ],
)
def test_cookies_of_another_store_have_other_names(other):
    assert suffix(other) != suffix(_server(host="db", port="5432"))


def test_no_password_and_no_option_of_a_process_is_in_a_cookies_name():
    one = _server(host="db", password="a", connect_timeout="3")
    assert suffix(one) == suffix(_server(host="db", password="b"))


def test_a_server_that_the_environment_names_is_another_store(monkeypatch):
    before = suffix(_server())
    monkeypatch.setenv("PGHOST", "elsewhere")
    assert suffix(_server()) != before


def test_a_message_is_told_without_a_cookie_of_its_own(admin_client, card_a):
    form = _typed(admin_client, "/card/A/edit/", "shown", title="New")
    saved = admin_client.post("/card/A/edit/", form)
    assert "messages" not in saved.cookies
    assert "Saved A" in admin_client.get(saved.url).text


def test_a_store_that_is_away_shows_what_was_typed(rf):
    try:
        raise StoreUnavailable("away")
    except StoreUnavailable:
        page = server_error(rf.post("/cards/act/", {"action": "block", "note": LONG}))
    assert page.status_code == 503
    assert "Words of an hour" in page.text
