"""The board, read from a streaming replica: never too old without a word, never needed."""

import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.db.utils import ConnectionHandler

from backlog.models import Card
from backlog.store import storage
from fleet_backlog.replica import _READING, NotToBeUsed, Router, behind
from hooks.models import Subscription
from remote.models import Token
from tests.command import On
from tests.replicas import Replica
from tests.servers import Server, distribution_programs, wheel_programs
from tests.serving import ask as serving_ask
from tests.serving import serving
from tests.worker import until

pytestmark = [pytest.mark.one_tier, pytest.mark.deep]

OLD = "Backlog-Seconds-Old"


@pytest.fixture
def pair_of_their_own():
    """A server and its replica, for a test that leaves neither as it was."""
    primary = Server(distribution_programs() or wheel_programs()).start()
    replica = Replica(primary).start()
    yield primary, replica
    replica.stop()
    primary.stop()


@pytest.fixture(scope="module")
def pair():
    """A server and its replica."""
    primary = Server(distribution_programs() or wheel_programs()).start()
    On(**primary.env)("create", "--id", "A", "--title", "one")
    replica = Replica(primary).start()
    yield primary, replica
    replica.stop()
    primary.stop()


@pytest.fixture(scope="module")
def site(pair):
    """A site that anybody may read; its URL."""
    primary, replica = pair
    settings = {"BACKLOG_PUBLIC_BOARD": "on", "BACKLOG_REPLICA_LAG": "2", "WEB_WORKERS": "1"}
    env = On(**primary.env, BACKLOG_REPLICA_URL=replica.url, **settings).env
    with serving(env, "--no-sweep") as (_, url):
        yield url


def ask(url, **headers):
    """The headers and the body of a page that is there."""
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as page:  # noqa: S310 (our own)
        assert page.status in (200, 204)
        return page.headers, page.read().decode()


def from_replica(url):
    """The page, once it comes from there and is not old."""
    return until(lambda: (found := ask(url))[0][OLD] == "0" and found, "a page of the replica")


@pytest.fixture
def held(pair, site):
    """The replica replays nothing until the end of the test; a card is changed meanwhile."""
    primary, replica = pair
    from_replica(f"{site}/card/A/")
    with psycopg.connect(replica.url, autocommit=True) as admin:
        admin.execute("SELECT pg_wal_replay_pause()")
        state = "SELECT pg_get_wal_replay_pause_state()"
        until(lambda: admin.execute(state).fetchone() == ("paused",))
        On(**primary.env)("edit", "--id", "A", "--title", "other")
        yield
        admin.execute("SELECT pg_wal_replay_resume()")


def test_pages_are_read_from_it_and_follow_what_changes(pair, site):
    primary, replica = pair
    _, page = from_replica(f"{site}/card/A/")
    assert re.search(r'<p id="behind"[^>]* hidden>', page)
    version = re.search(r'data-version="(\w+)"', page)[1]
    On(**primary.env)("edit", "--id", "A", "--priority", "7")
    poll = {"X-Page-Version": version}
    until(lambda: "p=7" in (body := ask(f"{site}/card/A/", **poll)[1]) or "7" in body, "the change")
    with psycopg.connect(replica.url) as asked:
        read = "SELECT FROM pg_stat_activity WHERE application_name = 'fleet-backlog'"
        assert asked.execute(read).fetchone() is not None


def test_what_is_older_is_said_and_what_is_too_old_is_read_from_the_primary(site, held):
    url = f"{site}/card/A/"
    headers, page = until(lambda: (found := ask(url))[0][OLD] != "0" and found, "an older page")
    assert ("is <span>2</span> s behind" in page, "other" in page) == (True, False)
    assert headers[OLD] == "2"
    headers, page = until(lambda: (found := ask(url))[0][OLD] is None and found, "the primary's")
    assert "other" in page


def test_who_has_just_acted_reads_the_primary(site, held):
    def hidden(page):
        return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]

    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with browser.open(f"{site}/login/") as page:
        token = hidden(page.read().decode())
    typed = f"csrfmiddlewaretoken={token}&username=nobody&password=wrong".encode()
    origin = {"Origin": site}
    browser.open(urllib.request.Request(f"{site}/login/", typed, origin)).close()  # noqa: S310 (our own)
    with browser.open(f"{site}/card/A/") as page:
        assert page.headers[OLD] is None
        assert "other" in page.read().decode()


def test_a_page_that_has_to_write_first_is_the_primary_s(pair, site):
    on = On(**pair[0].env)
    from_replica(f"{site}/fleet/")
    due = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    on("create", "--id", "B", "--title", "t", "--not-before", due)
    woken = "SELECT FROM backlog WHERE id = 'B' AND NOT held"
    with psycopg.connect(pair[0].url, autocommit=True) as asked:
        until(lambda: ask(f"{site}/fleet/") and asked.execute(woken).fetchone() is not None)


@pytest.fixture(scope="module")
def tokens(pair):
    """A token of each scope."""
    on = On(**pair[0].env)
    made = ("token", "create", "ada", "--scope")
    return {scope: on(*made, scope, "--json").json for scope in ("read", "work", "operate")}


def _shown(token):
    return {"Authorization": f"Bearer {token['token']}"}


def test_who_may_only_read_is_answered_from_it_and_nobody_else(pair, site, tokens, held):
    url = f"{site}/api/v1/show?id=A"
    assert ask(url, **_shown(tokens["read"]))[0][OLD] is not None
    for token, path in (("work", "show?id=A"), ("operate", "show?id=A"), ("read", "tail")):
        assert ask(f"{site}/api/v1/{path}", **_shown(tokens[token]))[0][OLD] is None


