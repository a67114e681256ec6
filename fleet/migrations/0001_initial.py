"""What a fleet keeps beside its backlog."""

import django.db.models.functions.datetime
from django.db import migrations, models

import backlog.fields


class Migration(migrations.Migration):
    initial = True

    dependencies = [("backlog", "0014_rules_of_a_fleet")]

    operations = [
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                ("name", backlog.fields.NameField(primary_key=True, serialize=False)),
                ("at", backlog.fields.TimestampField()),
            ],
            options={
                "db_table": "fleet_heartbeat",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Proposal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("text", backlog.fields.FreeTextField()),
                ("against", models.TextField(blank=True)),
                ("reason", backlog.fields.FreeTextField(null=True)),
                ("actor", models.TextField()),
                (
                    "at",
                    backlog.fields.TimestampField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("decided_at", backlog.fields.TimestampField(null=True)),
                ("decided_by", models.TextField(null=True)),
                ("ratified", models.BooleanField(null=True)),
                ("why", backlog.fields.FreeTextField(null=True)),
            ],
            options={
                "db_table": "fleet_proposal",
            },
        ),
        migrations.CreateModel(
            name="Worker",
            fields=[
                (
                    "name",
                    backlog.fields.NameField(db_collation="C", primary_key=True, serialize=False),
                ),
                ("roles", backlog.fields.DocumentField(default=list)),
                (
                    "registered_at",
                    backlog.fields.TimestampField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
            ],
            options={
                "db_table": "fleet_worker",
            },
        ),
        migrations.CreateModel(
            name="Decision",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("card_id", models.TextField()),
                (
                    "verdict",
                    models.TextField(
                        choices=[("merged", "merged"), ("held", "held"), ("rejected", "rejected")]
                    ),
                ),
                ("reason", backlog.fields.LineField()),
                ("actor", models.TextField()),
                (
                    "at",
                    backlog.fields.TimestampField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("commit", backlog.fields.KeyField(null=True)),
            ],
            options={
                "db_table": "fleet_decision",
                "indexes": [
                    models.Index(models.F("card_id"), models.F("id"), name="fleet_decision_card")
                ],
            },
        ),
        migrations.CreateModel(
            name="Escalation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("card_id", models.TextField(blank=True, null=True)),
                ("reason", backlog.fields.LineField()),
                ("actor", models.TextField()),
                (
                    "raised_at",
                    backlog.fields.TimestampField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("raised", backlog.fields.CountField(db_default=1, default=1)),
                ("again_at", backlog.fields.TimestampField(null=True)),
                ("acknowledged_at", backlog.fields.TimestampField(null=True)),
                ("acknowledged_by", models.TextField(null=True)),
                ("resolved_at", backlog.fields.TimestampField(null=True)),
                ("resolved_by", models.TextField(null=True)),
                ("resolution", backlog.fields.FreeTextField(null=True)),
            ],
            options={
                "db_table": "fleet_escalation",
                "indexes": [
                    models.Index(
                        models.F("id"),
                        condition=models.Q(("resolved_at__isnull", True)),
                        name="fleet_escalation_open",
                    ),
                    models.Index(models.F("card_id"), models.F("id"), name="fleet_escalation_card"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Repeat",
            fields=[
                ("card_id", models.TextField(primary_key=True, serialize=False)),
                ("series", backlog.fields.NameField()),
                ("line", models.TextField()),
                ("zone", backlog.fields.LabelField()),
                ("next_at", backlog.fields.TimestampField()),
            ],
            options={
                "db_table": "fleet_repeat",
                "indexes": [models.Index(models.F("next_at"), name="fleet_repeat_next")],
            },
        ),
        migrations.CreateModel(
            name="Signal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("card_id", models.TextField()),
                (
                    "kind",
                    models.TextField(
                        choices=[
                            ("defect", "defect"),
                            ("tooling", "tooling"),
                            ("friction", "friction"),
                            ("skill", "skill"),
                        ]
                    ),
                ),
                ("text", backlog.fields.LineField()),
                ("evidence", backlog.fields.FreeTextField(null=True)),
                ("actor", models.TextField()),
                (
                    "at",
                    backlog.fields.TimestampField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
            ],
            options={
                "db_table": "fleet_signal",
                "indexes": [
                    models.Index(models.F("kind"), models.F("id"), name="fleet_signal_kind"),
                    models.Index(models.F("card_id"), models.F("id"), name="fleet_signal_card"),
                ],
            },
        ),
        # No way back begins here: one that ended before it would have gone a part of it.
        migrations.RunSQL(migrations.RunSQL.noop),
    ]
