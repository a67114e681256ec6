"""The card.

The constraints here and the triggers of `backlog/sql` hold for every writer; the verbs of
`querysets` are the way to change a card on purpose.
"""

from django.db import models
from django.db.models import Case, F, Func, Q, Value, When
from django.db.models.functions import Now
from django.db.models.lookups import Exact
from django.utils.text import Truncator

from backlog import fields, lifecycle
from backlog.lifecycle import BLOCKED, CLAIMED, DONE, IN_REVIEW, READY, STATUSES
from backlog.querysets import CardQuerySet

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


class Card(models.Model):
    """One piece of work."""

    # Collation C: ids compare as bytes, so that claims come in the same order on every server.
    id = fields.NameField(primary_key=True, db_collation="C")
    title = fields.LineField()
    body = fields.FreeTextField(null=True, blank=True)
    phase = fields.LabelField(null=True, blank=True)
    priority = models.IntegerField(default=0, db_default=0)
    status = models.TextField(
        choices=[(status, status) for status in STATUSES], default=READY, db_default=READY
    )
    depends_on = fields.IdsField(default=list, db_default=Value([], models.JSONField()), blank=True)
    claim_owner = fields.NameField(null=True, blank=True)
    claim_ttl_seconds = fields.SecondsField(null=True, blank=True)
    claimed_at = fields.TimestampField(null=True, blank=True)
    attempts = fields.CountField(default=0, db_default=0)
    idempotency_key = fields.KeyField(null=True, blank=True)
    acceptance = fields.DocumentField(null=True, blank=True)
    created_at = fields.TimestampField(db_default=Now())
    updated_at = fields.TimestampField(db_default=Now(), editable=False)

    # What a worker must be to claim it by role; how many attempts it has (None: the default, 0: no
    # cap); from when on it may be claimed.
    role = fields.LabelField(null=True, blank=True)
    max_attempts = fields.CountField(null=True, blank=True)
    not_before = fields.TimestampField(null=True, blank=True)

    # Why it was blocked last, and how often in a row for that reason; kept when it is unblocked.
    block_reason = fields.BlockReasonField(
        choices=[(reason, reason.replace("_", " ")) for reason in lifecycle.BLOCK_REASONS],
        null=True,
        blank=True,
        editable=False,
    )
    block_note = fields.FreeTextField(null=True, blank=True, editable=False)
    block_count = fields.CountField(default=0, db_default=0, editable=False)
    # What was said to that as it was unblocked; None while it is blocked.
    answer = fields.FreeTextField(null=True, blank=True, editable=False)

    # Not to be claimed before it is published.
    draft = models.BooleanField(default=False, db_default=False)
    # Not done before each of its criteria has a verdict: see `backlog/sql/verdicts.sql`.
    gated = models.BooleanField(default=False, db_default=False)
    # So by itself, whether or not its phase is gated. No verb reads it into a record: claims would.
    own_gate = models.BooleanField(default=False, db_default=False, editable=False)
    due = fields.TimestampField(null=True, blank=True)
    # How many seconds an attempt may take, however often its lease is renewed.
    max_runtime = fields.SecondsField(null=True, blank=True)
    projected_tokens = fields.TokensField(null=True, blank=True)
    projected_cost = fields.CostField(max_digits=20, decimal_places=6, null=True, blank=True)
    # Of a card that is done: what became of it instead of its completion; None: it was completed.
    resolution = fields.ResolutionField(
        choices=[(each, each) for each in lifecycle.RESOLUTIONS],
        null=True,
        blank=True,
        editable=False,
    )
    # Out of lists and off the board since then; done.
    archived_at = fields.TimestampField(null=True, blank=True, editable=False)

    # Derived by triggers; what a writer puts here is ignored.
    status_changed_at = fields.TimestampField(db_default=Now(), editable=False)
    open_dependencies = models.IntegerField(default=0, db_default=0, editable=False)
    # Some card waits for it, or did: else a completion need not look for any.
    has_dependents = models.BooleanField(default=False, db_default=False, editable=False)
    claim_expires_at = fields.TimestampField(null=True, editable=False)
    # A draft, or `not_before` lay ahead when somebody looked last: `backlog.verbs.pool.wake` looks
    # again.
    held = models.BooleanField(default=False, db_default=False, editable=False)
    # Attempts that do not count towards the cap: those before it was unblocked, and temporary ones.
    attempts_forgiven = fields.CountField(default=0, db_default=0, editable=False)

    # The one predicate of readiness: what claims, lists, counts and pages ask. (The stubs know no Q
    # as the expression of a column.)
    claimable = models.GeneratedField(
        expression=Q(status=READY, open_dependencies=0, held=False),  # type: ignore[arg-type]
        output_field=models.BooleanField(),
        db_persist=True,
    )

    objects = CardQuerySet.as_manager()

    # Only as `CardQuerySet.with_…` reads cards; `expired` and `late` by the database's clock.
    expired: bool
    late: bool
    cell: str
    state: str
    acceptance_text: str | None
    # Only as what needs an operator is read: what it waits for, as pairs of an id and its state.
    waits_for: tuple[tuple[str, str], ...]
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
            # `backlog_expiry`: a claim has nothing to write here. What is archived is on no board.
            models.Index(
                "phase",
                "status",
                "claimable",
                F("priority").desc(),
                "created_at",
                "id",
                name="backlog_lanes",
                condition=~Q(status=CLAIMED) & Q(archived_at__isnull=True),
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
            # No IN: PostgreSQL reads a CHECK anew for every statement, and IN word by word.
            models.CheckConstraint(
                condition=Q(status__regex=f"^({'|'.join(STATUSES)})$"), name="backlog_status_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    Exact(_PARTS_OF_A_CLAIM, Case(When(status=CLAIMED, then=3), default=0))
                ),
                name="backlog_claimed_iff_held",
            ),
            models.CheckConstraint(
                condition=~Q(status=BLOCKED) | Q(block_reason__isnull=False),
                name="backlog_blocked_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(held=False) | Q(draft=True) | Q(not_before__isnull=False),
                name="backlog_held_until",
            ),
            models.CheckConstraint(
                condition=Q(status=DONE) | Q(resolution__isnull=True, archived_at__isnull=True),
                name="backlog_over_if_done",
            ),
            models.CheckConstraint(
                condition=~Q(_DEPENDS_ON_ITSELF), name="backlog_depends_on_others"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {Truncator(self.title[:300]).chars(200)}"

    @property
    def in_review(self) -> bool:
        """Its worker finished it, and it waits for its verdicts."""
        return self.status == BLOCKED and self.block_reason == IN_REVIEW
