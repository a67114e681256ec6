"""Claims: which card a worker gets, and why none."""

import time
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from backlog import values
from backlog.errors import Busy, UsageError
from backlog.lifecycle import AT_LIMIT, DEFAULT_TTL_SECONDS, EMPTY, PAUSED, READY
from backlog.records import COLUMNS, Record
from backlog.session import (
    RETRIED,
    Session,
    idle_pauses,
    in_statement,
    in_transaction,
    pauses,
    sqlstate,
    telling,
)
from backlog.verbs import governance
from backlog.verbs.moves import NOTHING_SAID, complete, existing, move_card
from backlog.verbs.runs import Report

# How often a claim looks again while claimable cards are all locked by others: about ten seconds.
_LOOKS: Final = 220
MOST_AT_ONCE: Final = 1000

_HOLD: Final = """status = 'claimed', claim_owner = %s, claim_ttl_seconds = %s,
    claimed_at = clock_timestamp(), attempts = backlog.attempts + 1"""

# What the planner finds out once, before it looks at any card: no rule is due. A claim that finds
# this gate shut goes the longer way, so that those that find it open pay little for it.
_GATE: Final = """coalesce(
    (SELECT due FROM backlog_rule ORDER BY due LIMIT 1) > statement_timestamp(), true)"""

# By the place of the version that was locked, which nobody else can move. By id, a card that
# changed meanwhile would be looked for once more, and the list with it: it would lock other cards.
# The lock is the weakest that an update needs, so that it does not wait for foreign key checks.
_CLAIM: Final = f"""
UPDATE backlog SET {_HOLD} WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM backlog WHERE claimable{{scope}}
    ORDER BY priority DESC, created_at, id
    FOR NO KEY UPDATE SKIP LOCKED LIMIT {{count}}
))
RETURNING {COLUMNS}"""

_LOOK: Final = f"""
SELECT {_GATE}, EXISTS (SELECT FROM backlog WHERE claimable{{scope}})"""

Scope = tuple[str, tuple[Any, ...]]
EVERYTHING: Final[Scope] = ("", ())


class Pool(NamedTuple):
    """Which cards a claim may take: those of a phase, of a role; None: of any."""

    phase: str | None = None
    role: str | None = None

    def scope(self) -> Scope:
        """SQL that continues a WHERE clause on `backlog`, and its parameters."""
        # The status, which a claimable card has anyway, makes a phase a range of `backlog_lanes`.
        parts = {" AND phase = %s AND status = 'ready'": self.phase, " AND role = %s": self.role}
        given = {sql: value for sql, value in parts.items() if value is not None}
        return "".join(given), tuple(given.values())


ANY_CARD: Final = Pool()


class Taken(NamedTuple):
    """The cards that a claim took, in the order of claims; or why none: EMPTY, PAUSED, AT_LIMIT."""

    cards: list[Record]
    why: str | None = None


def claim(
    session: Session, owner: str, ttl: int = DEFAULT_TTL_SECONDS, scope: Scope = EVERYTHING
) -> Record | None:
    """Give `owner` the first claimable card for `ttl` seconds; None if there is nothing to claim.

    First is: highest priority, then oldest, then lowest id. `scope` narrows the pool: SQL that
    continues the WHERE clause, with its parameters. None never means that somebody held a lock:
    a claim that found only locked cards looks again, and raises `Busy` after about ten seconds.
    """
    held = _held(owner, ttl)
    cards = _claim_now(session, held, scope, 1) or _look_again(session, held, scope, 1).cards
    return cards[0] if cards else None


def take(
    session: Session,
    owner: str,
    ttl: int = DEFAULT_TTL_SECONDS,
    pool: Pool = ANY_CARD,
    count: int = 1,
) -> Taken:
    """As `claim`, up to `count` cards of the pool in one transaction, and why if there are none."""
    if not 1 <= count <= MOST_AT_ONCE:
        raise UsageError(f"count must be between 1 and {MOST_AT_ONCE}, not {count}")
    held, scope = _held(owner, ttl), pool.scope()
    cards = _claim_now(session, held, scope, count)
    return Taken(cards) if cards else _look_again(session, held, scope, count)


def wait(
    session: Session,
    owner: str,
    ttl: int = DEFAULT_TTL_SECONDS,
    pool: Pool = ANY_CARD,
    count: int = 1,
    *,
    seconds: int,
) -> Taken:
    """As `take`; with nothing to take, look again for so many seconds, ever less often."""
    end = time.monotonic() + seconds
    for pause in idle_pauses():
        taken = take(session, owner, ttl, pool, count)
        left = end - time.monotonic()
        if taken.cards or left <= 0:
            return taken
        time.sleep(min(pause, left))
    raise AssertionError("the pauses do not end")


