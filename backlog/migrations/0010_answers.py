"""What an operator said to a blocked card: a column of it, kept for whoever claims it next."""

from pathlib import Path

from django.db import migrations

from backlog import fields

SQL = Path(__file__).with_suffix(".sql").read_text()


class Migration(migrations.Migration):
    dependencies = [("backlog", "0009_output")]
    operations = [
        migrations.RunSQL(
            SQL,
            state_operations=[
                migrations.AddField(
                    "card",
                    "answer",
                    fields.FreeTextField(blank=True, editable=False, null=True),
                ),
            ],
        ),
    ]
