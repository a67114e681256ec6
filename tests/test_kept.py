"""A connection that one test leaves to the next is as new."""

import pytest

from tests import kept

pytestmark = [pytest.mark.quick, pytest.mark.usefixtures("store")]

# What somebody leaves behind, and what is to be left of it.
LEFT = {
    "SET work_mem = '65kB'": "SELECT FROM pg_settings WHERE name = 'work_mem' AND setting = '65'",
    "SET SESSION AUTHORIZATION pg_monitor": "SELECT WHERE session_user = 'pg_monitor'",
    "SET ROLE pg_monitor": "SELECT WHERE current_user = 'pg_monitor'",
    "SELECT pg_advisory_lock(4711)": "SELECT FROM pg_locks WHERE objid = 4711",
    "CREATE TEMP TABLE theirs ()": "SELECT FROM pg_class WHERE relname = 'theirs'",
    "DECLARE theirs CURSOR WITH HOLD FOR SELECT 1": "SELECT FROM pg_cursors WHERE name = 'theirs'",
    "LISTEN theirs": "SELECT pg_listening_channels()",
    "PREPARE theirs AS SELECT 1": "SELECT FROM pg_prepared_statements WHERE name = 'theirs'",
}


@pytest.mark.parametrize("left", LEFT)
def test_of_whoever_had_it_before_nothing_is_left(left):
    with kept.connected() as lent:
        pid = lent.info.backend_pid
        lent.execute(left)
    with kept.connected() as lent:
        assert lent.info.backend_pid == pid
        assert lent.execute(LEFT[left]).fetchall() == []


def test_what_psycopg_prepared_is_forgotten_on_both_sides():
    prepared = "SELECT count(*) FROM pg_prepared_statements"
    for _ in range(2):
        with kept.connected() as lent:
            assert lent.execute(prepared).fetchone() == (0,)
            lent.prepare_threshold = 0
            for n in range(3):
                assert lent.execute("SELECT %s::integer", (n,)).fetchone() == (n,)
            assert lent.execute(prepared).fetchone() == (2,)
