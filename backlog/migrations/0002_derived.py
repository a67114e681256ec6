"""Functions, triggers and storage parameters: what Django's schema cannot say."""

from pathlib import Path

from django.db import migrations

_SQL = Path(__file__).with_suffix(".sql")


class Migration(migrations.Migration):
    dependencies = [("backlog", "0001_initial")]
    operations = [migrations.RunSQL(_SQL.read_text(), migrations.RunSQL.noop)]
