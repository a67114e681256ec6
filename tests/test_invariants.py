"""What the database itself guarantees, whoever writes: raw SQL, COPY, and Django without a verb."""

# The statements are put together from this file's constants.
# ruff: noqa: S608

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, connection
from psycopg import errors

from backlog.models import Card
from backlog.verbs import cards, check, claims, moves, pool

pytestmark = pytest.mark.quick


@pytest.fixture
def orm(store: None, django_db_blocker: Any) -> Iterator[type[Card]]:
    """Django's model, each statement its own transaction."""
    with django_db_blocker.unblock():
        yield Card
        connection.close()


# Refused ------------------------------------------------------------------------------------------

HOLD = "status = 'claimed', claim_owner = 'w', claim_ttl_seconds = 60, claimed_at = now()"

REFUSED_OF_A_READY_CARD = {
    "claimed without a claim": "status = 'claimed'",
    "claimed without an owner": HOLD.replace("'w'", "NULL"),
    "claimed without a ttl": HOLD.replace("60", "NULL"),
    "claimed without a time": HOLD.replace("now()", "NULL"),
    "claimed by a blank owner": HOLD.replace("'w'", "E' \\t'"),
    "claimed for no time": HOLD.replace("60", "0"),
    "claimed for less than no time": HOLD.replace("60", "-1"),
    "an owner of an unclaimed card": "claim_owner = 'w'",
    "a ttl of an unclaimed card": "claim_ttl_seconds = 60",
    "a claim time of an unclaimed card": "claimed_at = now()",
    "an unknown status": "status = 'open'",
    "no status": "status = NULL",
    "a blank title": "title = '  '",
    "an empty title": "title = ''",
    "no title": "title = NULL",
    "another id": "id = 'B'",
    "a blank id": "id = ' '",
    "fewer attempts": "attempts = attempts - 1",
    "no attempts": "attempts = NULL",
    "no priority": "priority = NULL",
    "no creation time": "created_at = NULL",
    "no dependencies at all": "depends_on = NULL",
}


@pytest.mark.parametrize("change", REFUSED_OF_A_READY_CARD.values(), ids=REFUSED_OF_A_READY_CARD)
def test_an_update_is_refused_that_gives(change, session, card):
    before = card("A")
    with pytest.raises((errors.CheckViolation, errors.NotNullViolation)):
        session.execute(f"UPDATE backlog SET {change}")
    assert cards.show(session, "A") == before


@pytest.mark.parametrize("column", ["claim_owner", "claim_ttl_seconds", "claimed_at"])
def test_a_claim_cannot_lose(column, session, claimed):
    before = cards.show(session, "A")
    with pytest.raises(errors.CheckViolation, match="backlog_claimed_iff_held"):
        session.execute(f"UPDATE backlog SET {column} = NULL")
    assert cards.show(session, "A") == before


NOT_DEPENDENCIES = {
    "null": "null",
    "a text": '"B"',
    "an object": '{"B": 1}',
    "a number": "[1]",
    "null among them": "[null]",
    "a list among them": '[["B"]]',
    "an empty id": '[""]',
    "a blank id": '["B", " \\t"]',
    "an id twice": '["B", "C", "B"]',
    "the card itself": '["B", "A"]',
}


@pytest.mark.parametrize("value", NOT_DEPENDENCIES.values(), ids=NOT_DEPENDENCIES)
def test_dependencies_are_refused_that_are(value, session, card):
    card("A", needs=["Z"])
    with pytest.raises(errors.CheckViolation):
        session.execute("UPDATE backlog SET depends_on = %s::jsonb", [value])
    session.execute("DELETE FROM backlog")
    sql = "INSERT INTO backlog (id, title, depends_on) VALUES ('A', 'a', %s::jsonb)"
    with pytest.raises(errors.CheckViolation):
        session.execute(sql, [value])


REFUSED_INSERTS = {
    "a blank id": "(id, title) VALUES (' ', 'a')",
    "no id": "(title) VALUES ('a')",
    "no title": "(id) VALUES ('A')",
    "a claim that is not one": "(id, title, status) VALUES ('A', 'a', 'claimed')",
    "an owner of a ready card": "(id, title, claim_owner) VALUES ('A', 'a', 'w')",
    "a negative number of attempts": "(id, title, attempts) VALUES ('A', 'a', -1)",
}