def test_what_it_does_not_have_yet_is_there(pair, site, tokens, held):
    On(**pair[0].env)("create", "--id", "NEW", "--title", "new")
    headers, page = ask(f"{site}/card/NEW/")
    assert (headers[OLD], "new" in page) == (None, True)
    headers, said = ask(f"{site}/api/v1/show?id=NEW", **_shown(tokens["read"]))
    assert (headers[OLD], '"id":"NEW"' in said) == (None, True)
    On(**pair[0].env)("delete", "--id", "NEW")
    assert serving_ask(f"{site}/card/NEVER/")[0] == 404
    assert serving_ask(f"{site}/api/v1/show?id=NEVER", **_shown(tokens["read"]))[0] == 404


def test_a_token_that_is_revoked_lets_nobody_in_whatever_the_replica_has(pair, site, held):
    on = On(**pair[0].env)
    token = on("token", "create", "ada", "--scope", "read", "--json").json
    url = f"{site}/api/v1/list"
    assert ask(url, **_shown(token))[0][OLD] is not None  # it is let in before the replica has it
    on("token", "revoke", token["key"])
    assert serving_ask(url, **_shown(token))[0] == 401


def test_webhooks_and_roles_are_read_from_it(pair, site, held):
    for path in ("webhooks", "roles"):
        assert ask(f"{site}/{path}/")[0][OLD] is not None


def test_one_that_is_away_or_promoted_is_done_without(pair, site):
    _, replica = pair
    from_replica(f"{site}/card/A/")
    replica.pause()
    assert ask(f"{site}/card/A/")[0][OLD] is None
    replica.resume()
    from_replica(f"{site}/card/A/")
    replica.promote()
    until(lambda: ask(f"{site}/card/A/")[0][OLD] is None, "that it is left alone")


def test_accounts_sessions_and_tokens_are_never_read_from_it():
    reading = _READING.set(0.0)
    try:
        assert {Router().db_for_read(each) for each in (User, Session, Token)} == {None}
        assert {Router().db_for_read(each) for each in (Card, Subscription)} == {"replica"}
    finally:
        _READING.reset(reading)


# What is no replica of it ------------------------------------------------------------------------


def _age(primary, replica):
    """As the site asks both."""
    with psycopg.connect(primary) as one, psycopg.connect(replica) as other:
        return behind(one.cursor(), other.cursor())


def _is_level(primary, replica):
    """Whether it has all that the primary has."""
    with suppress(NotToBeUsed):
        return _age(primary, replica) == 0
    return False


def test_what_is_of_another_database_or_follows_another_primary_is_not_read():
    """However far its log is."""
    primary = Server(distribution_programs() or wheel_programs()).start()
    first, second = (Replica(primary).start() for _ in range(2))
    until(lambda: _is_level(primary.url, first.url), "the replica")
    with psycopg.connect(primary.url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE other")
        other = second.url.rpartition("/")[0] + "/other"
        until(lambda: _is_level(primary.url, second.url), "the other database")
        with pytest.raises(NotToBeUsed, match="another database"):
            _age(primary.url, other)
        first.pause()
        admin.execute("CREATE TABLE much AS SELECT generate_series(1, 100000)")
    until(lambda: _is_level(primary.url, second.url), "what the first one lacks")
    primary.stop()
    first.resume()
    first.promote()
    with pytest.raises(NotToBeUsed, match="follows another primary"):
        _age(first.url, second.url)
    with pytest.raises(NotToBeUsed, match="was promoted"):
        _age(first.url, first.url)
    first.stop()
    second.stop()


def test_one_that_has_replayed_nothing_since_its_start_is_of_no_known_age(pair_of_their_own):
    primary, replica = pair_of_their_own
    with psycopg.connect(replica.url, autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET primary_conninfo = ''")
    replica.pause()
    with psycopg.connect(primary.url, autocommit=True) as admin:
        admin.execute("CREATE TABLE more AS SELECT 1")
    replica.resume()
    with pytest.raises(NotToBeUsed, match="how old it is nobody knows"):
        _age(primary.url, replica.url)


def test_one_that_answers_nothing_any_more_keeps_no_reader_for_long(pair_of_their_own):
    primary, replica = pair_of_their_own
    settings = {"BACKLOG_PUBLIC_BOARD": "on", "BACKLOG_REPLICA_LAG": "2", "WEB_WORKERS": "1"}
    env = On(**primary.env, BACKLOG_REPLICA_URL=replica.url, **settings).env
    On(**primary.env)("create", "--id", "A", "--title", "one")
    with serving(env, "--no-sweep") as (process, url):
        from_replica(f"{url}/card/A/")
        with replica.stopped(), ThreadPoolExecutor(8) as readers:
            read = [readers.submit(ask, f"{url}/card/A/") for _ in range(8)]
            until(lambda: ask(f"{url}/card/A/") and all(each.done() for each in read))
            assert {each.result()[0][OLD] for each in read} <= {None, "0"}
        process.terminate()
        assert "pages are read from the primary" in process.stdout.read()


def test_nothing_is_written_where_pages_are_read_even_as_it_is_promoted(
    pair_of_their_own, django_db_blocker
):
    primary, replica = pair_of_their_own
    entry = storage.replica_from_environment(
        {"DATABASE_URL": primary.url, "BACKLOG_REPLICA_URL": replica.url}
    )
    wrapper = ConnectionHandler({"default": {}, "replica": entry})["replica"]
    with django_db_blocker.unblock(), wrapper.cursor() as cursor:
        replica.promote()
        with pytest.raises(DatabaseError, match="read-only"):
            cursor.execute("CREATE TABLE written (id int)")
    wrapper.close()
