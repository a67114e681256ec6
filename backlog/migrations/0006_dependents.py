"""Whether some card waits for a card: what a completion asks before it looks for any."""

from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).with_suffix(".sql").read_text()


class Migration(migrations.Migration):
    dependencies = [("backlog", "0005_lengths")]
    operations = [
        migrations.RunSQL(
            SQL,
            state_operations=[
                migrations.AddField(
                    "card",
                    "has_dependents",
                    models.BooleanField(db_default=False, default=False, editable=False),
                ),
            ],
        ),
    ]
