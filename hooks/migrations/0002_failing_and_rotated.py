"""What fails for days is switched off, tries are counted, and a new secret leaves the old one."""

import django.db.models.deletion
from django.db import migrations, models

import backlog.fields


class Migration(migrations.Migration):
    dependencies = [("hooks", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="subscription",
            name="failing_since",
            field=backlog.fields.TimestampField(null=True),
        ),
        migrations.AddField(
            model_name="subscription",
            name="off_at",
            field=backlog.fields.TimestampField(null=True),
        ),
        migrations.AddField(
            model_name="subscription",
            name="off_why",
            field=backlog.fields.FreeTextField(null=True),
        ),
        migrations.AddField(
            model_name="subscription",
            name="delivered",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="subscription",
            name="failed",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.CreateModel(
            name="OldSecret",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("secret", models.TextField()),
                ("until", backlog.fields.TimestampField()),
                (
                    "subscription",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="hooks.subscription",
                    ),
                ),
            ],
            options={"db_table": "hooks_old_secret", "default_permissions": ()},
        ),
    ]
