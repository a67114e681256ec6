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

    def next_to_claim(self, count: int, gated: bool, closed: Sequence[str]) -> Statement:
        """The SELECT that locks the next `count` cards and gives the place of each, its `ctid`.

        None of a phase in `closed`; `gated`: none at all while a rule is due.
        """


class Pool(NamedTuple):
    """Which cards a claim may take: those of a phase, of a role; None: of any.

    What the ORM compiles from `CardQuerySet.next_to_claim`, for the command, which starts without
    Django (`tests/test_querysets.py` compares the two).
    """

    phase: str | None = None
    role: str | None = None

    def condition(self) -> Condition:
        """Its cards: SQL that continues a WHERE clause on `backlog`."""
        given = [(sql, value) for sql, value in zip(_OF, self, strict=True) if value is not None]
        return "".join(f" AND {sql}" for sql, _ in given), tuple(value for _, value in given)

    def next_to_claim(self, count: int, gated: bool, closed: Sequence[str]) -> Statement:
        """See `Source`."""
        given = tuple(value for value in self if value is not None)
        wanted = tuple(value is not None for value in self)
        return _next_to_claim(wanted, count, gated, len(closed)), (*given, *closed)


ANY_CARD: Final = Pool()


def pool_of(session: Session, phase: str | None, role: str | None) -> Pool:
    """The pool that a caller names. Raises `UsageError`."""
    return Pool(names.found(session, "phase", phase), names.found(session, "role", role))


# The status, which a claimable card has anyway, as it is not archived, makes a phase a range of the
# index `backlog_lanes`.
_OF: Final = (
    """"backlog"."archived_at" IS NULL AND "backlog"."phase" = %s"""
    """ AND "backlog"."status" = ('ready')""",
    '"backlog"."role" = %s',
)


@lru_cache(maxsize=64)  # a new text, though equal, makes psycopg's own look-ups slower
def _next_to_claim(wanted: tuple[bool, ...], count: int, gated: bool, closed: int) -> str:
    conditions = [GATE] if gated else []
    conditions += [sql for sql, is_wanted in zip(_OF, wanted, strict=True) if is_wanted]
    if closed:
        phases = ", ".join(["%s"] * closed)
        conditions.append(
            f'NOT ("backlog"."phase" IN ({phases}) AND "backlog"."phase" IS NOT NULL)'
        )
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
    `block_reason` and perhaps `block_note` while it is blocked. A claimable card, and no other, may
    still be kept from claims by pauses of the fleet or its phase, by a full limit on its phase, and
    by its spent budget.
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


def explain(session: Session, card_id: str) -> Explanation:
    """Why a card is claimable or not. Raises `NotFound`."""
    from backlog.verbs import budgets  # no claim needs it, and claims come through here

    values.text(card_id, "id")
    sql = """
        SELECT card.status, card.open_dependencies = 0, card.phase,
            CASE WHEN card.not_before > now() THEN card.not_before END, card.block_reason,
            card.block_note, card.draft, d.id, d.status
        FROM backlog card LEFT JOIN LATERAL (
            SELECT d.id, d.n, b.status
            FROM jsonb_array_elements_text(card.depends_on) WITH ORDINALITY AS d (id, n)
            LEFT JOIN backlog b ON b.id = d.id WHERE b.status IS DISTINCT FROM 'done'
        ) AS d ON true
        WHERE card.id = %s ORDER BY d.n"""
    rows = session.execute(sql, (card_id,)).fetchall()
    if not rows:
        raise NotFound(f"there is no card {card_id}")
    waits = [row[7:] for row in rows if row[7] is not None]
    status, met, phase, not_before, reason, note, draft = rows[0][:7]
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
        pauses=[p for p in pauses if p.scope == FLEET or _is(p, phase)],
        limits=[each for each in limits if not each.room and _is(each, phase)],
        block_reason=reason if status == BLOCKED else None,
        block_note=note if status == BLOCKED else None,
        draft=draft,
        spent=[each for each in budgets.spent(session) if each.phase == phase] if claimable else [],
    )


def _is(rule: Pause | Limit, phase: str | None) -> bool:
    return (rule.scope, rule.name) == ("phase", phase)
