"""Functions, triggers and storage: `backlog/sql` as it was when this was written."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).with_suffix(".sql").read_text()


class Migration(migrations.Migration):
    dependencies = [("backlog", "0001_initial")]
    # Every store of an earlier checkout has had its triggers: the next migration brings it up to date.
    replaces = [("backlog", "0002_derived")]
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