@pytest.mark.parametrize("values", REFUSED_INSERTS.values(), ids=REFUSED_INSERTS)
def test_an_insert_is_refused_with(values, session):
    with pytest.raises((errors.CheckViolation, errors.NotNullViolation)):
        session.execute(f"INSERT INTO backlog {values}")


def test_a_key_names_one_card_and_null_none(session, card):
    card("A", idempotency_key="k")
    card("B")
    card("C")
    with pytest.raises(errors.UniqueViolation):
        session.execute("UPDATE backlog SET idempotency_key = 'k' WHERE id = 'B'")


@pytest.mark.parametrize(
    "change",
    [
        {"status": "claimed"},
        {"status": "open"},
        {"claim_owner": "w"},
        {"title": " "},
        {"depends_on": ["A"]},
        {"depends_on": [1]},
        {"depends_on": {}},
        {"attempts": -1},
    ],
    ids=str,
)
def test_django_is_refused_the_same(change, orm):
    orm.objects.create(id="A", title="a")
    with pytest.raises(IntegrityError):
        orm.objects.filter(id="A").update(**change)
    changed = orm(id="A", title="a")
    for name, value in change.items():
        setattr(changed, name, value)
    with pytest.raises(IntegrityError):
        changed.save()
    with pytest.raises(IntegrityError):
        orm.objects.bulk_update([changed], list(change))


# Claims -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["ready", "blocked", "done"])
def test_leaving_claimed_ends_the_claim(status, session, claimed, row):
    session.execute("UPDATE backlog SET status = %s", [status])
    held = row("claim_owner, claim_ttl_seconds, claimed_at, claim_expires_at")
    assert held == (None, None, None, None)


def test_leaving_claimed_ends_the_claim_for_django_too(orm, session, claimed, row):
    card = orm.objects.get(id="A")
    card.status = "blocked"
    card.save()
    assert row("status, claim_owner, claimed_at") == ("blocked", None, None)


def test_a_raw_claim_is_an_attempt(session, card, row):
    card("A")
    session.execute(f"UPDATE backlog SET {HOLD}")
    assert row("attempts, claim_expires_at - claimed_at = '60 s'") == (1, True)


def test_a_claim_by_django_s_save_is_an_attempt(orm, session, row):
    orm(id="A", title="a").save()
    card = orm.objects.get(id="A")
    card.status, card.claim_owner, card.claim_ttl_seconds = "claimed", "w", 60
    card.claimed_at = card.created_at
    card.save()
    assert row("attempts") == (1,)


def test_a_card_created_as_claimed_has_had_an_attempt(session, row):
    session.execute("""
        INSERT INTO backlog (id, title, status, claim_owner, claim_ttl_seconds, claimed_at)
        VALUES ('A', 'a', 'claimed', 'w', 60, now())""")
    assert row("attempts, claim_expires_at - claimed_at = '60 s'") == (1, True)


def test_another_owner_is_another_attempt(session, claimed, row):
    session.execute("UPDATE backlog SET claim_owner = 'other'")
    assert row("attempts") == (2,)


def test_a_renewal_is_the_same_attempt(session, claimed, row):
    session.execute("UPDATE backlog SET claimed_at = now(), claim_ttl_seconds = 5")
    assert row("attempts, claim_expires_at - claimed_at = '5 s'") == (1, True)


def test_attempts_go_on_when_a_deleted_id_is_used_again(session, claimed, card):
    session.execute("DELETE FROM backlog")
    card("A")
    assert claims.claim(session, "w").card.attempts == 2
    session.execute("DELETE FROM backlog")
    session.execute("INSERT INTO backlog (id, title) VALUES ('A', 'a')")
    session.execute(f"UPDATE backlog SET {HOLD}")
    assert cards.show(session, "A").attempts == 3


# Times --------------------------------------------------------------------------------------------

LONG_AGO = "timestamptz '2000-01-01'"
RECENT = "now() - updated_at < '1 min', updated_at <= clock_timestamp()"


@pytest.fixture
def aged(session, card, row):
    """A claimed card A whose last change was long ago; `updated()` tells whether it is now."""
    card("B")
    card("A", priority=1, claimed=True)
    cards.link(session, "A", "B")
    session.execute("SET session_replication_role = replica")  # no triggers
    session.execute(f"UPDATE backlog SET updated_at = {LONG_AGO}, created_at = {LONG_AGO}")
    session.execute("RESET session_replication_role")
    return lambda: row(f"updated_at <> {LONG_AGO}")[0]


