"""What a call costs the database, and a connection of it that broke between two calls."""

import json

import pytest
from django.db import connection

from remote.verbs import tokens

pytestmark = pytest.mark.one_tier


@pytest.fixture
def open_connection(api):
    """The one of this thread, by which a call was answered already."""
    assert api.get("limits").status_code == 200
    return connection.connection


def test_a_call_is_two_statements_whoever_is_logged_in(
    session, transactional_db, admin_client, django_assert_num_queries
):
    admin_client.get("/")
    _, shown = tokens.create(session, "w")
    asked = {"path": "/api/v1/limits", "data": {}, "content_type": "application/json"}
    headers = {"Authorization": f"Bearer {shown}"}
    admin_client.post(**asked, headers=headers)  # its use is noted
    with django_assert_num_queries(2):
        answer = admin_client.post(**asked, headers=headers)
    assert (answer.json(), answer["Content-Length"]) == ([], str(len(answer.content)))
    assert not answer.cookies


def test_a_connection_that_broke_is_not_the_caller_s_matter(session, api, card, open_connection):
    card("A")
    session.execute("SELECT pg_terminate_backend(%s)", [open_connection.info.backend_pid])
    assert api("claim").json()["claimOwner"] == "w"


@pytest.mark.parametrize("query", [{}, {"wait": 1}])
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "8"}])
def test_what_was_prepared_for_another_store_is_not_the_caller_s_matter(
    api, card, open_connection, monkeypatch, headers, query
):
    """Of a restore, the look-up of the token may see nothing."""
    monkeypatch.setattr(open_connection, "prepare_threshold", 0)
    for n in range(3):
        card(f"A{n}")
        assert api("claim", {}, headers and {"Idempotency-Key": str(n)}, **query).json()
    card("B")
    found = open_connection.pgconn.exec_(b"""
        SELECT name FROM pg_prepared_statements WHERE statement NOT LIKE '%remote_token%'""")
    for row in range(found.ntuples):
        open_connection.pgconn.exec_(b"DEALLOCATE " + found.get_value(row, 0))
    assert api("claim", {}, headers, **query).json()["id"] == "B"


def test_a_connection_that_writes_nothing_any_more_is_let_go_of(api, card, open_connection):
    card("A")
    open_connection.execute("SET default_transaction_read_only = on")
    assert api("claim").json()["claimOwner"] == "w"


def test_a_call_under_another_s_name_is_refused(api, card, row):
    card("A")
    answer = api("claim", {}, {"Host": "evil.example"})
    assert (answer.status_code, row("status")) == (400, ("ready",))


def test_an_export_is_streamed_without_a_length(api, card):
    card("A")
    answer = api("export")
    assert answer.streaming
    assert "Content-Length" not in answer
    assert json.loads(answer.getvalue())["id"] == "A"
