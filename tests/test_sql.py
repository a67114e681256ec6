"""`backlog/sql` is what a migrated database has, and short enough to be read."""

import re
from contextlib import closing
from pathlib import Path

import pytest

from backlog.store.storage import from_environment
from tests.test_upgrades import SCHEMA

FOLDER = Path(__file__).resolve().parent.parent / "backlog" / "sql"
TEXTS = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.sql"))}
MADE = {what: SCHEMA[what] for what in ("functions", "triggers", "views")}

DROP = """
DO $$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT tgname, tgrelid::regclass AS on_table FROM pg_trigger
        WHERE NOT tgisinternal AND starts_with(tgname, 'backlog_') LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', made.tgname, made.on_table);
    END LOOP;
    FOR made IN SELECT oid::regprocedure AS f FROM pg_proc
        WHERE starts_with(proname, 'backlog_') LOOP
        EXECUTE format('DROP FUNCTION %s', made.f);
    END LOOP;
END $$;
DROP VIEW backlog_run"""


@pytest.fixture
def scratch(store):
    with closing(from_environment().connect()) as opened, opened.transaction(force_rollback=True):
        yield opened


def made(connection):
    return {what: sorted(map(str, connection.execute(sql))) for what, sql in MADE.items()}


def test_a_migrated_database_has_what_the_folder_says(scratch):
    migrated = made(scratch)
    assert all(migrated.values())
    scratch.execute(DROP)
    for text in TEXTS.values():
        scratch.execute(text)
    assert made(scratch) == migrated


def test_what_the_folder_makes_is_the_whole_of_it(scratch):
    """No function, trigger or view is left that no file makes."""
    names = re.findall(
        r"CREATE (?:OR REPLACE )?(?:FUNCTION|TRIGGER|VIEW) (\w+)", "".join(TEXTS.values())
    )
    found = [row[0] for sql in MADE.values() for row in scratch.execute(sql)]
    assert sorted(names) == sorted(found)


@pytest.mark.one_tier
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_no_function_is_longer_than_a_page(text):
    bodies = re.findall(r"^CREATE FUNCTION (\w+)(.*?)^(?:END )?\$\$;", text, re.M | re.S)
    assert [name for name, body in bodies if body.count("\n") > 60] == []