CHANGES = [
    *("title = 'new'", "title = title", "body = 'new'", "phase = 'new'", "idempotency_key = 'new'"),
    *("priority = 5", "status = 'ready'", "depends_on = '[]'", "acceptance = '[]'"),
    f"updated_at = {LONG_AGO}",
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_dated_by_the_database(change, session, aged, row):
    session.execute(f"UPDATE backlog SET {change} WHERE id = 'A'")
    assert row(RECENT) == (True, True)
    assert row(f"created_at = {LONG_AGO}") == (True,)


def test_django_s_changes_are_dated_by_the_database(orm, aged, row):
    card = orm.objects.get(id="A")
    orm.objects.filter(id="A").update(title="new")
    assert row(RECENT) == (True, True)
    card.save()
    assert row(RECENT) == (True, True)


def test_a_renewal_is_no_change(session, aged):
    moves.renew(session, "A", "w", ttl=5)
    assert not aged()


@pytest.mark.parametrize("verb", [moves.complete, moves.block, cards.delete])
def test_nor_is_what_happens_to_a_dependency(verb, session, aged):
    verb(session, "B", **({"force": True} if verb is cards.delete else {}))
    assert not aged()


def test_nor_is_a_write_to_what_is_derived(session, aged):
    session.execute("UPDATE backlog SET open_dependencies = 7, claim_expires_at = NULL")
    assert not aged()


def test_a_new_card_is_dated_by_the_database(session, row):
    session.execute(f"INSERT INTO backlog (id, title, updated_at) VALUES ('A', 'a', {LONG_AGO})")
    assert row("now() - created_at < '1 min', " + RECENT) == (True, True, True)


# What is derived: right after every kind of statement ---------------------------------------------


@pytest.fixture
def chain(card, session):
    """A ← B ← C; D is done, E waits for D and for X, which does not exist; all three wait for A."""
    card("A")
    card("B", needs=["A"])
    card("C", needs=["B", "A"])
    card("D", done=True)
    card("E", needs=["D", "X", "A"])


ROWS = "INSERT INTO backlog (id, title, status, depends_on) VALUES "
STATEMENTS = {
    "a card and its dependent are done": """UPDATE backlog SET status = 'done'
        WHERE id IN ('A', 'B')""",
    "all are done": "UPDATE backlog SET status = 'done'",
    "all change to the opposite": """UPDATE backlog SET
        status = CASE status WHEN 'done' THEN 'ready' ELSE 'done' END""",
    "a card is done and its dependent waits for more": """UPDATE backlog SET
        status = CASE id WHEN 'A' THEN 'done' ELSE status END,
        depends_on = CASE id WHEN 'B' THEN '["A", "D", "Y"]' ELSE depends_on END""",
    "a card is done and gets its first dependent": """UPDATE backlog SET
        status = CASE id WHEN 'C' THEN 'done' ELSE status END,
        depends_on = CASE id WHEN 'A' THEN '["C"]' WHEN 'C' THEN '[]' ELSE depends_on END""",
    "one is done, another reopened": """UPDATE backlog SET
        status = CASE id WHEN 'A' THEN 'done' ELSE 'ready' END WHERE id IN ('A', 'D')""",
    "two exchange their dependencies": """UPDATE backlog SET
        depends_on = CASE id WHEN 'B' THEN '["D", "X"]' ELSE '["A", "B"]'::jsonb END
        WHERE id IN ('B', 'E')""",
    "dependencies are put in another order": """UPDATE backlog SET depends_on = '["A", "B"]'
        WHERE id = 'C'""",
    "all edges go": "UPDATE backlog SET depends_on = '[]'",
    "several are deleted": "DELETE FROM backlog WHERE id IN ('A', 'B', 'D')",
    "all are deleted": "DELETE FROM backlog",
    "the table is emptied": "TRUNCATE backlog",
    "rows refer back": ROWS + """('X', 'x', 'done', '[]'), ('Y', 'y', 'ready', '["X", "D"]')""",
    "rows refer forward": ROWS
    + """('Y', 'y', 'ready', '["X", "Z"]'),
        ('X', 'x', 'done', '["Z"]'), ('Z', 'z', 'done', '["A"]')""",
    "an insert becomes an update": ROWS
    + """('A', 'a', 'done', '[]'), ('X', 'x', 'done', '[]'),
        ('B', 'b', 'ready', '["D", "X"]')
        ON CONFLICT (id) DO UPDATE
        SET status = excluded.status, depends_on = excluded.depends_on""",
    "an insert gives way": ROWS
    + """('A', 'a', 'done', '["X"]'), ('X', 'x', 'done', '[]')
        ON CONFLICT DO NOTHING""",
    "one statement finishes and links": """WITH finished AS (
            UPDATE backlog SET status = 'done' WHERE id = 'A')
        UPDATE backlog SET depends_on = '["A", "D"]' WHERE id IN ('B', 'E')""",
    "one statement links and finishes": """WITH linked AS (
            UPDATE backlog SET depends_on = '["A"]' WHERE id = 'D')
        UPDATE backlog SET status = 'done' WHERE id = 'A'""",
    "one statement creates, deletes and finishes": """WITH created AS (
            INSERT INTO backlog (id, title, status) VALUES ('X', 'x', 'done')),
        deleted AS (DELETE FROM backlog WHERE id = 'D')
        UPDATE backlog SET status = 'done' WHERE id = 'B'""",
    "a merge": """MERGE INTO backlog USING (VALUES ('A'), ('D'), ('X')) AS given (i) ON id = i
        WHEN MATCHED AND id = 'D' THEN DELETE
        WHEN MATCHED THEN UPDATE SET status = 'done'
        WHEN NOT MATCHED THEN INSERT (id, title, status) VALUES (i, i, 'done')""",
    "a derived column itself": "UPDATE backlog SET open_dependencies = 5 - open_dependencies",
    "a derived column of a new row": """INSERT INTO backlog
        (id, title, depends_on, open_dependencies, held)
        VALUES ('Y', 'y', '["A"]', 0, true), ('Z', 'z', '[]', 1, false)""",
    "a derived column itself, and why": """UPDATE backlog SET open_dependencies = 0,
        status = CASE status WHEN 'done' THEN 'ready' ELSE 'done' END""",
    "a derived column itself, and what it waits for": """UPDATE backlog SET
        open_dependencies = 0, depends_on = CASE id WHEN 'B' THEN '[]' ELSE depends_on END""",
    "what is held": "UPDATE backlog SET held = NOT held",
    "what is held, and until when": """UPDATE backlog SET
        held = NOT held, not_before = now() + interval '1 hour'""",
    "a reopened card that is held": """UPDATE backlog SET
        status = 'ready', not_before = now() + interval '1 hour' WHERE status = 'done'""",
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_what_is_derived_is_right_after(statement, session, chain):
    session.execute(statement)
    found = check.recount(session)
    assert found.ok, found


def test_what_is_derived_is_right_after_copy(session, chain):
    rows = [
        ("Y", "y", "ready", '["X", "D", "Z"]'),
        ("X", "x", "done", '["A"]'),
        ("Z", "z", "done", "[]"),
    ]
    session.copy("COPY backlog (id, title, status, depends_on) FROM STDIN", rows)
    assert check.recount(session).ok
    assert pool.explain(session, "Y").claimable


def test_what_is_derived_can_not_be_written(session, claimed, card, row):
    expiry = row("claim_expires_at")
    card("B", needs=["A"])
    session.execute("""UPDATE backlog
        SET open_dependencies = 0, held = true, claim_expires_at = now()""")
    assert row("claim_expires_at") == expiry
    assert row("claimable") == (False,)
    assert row("open_dependencies, held, claimable", "B") == (1, False, False)


def test_a_stale_save_breaks_no_count(orm, session, chain):
    stale = orm.objects.get(id="C")
    moves.complete(session, "A")
    moves.complete(session, "B")
    stale.save()
    assert check.recount(session).ok
    assert claims.claim(session, "w").card.id == "C"


def test_django_without_a_verb_breaks_no_count(orm, session, chain):
    orm.objects.filter(id__in=["A", "B"]).update(status="done")
    orm.objects.bulk_update([orm(id="C", depends_on=["A", "X"])], ["depends_on"])
    orm.objects.get(id="D").delete()
    orm.objects.bulk_create([orm(id="X", title="x", status="done", depends_on=["E"])])
    assert check.recount(session).ok
