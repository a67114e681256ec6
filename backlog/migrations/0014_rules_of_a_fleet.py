"""Drafts, gates, verdicts, budgets; what is due, projected, dropped or archived."""

from pathlib import Path

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import backlog.fields

SQL = Path(__file__).with_suffix(".sql").read_text()

# One statement a table: each writes it anew, because types have rules.
COLUMNS = """
LOCK TABLE backlog;
CREATE DOMAIN backlog_resolution AS text CONSTRAINT backlog_resolution_known
CHECK (VALUE IN ('dropped', 'duplicate'));
ALTER TABLE backlog
    ADD draft boolean DEFAULT false NOT NULL,
    ADD gated boolean DEFAULT false NOT NULL,
    ADD due backlog_timestamp,
    ADD max_runtime backlog_seconds,
    ADD projected_tokens backlog_tokens,
    ADD projected_cost backlog_cost,
    ADD resolution backlog_resolution,
    ADD archived_at backlog_timestamp;
ALTER TABLE backlog_rule
    ADD tokens backlog_tokens,
    ADD cost backlog_cost,
    ADD spent_tokens backlog_tokens,
    ADD spent_cost backlog_cost;
"""


class Migration(migrations.Migration):
    dependencies = [("backlog", "0013_runs_of_a_card")]
    operations = [
        migrations.RunSQL(
            COLUMNS,
            state_operations=[
                migrations.AddField(
                    model_name="card",
                    name="archived_at",
                    field=backlog.fields.TimestampField(blank=True, editable=False, null=True),
                ),
                migrations.AddField(
                    model_name="card",
                    name="draft",
                    field=models.BooleanField(db_default=False, default=False),
                ),
                migrations.AddField(
                    model_name="card",
                    name="due",
                    field=backlog.fields.TimestampField(blank=True, null=True),
                ),
                migrations.AddField(
                    model_name="card",
                    name="gated",
                    field=models.BooleanField(db_default=False, default=False),
                ),
                migrations.AddField(
                    model_name="card",
                    name="max_runtime",
                    field=backlog.fields.SecondsField(blank=True, null=True),
                ),
                migrations.AddField(
                    model_name="card",
                    name="projected_cost",
                    field=backlog.fields.CostField(
                        blank=True, decimal_places=6, max_digits=20, null=True
                    ),
                ),
                migrations.AddField(
                    model_name="card",
                    name="projected_tokens",
                    field=backlog.fields.TokensField(blank=True, null=True),
                ),
                migrations.AddField(
                    model_name="card",
                    name="resolution",
                    field=backlog.fields.ResolutionField(
                        blank=True,
                        choices=[("dropped", "dropped"), ("duplicate", "duplicate")],
                        editable=False,
                        null=True,
                    ),
                ),
                migrations.AddField(
                    model_name="rule",
                    name="cost",
                    field=backlog.fields.CostField(decimal_places=6, max_digits=20, null=True),
                ),
                migrations.AddField(
                    model_name="rule",
                    name="spent_cost",
                    field=backlog.fields.CostField(decimal_places=6, max_digits=20, null=True),
                ),
                migrations.AddField(
                    model_name="rule",
                    name="spent_tokens",
                    field=backlog.fields.TokensField(null=True),
                ),
                migrations.AddField(
                    model_name="rule",
                    name="tokens",
                    field=backlog.fields.TokensField(null=True),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Verdict",
            fields=[
                (
                    "card",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="verdicts",
                        to="backlog.card",
                    ),
                ),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "card_id",
                        "id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("id", models.BigIntegerField(editable=False)),
                (
                    "at",
                    backlog.fields.TimestampField(
                        db_default=django.db.models.functions.datetime.Now()
                    ),
                ),
                ("actor", models.TextField()),
                ("criterion", backlog.fields.CountField(null=True)),
                ("passed", models.BooleanField(db_default=False, default=False)),
                ("evidence", backlog.fields.FreeTextField(null=True)),
                ("commit", backlog.fields.KeyField(null=True)),
                ("attempt", models.IntegerField()),
            ],
            options={
                "db_table": "backlog_verdict",
            },
        ),
        migrations.RemoveConstraint(
            model_name="card",
            name="backlog_held_until",
        ),
        migrations.RemoveConstraint(
            model_name="card",
            name="backlog_blocked_for_a_reason",
        ),
        migrations.RemoveConstraint(
            model_name="rule",
            name="backlog_rule_kind",
        ),
        migrations.RemoveIndex(
            model_name="card",
            name="backlog_lanes",
        ),
        migrations.AlterField(
            model_name="card",
            name="block_reason",
            field=models.TextField(
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
        migrations.AlterField(
            model_name="rule",
            name="kind",
            field=models.TextField(
                choices=[
                    ("pause", "pause"),
                    ("limit", "limit"),
                    ("hold", "hold"),
                    ("gate", "gate"),
                    ("budget", "budget"),
                ]
            ),
        ),
        migrations.AlterField(
            model_name="rule",
            name="scope",
            field=models.TextField(
                choices=[
                    ("fleet", "fleet"),
                    ("phase", "phase"),
                    ("owner", "owner"),
                    ("card", "card"),
                    ("role", "role"),
                    ("review", "review"),
                ]
            ),
        ),
        migrations.AddIndex(
            model_name="card",
            index=models.Index(
                models.F("phase"),
                models.F("status"),
                models.F("claimable"),
                models.OrderBy(models.F("priority"), descending=True),
                models.F("created_at"),
                models.F("id"),
                condition=models.Q(
                    models.Q(("status", "claimed"), _negated=True), ("archived_at__isnull", True)
                ),
                name="backlog_lanes",
            ),
        ),
        migrations.AddConstraint(
            model_name="card",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        models.Q(("status", "blocked"), _negated=True),
                        ("block_reason__isnull", False),
                        _connector="OR",
                    ),
                    (
                        "block_reason__regex",
                        "^(dependency|needs_input|capability|transient|attempts_exhausted|in_review|other)$",
                    ),
                ),
                name="backlog_blocked_for_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="card",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("held", False), ("draft", True), ("not_before__isnull", False), _connector="OR"
                ),
                name="backlog_held_until",
            ),
        ),
        migrations.AddConstraint(
            model_name="card",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status", "done"),
                    models.Q(("archived_at__isnull", True), ("resolution__isnull", True)),
                    _connector="OR",
                ),
                name="backlog_over_if_done",
            ),
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
                                ("scope__in", ("fleet", "phase", "owner")),
                                models.Q(("scope", "fleet"), _negated=True),
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
                        models.Q(
                            models.Q(("name", ""), ("scope", "fleet")),
                            models.Q(
                                ("scope__in", ("fleet", "phase", "owner")),
                                models.Q(("scope", "fleet"), _negated=True),
                                models.Q(("name", ""), _negated=True),
                            ),
                            models.Q(
                                ("scope__in", ("role", "review")),
                                models.Q(("name", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                    ),
                    models.Q(
                        ("kind", "budget"),
                        ("spent_cost__isnull", False),
                        ("spent_tokens__isnull", False),
                        models.Q(
                            ("tokens__isnull", False), ("cost__isnull", False), _connector="OR"
                        ),
                        ("most__isnull", True),
                        ("reason__isnull", True),
                        ("scope", "phase"),
                        models.Q(("name", ""), _negated=True),
                    ),
                    models.Q(
                        ("kind", "gate"),
                        ("most__isnull", True),
                        ("reason__isnull", True),
                        ("scope", "phase"),
                        models.Q(("name", ""), _negated=True),
                    ),
                    models.Q(("kind", "hold"), ("scope", "card")),
                    _connector="OR",
                ),
                name="backlog_rule_kind",
            ),
        ),
        migrations.RunSQL(SQL),
    ]
