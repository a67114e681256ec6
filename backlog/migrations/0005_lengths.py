"""How long names, keys, texts and JSON may be, by their types; what of before is longer stays."""

from pathlib import Path
from typing import Any

from django.db import migrations, models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import LessThanOrEqual

from backlog import fields

SQL = Path(__file__).with_suffix(".sql").read_text()
FIELDS: dict[str, dict[str, Any]] = {
    "card": {
        "body": fields.FreeTextField(blank=True, null=True),
        "phase": fields.LabelField(blank=True, null=True),
        "role": fields.LabelField(blank=True, null=True),
        "idempotency_key": fields.KeyField(blank=True, null=True),
        "acceptance": fields.DocumentField(blank=True, null=True),
        "block_note": fields.FreeTextField(blank=True, editable=False, null=True),
    },
    "deletedcard": {"attempts": fields.CountField()},
    "endedrun": {
        "summary": fields.FreeTextField(null=True),
        "result": fields.DocumentField(null=True),
        "tokens": fields.TokensField(null=True),
        "cost": fields.CostField(decimal_places=6, max_digits=20, null=True),
    },
    "rule": {
        "reason": fields.FreeTextField(null=True),
        "most": fields.CountField(null=True),
    },
}
NAMED = models.CheckConstraint(
    condition=Q(kind="hold") | Q(LessThanOrEqual(Length("name"), 255)),
    name="backlog_rule_name_length",
)


class Migration(migrations.Migration):
    dependencies = [("backlog", "0004_domains")]
    operations = [
        migrations.RunSQL(
            SQL,
            state_operations=[
                *(
                    migrations.AlterField(model, name, field)
                    for model, changed in FIELDS.items()
                    for name, field in changed.items()
                ),
                migrations.AddConstraint("rule", NAMED),
            ],
        ),
    ]
