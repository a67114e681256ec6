"""The store goes and comes back, and no card is lost over it."""

import sys
import time
from contextlib import closing, contextmanager

import psycopg
import pytest

from backlog.session import PsycopgSession
from backlog.store import storage
from backlog.store.embedded import Store
from backlog.verbs import runs
from backlog.worker.plan import ONCE, Plan
from backlog.worker.worker import DONE
from backlog.worker.worker import work as run
from tests.command import PROJECT, On, unavailable
from tests.worker import begun, until, working

pytestmark = [pytest.mark.one_tier, pytest.mark.deep]


class Embedded:
    """The embedded store, which whoever connects starts again."""

    def __init__(self, root):
        self.env = {"BACKLOG_DATA_DIR": str(root)}
        self._store = Store(root)

    def pause(self):
        self._store.stop()

    def resume(self):
        self._store.start()


@pytest.fixture(params=["embedded", "server"])
def restartable(request):
    if request.param == "server":
        return request.getfixturevalue("server")
    return Embedded(request.getfixturevalue("store_root"))


@pytest.fixture
def on(restartable):
    on = On(**restartable.env)
    for card in on("list", "--json").json:
        on("delete", "--id", card["id"], "--force")
    return on


def status_of(on, card_id):
    return on("show", "--id", card_id, "--json").json["status"]


def test_an_idle_worker_outlasts_a_restart(restartable, on):
    with working("exit 0", env=restartable.env) as worker:
        worker.says("waiting")
        restartable.pause()
        restartable.resume()
        on("create", "--id", "A", "--title", "t")
        worker.says("what=completed card=A")


def test_a_command_outlasts_a_restart(restartable, on):
    on("create", "--id", "A", "--title", "t")
    with begun("sleep 2", "--ttl", "60", "--once", env=restartable.env) as worker:
        restartable.pause()
        restartable.resume()
        assert worker.ends() == 0
    assert status_of(on, "A") == "done"


def test_a_completion_waits_for_the_store_to_come_back(server):
    on = On(**server.env)
    on("create", "--id", "C", "--title", "t")
    with begun("sleep 1", "--once", env=server.env) as worker:
        server.pause()
        worker.says("what=store-away")
        time.sleep(1)
        server.resume()
        assert worker.ends() == 0
    assert status_of(on, "C") == "done"


def test_a_command_is_ended_when_its_lease_is_over_and_the_store_is_away(server):
    on = On(**server.env)
    on("create", "--id", "D", "--title", "t")
    with begun("sleep 1000", "--ttl", "2", "--once", env=server.env) as worker:
        server.pause()
        worker.says("what=expired")
        server.resume()
        assert worker.ends() == 1
    assert status_of(on, "D") == "claimed"
    until(lambda: on("reclaim", "--json").json["reclaimed"] == ["D"], "the expiry")


def test_a_store_that_is_not_there_at_the_start_is_told():
    on = On(DATABASE_URL="postgresql://u:p@127.0.0.1:1/db")
    unavailable(on("work", "--owner", "w", "--", "true"))


def test_a_worker_on_django_s_connection_outlasts_a_restart_too(server):
    on = On(**server.env)
    env = {**server.env, "DJANGO_SETTINGS_MODULE": "fleet_backlog.settings", "SECRET_KEY": "k"}
    django = [sys.executable, "-m", "django"]
    assert on("stats").status == 0  # which makes the schema
    with working("exit 0", env=env, program=django, cwd=PROJECT) as worker:
        worker.says("waiting")
        server.pause()
        worker.says("store-away")
        server.resume()
        on("create", "--id", "E", "--title", "t")
        worker.says("what=completed card=E")


def test_a_completion_whose_answer_was_lost_is_not_taken_for_a_loss(session, card):
    card("A")
    assert run(forgetful, Plan("w", ["true"], {}, until=ONCE)) == DONE
    assert Forgetful.forgot
    assert [each.outcome for each in runs.runs(session, "A")] == ["completed"]


class Forgetful(PsycopgSession):
    """Breaks once the card is done, before anybody hears of it."""

    forgot = False

    def rows(self, sql, params=()):
        result = super().rows(sql, params)
        if not Forgetful.forgot and "status = 'done'" in sql:
            Forgetful.forgot = True
            raise psycopg.OperationalError("the connection is lost")
        return result


@contextmanager
def forgetful():
    with closing(storage.from_environment().connect()) as connection:
        yield Forgetful(connection)
