"""The tables, and the groups that may see and do what is in them."""

import datetime
from typing import Any

import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.lookups
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

EARLIEST = datetime.datetime(1000, 1, 1, tzinfo=datetime.UTC)
LATEST = datetime.datetime(9000, 1, 1, tzinfo=datetime.UTC)
LATEST_EXPIRY = datetime.datetime(9100, 1, 1, tzinfo=datetime.UTC)

# Each role may what the one before it may.
ROLES = {
    "viewer": ["view_card", "view_event"],
    "operator": ["add_card", "change_card"],
    "staff": ["delete_card", "administer"],
}


def make_groups(apps: Any, schema_editor: Any) -> None:
    """The groups that say who may read, steer and administer; what is there stays."""
    config = apps.get_app_config("backlog")
    # Django makes permissions after all migrations; the groups need them now.
    models_module = getattr(config, "models_module", None)
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
    config.models_module = models_module
    alias = schema_editor.connection.alias
    groups = apps.get_model("auth", "Group").objects.using(alias)
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    codenames = []
    for role, more in ROLES.items():
        codenames += more
        group, _ = groups.get_or_create(name=role)
        group.permissions.add(
            *permissions.filter(content_type__app_label="backlog", codename__in=codenames)
        )


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.CreateModel(
            name="Run",
            fields=[
                ("attempt", models.IntegerField(null=True)),
                ("owner", models.TextField()),
                ("started_at", models.DateTimeField()),
                ("summary", models.TextField(null=True)),
                ("result", models.JSONField(null=True)),
                ("tokens", models.BigIntegerField(null=True)),
                ("cost", models.DecimalField(decimal_places=6, max_digits=20, null=True)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "card_id",
                        "id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("id", models.BigIntegerField(editable=False)),
                ("ended_at", models.DateTimeField(null=True)),
                ("outcome", models.TextField(null=True)),
            ],
            options={
                "db_table": "backlog_run",
                "managed": False,
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="DeletedCard",
            fields=[
                ("id", models.TextField(db_collation="C", primary_key=True, serialize=False)),
                ("attempts", models.IntegerField()),
            ],
            options={
                "db_table": "backlog_deleted",
            },
        ),
        migrations.CreateModel(
            name="Card",
            fields=[
                ("id", models.TextField(db_collation="C", primary_key=True, serialize=False)),
                ("title", models.TextField()),
                ("body", models.TextField(blank=True, null=True)),
                ("phase", models.TextField(blank=True, null=True)),
                ("priority", models.IntegerField(db_default=0, default=0)),
                (
                    "status",
                    models.TextField(
                        choices=[
                            ("ready", "ready"),
                            ("claimed", "claimed"),
                            ("blocked", "blocked"),
                            ("done", "done"),
                        ],
                        db_default="ready",
                        default="ready",
                    ),
                ),
                (
                    "depends_on",
                    models.JSONField(
                        blank=True, db_default=models.Value([], models.JSONField()), default=list
                    ),
                ),
                ("claim_owner", models.TextField(blank=True, null=True)),
                ("claim_ttl_seconds", models.IntegerField(blank=True, null=True)),
                ("claimed_at", models.DateTimeField(blank=True, null=True)),
                ("attempts", models.IntegerField(db_default=0, default=0)),
                ("idempotency_key", models.TextField(blank=True, null=True)),
                ("acceptance", models.JSONField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "updated_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("role", models.TextField(blank=True, null=True)),
                ("max_attempts", models.IntegerField(blank=True, null=True)),
                ("not_before", models.DateTimeField(blank=True, null=True)),
                (
                    "block_reason",
                    models.TextField(
                        blank=True,
                        choices=[
                            ("dependency", "dependency"),
                            ("needs_input", "needs input"),
                            ("capability", "capability"),
                            ("transient", "transient"),
                            ("attempts_exhausted", "attempts exhausted"),
                            ("other", "other"),
                        ],
                        editable=False,
                        null=True,
                    ),
                ),
                ("block_note", models.TextField(blank=True, editable=False, null=True)),
                ("block_count", models.IntegerField(db_default=0, default=0, editable=False)),
                (
                    "status_changed_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("open_dependencies", models.IntegerField(db_default=0, default=0, editable=False)),
                ("claim_expires_at", models.DateTimeField(editable=False, null=True)),
                ("held", models.BooleanField(db_default=False, default=False, editable=False)),
                ("attempts_forgiven", models.IntegerField(db_default=0, default=0, editable=False)),
                (
                    "claimable",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Q(  # type: ignore[arg-type]
                            ("held", False), ("open_dependencies", 0), ("status", "ready")
                        ),
                        output_field=models.BooleanField(),
                    ),
                ),
            ],
            options={
                "verbose_name": "card",
                "db_table": "backlog",
                "permissions": [("administer", "Can use the admin")],
                "indexes": [
                    models.Index(
                        models.OrderBy(models.F("priority"), descending=True),
                        models.F("created_at"),
                        models.F("id"),
                        condition=models.Q(("claimable", True)),
                        name="backlog_queue",
                    ),
                    models.Index(
                        models.F("claim_expires_at"),
                        condition=models.Q(("claim_expires_at__isnull", False)),
                        name="backlog_expiry",
                    ),
                    models.Index(
                        models.F("role"),
                        models.OrderBy(models.F("priority"), descending=True),
                        models.F("created_at"),
                        models.F("id"),
                        condition=models.Q(("claimable", True), ("role__isnull", False)),
                        name="backlog_role_queue",
                    ),
                    models.Index(
                        models.F("status"),
                        models.F("priority"),
                        condition=models.Q(("status", "claimed"), _negated=True),
                        name="backlog_status_priority",
                    ),
                    models.Index(
                        models.F("phase"),
                        models.F("status"),
                        models.F("claimable"),
                        models.OrderBy(models.F("priority"), descending=True),
                        models.F("created_at"),
                        models.F("id"),
                        condition=models.Q(("status", "claimed"), _negated=True),
                        name="backlog_lanes",
                    ),
                    models.Index(
                        models.F("status"),
                        models.F("claimed_at"),
                        condition=models.Q(("claimed_at__isnull", False)),
                        name="backlog_status_claimed_at",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("idempotency_key__isnull", False)),
                        fields=("idempotency_key",),
                        name="backlog_idempotency_key",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ("ready", "claimed", "blocked", "done"))),
                        name="backlog_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("claim_owner__isnull", False),
                                ("claim_ttl_seconds__isnull", False),
                                ("claimed_at__isnull", False),
                                ("status", "claimed"),
                            ),
                            models.Q(
                                models.Q(("status", "claimed"), _negated=True),
                                ("claim_owner__isnull", True),
                                ("claim_ttl_seconds__isnull", True),
                                ("claimed_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="backlog_claimed_iff_held",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("claim_owner__regex", "\\S"),
                            ("id__regex", "\\S"),
                            ("title__regex", "\\S"),
                        ),
                        name="backlog_not_blank",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("block_reason__isnull", True), ("status", "blocked"), _negated=True
                            ),
                            (
                                "block_reason__in",
                                (
                                    "dependency",
                                    "needs_input",
                                    "capability",
                                    "transient",
                                    "attempts_exhausted",
                                    "other",
                                ),
                            ),
                        ),
                        name="backlog_blocked_for_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("attempts__range", (0, 2000000000)),
                            ("attempts_forgiven__range", (0, 2000000000)),
                            ("block_count__range", (0, 2000000000)),
                            ("claim_ttl_seconds__gte", 1),
                            ("max_attempts__gte", 0),
                        ),
                        name="backlog_counters_in_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "claimed_at__range",
                                (
                                    datetime.datetime(1000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                    datetime.datetime(9000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                ),
                            ),
                            (
                                "created_at__range",
                                (
                                    datetime.datetime(1000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                    datetime.datetime(9000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                ),
                            ),
                            (
                                "not_before__range",
                                (
                                    datetime.datetime(1000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                    datetime.datetime(9000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                ),
                            ),
                            (
                                "status_changed_at__range",
                                (
                                    datetime.datetime(1000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                    datetime.datetime(9000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                ),
                            ),
                            (
                                "updated_at__range",
                                (
                                    datetime.datetime(1000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                    datetime.datetime(9000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                ),
                            ),
                        ),
                        name="backlog_card_times_in_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "claim_expires_at__range",
                                (
                                    datetime.datetime(1000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                    datetime.datetime(9100, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                ),
                            )
                        ),
                        name="backlog_expiry_in_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("held", False), ("not_before__isnull", False), _connector="OR"
                        ),
                        name="backlog_held_until",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            django.db.models.lookups.Exact(
                                models.Func(
                                    "depends_on",
                                    function="jsonb_typeof",
                                    output_field=models.TextField(),
                                ),
                                "array",
                            ),
                            models.Q(
                                models.Func(
                                    "depends_on",
                                    "id",
                                    function="jsonb_exists",
                                    output_field=models.BooleanField(),
                                ),
                                _negated=True,
                            ),
                            models.Q(
                                models.Func(
                                    "depends_on",
                                    models.Value(
                                        'strict $[*] ? (@.type() != "string" || !(@ like_regex "\\\\S"))'
                                    ),
                                    function="jsonb_path_exists_opr",
                                    output_field=models.BooleanField(),
                                ),
                                _negated=True,
                            ),
                        ),
                        name="backlog_depends_on_ids",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Rule",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "kind",
                        "scope",
                        "name",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "kind",
                    models.TextField(
                        choices=[("pause", "pause"), ("limit", "limit"), ("hold", "hold")]
                    ),
                ),
                (
                    "scope",
                    models.TextField(
                        choices=[
                            ("fleet", "fleet"),
                            ("phase", "phase"),
                            ("owner", "owner"),
                            ("card", "card"),
                        ]
                    ),
                ),
                ("name", models.TextField(blank=True)),
                ("reason", models.TextField(null=True)),
                ("most", models.IntegerField(null=True)),
                ("actor", models.TextField()),
                (
                    "since",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "due",
                    models.DateTimeField(
                        db_default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.UTC)
                    ),
                ),
            ],
            options={
                "db_table": "backlog_rule",
                "indexes": [models.Index(models.F("due"), name="backlog_rule_due")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("kind", "pause"),
                                ("most__isnull", True),
                                ("reason__isnull", False),
                                models.Q(
                                    models.Q(("name", ""), ("scope", "fleet")),
                                    models.Q(
                                        ("scope__in", ("phase", "owner")),
                                        models.Q(("name", ""), _negated=True),
                                    ),
                                    _connector="OR",
                                ),
                            ),
                            models.Q(
                                ("kind", "limit"),
                                ("most__gte", 0),
                                ("most__isnull", False),
                                ("reason__isnull", True),
                                ("scope__in", ("phase", "owner")),
                                models.Q(("name", ""), _negated=True),
                            ),
                            models.Q(("kind", "hold"), ("scope", "card")),
                            _connector="OR",
                        ),
                        name="backlog_rule_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "due__range",
                                (
                                    datetime.datetime(1000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                    datetime.datetime(9000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                ),
                            ),
                            (
                                "since__range",
                                (
                                    datetime.datetime(1000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                    datetime.datetime(9000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                ),
                            ),
                        ),
                        name="backlog_rule_times_in_range",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Dependency",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "card_id",
                        "dependency_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "card",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="dependencies",
                        to="backlog.card",
                    ),
                ),
                (
                    "dependency",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="dependents",
                        to="backlog.card",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "dependencies",
                "db_table": "backlog_dependency",
                "indexes": [
                    models.Index(
                        models.F("dependency_id"), models.F("card_id"), name="backlog_dependents"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="EndedRun",
            fields=[
                ("attempt", models.IntegerField(null=True)),
                ("owner", models.TextField()),
                ("started_at", models.DateTimeField()),
                ("summary", models.TextField(null=True)),
                ("result", models.JSONField(null=True)),
                ("tokens", models.BigIntegerField(null=True)),
                ("cost", models.DecimalField(decimal_places=6, max_digits=20, null=True)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "card_id",
                        "id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("id", models.BigIntegerField(editable=False)),
                ("ended_at", models.DateTimeField()),
                (
                    "outcome",
                    models.TextField(
                        choices=[
                            ("completed", "completed"),
                            ("released", "released"),
                            ("expired", "expired"),
                            ("blocked", "blocked"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                        ]
                    ),
                ),
                (
                    "card",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="ended_runs",
                        to="backlog.card",
                    ),
                ),
            ],
            options={
                "db_table": "backlog_ended_run",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "ended_at__range",
                                (
                                    datetime.datetime(1000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                    datetime.datetime(9000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                ),
                            ),
                            (
                                "started_at__range",
                                (
                                    datetime.datetime(1000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                    datetime.datetime(9000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                ),
                            ),
                        ),
                        name="backlog_ended_run_times_in_range",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "card_id",
                        "id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("id", models.BigIntegerField(editable=False)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("actor", models.TextField()),
                ("verb", models.TextField()),
                ("from_status", models.TextField(null=True)),
                ("to_status", models.TextField(null=True)),
                ("attempt", models.IntegerField()),
                ("note", models.TextField(null=True)),
                (
                    "card",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="events",
                        to="backlog.card",
                    ),
                ),
            ],
            options={
                "db_table": "backlog_event",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "at__range",
                                (
                                    datetime.datetime(1000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                    datetime.datetime(9000, 1, 1, 0, 0, tzinfo=datetime.UTC),
                                ),
                            )
                        ),
                        name="backlog_event_times_in_range",
                    )
                ],
            },
        ),
        migrations.RunPython(make_groups, migrations.RunPython.noop),
    ]
