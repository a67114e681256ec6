"""Claims: which card a worker gets, and why none."""

import itertools
import time
from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple, Self

from backlog import values
from backlog.errors import Busy
from backlog.lifecycle import AT_LIMIT, BUDGET, DEFAULT_TTL_SECONDS, EMPTY, FLEET, PAUSED, READY
from backlog.planner import is_true_unindexed
from backlog.records import Record
from backlog.session import Session, idle_pauses, in_transaction, pauses, telling
from backlog.verbs import rules, taking
from backlog.verbs.moves import NOTHING_SAID, complete, completion, existing, holding, move_card
from backlog.verbs.pool import ANY_CARD, GATE, Source, let_go
from backlog.verbs.runs import Report

# How often a claim tries again while claimable cards are all locked by others: about ten seconds.
MOST_TRIES: Final = 220
MOST_AT_ONCE: Final = 1000

# Marks of trips: each differs from all others of this process.
_TRIPS: Final = itertools.count()

_IS_OPEN: Final = f"SELECT {GATE}"


class Taken[C](NamedTuple):
    """The cards that a claim took, in the order of claims; or why none: EMPTY, PAUSED, AT_LIMIT,
    BUDGET."""

    cards: list[C]
    why: str | None = None

    @property
    def card(self) -> C | None:
        """The first of them."""
        return self.cards[0] if self.cards else None


def claim(
    session: Session,
    owner: str,
    ttl: int = DEFAULT_TTL_SECONDS,
    pool: Source = ANY_CARD,
    count: int = 1,
    *,
    card_id: str | None = None,
    wait: int = 0,
) -> Taken[Record]:
    """Give `owner` the first `count` claimable cards of the pool for `ttl` seconds.

    First is: highest priority, then oldest, then lowest id. With nothing to claim, try again for
    `wait` seconds, ever less often. With `card_id`, that card or none, whatever the pool: whoever
    is changing it is waited for. None never means that somebody held a lock: a claim that found
    only locked cards tries again, and raises `Busy` after about ten seconds. Raises `UsageError`.
    """
    values.at_least(wait, "wait", 0)
    lease = checked_lease(owner, ttl, count)
    if card_id is not None:
        return _claim_card(session, lease, values.text(card_id, "id"))
    if cards := _claim(session, lease, pool, count):
        return Taken(cards)
    end = time.monotonic() + wait
    for pause in idle_pauses():
        taken = _try_again(session, lease, pool, count)
        left = end - time.monotonic()
        if taken.cards or left <= 0:
            return taken
        time.sleep(min(pause, left))
    raise AssertionError("the pauses do not end")


def complete_and_claim(
    session: Session,
    card_id: str,
    owner: str,
    attempt: int | None = None,
    *,
    ttl: int = DEFAULT_TTL_SECONDS,
    pool: Source = ANY_CARD,
    report: Report = NOTHING_SAID,
    texts: bool = True,
    waited_for: bool = False,
) -> tuple[Record, Taken[Record]]:
    """Finish a card and `claim` the next one, mostly in one round trip and one transaction.

    A completion that is refused claims nothing; a claim that finds nothing, also because others
    lock all there is, leaves the card done. Who knows that others wait for the card says so
    (`waited_for`), and spares a statement. Raises `NotFound`, `ClaimLost`, `UsageError`.
    """
    lease = checked_lease(owner, ttl, 1)
    held = holding(card_id, owner, attempt, report)
    done, cards = None, list[Record]()
    if not waited_for:
        how = {"texts": texts, "spends": report.spends}
        finished, cards = taking.finish_and_claim(
            session, taking.one_held(held), 1, lease, pool, 1, **how
        )
        done = finished.get(card_id)
    if done is None:
        mark = str(next(_TRIPS))
        first = completion(held, texts, mark)
        moved, cards = taking.finish_then_claim(session, first, lease, pool, 1, mark)
        done = next((Record._make(row[1:]) for row in moved), None)
    if done is None:
        card = complete(session, card_id, owner, attempt, report=report, texts=texts)
        done = existing(card_id, card)
    if cards:
        return done, Taken(cards)
    try:
        return done, claim(session, owner, ttl, pool)
    except Busy as busy:
        return done, Taken([], str(busy))


class Claiming(NamedTuple):
    """The verbs that claim, or what stands for them: the manager's, on Django's connection."""

    claim: Callable[..., Taken[Record]] = claim
    complete_and_claim: Callable[..., tuple[Record, Taken[Record]]] = complete_and_claim


DIRECTLY: Final = Claiming()


def checked_lease(owner: str, ttl: int, count: int) -> tuple[str, int]:
    """The owner and the seconds of a claim of so many cards. Raises `UsageError`."""
    values.between(count, "count", 1, MOST_AT_ONCE)
    return _lease(values.text(owner, "owner"), values.ttl(ttl))


@lru_cache(maxsize=64)  # a worker always asks as the same owner
def _lease(owner: str, ttl: int) -> tuple[str, int]:
    return values.name(owner, "owner"), ttl


def _claim(session: Session, lease: tuple[str, int], pool: Source, count: int) -> list[Record]:
    """One statement. No cards, too, after a failure that is cured by trying again."""
    select, params = pool.next_to_claim(count, True, ())
    sql = taking.claim_sql(select)
    rows = taking.tried(session, lambda: session.rows(sql, (*lease, *params)))
    return sorted(map(Record._make, rows or []), key=taking.place)


