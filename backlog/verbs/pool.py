"""The pool that claims take from: which cards, what lets held back ones go, how many, why not."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from backlog import values
from backlog.errors import NotFound
from backlog.lifecycle import BLOCKED, DONE, FLEET, READY, STATUSES
from backlog.session import Session, Statement, in_statement
from backlog.verbs import names, rules
from backlog.verbs.rules import Limit, Pause

if TYPE_CHECKING:
    from backlog.verbs.budgets import Budget

# SQL that continues a WHERE clause on `backlog`, and its parameters.
Condition = tuple[str, tuple[Any, ...]]

EVERYTHING: Final[Condition] = ("", ())

# What the planner finds out once, before it looks at any card: no rule is due. A claim that finds
# this gate shut goes the longer way, so that those that find it open pay little for it. As the ORM
# words it, letter for letter: see `Pool`.
GATE: Final = (
    'COALESCE((SELECT "U0"."due" AS "due" FROM "backlog_rule" "U0" ORDER BY 1 ASC LIMIT 1)'
    " > (STATEMENT_TIMESTAMP()), true)"
)


class Source(Protocol):
    """Where a claim takes cards from: a `Pool`, or a queryset of Django's."""

    def condition(self) -> Condition:
        """Its cards: SQL that continues a WHERE clause on `backlog`."""

    def next_to_claim(
        self, count: int, gated: bool, closed: Sequence[str], roles: Sequence[str] = ()
    ) -> Statement:
        """The SELECT that locks the next `count` cards and gives the place of each, its `ctid`.

        None of a phase in `closed`, or of a role in `roles`; `gated`: none at all while a rule is
        due.
        """


class Pool(NamedTuple):
    """Which cards a claim may take: those of a phase, those for a role and those for none; None: of
    any. With `roles`, those for one of these and those for none; `named`: none that are for none.

    What the ORM compiles from `CardQuerySet.next_to_claim`, for the command, which starts without
    Django (`tests/test_querysets.py` compares the two).
    """

    phase: str | None = None
    role: str | None = None
    roles: tuple[str, ...] = ()
    named: bool = False

    @property
    def shape(self) -> "Shape":
        """All of it but the names."""
        return self.phase is not None, self.role is not None, len(self.roles), self.named

    @property
    def given(self) -> tuple[str, ...]:
        """The names."""
        return *(name for name in self[:2] if name is not None), *self.roles

    def condition(self) -> Condition:
        """Its cards: SQL that continues a WHERE clause on `backlog`."""
        return "".join(f" AND {sql}" for sql in _of(self.shape)), self.given

    def next_to_claim(
        self, count: int, gated: bool, closed: Sequence[str], roles: Sequence[str] = ()
    ) -> Statement:
        """See `Source`."""
        sql = _next_to_claim(self.shape, count, gated, len(closed), len(roles))
        return sql, (*self.given, *closed, *roles)


# Whether there is a phase, whether there is a role, how many roles of whoever claims, and whether
# a card must be for one.
Shape = tuple[bool, bool, int, bool]


ANY_CARD: Final = Pool()


def pool_of(
    session: Session,
    phase: str | None,
    role: str | None,
    roles: tuple[str, ...] = (),
    named: bool = False,
) -> Pool:
    """The pool that a caller names. Raises `UsageError`."""
    phase, role = names.found(session, "phase", phase), names.found(session, "role", role)
    return Pool(phase, role, roles, named)


def _of(shape: Shape) -> list[str]:
    of_phase, of_role, roles, named = shape
    conditions = []
    if of_phase:
        # The status, which a claimable card has anyway, as it is not archived, makes it a range of
        # `backlog_lanes`.
        conditions.append(
            """"backlog"."archived_at" IS NULL AND "backlog"."phase" = %s"""
            """ AND "backlog"."status" = ('ready')"""
        )
    if of_role:
        conditions.append('("backlog"."role" = %s OR "backlog"."role" IS NULL)')
    if roles:
        names = ", ".join(["%s"] * roles)
        conditions.append(f'("backlog"."role" IN ({names}) OR "backlog"."role" IS NULL)')
    if named:
        conditions.append('"backlog"."role" IS NOT NULL')
    return conditions


@lru_cache(maxsize=64)  # a new text, though equal, makes psycopg's own look-ups slower
def _next_to_claim(shape: Shape, count: int, gated: bool, phases: int, roles: int) -> str:
    conditions = [GATE] if gated else []
    conditions += _of(shape)
    for column, closed in (('"backlog"."phase"', phases), ('"backlog"."role"', roles)):
        if closed:
            names = ", ".join(["%s"] * closed)
            conditions.append(f"NOT ({column} IN ({names}) AND {column} IS NOT NULL)")
    conditions.append('"backlog"."claimable"')
    where = " AND ".join(conditions)
    return (
        'SELECT "backlog"."ctid" AS "ctid" FROM "backlog"'
        f" WHERE {f'({where})' if len(conditions) > 1 else where}"
        ' ORDER BY "backlog"."priority" DESC, "backlog"."created_at" ASC, "backlog"."id" ASC'
        f" LIMIT {count} FOR NO KEY UPDATE SKIP LOCKED"
    )


_DUE_AT_ONCE: Final = 1000


@in_statement
def wake(session: Session) -> int:
    """Let cards be claimed whose `not_before` has passed, up to a thousand; how many.

    A claim does so itself, and whoever lists what is claimable. What others are changing at this
    moment is left to them.
    """
    return let_go(session) if session.execute(f"SELECT EXISTS ({_DUE})").fetchone()[0] else 0


