"""The tables: the card, and what the database derives from it.

The constraints here and the triggers of `backlog/sql` hold for every writer; the verbs of
`querysets` are the way to change a card on purpose. All tables stand in one file, though it is a
long one: they are read together.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Func, Q, Value, When
from django.db.models.functions import Length, Now
from django.db.models.lookups import Exact, LessThanOrEqual
from django.urls import reverse
from django.utils.text import Truncator

from backlog.fields import (
    CostField,
    CountField,
    DocumentField,
    FreeTextField,
    IdsField,
    KeyField,
    LabelField,
    LineField,
    NameField,
    SecondsField,
    TimestampField,
    TokensField,
    WordsField,
)
from backlog.lifecycle import (
    BLOCK_REASONS,
    BLOCKED,
    CLAIMED,
    LIMIT_SCOPES,
    LONGEST_LAST_LINE,
    LONGEST_NAME,
    LONGEST_OUTPUT,
    LONGEST_VIEW,
    LONGEST_VIEW_NAME,
    OUTCOMES,
    PAUSE_SCOPES,
    READY,
    STATUSES,
    VIEWED_PAGES,
)
from backlog.querysets import (
    CardQuerySet,
    EventQuerySet,
    RuleQuerySet,
    RunOutputQuerySet,
    RunQuerySet,
)

_DEPENDS_ON_ITSELF = Func(
    "depends_on", "id", function="jsonb_exists", output_field=models.BooleanField()
)
_PARTS_OF_A_CLAIM = Func(
    "claim_owner",
    "claim_ttl_seconds",
    "claimed_at",
    function="num_nonnulls",
    output_field=models.IntegerField(),
)

_BYTES_OF_TAIL = Func("tail", function="octet_length", output_field=models.IntegerField())


def _one_of(column: str, words: Sequence[str]) -> Q:
    """A pattern and no IN: PostgreSQL reads a CHECK anew for every statement, IN word by word."""
    return Q(**{f"{column}__regex": f"^({'|'.join(words)})$"})


class Card(models.Model):
    """One piece of work."""

    # Collation C: ids compare as bytes, so that claims come in the same order on every server.
    id = NameField(primary_key=True, db_collation="C")
    title = LineField()
    body = FreeTextField(null=True, blank=True)
    phase = LabelField(null=True, blank=True)
    priority = models.IntegerField(default=0, db_default=0)
    status = models.TextField(
        choices=[(status, status) for status in STATUSES], default=READY, db_default=READY
    )
    depends_on = IdsField(default=list, db_default=Value([], models.JSONField()), blank=True)
    claim_owner = NameField(null=True, blank=True)
    claim_ttl_seconds = SecondsField(null=True, blank=True)
    claimed_at = TimestampField(null=True, blank=True)
    attempts = CountField(default=0, db_default=0)
    idempotency_key = KeyField(null=True, blank=True)
    acceptance = DocumentField(null=True, blank=True)
    created_at = TimestampField(db_default=Now())
    updated_at = TimestampField(db_default=Now(), editable=False)

    # What a worker must be to claim it by role; how many attempts it has (None: the default, 0: no
    # cap); from when on it may be claimed.
    role = LabelField(null=True, blank=True)
    max_attempts = CountField(null=True, blank=True)
    not_before = TimestampField(null=True, blank=True)

    # Why it was blocked last, and how often in a row for that reason; kept when it is unblocked.
    block_reason = models.TextField(
        choices=[(reason, reason.replace("_", " ")) for reason in BLOCK_REASONS],
        null=True,
        blank=True,
        editable=False,
    )
    block_note = FreeTextField(null=True, blank=True, editable=False)
    block_count = CountField(default=0, db_default=0, editable=False)
    # What was said to that as it was unblocked; None while it is blocked.
    answer = FreeTextField(null=True, blank=True, editable=False)

    # Derived by triggers; what a writer puts here is ignored.
    status_changed_at = TimestampField(db_default=Now(), editable=False)
    open_dependencies = models.IntegerField(default=0, db_default=0, editable=False)
    # Some card waits for it, or did: else a completion need not look for any.
    has_dependents = models.BooleanField(default=False, db_default=False, editable=False)
    claim_expires_at = TimestampField(null=True, editable=False)
    # `not_before` lay ahead when somebody looked last: `backlog.verbs.pool.wake` looks again.
    held = models.BooleanField(default=False, db_default=False, editable=False)
    # Attempts that do not count towards the cap: those before it was unblocked, and temporary ones.
    attempts_forgiven = CountField(default=0, db_default=0, editable=False)

    # The one predicate of readiness: what claims, lists, counts and pages ask.
    claimable = models.GeneratedField(
        expression=Q(status=READY, open_dependencies=0, held=False),  # type: ignore[arg-type]
        output_field=models.BooleanField(),
        db_persist=True,
    )

    objects = CardQuerySet.as_manager()

    # Only as `CardQuerySet.with_…` reads cards; `expired` by the database's clock.
    expired: bool
    cell: str
    acceptance_text: str | None
    # Only as the board reads cards: some of what it waits for, as pairs of an id and its status
    # ("missing": there is no such card); how many unfinished cards wait for it.
    waits_for: tuple[tuple[str, str], ...]
    holds_up: int
    # Only as the fleet's page reads cards: the last line of what its worker's command printed.
    printed: str

    class Meta:
        db_table = "backlog"
        verbose_name = "card"
        permissions = [("administer", "Can use the admin")]
        indexes = [
            # The queue: a claim reads its first row.
            models.Index(
                F("priority").desc(),
                "created_at",
                "id",
                name="backlog_queue",
                condition=Q(claimable=True),
            ),
            # What is claimed, the first to expire first. On a column and IS NOT NULL rather than
            # WHERE status = 'claimed': that would draw statements by id and status away from the
            # primary key.
            models.Index(
                "claim_expires_at",
                name="backlog_expiry",
                condition=Q(claim_expires_at__isnull=False),
            ),
            # Of one role, in the same order. One phase is a range of `backlog_lanes`.
            models.Index(
                "role",
                F("priority").desc(),
                "created_at",
                "id",
                name="backlog_role_queue",
                condition=Q(claimable=True, role__isnull=False),
            ),
            # What is blocked, for the doctor and lists: few among many, in the order of lists.
            models.Index(
                F("priority").desc(),
                "created_at",
                "id",
                name="backlog_blocked",
                condition=Q(status=BLOCKED),
            ),
            # The board: one range a cell, and all counts. The few that are claimed are found by
            # `backlog_expiry`: a claim has nothing to write here.
            models.Index(
                "phase",
                "status",
                "claimable",
                F("priority").desc(),
                "created_at",
                "id",
                name="backlog_lanes",
                condition=~Q(status=CLAIMED),
            ),
        ]
        # What a card can never be, whoever writes, also where triggers do not run; of one column
        # alone, its type says it. What neither can (moves, other rows, distinct ids) the triggers
        # of `backlog/sql` refuse.
        constraints = [
            # Not unique=True, which adds an index for LIKE, and without NULLs: a claim would have
            # to write both.
            models.UniqueConstraint(
                fields=["idempotency_key"],
                name="backlog_idempotency_key",
                condition=Q(idempotency_key__isnull=False),
            ),
            models.CheckConstraint(
                condition=_one_of("status", STATUSES), name="backlog_status_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    Exact(_PARTS_OF_A_CLAIM, Case(When(status=CLAIMED, then=3), default=0))
                ),
                name="backlog_claimed_iff_held",
            ),
            models.CheckConstraint(
                condition=(~Q(status=BLOCKED) | Q(block_reason__isnull=False))
                & _one_of("block_reason", BLOCK_REASONS),
                name="backlog_blocked_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(held=False) | Q(not_before__isnull=False),
                name="backlog_held_until",
            ),
            models.CheckConstraint(
                condition=~Q(_DEPENDS_ON_ITSELF), name="backlog_depends_on_others"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {Truncator(self.title[:300]).chars(200)}"


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
    attempts = CountField()

    class Meta:
        db_table = "backlog_deleted"

    def __str__(self) -> str:
        return f"{self.id} after attempt {self.attempts}"


class SearchDocument(models.Model):
    """The words of a card, for a search; None: `backlog.verbs.search` is to make them."""

    card_id = models.TextField(primary_key=True, db_collation="C")
    document = WordsField(editable=False, null=True)

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
    the comment. Triggers write it; only a comment, which changes nothing, is written by its verb.
    """

    # One tree for both: a claim writes an event, and pays for each index. `id` is an identity.
    pk = models.CompositePrimaryKey("card_id", "id")
    card = _of_card(related_name="events")
    id = models.BigIntegerField(editable=False)
    at = TimestampField(db_default=Now())
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
    started_at = TimestampField()
    summary = FreeTextField(null=True)
    result = DocumentField(null=True)
    tokens = TokensField(null=True)
    cost = CostField(max_digits=20, decimal_places=6, null=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"attempt {self.attempt} by {self.owner}"


class EndedRun(_Attempt):
    """A run that is over, appended by triggers. One that is not over is a claim; see `Run`."""

    pk = models.CompositePrimaryKey("card_id", "id")
    card = _of_card(related_name="ended_runs")
    id = models.BigIntegerField(editable=False)
    ended_at = TimestampField()
    outcome = models.TextField(choices=[(outcome, outcome) for outcome in OUTCOMES])

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
    ended_at = TimestampField(null=True)
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


class RunOutput(models.Model):
    """What the command of an attempt printed: the last bytes of it, as they came.

    `before` them came so many; `ended`: none comes after. Outside the run, which is never changed,
    and the card, which every claim writes; it goes with either.
    """

    pk = models.CompositePrimaryKey("card_id", "attempt")
    card = _of_card(related_name="outputs")
    attempt = CountField()
    tail = models.BinaryField()
    before = models.BigIntegerField(default=0)
    ended = models.BooleanField(default=False)
    last_line = models.TextField()
    written_at = TimestampField(db_default=Now())

    objects = RunOutputQuerySet.as_manager()

    class Meta:
        db_table = "backlog_output"
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(before__gte=0)
                & Q(LessThanOrEqual(_BYTES_OF_TAIL, LONGEST_OUTPUT))
                & Q(LessThanOrEqual(Length("last_line"), LONGEST_LAST_LINE)),
                name="backlog_output_bounds",
            ),
        ]

    def __str__(self) -> str:
        return f"output of attempt {self.attempt}"


