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

# What is made anew: functions and their triggers, the view, and on cards all that hangs on what is
# claimable. Nothing else that somebody may have made is touched; if it hangs on any of this,
# PostgreSQL refuses, and the store stays as it was.
_CLEAR = """
DO $$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT tgname, tgrelid::regclass AS on_table FROM pg_trigger
        WHERE NOT tgisinternal AND starts_with(tgname, 'backlog_') AND tgrelid IN (
            SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace) LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', made.tgname, made.on_table);
    END LOOP;
    FOR made IN SELECT oid::regprocedure AS function FROM pg_proc
        WHERE starts_with(proname, 'backlog_')
            AND pronamespace = current_schema()::regnamespace LOOP
        EXECUTE format('DROP FUNCTION %s', made.function);
    END LOOP;
END $$;
DROP VIEW IF EXISTS backlog_run;
ALTER TABLE backlog
    DROP CONSTRAINT IF EXISTS backlog_claimed_iff_held,
    DROP CONSTRAINT IF EXISTS backlog_idempotency_key;
DROP INDEX IF EXISTS backlog_queue, backlog_expiry, backlog_role_queue, backlog_status_priority,
    backlog_lanes, backlog_status_claimed_at, backlog_held, backlog_idempotency_key;
ALTER TABLE backlog DROP COLUMN claimable;"""

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

# Bounds are new: what lies beyond them comes to lie on them.
_BOUND = """
UPDATE backlog SET {changes} WHERE ({columns}) IS DISTINCT FROM ({values})"""
_TIME = "CASE WHEN {0} IS NOT NULL THEN least(greatest({0}, '1000-01-01Z'), '9000-01-01Z') END"
_BOUNDS = {
    **dict.fromkeys(("attempts", "attempts_forgiven", "block_count"), "least({0}, 2000000000)"),
    **dict.fromkeys(
        ("created_at", "updated_at", "status_changed_at", "claimed_at", "not_before"), _TIME
    ),
    "claim_expires_at": _TIME.format("claimed_at") + " + make_interval(secs => claim_ttl_seconds)",
}


def bring_up_to_date(apps: Any, schema_editor: Any) -> None:
    """Tables and columns from today's models, their rows from what was there before."""
    recorder = MigrationRecorder(schema_editor.connection)
    applied = {name for app, name in recorder.applied_migrations() if app == "backlog"}
    if "0002_triggers" in applied:  # not in place of what it replaces, but run: a new store
        return
    existing = _tables(schema_editor)
    schema_editor.execute(_CLEAR, None)
    made = list(_add_what_is_missing(apps, schema_editor, existing))
    schema_editor.execute(_triggers.STORAGE, None)  # ids of events, before there are any
    for name in made:
        schema_editor.execute(_FILL.get(name, "SELECT"))
    if "backlog_event" in made:
        schema_editor.execute(_HISTORY)
    if "backlog_rule" in made:
        schema_editor.execute(_HOLDS)
    if "backlog_pause" in existing:
        schema_editor.execute(_RULES)
    bounded = {column: bound.format(column) for column, bound in _BOUNDS.items()}
    changes = ", ".join(f"{column} = {value}" for column, value in bounded.items())
    columns, values = ", ".join(bounded), ", ".join(bounded.values())
    schema_editor.execute(_BOUND.format(changes=changes, columns=columns, values=values))
    card = apps.get_model("backlog", "Card")
    for index in card._meta.indexes:
        schema_editor.add_index(card, index)
    for constraint in card._meta.constraints:
        schema_editor.add_constraint(card, constraint)
    schema_editor.execute(_triggers.SQL, None)
    _initial.make_groups(apps, schema_editor)
    for name in applied.intersection(REPLACED[1:]):
        recorder.record_unapplied("backlog", name)


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
    operations = [migrations.RunPython(bring_up_to_date, migrations.RunPython.noop)]
