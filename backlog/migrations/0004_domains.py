"""What one column can never be becomes its type's: the domains of `backlog/sql/domains.sql`."""

import re
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from django.db import migrations, models
from django.db.models import Case, Func, Q, Value, When
from django.db.models.functions import Now
from django.db.models.lookups import Exact

from backlog import fields

_triggers: Any = import_module("backlog.migrations.0002_triggers")
# The first stores of 0002 have other comments in this one.
_claim = re.search(r"CREATE (FUNCTION backlog_before_claim\b.*?END \$\$;)", _triggers.SQL, re.S)
SQL = Path(__file__).with_suffix(".sql").read_text() + f"CREATE OR REPLACE {_claim[1]}"  # type: ignore[index]  # it is there

FIELDS: dict[str, dict[str, Any]] = {
    "card": {
        "id": fields.NameField(db_collation="C", primary_key=True, serialize=False),
        "title": fields.LineField(),
        "depends_on": fields.IdsField(
            blank=True, db_default=Value([], models.JSONField()), default=list
        ),
        "claim_owner": fields.NameField(blank=True, null=True),
        "claim_ttl_seconds": fields.SecondsField(blank=True, null=True),
        "claimed_at": fields.TimestampField(blank=True, null=True),
        "attempts": fields.CountField(db_default=0, default=0),
        "created_at": fields.TimestampField(db_default=Now()),
        "updated_at": fields.TimestampField(db_default=Now(), editable=False),
        "max_attempts": fields.CountField(blank=True, null=True),
        "not_before": fields.TimestampField(blank=True, null=True),
        "block_count": fields.CountField(db_default=0, default=0, editable=False),
        "status_changed_at": fields.TimestampField(db_default=Now(), editable=False),
        "claim_expires_at": fields.TimestampField(editable=False, null=True),
        "attempts_forgiven": fields.CountField(db_default=0, default=0, editable=False),
    },
    "event": {"at": fields.TimestampField(db_default=Now())},
    "endedrun": {
        "started_at": fields.TimestampField(),
        "ended_at": fields.TimestampField(),
    },
    "rule": {
        "since": fields.TimestampField(db_default=Now()),
        "due": fields.TimestampField(db_default=datetime(2000, 1, 1, tzinfo=UTC)),
    },
}
GONE = {
    "card": (
        "backlog_status_known",
        "backlog_claimed_iff_held",
        "backlog_not_blank",
        "backlog_blocked_for_a_reason",
        "backlog_counters_in_range",
        "backlog_card_times_in_range",
        "backlog_expiry_in_range",
        "backlog_depends_on_ids",
    ),
    "event": ("backlog_event_times_in_range",),
    "endedrun": ("backlog_ended_run_times_in_range",),
    "rule": ("backlog_rule_times_in_range",),
}
NEW = [
    models.CheckConstraint(
        condition=Q(status__regex="^(ready|claimed|blocked|done)$"), name="backlog_status_known"
    ),
    models.CheckConstraint(
        condition=Q(
            Exact(
                Func(
                    "claim_owner",
                    "claim_ttl_seconds",
                    "claimed_at",
                    function="num_nonnulls",
                    output_field=models.IntegerField(),
                ),
                Case(When(status="claimed", then=3), default=0),
            )
        ),
        name="backlog_claimed_iff_held",
    ),
    models.CheckConstraint(
        condition=(~Q(status="blocked") | Q(block_reason__isnull=False))
        & Q(
            block_reason__regex="^(dependency|needs_input|capability|transient|"
            "attempts_exhausted|other)$"
        ),
        name="backlog_blocked_for_a_reason",
    ),
    models.CheckConstraint(
        condition=~Q(
            Func("depends_on", "id", function="jsonb_exists", output_field=models.BooleanField())
        ),
        name="backlog_depends_on_others",
    ),
]


class Migration(migrations.Migration):
    dependencies = [("backlog", "0003_earlier_stores")]
    operations = [
        migrations.RunSQL(
            SQL,
            state_operations=[
                *(
                    migrations.RemoveConstraint(model, name)
                    for model, names in GONE.items()
                    for name in names
                ),
                *(
                    migrations.AlterField(model, name, field)
                    for model, changed in FIELDS.items()
                    for name, field in changed.items()
                ),
            ],
        ),
        *(migrations.AddConstraint("card", constraint) for constraint in NEW),
    ]
