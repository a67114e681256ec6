"""Who is told of what, and the outbox. Triggers write it: see `migrations/0001_initial.sql`."""

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backlog.fields import CountField, DocumentField, FreeTextField, LabelField, TimestampField
from hooks.words import KINDS


class Subscription(models.Model):
    """Where what happens is sent: the events, and of which phase alone.

    `url` may have a secret in it; `secret` signs, and is kept as it is, for it must be known to
    sign. Both are shown once, to whoever adds it. `busy_until`: until then one sweep alone sends to
    it; `turn` counts those that did. `failing_since`: the first try that failed since one arrived;
    `off_at`, `off_why`: since when nothing is sent to it, and what the last try said. `delivered`
    and `failed` count tries, and outlast the messages.
    """

    kind = models.TextField(choices=[(kind, kind) for kind in KINDS])
    url = models.TextField()
    secret = models.TextField(null=True)
    events = DocumentField()
    phase = LabelField(null=True)
    actor = models.TextField()
    since = TimestampField(db_default=Now())
    busy_until = TimestampField(null=True)
    turn = models.BigIntegerField(default=0, db_default=0)
    failing_since = TimestampField(null=True)
    off_at = TimestampField(null=True)
    off_why = FreeTextField(null=True)
    delivered = models.BigIntegerField(default=0, db_default=0)
    failed = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "hooks_subscription"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class OldSecret(models.Model):
    """What signed before a rotation, and does so beside the new one `until` then."""

    # As that of a delivery.
    subscription = models.ForeignKey(
        Subscription, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    secret = models.TextField()
    until = TimestampField()

    class Meta:
        db_table = "hooks_old_secret"
        default_permissions = ()

    def __str__(self) -> str:
        return f"old secret {self.pk}"


class Delivery(models.Model):
    """Something that happened, for one of the subscriptions; `data`, the rows as they were then.

    `next_at`: when it is sent next; None once it was delivered, or is dead. `key` tells the
    receiver that it has come before. `answered`: the HTTP status of the last try; `error`: what was
    wrong with it.
    """

    # No constraint of the database's: nothing that happens to a card waits for who is told of it.
    subscription = models.ForeignKey(
        Subscription, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    key = models.UUIDField(db_default=RandomUUID())
    type = models.TextField()
    at = TimestampField(db_default=Now())
    data = models.JSONField()
    attempts = CountField(default=0, db_default=0)
    next_at = TimestampField(null=True, db_default=Now())
    tried_at = TimestampField(null=True)
    answered = models.IntegerField(null=True)
    error = FreeTextField(null=True)
    delivered_at = TimestampField(null=True)

    class Meta:
        db_table = "hooks_delivery"
        default_permissions = ()
        indexes = [
            models.Index(
                "subscription_id",
                "id",
                name="hooks_delivery_waiting",
                condition=Q(next_at__isnull=False),
            ),
            models.Index(
                "id",
                name="hooks_delivery_dead",
                condition=Q(next_at__isnull=True, delivered_at__isnull=True),
            ),
            models.Index("at", name="hooks_delivery_at"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.pk}"


class DonePhase(models.Model):
    """A phase that was done when a sweep looked, which is told; until it has an open card again."""

    phase = LabelField(primary_key=True)

    class Meta:
        db_table = "hooks_done_phase"
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.phase)
