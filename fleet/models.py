"""What a fleet keeps beside its backlog. Of cards by their ids, which may be deleted by now."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backlog import fields
from fleet.words import KINDS_OF_SIGNALS, VERDICTS, state_of


class Worker(models.Model):
    """Somebody who is known to the fleet, and the roles they may act in: a list of names."""

    name = fields.NameField(primary_key=True, db_collation="C")
    roles = fields.DocumentField(default=list)
    registered_at = fields.TimestampField(db_default=Now(), editable=False)

    class Meta:
        db_table = "fleet_worker"

    def __str__(self) -> str:
        return str(self.name)


class Escalation(models.Model):
    """What somebody asks an operator to see to; open until it is resolved.

    `raised` is how often it was, `again_at` when it is next if nobody acknowledges it.
    """

    card_id = models.TextField(null=True, blank=True)
    reason = fields.LineField()
    actor = models.TextField()
    raised_at = fields.TimestampField(db_default=Now(), editable=False)
    raised = fields.CountField(default=1, db_default=1)
    again_at = fields.TimestampField(null=True)
    acknowledged_at = fields.TimestampField(null=True)
    acknowledged_by = models.TextField(null=True)
    resolved_at = fields.TimestampField(null=True)
    resolved_by = models.TextField(null=True)
    resolution = fields.FreeTextField(null=True)

    class Meta:
        db_table = "fleet_escalation"
        indexes = [
            models.Index("id", name="fleet_escalation_open", condition=Q(resolved_at__isnull=True)),
            models.Index("card_id", "id", name="fleet_escalation_card"),
        ]

    def __str__(self) -> str:
        return f"escalation {self.pk}"

    @property
    def state(self) -> str:
        """Whether somebody sees to it, or has."""
        return state_of(self)


class Decision(models.Model):
    """What the gate decided about a card. Appended, never changed; the newest is its heartbeat."""

    card_id = models.TextField()
    verdict = models.TextField(choices=[(verdict, verdict) for verdict in VERDICTS])
    reason = fields.LineField()
    actor = models.TextField()
    at = fields.TimestampField(db_default=Now(), editable=False)
    commit = fields.KeyField(null=True)

    class Meta:
        db_table = "fleet_decision"
        indexes = [models.Index("card_id", "id", name="fleet_decision_card")]

    def __str__(self) -> str:
        return f"{self.verdict} {self.card_id}"


class Heartbeat(models.Model):
    """When somebody was heard of last: the gate says so with each decision, and between them."""

    name = fields.NameField(primary_key=True)
    at = fields.TimestampField()

    class Meta:
        db_table = "fleet_heartbeat"
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.name)


class Signal(models.Model):
    """What somebody noticed on looking back at a card, for whoever improves the fleet.

    Appended, never changed.
    """

    card_id = models.TextField()
    kind = models.TextField(choices=[(kind, kind) for kind in KINDS_OF_SIGNALS])
    text = fields.LineField()
    evidence = fields.FreeTextField(null=True)
    actor = models.TextField()
    at = fields.TimestampField(db_default=Now(), editable=False)

    class Meta:
        db_table = "fleet_signal"
        indexes = [
            models.Index("kind", "id", name="fleet_signal_kind"),
            models.Index("card_id", "id", name="fleet_signal_card"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.card_id}"


class Repeat(models.Model):
    """A card that is made again: when next, by a line of cron in a time zone.

    The newest card of a series has it; `series` is the id of the first.
    """

    card_id = models.TextField(primary_key=True)
    series = fields.NameField()
    line = models.TextField()
    zone = fields.LabelField()
    next_at = fields.TimestampField()

    class Meta:
        db_table = "fleet_repeat"
        indexes = [models.Index("next_at", name="fleet_repeat_next")]

    def __str__(self) -> str:
        return f"{self.card_id} at {self.line} {self.zone}"


class Proposal(models.Model):
    """A north star that somebody proposes: in force once it is ratified, until another one is.

    `against`: a digest of the one that it is to replace; empty if there was none.
    """

    text = fields.FreeTextField()
    against = models.TextField(blank=True)
    reason = fields.FreeTextField(null=True)
    actor = models.TextField()
    at = fields.TimestampField(db_default=Now(), editable=False)
    decided_at = fields.TimestampField(null=True)
    decided_by = models.TextField(null=True)
    ratified = models.BooleanField(null=True)
    why = fields.FreeTextField(null=True)

    class Meta:
        db_table = "fleet_proposal"

    def __str__(self) -> str:
        return f"proposal {self.pk}"