def _look_again(session: Session, held: tuple[str, int], scope: Scope, count: int) -> Taken:
    """Nothing was taken: because there is nothing, something is held back, or all is locked."""
    condition, params = scope
    for pause in pauses(_LOOKS):
        is_open, claimable = session.execute(_LOOK.format(scope=condition), params).fetchone()
        if is_open and not claimable:
            return Taken([], EMPTY)
        taken = None if is_open else _governed(session, held, scope, count)
        if taken is not None:
            return taken
        time.sleep(pause)
        cards = _claim_now(session, held, scope, count)
        if cards:
            return Taken(cards)
    raise Busy("every claimable card is locked by another transaction; try again")


@lru_cache(maxsize=64)  # a new text, though equal, makes psycopg's own look-ups slower
def _claim_sql(condition: str, count: int, gated: bool) -> str:
    return _CLAIM.format(scope=f"{condition} AND {_GATE}" if gated else condition, count=count)


def _claim_now(session: Session, held: tuple[str, int], scope: Scope, count: int) -> list[Record]:
    """As `_claim`, gated; none also where it met a failure that is cured by looking again."""
    try:
        if session.inside():
            with session.transaction():
                return _claim(session, held, scope, count, gated=True)
        return _claim(session, held, scope, count, gated=True)
    except Exception as error:
        if sqlstate(error) not in RETRIED:
            raise
        return []


def _claim(
    session: Session, held: tuple[str, int], scope: Scope, count: int, *, gated: bool
) -> list[Record]:
    """One statement."""
    condition, params = scope
    rows = session.rows(_claim_sql(condition, count, gated), (*held, *params))
    cards = [Record._make(row) for row in rows]
    return sorted(cards, key=_place) if count > 1 else cards


def _place(card: Record) -> tuple[int, datetime, str]:
    return -card.priority, card.created_at, card.id


@in_transaction
def _governed(session: Session, held: tuple[str, int], scope: Scope, count: int) -> Taken | None:
    """Where something is due, paused or limited: one card after the other.

    None: there are claimable cards, all of them locked at this moment.
    """
    _wake(session)
    rules = _Rules.of(session, held[0])
    if rules.why:
        return Taken([], rules.why)
    cards: list[Record] = []
    while len(cards) < min(count, rules.room):
        found = _claim(session, held, _and(scope, rules.open_phases()), 1, gated=False)
        if not found:
            break
        cards += found
        rules.count(found[0])
    return Taken(cards) if cards else _why_none(session, scope, rules)


def _and(scope: Scope, more: Scope) -> Scope:
    return scope[0] + more[0], (*scope[1], *more[1])


def _why_none(session: Session, scope: Scope, rules: "_Rules") -> Taken | None:
    condition, params = scope
    phases = session.execute(
        f"""
        SELECT phase, EXISTS (SELECT FROM backlog WHERE claimable AND phase = shut.phase{condition})
        FROM unnest(%s::text[]) AS shut (phase)""",
        (*params, [*rules.paused, *rules.full]),
    ).fetchall()
    waiting = {phase for phase, has_work in phases if has_work}
    condition, params = _and(scope, rules.open_phases())
    sql = f"SELECT EXISTS (SELECT FROM backlog WHERE claimable{condition})"
    if session.execute(sql, params).fetchone()[0]:
        return None
    if waiting & rules.paused:
        return Taken([], PAUSED)
    return Taken([], AT_LIMIT if waiting else EMPTY)


class _Rules:
    """What an owner may not claim now; counted under the lock of the limits."""

    def __init__(self, why: str | None, room: int, paused: set[str], rooms: dict[str, int]) -> None:
        self.why, self.room, self.paused, self._rooms = why, room, paused, rooms

    @classmethod
    def of(cls, session: Session, owner: str) -> "_Rules":
        limits = governance.locked_limits(session)
        pauses = governance.pauses(session)
        mine = [each.room for each in limits if (each.scope, each.name) == ("owner", owner)]
        room = min(mine, default=MOST_AT_ONCE)
        stopped = any(each.scope != "phase" and each.name in ("", owner) for each in pauses)
        return cls(
            PAUSED if stopped else AT_LIMIT if room == 0 else None,
            room,
            {each.name for each in pauses if each.scope == "phase"},
            {each.name: each.room for each in limits if each.scope == "phase"},
        )

    @property
    def full(self) -> set[str]:
        return {phase for phase, room in self._rooms.items() if room <= 0}

    def open_phases(self) -> Scope:
        shut = sorted(self.paused | self.full)
        return " AND (phase IS NULL OR phase <> ALL(%s))", (shut,)

    def allow(self, card: Record) -> bool:
        return self.why is None and card.phase not in self.paused | self.full

    def count(self, card: Record) -> None:
        if card.phase in self._rooms:
            self._rooms[card.phase] -= 1