def _try_again(session: Session, lease: tuple[str, int], pool: Source, count: int) -> Taken[Record]:
    """Nothing was taken: because there is nothing, a rule is due, or all is locked."""
    condition, params = pool.condition()
    sql = f"SELECT {GATE}, EXISTS (SELECT FROM backlog WHERE claimable{condition})"
    for pause in pauses(MOST_TRIES):
        is_open, claimable = session.execute(sql, params).fetchone()
        if is_open and not claimable:
            return Taken([], EMPTY)
        taken = None if is_open else _claim_by_rules(session, lease, pool, count)
        if taken is not None:
            return taken
        time.sleep(pause)
        cards = _claim(session, lease, pool, count)
        if cards:
            return Taken(cards)
    raise Busy("every claimable card is locked by another transaction; try again")


@in_transaction
def _claim_by_rules(
    session: Session, lease: tuple[str, int], pool: Source, count: int
) -> Taken[Record] | None:
    """Where something is due, paused or limited: one card after the other.

    None: there are claimable cards, all of them locked at this moment.
    """
    let_go(session)
    allowance = _Allowance.of(session, lease[0])
    if allowance.why:
        return Taken([], allowance.why)
    cards: list[Record] = []
    while len(cards) < min(count, allowance.room):
        select, params = pool.next_to_claim(1, False, allowance.closed, allowance.roles)
        rows = session.rows(taking.claim_sql(select), (*lease, *params))
        if not rows:
            break
        cards.append(Record._make(rows[0]))
        allowance.claimed(cards[-1])
    return Taken(cards) if cards else _why_none(session, pool, allowance)


def _why_none(session: Session, pool: Source, allowance: "_Allowance") -> Taken[Record] | None:
    condition, params = pool.condition()
    claimable = f"SELECT FROM backlog WHERE claimable{condition}"
    sql = f"""
        SELECT EXISTS ({claimable} AND (phase IS NULL OR phase <> ALL (%s::text[]))
                AND (role IS NULL OR role <> ALL (%s::text[]))),
            EXISTS ({claimable} AND phase = ANY (%s::text[])),
            EXISTS ({claimable} AND phase = ANY (%s::text[])), EXISTS ({claimable})"""
    closed = allowance.closed, allowance.roles
    closing = (list(allowance.paused), *params, list(allowance.spent))
    given = (*params, *closed, *params, *closing, *params)
    is_open, is_paused, is_spent, is_any = session.execute(sql, given).fetchone()
    if is_open:
        return None
    return Taken([], allowance.why_of(is_paused, is_spent) if is_any else EMPTY)


class _Allowance(NamedTuple):
    """What the rules leave an owner to claim now; limits are counted under their lock."""

    why: str | None
    room: int
    paused: set[str]
    spent: set[str]
    of_phases: dict[str, int]
    of_roles: dict[str, int]

    @classmethod
    def of(cls, session: Session, owner: str) -> Self:
        of = defaultdict[str, dict[str, int]](dict)
        for limit in rules.locked_limits(session):
            of[limit.scope][limit.name] = limit.room
        in_force = rules.pauses(session)
        room = min(of[FLEET].get("", MOST_AT_ONCE), of["owner"].get(owner, MOST_AT_ONCE))
        stopped = any(each.scope != "phase" and each.name in ("", owner) for each in in_force)
        # A claim puts nothing into review: a phase is closed by it, or as open as without.
        reviewed = {phase: 0 for phase, room in of["review"].items() if room == 0}
        return cls(
            PAUSED if stopped else AT_LIMIT if room == 0 else None,
            room,
            {each.name for each in in_force if each.scope == "phase"},
            rules.spent_phases(session),
            of["phase"] | reviewed,
            of["role"],
        )

    @property
    def closed(self) -> list[str]:
        """The phases of which nothing may be claimed: paused, spent, or full."""
        full = {phase for phase, room in self.of_phases.items() if room <= 0}
        return sorted(self.paused | self.spent | full)

    @staticmethod
    def why_of(is_paused: bool, is_spent: bool) -> str:
        """Why nothing of what is closed is claimed."""
        return PAUSED if is_paused else BUDGET if is_spent else AT_LIMIT

    @property
    def roles(self) -> list[str]:
        """The roles of whose cards no more may be claimed."""
        return sorted(role for role, room in self.of_roles.items() if room <= 0)

    def claimed(self, card: Record) -> None:
        """One more is, of its phase and its role."""
        for name, rooms in ((card.phase, self.of_phases), (card.role, self.of_roles)):
            if name in rooms:
                rooms[name] -= 1


def _claim_card(session: Session, lease: tuple[str, int], card_id: str) -> Taken[Record]:
    moved, card = _move(session, lease, card_id, f"{_CLAIMABLE} AND {GATE}")
    if moved and card is not None:
        return Taken([card])
    if card is None or card.status != READY or session.execute(_IS_OPEN).fetchone()[0]:
        return Taken([], EMPTY)
    return _claim_card_by_rules(session, lease, card_id)


_CLAIMABLE: Final = is_true_unindexed("{row}.claimable")


@in_transaction
def _claim_card_by_rules(session: Session, lease: tuple[str, int], card_id: str) -> Taken[Record]:
    let_go(session)
    allowance = _Allowance.of(session, lease[0])
    sql = "SELECT phase, role FROM backlog WHERE id = %s FOR NO KEY UPDATE"
    row = session.execute(sql, (card_id,)).fetchone()
    if row is None:
        return Taken([], EMPTY)
    phase, role = row
    if allowance.why or phase in allowance.closed or role in allowance.roles:
        why = allowance.why_of(phase in allowance.paused, phase in allowance.spent)
        return Taken([], allowance.why or why)
    moved, card = _move(session, lease, card_id, _CLAIMABLE)
    return Taken([card]) if moved and card is not None else Taken([], EMPTY)


def _move(
    session: Session, lease: tuple[str, int], card_id: str, condition: str
) -> tuple[bool, Record | None]:
    return move_card(session, card_id, taking.LEASE, lease, condition, telling(lease[0]))
