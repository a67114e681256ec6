"""Brings a store of an earlier checkout, whichever migration it had come to, to what new ones are.

Those migrations were replaced by 0001 and 0002. A new store has nothing to do here.
"""

from importlib import import_module
from typing import Any

from django.db import migrations
from django.db.migrations.recorder import MigrationRecorder

from backlog.schema import REPLACED

_initial: Any = import_module("backlog.migrations.0001_initial")
_triggers: Any = import_module("backlog.migrations.0002_triggers")

# The functions of earlier stores; a trigger has the name of the function that it calls. These are
# made anew, and of the indexes and constraints those named below. What somebody else made stays; if
# it hangs on any of this, PostgreSQL refuses, and the store stays as it was.
_FUNCTIONS = """
actor after_delete after_depend after_finish after_hold after_insert after_truncate before_cap
before_count before_delete before_depend before_hold before_insert before_move before_reason
before_touch before_truncate claimable count_open dependency_ids end_run event_insert event_kept
hold lock_id recount_dependents refuse report require_read_committed run_kept""".split()
_CLEAR = f"""
DO $$
DECLARE
    known text[] := ARRAY{[f"backlog_{name}" for name in _FUNCTIONS]};
    made record;
BEGIN
    FOR made IN SELECT tgname, tgrelid::regclass AS on_table FROM pg_trigger
        JOIN pg_proc ON pg_proc.oid = tgfoid
        WHERE NOT tgisinternal AND tgname = ANY (known) AND proname = tgname LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', made.tgname, made.on_table);
    END LOOP;
    FOR made IN SELECT oid::regprocedure AS function FROM pg_proc
        WHERE proname = ANY (known) AND prokind = 'f' AND pronamespace = (
            SELECT relnamespace FROM pg_class WHERE oid = 'backlog'::regclass) LOOP
        EXECUTE format('DROP FUNCTION %s', made.function);
    END LOOP;
END $$;
ALTER TABLE backlog
    DROP CONSTRAINT IF EXISTS backlog_claimed_iff_held,
    DROP CONSTRAINT IF EXISTS backlog_idempotency_key;
DROP INDEX IF EXISTS backlog_queue, backlog_expiry, backlog_role_queue, backlog_status_priority,
    backlog_lanes, backlog_status_claimed_at, backlog_held, backlog_idempotency_key"""
# What else hangs on the column that is made anew, as the statement that makes it again.
_OTHERS = """
SELECT indexdef FROM pg_indexes WHERE tablename = 'backlog' AND indexdef LIKE '%claimable%'
UNION ALL
SELECT format('ALTER TABLE backlog ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE conrelid = 'backlog'::regclass AND contype = 'c'
    AND pg_get_constraintdef(oid) LIKE '%claimable%'"""

# By the column or table that came with it: what the cards of before get there.
_FILL = {
    "backlog.status_changed_at": """
        UPDATE backlog SET block_count = (status = 'blocked')::int,
            block_reason = CASE status WHEN 'blocked' THEN 'other' END,
            status_changed_at = CASE status
                WHEN 'ready' THEN created_at ELSE coalesce(claimed_at, updated_at) END""",
    # Attempts that ended before runs were kept do not count towards the cap.
    "backlog.attempts_forgiven": """
        UPDATE backlog SET attempts_forgiven = attempts - (status = 'claimed')::int""",
}
_HISTORY = """
INSERT INTO backlog_event (card_id, at, actor, verb, to_status, attempt)
SELECT id, created_at, session_user, 'create', 'ready', 0 FROM backlog ORDER BY created_at, id;
INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt)
SELECT id, status_changed_at, coalesce(claim_owner, session_user),
    CASE status WHEN 'claimed' THEN 'claim' WHEN 'blocked' THEN 'block' ELSE 'complete' END,
    'ready', status, attempts
FROM backlog WHERE status <> 'ready' ORDER BY status_changed_at, id;"""
_RULES = """
INSERT INTO backlog_rule (kind, scope, name, reason, most, actor, since)
SELECT 'pause', scope, name, reason, NULL, actor, since FROM backlog_pause UNION ALL
SELECT 'limit', scope, name, NULL, most, actor, since FROM backlog_limit;
DROP TABLE backlog_pause, backlog_limit;"""
_HOLDS = """
INSERT INTO backlog_rule (kind, scope, name, actor, due)
SELECT 'hold', 'card', id, '', not_before FROM backlog WHERE held"""
# The first stores had no index on these, and an index holds no more; the words go into an event.
_CUT = """
WITH cut AS (
    UPDATE backlog SET phase = rtrim(left(was.phase, room)), role = rtrim(left(was.role, room))
    FROM (
        SELECT id, phase, role, greatest(1, least(255, (2600 - octet_length(id)) / 4)) AS room
        FROM backlog
    ) AS was
    WHERE backlog.id = was.id AND (char_length(was.phase) > room OR char_length(was.role) > room)
    RETURNING was.id, status, attempts, was.phase, was.role
)
INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt, note)
SELECT id, clock_timestamp(), 'upgrade', 'edit', status, status, attempts,
    concat_ws(', ', 'phase ' || phase, 'role ' || role) FROM cut"""

