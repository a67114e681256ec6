"""Tokens of workers that call over the wire, and answers that are kept for a day."""

import django.db.models.functions.datetime
from django.db import migrations, models

import backlog.fields


class Migration(migrations.Migration):
    initial = True

    dependencies = [("backlog", "0014_rules_of_a_fleet")]

    operations = [
        migrations.CreateModel(
            name="Answer",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "token_key",
                        "idempotency_key",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("token_key", models.TextField()),
                ("idempotency_key", backlog.fields.KeyField()),
                ("asked", models.BinaryField()),
                ("exit_status", models.IntegerField()),
                ("content_type", models.TextField()),
                ("body", models.TextField()),
                (
                    "at",
                    backlog.fields.TimestampField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
            ],
            options={
                "db_table": "remote_answer",
                "default_permissions": (),
                "indexes": [models.Index(models.F("at"), name="remote_answer_at")],
            },
        ),
        migrations.CreateModel(
            name="Token",
            fields=[
                ("key", models.TextField(editable=False, primary_key=True, serialize=False)),
                ("digest", models.BinaryField()),
                ("worker", backlog.fields.NameField()),
                (
                    "scope",
                    models.TextField(
                        choices=[("read", "read"), ("work", "work"), ("operate", "operate")],
                        default="work",
                    ),
                ),
                ("phases", backlog.fields.DocumentField(blank=True, default=list)),
                ("roles", backlog.fields.DocumentField(blank=True, default=list)),
                (
                    "created_at",
                    backlog.fields.TimestampField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("created_by", models.TextField(editable=False)),
                ("expires_at", backlog.fields.TimestampField(blank=True, null=True)),
                ("revoked_at", backlog.fields.TimestampField(editable=False, null=True)),
                ("last_used_at", backlog.fields.TimestampField(editable=False, null=True)),
            ],
            options={
                "db_table": "remote_token",
                "indexes": [models.Index(models.F("worker"), name="remote_token_worker")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("scope__in", ("read", "work", "operate"))),
                        name="token_scope",
                    )
                ],
            },
        ),
        # No way back begins here: one that ended before it would have gone a part of it.
        migrations.RunSQL(migrations.RunSQL.noop),
    ]
