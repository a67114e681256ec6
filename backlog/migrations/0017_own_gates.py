"""A card's own gate is told from that of its phase."""

from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).with_suffix(".sql").read_text()


class Migration(migrations.Migration):
    dependencies = [("backlog", "0016_gates_stay")]
    operations = [
        migrations.AddField(
            model_name="card",
            name="own_gate",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.RunSQL(SQL),
    ]
