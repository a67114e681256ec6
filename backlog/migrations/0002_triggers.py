"""Functions, triggers and storage: `backlog/sql` as it was when this was written."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).with_suffix(".sql").read_text()
STORAGE = SQL[SQL.index("-- How the tables are stored.") :]


class Migration(migrations.Migration):
    dependencies = [("backlog", "0001_initial")]
    # Any store of an earlier checkout has triggers: the next migration makes them today's.
    replaces = [("backlog", "0002_derived")]
    operations = [migrations.RunSQL(SQL)]
