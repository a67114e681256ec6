"""What a claim and its end cost, without a change in what they do."""

from pathlib import Path

from django.db import migrations

_SQL = Path(__file__).with_suffix(".sql")


class Migration(migrations.Migration):
    dependencies = [
        ("backlog", "0005_runs"),
    ]

    operations = [
        migrations.RunSQL(_SQL.read_text(), migrations.RunSQL.noop),
    ]
