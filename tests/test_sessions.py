"""What a verb gets from its connection, whatever was asked before."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest
from django.db import DatabaseError, connection, transaction
from psycopg import Connection, Cursor, OperationalError, Pipeline

from backlog.connection import DjangoSession
from backlog.models import Card
from backlog.session import Cursors, PsycopgSession, in_pages, in_transaction
from backlog.store import storage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.quick]

NUMBERS = "SELECT i FROM generate_series(1, %s) AS i"


@pytest.fixture(params=[PsycopgSession, DjangoSession])
def any_session(request, session, transactional_db, monkeypatch):
    """It prepares what it runs for the sixth time, as the command's does."""
    found = DjangoSession("default") if request.param is DjangoSession else session
    found.execute("SELECT 1")  # Django connects when it has to
    monkeypatch.setattr(opened(found), "prepare_threshold", 5)
    return found


def opened(session):
    """psycopg's connection."""
    its = session._connection
    return its if isinstance(its, Connection) else its.connection


def test_rows_are_not_touched_by_the_same_statement_run_again(any_session):
    none, one, two = (any_session.rows(NUMBERS, (n,)) for n in range(3))
    assert (none, one, two) == ([], [(1,)], [(1,), (2,)])


def test_a_statement_that_failed_succeeds_when_its_parameters_are_right(any_session):
    sql = "SELECT 1 / %s::integer"
    assert any_session.rows(sql, (1,)) == [(1,)]
    with pytest.raises(Exception, match="division by zero"):
        any_session.rows(sql, (0,))
    assert any_session.rows(sql, (1,)) == [(1,)]


@pytest.mark.parametrize("trips", [0, 4, 5, 6])
def test_a_trip_that_failed_succeeds_the_next_time(any_session, trips):
    """Also if its second statement was to be prepared just then, and if others failed before it:
    one with nothing prepared, one with something.
    """
    for n, before in enumerate((0, 5, trips)):
        a, b = f"SELECT {n} / %s::integer", f"SELECT {n} + %s::integer"
        for _ in range(before):
            any_session.trip((a, (1,)), (b, (1,)))
        with pytest.raises(Exception, match="division by zero"):
            any_session.trip((a, (0,)), (b, (1,)))
        for _ in range(8):
            assert any_session.trip((a, (1,)), (b, (1,))) == [[(n,)], [(n + 1,)]]


def test_a_connection_that_broke_in_the_middle_of_a_trip_is_closed(store, monkeypatch):
    """Else every statement to come would find it in the middle of this one."""

    def broken(pipeline):
        raise OperationalError("flush request failed")
        yield

    with closing(storage.from_environment().connect()) as connection:
        monkeypatch.setattr(Pipeline, "_exit_gen", broken)
        with pytest.raises(OperationalError):
            PsycopgSession(connection).trip((NUMBERS, (1,)), (NUMBERS, (2,)))
        assert connection.closed


MADE = "CREATE DOMAIN nth AS integer; CREATE TABLE numbers (n nth)"
FORGOTTEN = "DROP TABLE numbers; DROP DOMAIN nth"
COUNTED = "INSERT INTO numbers VALUES (%s) RETURNING n"

# What makes of a statement that is prepared one for what is there no more, on whose connection.
MEANWHILE = {
    "a restore": (lambda others, own: others.execute(f"{FORGOTTEN}; {MADE}")),
    "an upgrade": (lambda others, own: others.execute("ALTER TABLE numbers ALTER n TYPE bigint")),
    "a pooler": (lambda others, own: opened(own).pgconn.exec_(b"DISCARD ALL")),
}
ASKED = {
    "rows": lambda session, n: session.rows(COUNTED, (n,)),
    "execute": lambda session, n: session.execute(COUNTED, (n,)).fetchall(),
    "trip": lambda session, n: session.trip((COUNTED, (n,)), ("SELECT 1", ()))[0],
    "a transaction": in_transaction(lambda session, n: session.rows(COUNTED, (n,))),
}


@pytest.fixture
def others(sessions):
    """A session, which has made a table; the table is gone at the end."""
    made = sessions()
    made.execute(MADE)
    yield made
    made.execute(FORGOTTEN)


@pytest.mark.parametrize("meanwhile", MEANWHILE)
@pytest.mark.parametrize("ask", ASKED)
def test_what_was_prepared_for_what_is_there_no_more_is_prepared_anew(
    any_session, others, ask, meanwhile
):
    for n in range(7):
        assert ASKED[ask](any_session, n) == [(n,)]
    MEANWHILE[meanwhile](others, any_session)
    for n in range(7, 14):
        assert ASKED[ask](any_session, n) == [(n,)]
    written = [n for (n,) in others.rows("SELECT n FROM numbers ORDER BY n")]
    assert written[-7:] == list(range(7, 14))  # each of them once


@pytest.mark.parametrize("ask", ASKED)
def test_in_the_caller_s_transaction_it_is_prepared_anew_after_that(any_session, others, ask):
    for n in range(7):
        ASKED[ask](any_session, n)
    MEANWHILE["an upgrade"](others, any_session)
    with suppress(Exception), any_session.transaction():
        ASKED[ask](any_session, 7)
    assert ASKED[ask](any_session, 8) == [(8,)]


def test_pages_may_be_read_within_pages(any_session):
    ones = in_pages(any_session, NUMBERS, (2,))
    found = [(one, list(in_pages(any_session, NUMBERS, (1,)))) for (one,) in ones]
    assert found == [(1, [(1,)]), (2, [(1,)])]


def test_many_statements_do_not_keep_many_cursors(session):
    connection: Connection = session._connection
    made: list[weakref.ref[Cursor]] = []

    def make():
        cursor = connection.cursor()
        made.append(weakref.ref(cursor))
        return cursor

    cursors = Cursors(make)
    for n in range(200):
        cursors.rows(f"SELECT {n}")
    gc.collect()
    kept = [each() is not None for each in made]
    assert 1 <= sum(kept) <= 32


def test_a_cursor_that_is_kept_keeps_no_rows(session):
    made: list[Cursor] = []
    cursors = Cursors(lambda: made.append(session._connection.cursor()) or made[-1])
    for n in (1000, 2):
        assert len(cursors.rows(NUMBERS, (n,))) == n
    assert [cursor.pgresult.ntuples for cursor in made] == [0]


# Through Django's connection -----------------------------------------------------------------


def test_a_verb_outlives_the_connection_it_was_first_asked_on(store):
    Card.objects.create(id="A", title="A")
    assert Card.objects.claim("w").card
    connection.close()
    assert Card.objects.claim("w").card is None


def test_another_thread_has_to_ask_for_a_session_of_its_own(store):
    """Its transactions are on a connection of its own, and would undo nothing here."""
    mine = Card.objects.session()
    with ThreadPoolExecutor(1) as thread, pytest.raises(DatabaseError, match="same thread"):
        thread.submit(mine.rows, "SELECT 1").result()
    assert mine.rows("SELECT 1") == [(1,)]


def test_a_wrapper_of_statements_sees_those_of_the_verbs(store):
    seen = []

    def wrapper(execute, sql, params, many, context):
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        Card.objects.claim("w")
    assert any("SKIP LOCKED" in sql for sql in seen)


def test_a_verb_in_a_broken_transaction_says_so(store):
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(transaction.TransactionManagementError, match="end of the 'atomic'"):
            Card.objects.stats()
