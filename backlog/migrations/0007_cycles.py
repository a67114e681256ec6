"""What a cycle of claim and completion costs, without a change in what it does."""

import datetime
from pathlib import Path

from django.db import migrations, models
from django.db.models.functions import Now

_SQL = Path(__file__).with_suffix(".sql")
_RULES = """
INSERT INTO backlog_rule (kind, scope, name, reason, most, actor, since)
SELECT 'pause', scope, name, reason, NULL, actor, since FROM backlog_pause UNION ALL
SELECT 'limit', scope, name, NULL, most, actor, since FROM backlog_limit"""


class Migration(migrations.Migration):
    dependencies = [
        ("backlog", "0006_claims"),
    ]

    operations = [
        # One table to look into instead of two.
        migrations.CreateModel(
            name="Rule",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "kind",
                        "scope",
                        "name",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "kind",
                    models.TextField(
                        choices=[("pause", "pause"), ("limit", "limit"), ("hold", "hold")]
                    ),
                ),
                (
                    "scope",
                    models.TextField(
                        choices=[
                            ("fleet", "fleet"),
                            ("phase", "phase"),
                            ("owner", "owner"),
                            ("card", "card"),
                        ]
                    ),
                ),
                ("name", models.TextField(blank=True)),
                ("reason", models.TextField(null=True)),
                ("most", models.IntegerField(null=True)),
                ("actor", models.TextField()),
                (
                    "due",
                    models.DateTimeField(
                        db_default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.UTC)
                    ),
                ),
                (
                    "since",
                    models.DateTimeField(db_default=Now()),
                ),
            ],
            options={
                "db_table": "backlog_rule",
            },
        ),
        migrations.AddIndex(
            model_name="rule", index=models.Index(models.F("due"), name="backlog_rule_due")
        ),
        migrations.AddConstraint(
            model_name="rule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("kind", "pause"),
                        ("most__isnull", True),
                        ("reason__isnull", False),
                        models.Q(
                            models.Q(("name", ""), ("scope", "fleet")),
                            models.Q(
                                ("scope__in", ("phase", "owner")),
                                models.Q(("name", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                    ),
                    models.Q(
                        ("kind", "limit"),
                        ("most__gte", 0),
                        ("most__isnull", False),
                        ("reason__isnull", True),
                        ("scope__in", ("phase", "owner")),
                        models.Q(("name", ""), _negated=True),
                    ),
                    models.Q(("kind", "hold"), ("scope", "card")),
                    _connector="OR",
                ),
                name="backlog_rule_kind",
            ),
        ),
        migrations.RunSQL(_RULES, migrations.RunSQL.noop),
        migrations.RunSQL(
            _SQL.read_text(),
            migrations.RunSQL.noop,
            state_operations=[
                migrations.AlterField(
                    model_name="card",
                    name="claimable",
                    field=models.BooleanField(db_default=False, default=False, editable=False),
                ),
            ],
        ),
        migrations.RemoveIndex(model_name="card", name="backlog_held"),
        migrations.DeleteModel(name="Limit"),
        migrations.DeleteModel(name="Pause"),
    ]
