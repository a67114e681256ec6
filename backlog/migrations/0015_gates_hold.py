"""Gates that no writer passes; the words of a block's reason are a rule of its type.

A claim reads one CHECK less for it: see docs/benchmarks.md.
"""

from pathlib import Path

from django.db import migrations, models

import backlog.fields

SQL = Path(__file__).with_suffix(".sql").read_text()


class Migration(migrations.Migration):
    dependencies = [("backlog", "0014_rules_of_a_fleet")]
    operations = [
        migrations.RunSQL(
            SQL,
            state_operations=[
                migrations.RemoveConstraint(
                    model_name="card",
                    name="backlog_blocked_for_a_reason",
                ),
                migrations.AlterField(
                    model_name="card",
                    name="block_reason",
                    field=backlog.fields.BlockReasonField(
                        blank=True,
                        choices=[
                            ("dependency", "dependency"),
                            ("needs_input", "needs input"),
                            ("capability", "capability"),
                            ("transient", "transient"),
                            ("attempts_exhausted", "attempts exhausted"),
                            ("in_review", "in review"),
                            ("other", "other"),
                        ],
                        editable=False,
                        null=True,
                    ),
                ),
                migrations.AddConstraint(
                    model_name="card",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "blocked"), _negated=True),
                            ("block_reason__isnull", False),
                            _connector="OR",
                        ),
                        name="backlog_blocked_for_a_reason",
                    ),
                ),
            ],
        )
    ]
