"""/healthz and /readyz: what a load balancer asks, and how long it may take."""

import threading

import psycopg
import pytest
from django.conf import settings
from django.db import connections

from backlog import schema
from backlog.errors import ConfigurationError
from fleet_backlog.networks import networks
from fleet_backlog.serving import probes
from fleet_backlog.serving.proxies import FromProxies
from tests.worker import until

SCHEMA = "the store's schema is older than the code: restart serve"


@pytest.fixture
def ready(client, store, transactional_db):
    """Asks /readyz: status and document."""

    def ask():
        answer = client.get("/readyz")
        return answer.status_code, answer.json()

    return ask


# Alive --------------------------------------------------------------------------------------------


@pytest.mark.one_tier
@pytest.mark.parametrize("method", ["get", "head"])
def test_alive_needs_no_database_and_no_login(client, method):
    """Without the mark of a database test, a query would be an error."""
    client.cookies[settings.SESSION_COOKIE_NAME] = "0123456789abcdef0123456789abcdef"
    answer = getattr(client, method)("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n" if method == "get" else b"")
    assert not answer.cookies
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.one_tier
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_is_only_asked(client, db, path):
    assert client.post(path).status_code == 405


@pytest.mark.one_tier
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_is_answered_without_https(client, store, transactional_db, settings, path):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get(path).status_code == 200
    assert client.get("/login/").status_code == 301


# Ready --------------------------------------------------------------------------------------------


def test_ready(ready):
    assert ready() == (200, {"ready": True})


@pytest.mark.one_tier
def test_readiness_is_not_cached_and_opens_no_session(client, store, transactional_db):
    answer = client.head("/readyz")
    assert "no-store" in answer["Cache-Control"]
    assert not answer.cookies


@pytest.fixture
def migrations(session):
    """Changes what is recorded of migrations, for one test: `migrations("DELETE FROM {}")`."""
    session.execute("CREATE TABLE kept AS SELECT * FROM django_migrations")

    def change(sql):
        session.execute(sql.format("django_migrations"))

    yield change
    if not session.execute("SELECT to_regclass('django_migrations')").fetchone()[0]:
        session.execute("ALTER TABLE hidden RENAME TO django_migrations")
    session.execute("DELETE FROM django_migrations")
    session.execute("INSERT INTO django_migrations OVERRIDING SYSTEM VALUE SELECT * FROM kept")
    session.execute("DROP TABLE kept")


def test_an_older_schema_is_not_ready(ready, migrations):
    migrations("DELETE FROM {} WHERE app = 'backlog' AND name <> '0001_initial'")
    assert ready() == (503, {"ready": False, "reason": SCHEMA})


def test_no_schema_is_not_ready(ready, migrations):
    migrations("ALTER TABLE {} RENAME TO hidden")
    assert ready() == (503, {"ready": False, "reason": SCHEMA})


def test_a_newer_schema_is_not_ready(ready, migrations):
    migrations("INSERT INTO {} (app, name, applied) VALUES ('backlog', '9999_unknown', now())")
    status, answer = ready()
    assert (status, answer["ready"]) == (503, False)
    assert "9999_unknown is newer than this code's" in answer["reason"]


def test_a_store_that_is_away_is_not_ready(ready):
    def refuse(*_):
        raise psycopg.OperationalError("connection refused")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(connections["default"]), "get_new_connection", refuse)
        status, answer = ready()
    assert (status, answer["ready"]) == (503, False)
    assert "connection refused" in answer["reason"]


@pytest.mark.one_tier
def test_a_defect_is_not_ready_and_its_traceback_is_in_the_log(ready, monkeypatch, caplog):
    monkeypatch.setattr(schema, "is_current", lambda session: 1 / 0)
    status, answer = ready()
    assert (status, "ZeroDivisionError" in str(answer)) == (503, False)
    assert "ZeroDivisionError" in caplog.text


def test_a_table_that_is_locked_is_not_waited_for(ready, session):
    with session.transaction():
        session.execute("LOCK TABLE django_migrations")
        status, answer = ready()
    assert status == 503
    assert "statement timeout" in answer["reason"]
    assert ready()[0] == 200


def probing():
    """The threads that ask the store at this moment."""
    return [each for each in threading.enumerate() if each.name == "readyz"]


def test_a_store_that_hangs_is_not_waited_for(ready, session, monkeypatch):
    monkeypatch.setattr(probes, "PATIENCE_SECONDS", 0.1)
    with session.transaction():
        session.execute("LOCK TABLE django_migrations")
        assert ready() == (503, {"ready": False, "reason": "no answer from the store within 0.1 s"})
        (first,) = probing()
        assert ready()[0] == 503
        assert probing() == [first], "a second began beside one that hangs"
    first.join()
    monkeypatch.undo()
    assert ready()[0] == 200


def test_a_probe_leaves_no_connection(ready, session):
    ready()
    for each in probing():
        each.join()
    sql = """SELECT count(*) FROM pg_stat_activity
        WHERE query ~ 'django_migrations' AND pid <> pg_backend_pid()"""
    until(lambda: session.execute(sql).fetchone() == (0,))


# Forwarded headers --------------------------------------------------------------------------------


@pytest.mark.one_tier
@pytest.mark.parametrize(
    ("proxies", "peer", "kept"),
    [
        ("127.0.0.0/8,::1", "127.0.0.1", True),
        ("127.0.0.0/8,::1", "::1", True),
        ("127.0.0.0/8,::1", "::ffff:127.0.0.1", True),
        ("127.0.0.0/8,::1", "192.0.2.1", False),
        ("192.0.2.0/24", "192.0.2.1", True),
        ("192.0.2.0/24", "127.0.0.1", False),
        ("*", "2001:db8::1", True),
        ("", "127.0.0.1", False),
        ("*", "", False),
    ],
)
def test_only_proxies_write_forwarded_headers(proxies, peer, kept):
    seen = {}
    application = FromProxies(lambda environ, _: seen.update(environ) or [], networks(proxies, "X"))
    application({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": "x", "HTTP_FORWARDED": "y"}, None)
    assert ("HTTP_X_FORWARDED_FOR" in seen, "HTTP_FORWARDED" in seen) == (kept, kept)


@pytest.mark.one_tier
def test_a_proxy_that_is_no_address_is_refused():
    with pytest.raises(ConfigurationError, match="FORWARDED_ALLOW_IPS"):
        networks("10.0.0.0/8, proxy", "FORWARDED_ALLOW_IPS")
