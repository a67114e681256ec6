"""What the commands of runs print: the end of it, outside the card and the run."""

from pathlib import Path

from django.db import migrations, models
from django.db.models.functions import Length, Now
from django.db.models.lookups import LessThanOrEqual

from backlog import fields

SQL = Path(__file__).with_suffix(".sql").read_text()

_BYTES = models.Func("tail", function="octet_length", output_field=models.IntegerField())


class Migration(migrations.Migration):
    dependencies = [("backlog", "0008_fewer_indexes")]
    operations = [
        migrations.CreateModel(
            name="RunOutput",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "card_id",
                        "attempt",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("attempt", fields.CountField()),
                ("tail", models.BinaryField()),
                ("before", models.BigIntegerField(default=0)),
                ("ended", models.BooleanField(default=False)),
                ("last_line", models.TextField()),
                ("written_at", fields.TimestampField(db_default=Now())),
                (
                    "card",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=models.DO_NOTHING,
                        related_name="outputs",
                        to="backlog.card",
                    ),
                ),
            ],
            options={
                "db_table": "backlog_output",
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("before__gte", 0),
                            LessThanOrEqual(_BYTES, 65536),
                            LessThanOrEqual(Length("last_line"), 200),
                        ),
                        name="backlog_output_bounds",
                    )
                ],
            },
        ),
        migrations.RunSQL(SQL),
    ]
