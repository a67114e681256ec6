"""Runs, pauses, limits, the cap on attempts, and what may be claimed when and by whom."""

from pathlib import Path

import django.db.models.functions.datetime
from django.db import migrations, models

_SQL = Path(__file__).with_suffix(".sql")


class Migration(migrations.Migration):
    dependencies = [
        ("backlog", "0004_roles"),
    ]

    operations = [
        migrations.CreateModel(
            name="EndedRun",
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
                ("card_id", models.TextField(db_collation="C")),
                ("id", models.BigIntegerField(editable=False)),
                ("attempt", models.IntegerField(null=True)),
                ("owner", models.TextField()),
                ("started_at", models.DateTimeField()),
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
                ("summary", models.TextField(null=True)),
                ("result", models.JSONField(null=True)),
                ("tokens", models.BigIntegerField(null=True)),
                ("cost", models.DecimalField(decimal_places=6, max_digits=20, null=True)),
            ],
            options={
                "db_table": "backlog_ended_run",
            },
        ),
        migrations.CreateModel(
            name="Limit",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "scope",
                        "name",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("scope", models.TextField(choices=[("phase", "phase"), ("owner", "owner")])),
                ("name", models.TextField()),
                ("most", models.IntegerField()),
                ("actor", models.TextField()),
                (
                    "since",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "db_table": "backlog_limit",
            },
        ),
        migrations.CreateModel(
            name="Pause",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "scope",
                        "name",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "scope",
                    models.TextField(
                        choices=[("fleet", "fleet"), ("phase", "phase"), ("owner", "owner")]
                    ),
                ),
                ("name", models.TextField(blank=True)),
                ("reason", models.TextField()),
                ("actor", models.TextField()),
                (
                    "since",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "db_table": "backlog_pause",
            },
        ),
        # A generated column cannot be altered before PostgreSQL 17.
        migrations.RemoveIndex(model_name="card", name="backlog_queue"),
        migrations.RemoveIndex(model_name="card", name="backlog_lanes"),
        migrations.RemoveField(model_name="card", name="claimable"),
        migrations.RemoveConstraint(
            model_name="card",
            name="backlog_idempotency_key",
        ),
        migrations.RemoveIndex(
            model_name="card",
            name="backlog_status_priority",
        ),
        migrations.AddField(
            model_name="card",
            name="attempts_forgiven",
            field=models.IntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="card",
            name="held",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name="card",
            name="max_attempts",
            field=models.IntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="card",
            name="not_before",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="card",
            name="role",
            field=models.TextField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="card",
            name="claimable",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.ExpressionWrapper(
                    models.Q(("held", False), ("open_dependencies", 0), ("status", "ready")),
                    output_field=models.BooleanField(),
                ),
                output_field=models.BooleanField(),
            ),
        ),
        migrations.AddIndex(
            model_name="card",
            index=models.Index(
                models.OrderBy(models.F("priority"), descending=True),
                models.F("created_at"),
                models.F("id"),
                condition=models.Q(("claimable", True)),
                name="backlog_queue",
            ),
        ),
        migrations.AddIndex(
            model_name="card",
            index=models.Index(
                models.F("phase"),
                models.F("status"),
                models.F("claimable"),
                models.OrderBy(models.F("priority"), descending=True),
                models.F("created_at"),
                models.F("id"),
                condition=models.Q(("status", "claimed"), _negated=True),
                name="backlog_lanes",
            ),
        ),
        migrations.AddIndex(
            model_name="card",
            index=models.Index(
                models.F("role"),
                models.OrderBy(models.F("priority"), descending=True),
                models.F("created_at"),
                models.F("id"),
                condition=models.Q(("claimable", True), ("role__isnull", False)),
                name="backlog_role_queue",
            ),
        ),
        migrations.AddIndex(
            model_name="card",
            index=models.Index(
                models.F("not_before"), condition=models.Q(("held", True)), name="backlog_held"
            ),
        ),
        migrations.AddIndex(
            model_name="card",
            index=models.Index(
                models.F("status"),
                models.F("priority"),
                condition=models.Q(("status", "claimed"), _negated=True),
                name="backlog_status_priority",
            ),
        ),
        migrations.AddConstraint(
            model_name="card",
            constraint=models.UniqueConstraint(
                condition=models.Q(("idempotency_key__isnull", False)),
                fields=("idempotency_key",),
                name="backlog_idempotency_key",
            ),
        ),
        migrations.AddConstraint(
            model_name="limit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("most__gte", 0),
                    ("scope__in", ("phase", "owner")),
                    models.Q(("name", ""), _negated=True),
                ),
                name="backlog_limit_scope",
            ),
        ),
        migrations.AddConstraint(
            model_name="pause",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("name", ""), ("scope", "fleet")),
                    models.Q(
                        ("scope__in", ("phase", "owner")), models.Q(("name", ""), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="backlog_pause_scope",
            ),
        ),
        migrations.RunSQL(_SQL.read_text(), migrations.RunSQL.noop),
    ]