class Kept(models.Model):
    """What a sweep saw of a large backlog that takes long to look at; see `backlog.verbs.kept`."""

    name = models.TextField(primary_key=True)
    begun_at = TimestampField()
    made_at = TimestampField(null=True)
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
    page = models.TextField(choices=[(page, page) for page in VIEWED_PAGES])
    query = models.TextField(blank=True)

    class Meta:
        db_table = "backlog_view"
        default_permissions = ()
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="backlog_view_of_account"),
            models.CheckConstraint(
                condition=Q(page__in=VIEWED_PAGES)
                & ~Q(name="")
                & Q(LessThanOrEqual(Length("name"), LONGEST_VIEW_NAME))
                & Q(LessThanOrEqual(Length("query"), LONGEST_VIEW)),
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
_NAMED = Q(scope__in=LIMIT_SCOPES) & ~Q(name="")


class Rule(models.Model):
    """What a claim must heed from `due` on: a pause, a limit, or a card that was held back so long.

    A pause: nothing of its scope is claimed. A limit: at most so many cards of the phase, or of the
    owner, are claimed at once. A hold, which triggers write: from then on the card may be claimed.
    In one table, because every claim asks whether there is any.
    """

    pk = models.CompositePrimaryKey("kind", "scope", "name")
    kind = models.TextField(choices=[(kind, kind) for kind in ("pause", "limit", "hold")])
    scope = models.TextField(choices=[(scope, scope) for scope in (*PAUSE_SCOPES, "card")])
    name = models.TextField(blank=True)  # of the phase, the owner or the card; empty for the fleet
    reason = FreeTextField(null=True)  # a pause has one
    most = CountField(null=True)  # a limit has it
    actor = models.TextField()
    since = TimestampField(db_default=Now())
    due = TimestampField(db_default=_ALWAYS)

    objects = RuleQuerySet.as_manager()

    class Meta:
        db_table = "backlog_rule"
        indexes = [models.Index("due", name="backlog_rule_due")]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="pause", reason__isnull=False, most__isnull=True)
                & (Q(scope="fleet", name="") | _NAMED)
                | Q(kind="limit", reason__isnull=True, most__isnull=False, most__gte=0) & _NAMED
                | Q(kind="hold", scope="card"),
                name="backlog_rule_kind",
            ),
            # The name of a hold is the id of a card, which its own type bounds: a trigger makes it.
            models.CheckConstraint(
                condition=Q(kind="hold") | Q(LessThanOrEqual(Length("name"), LONGEST_NAME)),
                name="backlog_rule_name_length",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.scope} {self.name}".strip()