def claim_card(
    session: Session, card_id: str, owner: str, ttl: int = DEFAULT_TTL_SECONDS
) -> Record | None:
    """Give `owner` this card, waiting for whoever is changing it; None if it is not claimable."""
    return take_card(session, card_id, owner, ttl).card


class TakenCard(NamedTuple):
    """The card, or why not: EMPTY (it is not claimable), PAUSED, AT_LIMIT."""

    card: Record | None
    why: str | None = None


def take_card(
    session: Session, card_id: str, owner: str, ttl: int = DEFAULT_TTL_SECONDS
) -> TakenCard:
    """As `claim_card`, and why not."""
    held = _held(owner, ttl)
    moved, card = _take_this(session, card_id, held, f"{_CLAIMABLE} AND {_GATE}")
    if moved:
        return TakenCard(card)
    if card is None or card.status != READY or session.execute(f"SELECT {_GATE}").fetchone()[0]:
        return TakenCard(None, EMPTY)
    return _take_governed(session, card_id, held)


# IS NOT FALSE: no index on what is claimable can serve the scan by id.
_CLAIMABLE: Final = "{row}.claimable IS NOT FALSE"


@in_transaction
def _take_governed(session: Session, card_id: str, held: tuple[str, int]) -> TakenCard:
    _wake(session)
    rules = _Rules.of(session, held[0])
    sql = f"SELECT {COLUMNS} FROM backlog WHERE id = %s FOR NO KEY UPDATE"
    row = session.execute(sql, (card_id,)).fetchone()
    if row is None:
        return TakenCard(None, EMPTY)
    card = Record._make(row)
    if not rules.allow(card):
        why = rules.why or (PAUSED if card.phase in rules.paused else AT_LIMIT)
        return TakenCard(None, why)
    moved, now = _take_this(session, card_id, held, _CLAIMABLE)
    return TakenCard(now) if moved else TakenCard(None, EMPTY)


def _take_this(
    session: Session, card_id: str, held: tuple[str, int], condition: str
) -> tuple[bool, Record | None]:
    return move_card(session, card_id, _HOLD, held, condition, telling(held[0]))


@lru_cache(maxsize=64, typed=True)  # a worker always asks as the same owner
def _held(owner: str, ttl: int) -> tuple[str, int]:
    return values.name(owner, "owner"), values.ttl(ttl)


@in_transaction
def complete_and_claim(
    session: Session,
    card_id: str,
    owner: str,
    attempt: int | None = None,
    *,
    ttl: int = DEFAULT_TTL_SECONDS,
    pool: Pool = ANY_CARD,
    report: Report = NOTHING_SAID,
) -> tuple[Record, Taken]:
    """Finish a card and give its owner the next one: both, or, where either is refused, neither.

    Raises `NotFound`, `ClaimLost`.
    """
    done = existing(card_id, complete(session, card_id, owner, attempt, report=report))
    return done, take(session, owner, ttl, pool)


_DUE_AT_ONCE: Final = 1000


@in_statement
def wake(session: Session) -> int:
    """Let cards be claimed whose `not_before` has passed, up to a thousand; how many.

    A claim does so itself, and whoever lists what is claimable. What others are changing at this
    moment is left to them.
    """
    return _wake(session) if session.execute(f"SELECT EXISTS ({_DUE})").fetchone()[0] else 0


_DUE: Final = """
SELECT name COLLATE "C" FROM backlog_rule
WHERE kind = 'hold' AND due <= statement_timestamp()"""


def _wake(session: Session) -> int:
    woken = session.execute(f"""
        UPDATE backlog SET held = false WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM backlog
            WHERE id = ANY (ARRAY({_DUE} ORDER BY due LIMIT {_DUE_AT_ONCE}))
                AND held AND not_before <= statement_timestamp()
            FOR NO KEY UPDATE SKIP LOCKED))""").rowcount
    # Those of cards that others are changing stay. By ctid, as a claim: a rule that was written
    # anew since this statement's snapshot is not the one that is deleted.
    session.execute(f"""
        DELETE FROM backlog_rule WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM backlog_rule AS rule
            WHERE kind = 'hold' AND due <= statement_timestamp() AND NOT EXISTS (
                SELECT FROM backlog WHERE id = rule.name COLLATE "C" AND held)
            ORDER BY due FOR UPDATE SKIP LOCKED LIMIT {_DUE_AT_ONCE}))""")
    return woken
