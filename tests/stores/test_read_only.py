"""A primary that was demoted: it answers, and writes nothing. It is away, and another is tried."""

from contextlib import closing, contextmanager

import psycopg
import pytest
from django.db import connection
from django.db.utils import InternalError

from backlog.errors import StoreUnavailable
from backlog.models import Card
from backlog.session import PsycopgSession, as_refusal
from backlog.store import storage
from backlog.verbs import claims
from backlog.worker.link import Away, Link
from tests import kept
from tests.command import On, unavailable
from tests.servers import Server, distribution_programs, wheel_programs


@pytest.fixture
def demoted(store, transactional_db):
    """Demotes the store: whoever connects from now on can write nothing."""
    with closing(storage.from_environment().connect()) as admin:

        def demote():
            admin.execute("ALTER ROLE CURRENT_USER SET default_transaction_read_only = on")
            kept.forget()

        yield demote
        admin.execute("SET default_transaction_read_only = off")
        admin.execute("ALTER ROLE CURRENT_USER RESET default_transaction_read_only")
    connection.close()
    kept.forget()


def test_it_is_away_for_the_command(demoted, command):
    demoted()
    line = unavailable(command("create", "--id", "A", "--title", "t"))
    assert "read-only" in line
    assert "DATABASE_URL is to name the primary, or every host" in line
    assert command("list").out == "(no cards)\n"


def test_it_is_away_for_a_call(demoted, call, client):
    shown = call("token", "create", "w").out.strip()
    connection.close()
    demoted()
    answer = client.get("/api/v1/limits", headers={"Authorization": f"Bearer {shown}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store_unavailable")


def test_it_is_not_ready(demoted, client):
    assert client.get("/readyz").status_code == 200
    demoted()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["reason"][:22]) == (503, "the store is read-only")


def test_django_lets_go_of_it_after_a_write_that_failed(transactional_db, store):
    connection.ensure_connection()
    connection.health_check_done = True  # in this request; another test may have left it open
    connection.connection.execute("SET default_transaction_read_only = on")
    with pytest.raises(InternalError) as refused:
        Card.objects.create(id="A", title="t")
    assert isinstance(as_refusal(refused.value), StoreUnavailable)
    connection.close_if_unusable_or_obsolete()  # as at the end of every request
    assert Card.objects.create(id="A", title="t").status == "ready"


def test_django_lets_go_of_it_before_a_request_writes(transactional_db, store):
    connection.ensure_connection()
    connection.connection.execute("SET default_transaction_read_only = on")
    connection.health_check_enabled, connection.health_check_done = True, False
    assert Card.objects.create(id="A", title="t").status == "ready"


def test_a_worker_leaves_it_at_the_first_refusal(card):
    card("A")
    opened = []

    @contextmanager
    def connect():
        with storage.from_environment().connect() as connection:
            opened.append(connection)
            yield PsycopgSession(connection)

    link = Link(connect, lambda *_, **__: None)
    link.ask(lambda session: session.execute("SET default_transaction_read_only = on"))
    with pytest.raises(Away):
        link.ask(lambda session: claims.claim(session, "w"))
    assert link.ask(lambda session: claims.claim(session, "w")).card.id == "A"
    assert [connection.closed for connection in opened] == [True, False]
    link.close()


@pytest.mark.one_tier
def test_of_several_hosts_the_one_that_writes_is_used(server):
    other = Server(distribution_programs() or wheel_programs()).start()
    hosts = f"127.0.0.1:{server.port},127.0.0.1:{other.port}"
    on = On(DATABASE_URL=f"postgresql://operator:{server.password}@{hosts}/backlog")
    try:
        with psycopg.connect(server.url, autocommit=True) as admin:
            admin.execute("ALTER DATABASE backlog SET default_transaction_read_only = on")
        assert on("create", "--id", "A", "--title", "t").status == 0
        assert On(DATABASE_URL=other.url)("list", "--json").json[0]["id"] == "A"
        assert on("store", "psql", "--", "-XAtc", "SHOW port").out == f"{other.port}\n"
    finally:
        with psycopg.connect(server.url, autocommit=True) as admin:
            admin.execute("SET default_transaction_read_only = off")
            admin.execute("ALTER DATABASE backlog RESET default_transaction_read_only")
        other.stop()