_DUE: Final = """
SELECT name COLLATE "C" FROM backlog_rule
WHERE kind = 'hold' AND due <= statement_timestamp()"""


def let_go(session: Session) -> int:
    """Let cards be claimed whose `not_before` has passed, in the caller's transaction; how many."""
    woken = session.execute(f"""
        UPDATE backlog SET held = false WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM backlog
            WHERE id = ANY (ARRAY({_DUE} ORDER BY due LIMIT {_DUE_AT_ONCE}))
                AND held AND NOT draft AND not_before <= statement_timestamp()
            FOR NO KEY UPDATE SKIP LOCKED))""").rowcount
    # Those of cards that others are changing stay. By ctid, as a claim: a rule that was written
    # anew since this statement's snapshot is not the one that is deleted.
    session.execute(f"""
        DELETE FROM backlog_rule WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM backlog_rule AS rule
            WHERE kind = 'hold' AND due <= statement_timestamp() AND NOT EXISTS (
                SELECT FROM backlog WHERE id = rule.name COLLATE "C" AND held AND NOT draft)
            ORDER BY due FOR UPDATE SKIP LOCKED LIMIT {_DUE_AT_ONCE}))""")
    return woken


_STATS: Final = """
SELECT status, count(*),
       greatest(floor(extract(epoch FROM now() - min(created_at))), 0)::bigint,
       count(*) FILTER (WHERE claim_expires_at <= now()),
       count(archived_at)
FROM backlog WHERE true{among} GROUP BY status"""


class Stats(NamedTuple):
    """How many cards there are in each status, the oldest ready one's age, expired claims.

    What is archived, which is done, is counted apart.
    """

    counts: dict[str, int]
    total: int
    oldest_ready_age_seconds: int | None
    expired_claim_count: int
    archived: int = 0

    @property
    def ever(self) -> dict[str, int]:
        """As `counts`, and what is archived among what is done."""
        return {**self.counts, DONE: self.counts[DONE] + self.archived}


def stats(session: Session, among: Condition = EVERYTHING) -> Stats:
    """Count the cards; the age is in whole seconds, None when nothing is ready."""
    condition, params = among
    rows = session.execute(_STATS.format(among=condition), params).fetchall()
    found = {row[0]: row[1:] for row in rows}
    counts = {status: found[status][0] if status in found else 0 for status in STATUSES}
    archived = sum(row[4] for row in rows)
    counts[DONE] -= archived
    return Stats(
        counts,
        sum(counts.values()),
        found[READY][1] if READY in found else None,
        sum(row[3] for row in rows),
        archived,
    )


class Explanation(NamedTuple):
    """Whether a card can be claimed, or what it waits for: three lists of ids, disjoint.

    `not_before` is set while the card is held back until then, `draft` until it is published,
    `block_reason` and perhaps `block_note` while it is blocked, `open_criteria` of one in review
    until each has passed. A claimable card, and no other, may
    still be kept from claims by pauses of the fleet or its phase, by a full limit on the fleet, its
    phase or its role, and by the spent budget of its phase.
    """

    id: str
    status: str
    claimable: bool
    unfinished: list[str]
    blocked: list[str]
    missing: list[str]
    not_before: datetime | None
    pauses: list[Pause]
    limits: list[Limit]
    block_reason: str | None
    block_note: str | None
    draft: bool
    spent: "list[Budget]"
    open_criteria: list[int]


def explain(session: Session, card_id: str) -> Explanation:
    """Why a card is claimable or not. Raises `NotFound`."""
    from backlog.verbs import budgets  # no claim needs it, and claims come through here

    values.text(card_id, "id")
    sql = """
        SELECT card.role, card.status, card.open_dependencies = 0, card.phase,
            CASE WHEN card.not_before > now() THEN card.not_before END, card.block_reason,
            card.block_note, card.draft,
            CASE WHEN card.block_reason = 'in_review' THEN backlog_open_criteria(card) END,
            d.id, d.status
        FROM backlog card LEFT JOIN LATERAL (
            SELECT d.id, d.n, b.status
            FROM jsonb_array_elements_text(card.depends_on) WITH ORDINALITY AS d (id, n)
            LEFT JOIN backlog b ON b.id = d.id WHERE b.status IS DISTINCT FROM 'done'
        ) AS d ON true
        WHERE card.id = %s ORDER BY d.n"""
    rows = session.execute(sql, (card_id,)).fetchall()
    if not rows:
        raise NotFound(f"there is no card {card_id}")
    waits = [row[9:] for row in rows if row[9] is not None]
    role, status, met, phase, not_before, reason, note, draft, judged = rows[0][:9]
    scopes = ((FLEET, ""), ("phase", phase), ("review", phase), ("role", role))
    claimable = status == READY and met and not_before is None and not draft
    pauses = rules.pauses(session) if claimable else []
    limits = rules.limits(session) if claimable else []
    return Explanation(
        card_id,
        status,
        claimable,
        unfinished=[i for i, state in waits if state not in (None, BLOCKED)],
        blocked=[i for i, state in waits if state == BLOCKED],
        missing=[i for i, state in waits if state is None],
        not_before=not_before,
        pauses=[each for each in pauses if each[:2] in scopes],
        limits=[each for each in limits if not each.room and each[:2] in scopes],
        block_reason=reason if status == BLOCKED else None,
        block_note=note if status == BLOCKED else None,
        draft=draft,
        spent=[each for each in budgets.spent(session) if each.phase == phase] if claimable else [],
        open_criteria=judged or [] if status == BLOCKED else [],
    )