# Bounds are new: what lies beyond them comes to lie on them.
_COUNT = "least({0}, 2000000000)"
_TIME = "CASE WHEN {0} IS NOT NULL THEN least(greatest({0}, '1000-01-01Z'), '9000-01-01Z') END"
_BOUNDS = {
    "backlog": {
        **dict.fromkeys(("attempts", "attempts_forgiven", "block_count"), _COUNT),
        **dict.fromkeys(("created_at", "updated_at", "status_changed_at", "claimed_at"), _TIME),
        "not_before": _TIME,
        "claim_expires_at": f"{_TIME.format('claimed_at')}"
        " + make_interval(secs => claim_ttl_seconds)",
    },
    "backlog_event": {"at": _TIME},
    "backlog_ended_run": {"started_at": _TIME, "ended_at": _TIME},
    "backlog_rule": {"since": _TIME, "due": _TIME},
}


def bring_up_to_date(apps: Any, schema_editor: Any) -> None:
    """Tables and columns from today's models, their rows from what was there before."""
    # By what there is, not by what is recorded: Django records a migration as applied as soon as
    # what it replaces is.
    if "backlog_status_known" in _constraints(schema_editor, "backlog"):
        return
    recorder = MigrationRecorder(schema_editor.connection)
    applied = {name for app, name in recorder.applied_migrations() if app == "backlog"}
    existing = _tables(schema_editor)
    schema_editor.execute(_CLEAR, None)
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(_OTHERS, None)
        others = [row[0] for row in cursor.fetchall()]
    schema_editor.execute("ALTER TABLE backlog DROP COLUMN claimable")
    made = list(_add_what_is_missing(apps, schema_editor, existing))
    schema_editor.execute(_triggers.STORAGE, None)  # ids of events, before there are any
    for name in made:
        schema_editor.execute(_FILL.get(name, "SELECT"))
    if "backlog_pause" in existing:
        schema_editor.execute(_RULES)
    _bound(schema_editor)
    if "backlog_event" in made:
        schema_editor.execute(_HISTORY)
    if "backlog_rule" in made:
        schema_editor.execute(_HOLDS)
    schema_editor.execute(_CUT)
    _add_indexes_and_constraints(apps, schema_editor, made)
    for statement in [*others, _triggers.SQL]:
        schema_editor.execute(statement, None)
    if "0004_roles" not in applied:  # what was given or taken since then stays
        _initial.make_groups(apps, schema_editor)
    for name in applied.intersection(REPLACED[1:]):
        recorder.record_unapplied("backlog", name)


def _bound(schema_editor: Any) -> None:
    for table, bounds in _BOUNDS.items():
        bounded = {column: bound.format(column) for column, bound in bounds.items()}
        changes = ", ".join(f"{column} = {value}" for column, value in bounded.items())
        columns, values = ", ".join(bounded), ", ".join(bounded.values())
        schema_editor.execute(
            f"UPDATE {table} SET {changes} WHERE ROW({columns}) IS DISTINCT FROM ROW({values})"
        )


def _add_indexes_and_constraints(apps: Any, schema_editor: Any, made: list[str]) -> None:
    for model in apps.get_app_config("backlog").get_models():
        if model._meta.managed and model._meta.db_table not in made:
            there = _constraints(schema_editor, model._meta.db_table)
            for index in model._meta.indexes:
                if index.name not in there:
                    schema_editor.add_index(model, index)
            for constraint in model._meta.constraints:
                if constraint.name not in there:
                    schema_editor.add_constraint(model, constraint)


def _constraints(schema_editor: Any, table: str) -> Any:
    """The constraints and indexes of a table, by their names."""
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        return connection.introspection.get_constraints(cursor, table)


def _tables(schema_editor: Any) -> dict[str, set[str]]:
    """The columns of each table."""
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        return {
            table.name: {
                column.name
                for column in connection.introspection.get_table_description(cursor, table.name)
            }
            for table in connection.introspection.get_table_list(cursor)
            if table.name.startswith("backlog")
        }


def _add_what_is_missing(apps: Any, schema_editor: Any, existing: dict[str, set[str]]) -> Any:
    """Create tables and add columns; the names of what is new, a column's as table.column."""
    for model in apps.get_app_config("backlog").get_models():
        table = model._meta.db_table
        if not model._meta.managed:
            continue
        if table not in existing:
            schema_editor.create_model(model)
            yield table
            continue
        for field in model._meta.local_concrete_fields:
            if field.column not in existing[table] or field.generated:
                schema_editor.add_field(model, field)
                yield f"{table}.{field.column}"


class Migration(migrations.Migration):
    dependencies = [("backlog", "0002_triggers")]
    operations = [migrations.RunPython(bring_up_to_date)]
