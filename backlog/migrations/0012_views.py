"""Saved views: what an account has given a name of its own."""

from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Length
from django.db.models.lookups import LessThanOrEqual


class Migration(migrations.Migration):
    dependencies = [
        ("backlog", "0011_search"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="SavedView",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.TextField()),
                ("page", models.TextField(choices=[("board", "board"), ("cards", "cards")])),
                ("query", models.TextField(blank=True)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=models.CASCADE,
                        related_name="saved_views",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "backlog_view",
                "default_permissions": (),
                "ordering": ["name"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=["account", "name"], name="backlog_view_of_account"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(page__in=("board", "cards"))
                        & ~models.Q(name="")
                        & models.Q(LessThanOrEqual(Length("name"), 60))
                        & models.Q(LessThanOrEqual(Length("query"), 2_000)),
                        name="backlog_view_bounds",
                    ),
                ],
            },
        ),
        # No way back begins here: one that ended at 0010 would have gone a part of it.
        migrations.RunSQL(migrations.RunSQL.noop),
    ]
