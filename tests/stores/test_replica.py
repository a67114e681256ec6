"""The board, read from a streaming replica: never too old without a word, never needed."""

import re
import urllib.request
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.command import On
from tests.replicas import Replica
from tests.servers import Server, distribution_programs, wheel_programs
from tests.serving import serving
from tests.worker import until

pytestmark = [pytest.mark.one_tier, pytest.mark.deep]

OLD = "Backlog-Seconds-Old"


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
        until(
            lambda: (
                admin.execute("SELECT pg_get_wal_replay_pause_state()").fetchone()[0] == "paused"
            )
        )
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
    assert (headers[OLD], "is <span>2</span> s behind" in page, "other" in page) == (
        "2",
        True,
        False,
    )
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


def test_one_that_is_away_or_promoted_is_done_without(pair, site):
    _, replica = pair
    from_replica(f"{site}/card/A/")
    replica.pause()
    assert ask(f"{site}/card/A/")[0][OLD] is None
    replica.resume()
    from_replica(f"{site}/card/A/")
    replica.promote()
    until(lambda: ask(f"{site}/card/A/")[0][OLD] is None, "that it is left alone")
