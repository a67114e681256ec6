"""What a cycle of claim and completion costs, without a change in what it does."""

from pathlib import Path

from django.db import migrations, models

_SQL = Path(__file__).with_suffix(".sql")


class Migration(migrations.Migration):
    dependencies = [
        ("backlog", "0006_claims"),
    ]

    operations = [
        migrations.RunSQL(
            _SQL.read_text(),
            migrations.RunSQL.noop,
            state_operations=[
                migrations.AlterField(
                    model_name="card",
                    name="claimable",
                    field=models.BooleanField(db_default=False, default=False, editable=False),
                ),
            ],
        ),
    ]
