"""Events, why a card is blocked, since when it is what it is, and the board's index."""

from pathlib import Path

import django.db.models.functions.datetime
from django.db import migrations, models

_SQL = Path(__file__).with_suffix(".sql")


class Migration(migrations.Migration):
    dependencies = [
        ("backlog", "0002_derived"),
    ]

    operations = [
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
                ("card_id", models.TextField(db_collation="C")),
                ("id", models.BigIntegerField(editable=False)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("actor", models.TextField()),
                ("verb", models.TextField()),
                ("from_status", models.TextField(null=True)),
                ("to_status", models.TextField(null=True)),
                ("attempt", models.IntegerField()),
                ("note", models.TextField(null=True)),
            ],
            options={
                "db_table": "backlog_event",
            },
        ),
        migrations.AddField(
            model_name="card",
            name="block_count",
            field=models.IntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="card",
            name="block_note",
            field=models.TextField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="card",
            name="block_reason",
            field=models.TextField(
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
        migrations.AddField(
            model_name="card",
            name="status_changed_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(), editable=False
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
        migrations.RunSQL(_SQL.read_text(), migrations.RunSQL.noop),
    ]
