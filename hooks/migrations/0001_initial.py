"""Who is told of what, the outbox, and the triggers that write it."""

from pathlib import Path

import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import backlog.fields

SQL = Path(__file__).with_suffix(".sql").read_text()


class Migration(migrations.Migration):
    initial = True

    dependencies = [("backlog", "0015_gates_hold"), ("fleet", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="DonePhase",
            fields=[
                ("phase", backlog.fields.LabelField(primary_key=True, serialize=False)),
            ],
            options={
                "db_table": "hooks_done_phase",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.TextField(choices=[("webhook", "webhook"), ("notify", "notify")])),
                ("url", models.TextField()),
                ("secret", models.TextField(null=True)),
                ("events", backlog.fields.DocumentField()),
                ("phase", backlog.fields.LabelField(null=True)),
                ("actor", models.TextField()),
                (
                    "since",
                    backlog.fields.TimestampField(
                        db_default=django.db.models.functions.datetime.Now()
                    ),
                ),
                ("busy_until", backlog.fields.TimestampField(null=True)),
                ("turn", models.BigIntegerField(db_default=0, default=0)),
            ],
            options={
                "db_table": "hooks_subscription",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "key",
                    models.UUIDField(db_default=django.contrib.postgres.functions.RandomUUID()),
                ),
                ("type", models.TextField()),
                (
                    "at",
                    backlog.fields.TimestampField(
                        db_default=django.db.models.functions.datetime.Now()
                    ),
                ),
                ("data", models.JSONField()),
                ("attempts", backlog.fields.CountField(db_default=0, default=0)),
                (
                    "next_at",
                    backlog.fields.TimestampField(
                        db_default=django.db.models.functions.datetime.Now(), null=True
                    ),
                ),
                ("tried_at", backlog.fields.TimestampField(null=True)),
                ("answered", models.IntegerField(null=True)),
                ("error", backlog.fields.FreeTextField(null=True)),
                ("delivered_at", backlog.fields.TimestampField(null=True)),
                (
                    "subscription",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="hooks.subscription",
                    ),
                ),
            ],
            options={
                "db_table": "hooks_delivery",
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        models.F("subscription_id"),
                        models.F("id"),
                        condition=models.Q(("next_at__isnull", False)),
                        name="hooks_delivery_waiting",
                    ),
                    models.Index(
                        models.F("id"),
                        condition=models.Q(
                            ("delivered_at__isnull", True), ("next_at__isnull", True)
                        ),
                        name="hooks_delivery_dead",
                    ),
                    models.Index(models.F("at"), name="hooks_delivery_at"),
                ],
            },
        ),
        # No way back, as the fleet's.
        migrations.RunSQL(SQL),
    ]
