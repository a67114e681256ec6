"""The runs of one card are found by their index again: see `backlog/sql/runs.sql`."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).with_suffix(".sql").read_text()


class Migration(migrations.Migration):
    dependencies = [("backlog", "0012_views")]
    operations = [migrations.RunSQL(SQL)]
