"""What sweeps keep of a large backlog: a row for each thing that takes long to look at."""

from django.db import migrations, models

from backlog import fields


class Migration(migrations.Migration):
    dependencies = [("backlog", "0006_dependents")]
    operations = [
        migrations.CreateModel(
            name="Kept",
            fields=[
                ("name", models.TextField(primary_key=True, serialize=False)),
                ("begun_at", fields.TimestampField()),
                ("made_at", fields.TimestampField(null=True)),
                ("seconds", models.FloatField(null=True)),
                ("content", models.JSONField(null=True)),
            ],
            options={"db_table": "backlog_kept", "default_permissions": ()},
        ),
        # No way back begins here: one that ended at 0006 would have gone half of it.
        migrations.RunSQL(migrations.RunSQL.noop),
    ]
