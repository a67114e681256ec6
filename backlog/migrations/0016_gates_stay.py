"""What is of a gated phase keeps its gate, and has it when it is reopened."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).with_suffix(".sql").read_text()


class Migration(migrations.Migration):
    dependencies = [("backlog", "0015_gates_hold")]
    operations = [migrations.RunSQL(SQL)]
