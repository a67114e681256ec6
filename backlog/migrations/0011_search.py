"""The words of cards, of summaries and of notes, for searches."""

from pathlib import Path

from django.db import migrations, models

from backlog import fields

SQL = Path(__file__).with_suffix(".sql").read_text()


class Migration(migrations.Migration):
    dependencies = [("backlog", "0010_answers")]
    operations = [
        migrations.RunSQL(
            SQL,
            state_operations=[
                migrations.CreateModel(
                    name="SearchDocument",
                    fields=[
                        (
                            "card_id",
                            models.TextField(db_collation="C", primary_key=True, serialize=False),
                        ),
                        ("document", fields.WordsField(editable=False, null=True)),
                    ],
                    options={"db_table": "backlog_search", "default_permissions": ()},
                ),
            ],
        ),
    ]
