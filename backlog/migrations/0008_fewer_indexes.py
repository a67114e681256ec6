"""Indexes that a claim or a completion wrote, and hardly anybody read."""

from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).with_suffix(".sql").read_text()


class Migration(migrations.Migration):
    dependencies = [("backlog", "0007_kept")]
    operations = [
        # What is claimed has `backlog_expiry`: the view of runs, and all else, goes by that one.
        migrations.RunSQL(SQL),
        migrations.RemoveIndex("card", "backlog_status_claimed_at"),
        migrations.RemoveIndex("card", "backlog_status_priority"),
        migrations.AddIndex(
            "card",
            models.Index(
                models.F("priority").desc(),
                "created_at",
                "id",
                name="backlog_blocked",
                condition=models.Q(status="blocked"),
            ),
        ),
    ]
