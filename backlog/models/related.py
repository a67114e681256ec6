"""What belongs to a card, or is derived from it; what claims must heed; what accounts keep."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Length, Now
from django.db.models.lookups import LessThanOrEqual
from django.urls import reverse

from backlog import fields, lifecycle
from backlog.models.cards import Card
from backlog.querysets import EventQuerySet, RuleQuerySet, RunOutputQuerySet, RunQuerySet

_BYTES_OF_TAIL = Func("tail", function="octet_length", output_field=models.IntegerField())

# A card by its id, which may be missing, or deleted by now. The primary keys are the indexes.
_of_card: Any = partial(
    models.ForeignKey, Card, models.DO_NOTHING, db_constraint=False, db_index=False
)


class Dependency(models.Model):
    """An edge of the DAG, for look-ups in both directions; `Card.depends_on` is the record.

    Kept by triggers. No constraint of the database's: a dependency need not exist yet.
    """

    pk = models.CompositePrimaryKey("card_id", "dependency_id")
    card = _of_card(related_name="dependencies")
    dependency = _of_card(related_name="dependents")

    class Meta:
        db_table = "backlog_dependency"
        verbose_name_plural = "dependencies"
        indexes = [models.Index("dependency_id", "card_id", name="backlog_dependents")]

    def __str__(self) -> str:
        return f"{self.card_id} waits for {self.dependency_id}"


class DeletedCard(models.Model):
    """How many attempts a deleted id has had: `(id, attempts)` names one claim for ever."""

    id = models.TextField(primary_key=True, db_collation="C")
    attempts = fields.CountField()

    class Meta:
        db_table = "backlog_deleted"

    def __str__(self) -> str:
        return f"{self.id} after attempt {self.attempts}"


class SearchDocument(models.Model):
    """The words of a card, for a search; None: `backlog.verbs.search` is to make them."""

    card_id = models.TextField(primary_key=True, db_collation="C")
    document = fields.WordsField(editable=False, null=True)

    class Meta:
        db_table = "backlog_search"
        default_permissions = ()

    def __str__(self) -> str:
        return f"words of {self.card_id}"


class Event(models.Model):
    """One change of one card, by whoever made it, or a comment. Appended, never changed.

    `verb` is what the change amounts to: the verb that makes it, or the nearest one. `actor` is
    who a verb was told, else the new owner of a claim, else the database's role. `note` has the
    names of edited fields, the ids of a link, the reason of a block, the answer of an unblock, or
    the comment. Triggers write it; only what is said of a card and changes nothing
    (`history.SAID`) is written by its verb.
    """

    # One tree for both: a claim writes an event, and pays for each index. `id` is an identity.
    pk = models.CompositePrimaryKey("card_id", "id")
    card = _of_card(related_name="events")
    id = models.BigIntegerField(editable=False)
    at = fields.TimestampField(db_default=Now())
    actor = models.TextField()
    verb = models.TextField()
    from_status = models.TextField(null=True)
    to_status = models.TextField(null=True)
    attempt = models.IntegerField()
    note = models.TextField(null=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        db_table = "backlog_event"  # its other indexes are in `backlog/sql`

    def __str__(self) -> str:
        return f"{self.verb} {self.card_id} by {self.actor}"


class _Attempt(models.Model):
    """One attempt at a card, or one completion without a claim (`attempt` is None then).

    `result` is what the worker said, `cost` in the fleet's own currency.
    """

    attempt = models.IntegerField(null=True)
    owner = models.TextField()
    started_at = fields.TimestampField()
    summary = fields.FreeTextField(null=True)
    result = fields.DocumentField(null=True)
    tokens = fields.TokensField(null=True)
    cost = fields.CostField(max_digits=20, decimal_places=6, null=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"attempt {self.attempt} by {self.owner}"


class EndedRun(_Attempt):
    """A run that is over, appended by triggers. One that is not over is a claim; see `Run`."""

    pk = models.CompositePrimaryKey("card_id", "id")
    card = _of_card(related_name="ended_runs")
    id = models.BigIntegerField(editable=False)
    ended_at = fields.TimestampField()
    outcome = models.TextField(choices=[(outcome, outcome) for outcome in lifecycle.OUTCOMES])

    class Meta:
        db_table = "backlog_ended_run"


class Run(_Attempt):
    """Every run; the open one is the claim, with no end, no outcome and the highest id. A view."""

    pk = models.CompositePrimaryKey("card_id", "id")
    card = _of_card(related_name="runs")
    # The same card, if it is not deleted by now: joined so that runs without one stay.
    card_if_any = models.ForeignObject(
        Card, models.DO_NOTHING, from_fields=["card"], to_fields=["id"], null=True, related_name="+"
    )
    id = models.BigIntegerField(editable=False)
    ended_at = fields.TimestampField(null=True)
    outcome = models.TextField(null=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        db_table = "backlog_run"
        managed = False
        default_permissions = ()

    @property
    def took(self) -> timedelta | None:
        """From its start to its end; None while it goes on."""
        return self.ended_at - self.started_at if self.ended_at else None


class Verdict(models.Model):
    """What somebody saw of a criterion of a card. Appended, never changed; the newest one counts.

    `criterion` is its number from 1 on, as the acceptance lists it; a card whose acceptance is no
    list has one. Without a criterion: from here on all are judged anew, which triggers write when
    the card is reopened, or its acceptance changed. `attempt` is the last one before it.
    """

    pk = models.CompositePrimaryKey("card_id", "id")
    card = _of_card(related_name="verdicts")
    id = models.BigIntegerField(editable=False)
    at = fields.TimestampField(db_default=Now())
    actor = models.TextField()
    criterion = fields.CountField(null=True)
    passed = models.BooleanField(default=False, db_default=False)
    evidence = fields.FreeTextField(null=True)
    commit = fields.KeyField(null=True)
    attempt = models.IntegerField()

    class Meta:
        db_table = "backlog_verdict"

    def __str__(self) -> str:
        return f"criterion {self.criterion} of {self.card_id} by {self.actor}"


class RunOutput(models.Model):
    """What the command of an attempt printed: the last bytes of it, as they came.

    `before` them came so many; `ended`: none comes after. Outside the run, which is never changed,
    and the card, which every claim writes; it goes with either.
    """

    pk = models.CompositePrimaryKey("card_id", "attempt")
    card = _of_card(related_name="outputs")
    attempt = fields.CountField()
    tail = models.BinaryField()
    before = models.BigIntegerField(default=0)
    ended = models.BooleanField(default=False)
    last_line = models.TextField()
    written_at = fields.TimestampField(db_default=Now())

    objects = RunOutputQuerySet.as_manager()

    class Meta:
        db_table = "backlog_output"
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(before__gte=0)
                & Q(LessThanOrEqual(_BYTES_OF_TAIL, lifecycle.LONGEST_OUTPUT))
                & Q(LessThanOrEqual(Length("last_line"), lifecycle.LONGEST_LAST_LINE)),
                name="backlog_output_bounds",
            )
        ]

    def __str__(self) -> str:
        return f"output of attempt {self.attempt}"


class Kept(models.Model):
    """What a sweep saw of a large backlog that takes long to look at; see `backlog.verbs.kept`."""

    name = models.TextField(primary_key=True)
    begun_at = fields.TimestampField()
    made_at = fields.TimestampField(null=True)
    seconds = models.FloatField(null=True)
    content = models.JSONField(null=True)

    class Meta:
        db_table = "backlog_kept"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} as of {self.made_at}"


class SavedView(models.Model):
    """A name that an account has given to an address of the board or the list; its own alone."""

    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views", db_index=False
    )
    name = models.TextField()
    page = models.TextField(choices=[(page, page) for page in lifecycle.VIEWED_PAGES])
    query = models.TextField(blank=True)

    class Meta:
        db_table = "backlog_view"
        default_permissions = ()
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="backlog_view_of_account"),
            models.CheckConstraint(
                condition=Q(page__in=lifecycle.VIEWED_PAGES)
                & ~Q(name="")
                & Q(LessThanOrEqual(Length("name"), lifecycle.LONGEST_VIEW_NAME))
                & Q(LessThanOrEqual(Length("query"), lifecycle.LONGEST_VIEW)),
                name="backlog_view_bounds",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def address(self) -> str:
        """Where it leads."""
        query = f"?{self.query}" if self.query else ""
        return reverse(self.page) + query


_ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)
_NAMED = Q(scope__in=lifecycle.PAUSE_SCOPES) & ~Q(scope=lifecycle.FLEET) & ~Q(name="")
_OF_FLEET = Q(scope=lifecycle.FLEET, name="")
_OF_PHASE = Q(scope="phase", reason__isnull=True, most__isnull=True) & ~Q(name="")


class Rule(models.Model):
    """What a claim must heed from `due` on: a pause, a limit, a budget that is spent, a card that
    was held back so long. Or the gate of a phase, which completions heed.

    A pause: nothing of its scope is claimed. A limit: at most so many cards of its scope are
    claimed at once, or, of scope "review", in review before no more of the phase are claimed. A
    budget: `spent_tokens` and `spent_cost`, which triggers add up, stop the claims of the phase at
    `tokens` or `cost`. A gate: cards that come into the phase are `gated`. A hold, which triggers
    write: from then on the card may be claimed. In one table, because every claim asks whether
    there is any: what it need not heed yet is due at the end of times.
    """

    pk = models.CompositePrimaryKey("kind", "scope", "name")
    kind = models.TextField(choices=[(kind, kind) for kind in lifecycle.RULES])
    scope = models.TextField(choices=[(scope, scope) for scope in lifecycle.RULE_SCOPES])
    name = models.TextField(blank=True)  # of the phase, the owner or the card; empty for the fleet
    reason = fields.FreeTextField(null=True)  # a pause has one
    most = fields.CountField(null=True)  # a limit has it
    tokens = fields.TokensField(null=True)  # a budget has one of them, or both
    cost = fields.CostField(max_digits=20, decimal_places=6, null=True)
    spent_tokens = fields.TokensField(null=True)  # a budget has both
    spent_cost = fields.CostField(max_digits=20, decimal_places=6, null=True)
    actor = models.TextField()
    since = fields.TimestampField(db_default=Now())
    due = fields.TimestampField(db_default=_ALWAYS)

    objects = RuleQuerySet.as_manager()

    class Meta:
        db_table = "backlog_rule"
        indexes = [models.Index("due", name="backlog_rule_due")]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="pause", reason__isnull=False, most__isnull=True)
                & (_OF_FLEET | _NAMED)
                | Q(kind="limit", reason__isnull=True, most__isnull=False, most__gte=0)
                & (_OF_FLEET | _NAMED | Q(scope__in=("role", "review")) & ~Q(name=""))
                | Q(kind="budget", spent_tokens__isnull=False, spent_cost__isnull=False)
                & (Q(tokens__isnull=False) | Q(cost__isnull=False))
                & _OF_PHASE
                | Q(kind="gate") & _OF_PHASE
                | Q(kind="hold", scope="card"),
                name="backlog_rule_kind",
            ),
            # The name of a hold is the id of a card, which its own type bounds: a trigger makes it.
            models.CheckConstraint(
                condition=Q(kind="hold")
                | Q(LessThanOrEqual(Length("name"), lifecycle.LONGEST_NAME)),
                name="backlog_rule_name_length",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.scope} {self.name}".strip()
