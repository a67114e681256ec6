"""`backlog/sql` and `fleet/sql` are what a migrated database has, and short enough to be read."""

import re
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg.errors import CheckViolation

from backlog.lifecycle import (
    EARLIEST,
    LATEST,
    LONGEST_JSON,
    LONGEST_KEY,
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_COUNTED,
)
from backlog.store.storage import from_environment
from backlog.values import BIGINT_MAX, INT_MAX
from tests.test_upgrades import SCHEMA

ROOT = Path(__file__).resolve().parent.parent
TEXTS = {path.stem: path.read_text() for path in sorted(ROOT.glob("*/sql/*.sql"))}
MADE = {what: SCHEMA[what] for what in ("domains", "functions", "triggers", "views")}

DROP = """
DO $$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT tgname, tgrelid::regclass AS on_table FROM pg_trigger
        WHERE NOT tgisinternal AND tgname ~ '^(backlog|fleet)_' LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', made.tgname, made.on_table);
    END LOOP;
    FOR made IN SELECT oid::regprocedure AS f FROM pg_proc
        WHERE proname ~ '^(backlog|fleet)_' LOOP
        EXECUTE format('DROP FUNCTION %s CASCADE', made.f);  -- indexes of its words
    END LOOP;
    FOR made IN SELECT typname FROM pg_type
        WHERE typtype = 'd' AND starts_with(typname, 'backlog_') LOOP
        EXECUTE format('ALTER DOMAIN %I RENAME TO %I', made.typname, 'old_' || made.typname);
    END LOOP;
END $$;
DROP VIEW backlog_run"""


@pytest.fixture
def scratch(store):
    with closing(from_environment().connect()) as opened, opened.transaction(force_rollback=True):
        yield opened


def made(connection):
    return {what: sorted(map(str, connection.execute(sql))) for what, sql in MADE.items()}


def test_a_migrated_database_has_what_the_folders_say(scratch):
    migrated = made(scratch)
    assert all(migrated.values())
    scratch.execute(DROP)
    for text in TEXTS.values():
        scratch.execute(text)
    assert made(scratch) == migrated


def test_what_the_folders_make_is_the_whole_of_it(scratch):
    """No domain, function, trigger or view is left that no file makes."""
    names = re.findall(
        r"CREATE (?:OR REPLACE )?(?:DOMAIN|FUNCTION|TRIGGER|VIEW) (\w+)", "".join(TEXTS.values())
    )
    # A domain is found with each of its constraints.
    found = {row[:2] for sql in MADE.values() for row in scratch.execute(sql)}
    assert sorted(names) == sorted(name for name, _ in found)


@pytest.mark.one_tier
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_no_function_is_longer_than_a_page(text):
    bodies = re.findall(r"^CREATE FUNCTION (\w+)(.*?)^(?:END )?\$\$;", text, re.M | re.S)
    assert [name for name, body in bodies if body.count("\n") > 60] == []


LONGEST_LEASE = timedelta(seconds=INT_MAX)
TEXT, NAME = "🐟" * LONGEST_TEXT, "🐟" * LONGEST_NAME
BOUNDS = {
    "line": (["a", " ä ", TEXT], ["", " ", "\t\n", f"{TEXT}a"]),
    "text": (["", TEXT], [f"{TEXT}a"]),
    "name": (["a", NAME], ["", " ", f"{NAME}a"]),
    "label": (["", NAME], [f"{NAME}a"]),
    "key": (["🐟" * LONGEST_KEY], ["🐟" * LONGEST_KEY + "a"]),
    "ids": (
        ["[]", '["A", " b "]', f'["{NAME}"]'],
        ["{}", "null", "[1]", '[" "]', '[["A"]]', f'["A", "{NAME}a"]', f'["A", "\\n{NAME}"]'],
    ),
    "document": (
        ["null", f'"{"a" * (LONGEST_JSON - 2)}"', f"[{','.join(['1e131071'] * 30)}]"],
        [f'"{"a" * (LONGEST_JSON - 1)}"', f"[{','.join(['1e131071'] * 31)}]"],
    ),
    "tokens": ([0, BIGINT_MAX], [-1]),
    "cost": ([0, "99999999999999.999999"], ["NaN", "-0.01"]),
    "count": ([0, MOST_COUNTED], [-1, MOST_COUNTED + 1]),
    "seconds": ([1, INT_MAX], [0, -1]),
    "timestamp": (
        [EARLIEST, LATEST + LONGEST_LEASE],
        [EARLIEST - timedelta(seconds=1), "infinity", "-infinity", "9100-01-02Z"],
    ),
}


@pytest.mark.one_tier
@pytest.mark.parametrize("name", BOUNDS)
def test_a_type_holds_what_the_doors_let_in_and_no_more(name, scratch):
    within, beyond = BOUNDS[name]
    for value in within:
        scratch.execute(f"SELECT %s::backlog_{name}", [value])
    for value in beyond:
        with pytest.raises(CheckViolation, match="backlog_"), scratch.transaction():
            scratch.execute(f"SELECT %s::backlog_{name}", [value])
