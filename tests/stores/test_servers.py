"""The same life of a backlog on the oldest and the newest PostgreSQL, and through PgBouncer."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import psycopg
import pytest

from backlog.errors import Refusal
from backlog.session import ACTOR, PsycopgSession
from backlog.verbs import cards, history, moves
from tests.command import On
from tests.pgbouncer import PROGRAM, PgBouncer
from tests.servers import Server, distribution_programs, wheel_programs

pytestmark = pytest.mark.one_tier

WAYS = {"oldest": distribution_programs, "newest": wheel_programs}
WAYS["pgbouncer"] = distribution_programs


@pytest.fixture(scope="module", params=WAYS)
def served(request):
    """A server, and the URL that leads to it: directly or through PgBouncer."""
    programs = WAYS[request.param]()
    if programs is None:
        pytest.skip("the distribution has no PostgreSQL server installed")
    if request.param == "pgbouncer" and PROGRAM is None:
        pytest.skip("PgBouncer is not installed")
    server = Server(programs).start()
    pooler = PgBouncer(server).start() if request.param == "pgbouncer" else None
    yield server, (pooler or server).url
    if pooler:
        pooler.stop()
    server.stop()


@pytest.fixture
def on(served):
    """The command on an empty backlog."""
    server, url = served
    on = On(DATABASE_URL=url)
    on("stats")
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("TRUNCATE backlog, backlog_deleted")
    return on


@pytest.mark.deep
def test_sixteen_first_uses_at_once_make_one_schema(served):
    on = On(DATABASE_URL=served[1])
    ended = on.race(*(("create", "--id", f"c{n}", "--title", "t") for n in range(16)))
    assert [(ran.err, ran.status) for ran in ended] == [("", 0)] * 16
    assert on("stats", "--json").json["total"] == 16
    assert on("check").status == 0


def chained(count):
    """Lines of cards in chains of four."""
    return "".join(
        json.dumps({"id": f"c{n:03}", "title": "t", "dependsOn": [f"c{n - 1:03}"] if n % 4 else []})
        + "\n"
        for n in range(count)
    )


def test_the_life_of_a_backlog(on):
    assert on("create", "--id", "A", "--title", "t", "--idempotency-key", "k").status == 0
    assert on("create", "--id", "B", "--title", "t", "--acceptance", "[1.10]").status == 0
    assert on("link", "--from", "B", "--to", "A", "--json").json["dependsOn"] == ["A"]
    assert on("link", "--from", "A", "--to", "B").status == 1
    assert on("claim", "--owner", "w", "--json").json["id"] == "A"
    assert on("complete", "--id", "A", "--owner", "w", "--attempt", "1").status == 0
    assert '"acceptance":[1.10]' in on("claim", "--owner", "w", "--json").out
    assert on("import", "-", stdin=chained(40)).out.startswith("created: 40,")
    assert on("stats", "--json").json["counts"]["ready"] == 40
    assert on("check").status == 0


@pytest.mark.deep
def test_sixteen_workers_finish_every_card_once(on):
    on("import", "-", stdin=chained(64))
    assert on.drain(16) == [f"c{n:03}" for n in range(64)]
    assert on("stats", "--json").json["counts"]["done"] == 64
    assert on("check").status == 0


DJANGO = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "fleet_backlog.settings"
django.setup()
from backlog.models import Card
print(len(list(Card.objects.all().iterator(chunk_size=100))))
print(len(list(Card.objects.in_claim_order().iterator())))
print(Card.objects.claimable().count(), Card.objects.claim("w").card.id)
print(sum(Card.objects.filter(id=f"c{n:03}").exists() for n in range(20)))
"""


def test_django_s_queries_work(on):
    on("import", "-", stdin=chained(1000))
    with on.python(DJANGO) as process:
        out, err = process.communicate(timeout=120)
    assert (out.split(), err) == (["1000", "1000", "250", "c000", "20"], "")


def test_an_export_goes_back_in(on):
    on("import", "-", stdin=chained(2500))
    exported = on("export").out
    assert exported.count("\n") == 2500
    assert on("import", "-", "--update", stdin=exported).out.endswith("unchanged: 2500\n")


def test_an_archive_goes_back_in(on, tmp_path):
    on("import", "-", stdin=chained(20))
    assert on("store", "dump", str(tmp_path / "archive")).err == ""
    on("complete", "--id", "c000")
    ran = on("store", "restore", str(tmp_path / "archive"), "--force")
    assert (ran.status, ran.err) == (0, "")
    assert on("stats", "--json").json["counts"] == dict(ready=20, claimed=0, blocked=0, done=0)  # noqa: C408 (a literal would not fit the line)
    assert len(on.drain(2)) == 20


@pytest.mark.deep
def test_everything_moves_away_and_back(on, served, store_root):
    on("import", "-", stdin=chained(20))
    before = on("export", "--events").out
    assert on("store", "transfer", "--to", str(store_root)).err == ""
    with psycopg.connect(served[0].url, autocommit=True) as admin:
        admin.execute("DROP SCHEMA public CASCADE")
        admin.execute("CREATE SCHEMA public")
    there = On(BACKLOG_DATA_DIR=str(store_root))
    assert there("store", "transfer", "--to", served[1]).err == ""
    assert on("export", "--events").out == before
    assert len(on.drain(2)) == 20


def as_somebody(url, name):
    """Change a card of one's own by verbs, by one that is refused and in a transaction undone."""
    ACTOR.set(name)
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as opened:
        session = PsycopgSession(opened)
        cards.create(session, name, "t")
        for n in range(20):
            cards.edit(session, name, priority=n + 1)
            moves.block(session, name)
            with pytest.raises(Refusal):
                moves.complete(session, name)
            moves.unblock(session, name)
            with session.transaction():
                cards.edit(session, name, priority=-1)
                raise psycopg.Rollback


def as_nobody(url, name):
    """Change a card of one's own past the verbs: who did it is the database's role."""
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as opened:
        opened.execute("INSERT INTO backlog (id, title) VALUES (%s, 't')", (name,))
        for n in range(60):
            opened.execute("UPDATE backlog SET priority = %s WHERE id = %s", (n + 1, name))


def test_an_actor_is_never_another_client_s(on, served):
    ways = {f"{way.__name__}-{n}": way for n in range(6) for way in (as_somebody, as_nobody)}
    with ThreadPoolExecutor(len(ways)) as pool:
        racing = [
            pool.submit(copy_context().run, way, served[1], name) for name, way in ways.items()
        ]
    assert [each.result() for each in racing] == [None] * len(ways)
    with psycopg.connect(served[1], autocommit=True) as opened:
        found = {name: history.history(PsycopgSession(opened), name) for name in ways}
    actors = {name: {event.actor for event in events} for name, events in found.items()}
    assert actors == {n: {n if way is as_somebody else "operator"} for n, way in ways.items()}
    assert {len(events) for events in found.values()} == {61}


def test_an_actor_is_forgotten_with_its_transaction(on, served):
    connect = {"conninfo": served[1], "autocommit": True, "prepare_threshold": None}
    with psycopg.connect(**connect) as one, psycopg.connect(**connect) as other:
        for number, opened in enumerate((one, other, one, other)):
            copy_context().run(_create_as, opened, f"name-{number}")
            for asked in (one, other):
                (left,) = asked.execute("SELECT current_setting('backlog.actor', true)").fetchone()
                assert left in ("", None)


def _create_as(opened, name):
    ACTOR.set(name)
    cards.create(PsycopgSession(opened), name, "t")
