"""The queryset of cards: what is asked of them, and the verbs of a card for Django.

A verb on one card takes its id and acts on the whole table; on a filtered queryset it raises
`TypeError`, because the filter would be ignored. `claim`, `reclaim` and `stats` honour the
queryset's filters (not its order: the order of claims is fixed). A verb that is refused raises a
`backlog.errors.Refusal`, and nothing has changed. `seen` is the `updated_at` that the caller saw:
a card that was changed since is left alone, and `Stale` raised.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property, reduce, wraps
from operator import or_
from typing import TYPE_CHECKING, Any, Concatenate, Final, Self

from django.apps import apps
from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import models
from django.db.models import Case, Exists, ExpressionWrapper, OuterRef, Q, Value, When
from django.db.models.base import ModelState
from django.db.models.functions import Cast, Coalesce, Now

from backlog import lifecycle
from backlog.connection import DjangoSession
from backlog.errors import UsageError
from backlog.lifecycle import BLOCKED, CELLS, DEFAULT_TTL_SECONDS, DONE, EMPTY, IN_REVIEW
from backlog.querysets.compiled import Compiled
from backlog.records import Record, json_value
from backlog.session import Session
from backlog.values import document
from backlog.verbs import archive, batches, cards, claims, drop, history, moves, pool, verdicts
from backlog.verbs.batches import Outcome
from backlog.verbs.claims import Taken
from backlog.verbs.moves import NOTHING_SAID
from backlog.verbs.pool import EVERYTHING, Condition
from backlog.verbs.runs import Report

if TYPE_CHECKING:
    from backlog.models import Card


def in_cell(cell: str) -> Q:
    """Cards in this one of `lifecycle.CELLS`."""
    status, claimable = CELLS[cell]
    return Q(status=status, claimable=claimable)


# What waits for its verdicts.
REVIEWED: Final = Q(status=BLOCKED, block_reason=IN_REVIEW)


def _stuck(of: str = "") -> Q:
    """What is blocked, and not for its review."""
    return Q(**{f"{of}status": BLOCKED}) & ~Q(**{f"{of}block_reason": IN_REVIEW})


# By the database's clock.
EXPIRED: Final = Q(claim_expires_at__lte=Now())
LATE: Final = Q(due__lte=Now()) & ~Q(status=DONE)


def _of_one_card[**P](
    verb: Callable[Concatenate[Session, P], Record | None],
) -> Callable[Concatenate["CardQuerySet", P], Any]:
    """The verb as a method: on the queryset's connection; it gives a `Card` for a `Record`."""

    @wraps(verb)
    def method(queryset: "CardQuerySet", /, *args: P.args, **kwargs: P.kwargs) -> "Card | None":
        record = verb(queryset.session(), *args, **kwargs)
        return None if record is None else queryset._made(record)

    return method


def _of_many_cards[**P](
    verb: Callable[Concatenate[Session, P], list[Outcome[Record]]],
) -> Callable[Concatenate["CardQuerySet", P], "list[Outcome[Card]]"]:
    """As `_of_one_card`, for a verb that gives an outcome for each card."""

    @wraps(verb)
    def method(
        queryset: "CardQuerySet", /, *args: P.args, **kwargs: P.kwargs
    ) -> "list[Outcome[Card]]":
        return [
            Outcome(card_id, None if record is None else queryset._made(record), refusal)
            for card_id, record, refusal in verb(queryset.session(), *args, **kwargs)
        ]

    return method


class CardQuerySet(models.QuerySet["Card"]):
    """Cards, and what can happen to them."""

    def claimable(self) -> Self:
        """Ready, and every dependency exists and is done, and not held back."""
        return self.filter(claimable=True)

    def waiting(self) -> Self:
        """Ready, but a dependency is unfinished or does not exist, or it is held back."""
        return self.in_cells("waiting")

    def expired(self) -> Self:
        """Claimed, but the lease is over."""
        return self.filter(EXPIRED)

    def late(self) -> Self:
        """Not done, and it should be by now."""
        return self.filter(LATE)

    def stuck(self, *, of_few: bool = False) -> Self:
        """What does not go on by itself: blocked (but for its review), or its lease is over, or it
        waits for a card that is blocked so, or does not exist.

        `of_few`: each card by its own look-ups, of which many cards would take too many.
        """
        edges = apps.get_model("backlog", "Dependency").objects.values("card")
        needed = self.model.objects.filter(pk=OuterRef("dependency_id"))
        missing, blocked = ~Exists(needed), _stuck("dependency__")
        if of_few:
            blocked = Q(Exists(needed.filter(_stuck())))
            in_vain = Q(Exists(edges.filter(missing | blocked, card=OuterRef("pk"))))
        else:
            in_vain = Q(pk__in=edges.filter(missing).union(edges.filter(blocked), all=True))
        return self.filter(_stuck() | EXPIRED | (in_cell("waiting") & in_vain))

    def in_cells(self, *cells: str) -> Self:
        """Those in any of these of `lifecycle.CELLS`."""
        return self.filter(reduce(or_, map(in_cell, cells)))

    def with_cell(self) -> Self:
        """Each card with `cell`, which of `lifecycle.CELLS` it is in."""
        # Every other cell has the name of its status.
        waiting = When(in_cell("waiting"), then=Value("waiting"))
        return self.annotate(cell=Case(waiting, default="status", output_field=models.TextField()))

    def with_state(self) -> Self:
        """Each card with `cell`, and `state`: what pages call it, in classes of the style sheet."""
        reviewed = When(REVIEWED, then=Value(lifecycle.REASON_IN_WORDS[IN_REVIEW]))
        state = Case(reviewed, default="cell", output_field=models.TextField())
        return self.with_cell().annotate(state=state)

    def with_expired(self) -> Self:
        """Each card with `expired`: its lease is over, by the database's clock."""
        return self.annotate(
            expired=Coalesce(ExpressionWrapper(EXPIRED, models.BooleanField()), False)
        )

    def with_late(self) -> Self:
        """Each card with `late`: it should be done by now, by the database's clock."""
        return self.annotate(late=Coalesce(ExpressionWrapper(LATE, models.BooleanField()), False))

    def with_acceptance_text(self) -> Self:
        """Each card with `acceptance_text`: of JSON, Python rounds numbers, or cannot read them."""
        text = Cast("acceptance", models.TextField())
        return self.annotate(acceptance_text=text).defer("acceptance")

    def in_claim_order(self) -> Self:
        """Highest priority first, then oldest, then lowest id."""
        return self.order_by("-priority", "created_at", "id")

    def next_to_claim(self, count: int = 1) -> Self:
        """The cards that the next claim of `count` takes, locked; those that others lock left out.

        To be evaluated in a transaction. What `claim` does in one statement.
        """
        return (
            self.claimable()
            .in_claim_order()
            .select_for_update(skip_locked=True, no_key=True)[:count]
        )

    def claim(
        self,
        owner: str,
        ttl: int = DEFAULT_TTL_SECONDS,
        *,
        phase: str | None = None,
        role: str | None = None,
        roles: tuple[str, ...] = (),
        named: bool = False,
        count: int = 1,
        card_id: str | None = None,
        wait: int = 0,
        as_records: bool = False,
    ) -> Taken[Any]:
        """Give `owner` the first `count` claimable cards of this queryset for `ttl` seconds.

        One statement: the update of what `next_to_claim` locks. `phase`, `role`, `roles`, `named`
        narrow the queryset, as a `Pool`. `card_id` asks for that card or none; whoever is changing
        it is waited for. With nothing to claim, looks again for `wait` seconds.

        Gives `Taken`: its `cards`, in the order of claims (the first is its `card`), or `why` there
        are none: `lifecycle.EMPTY`, `PAUSED`, `AT_LIMIT`, `BUDGET`. Raises `UsageError`, and
        `Busy` if others kept every claimable card locked for about ten seconds.

        `as_records`: instead of instances, the cards as the command prints them: JSON as text,
        every digit kept.
        """
        session = self._session if card_id is None else self.session()
        source = Compiled(self, pool.pool_of(session, phase, role, roles, named), self._using)
        try:
            taken = claims.claim(session, owner, ttl, source, count, card_id=card_id, wait=wait)
        except EmptyResultSet:  # of `none()`, say
            return Taken([], EMPTY)
        if as_records:
            return taken
        return Taken([self._made(record) for record in taken.cards], taken.why)

    def complete_and_claim(
        self,
        card_id: str,
        owner: str,
        attempt: int | None = None,
        ttl: int = DEFAULT_TTL_SECONDS,
        *,
        phase: str | None = None,
        role: str | None = None,
        roles: tuple[str, ...] = (),
        named: bool = False,
        report: Report = NOTHING_SAID,
        waited_for: bool = False,
        as_records: bool = False,
    ) -> tuple[Any, Taken[Any]]:
        """Finish a card and `claim` the next one of this queryset, mostly in one round trip.

        Gives the card that is done, and what `claim` gives. A completion that is refused claims
        nothing; a claim that finds nothing leaves the card done. Who knows that others wait for the
        card says so (`waited_for`), and spares a statement. Raises `NotFound`, `ClaimLost`,
        `UsageError`.
        """
        session = self._session
        source = Compiled(self, pool.pool_of(session, phase, role, roles, named), self._using)
        done, taken = claims.complete_and_claim(
            session,
            card_id,
            owner,
            attempt,
            ttl=ttl,
            pool=source,
            report=report,
            waited_for=waited_for,
        )
        if as_records:
            return done, taken
        return self._made(done), Taken([self._made(record) for record in taken.cards], taken.why)

    # What each takes, gives and raises is what its verb does.
    request_changes = _of_one_card(verdicts.request_changes)
    complete = _of_one_card(moves.complete)
    block = _of_one_card(moves.block)
    cancel = _of_one_card(moves.cancel)
    unblock = _of_one_card(moves.unblock)
    reopen = _of_one_card(moves.reopen)
    release = _of_one_card(moves.release)
    renew = _of_one_card(moves.renew)
    link = _of_one_card(cards.link)
    unlink = _of_one_card(cards.unlink)
    delete_card = _of_one_card(cards.delete)
    archive = _of_one_card(archive.archive)
    archive_many = _of_many_cards(batches.archive_many)
    complete_many = _of_many_cards(batches.complete_many)
    release_many = _of_many_cards(batches.release_many)
    renew_many = _of_many_cards(batches.renew_many)
    block_many = _of_many_cards(batches.block_many)
    unblock_many = _of_many_cards(batches.unblock_many)
    cancel_many = _of_many_cards(batches.cancel_many)
    reopen_many = _of_many_cards(batches.reopen_many)
    link_many = _of_many_cards(batches.link_many)
    unlink_many = _of_many_cards(batches.unlink_many)

    def reclaim(self) -> list[str]:
        """Return the cards of this queryset whose lease is over to the pool; their ids in order."""
        return moves.reclaim(self._session, self.condition())

    def reclaim_card(self, card_id: str, *, seen: datetime | None = None) -> list[str]:
        """Return a claimed card to the pool, whatever its lease; its id, or nothing. Or `Stale`."""
        return moves.reclaim_card(self.session(), card_id, seen=seen)

    def create(self, **fields: Any) -> "Card":
        """A new ready card: `id`, `title` and whatever else of `settable.FIELDS`.

        `acceptance` is any JSON value. A card with the same `idempotency_key` is given unchanged
        instead. Raises `UsageError`, `DuplicateId`, `Cycle`.
        """
        card_id, title = fields.pop("id", ""), fields.pop("title", "")
        return self._made(cards.create(self.session(), card_id, title, **_as_json_text(fields)))

    def edit(self, card_id: str, *, seen: datetime | None = None, **fields: Any) -> "Card":
        """Change some fields, as for `create`; None clears one that may be empty.

        Raises `UsageError`, `NotFound`, `Stale`, `Cycle`, `DuplicateKey`.
        """
        return self._made(cards.edit(self.session(), card_id, seen=seen, **_as_json_text(fields)))

    def edit_many(self, card_ids: Sequence[str], **fields: Any) -> "list[Outcome[Card]]":
        """As `edit`, for each card by itself: an outcome for each, in the order given."""
        return self._edit_many(card_ids, **_as_json_text(fields))

    _edit_many = _of_many_cards(batches.edit_many)

    def delete_together(self, card_ids: Sequence[str], *, force: bool = False) -> "list[Card]":
        """Remove cards, all or none, that may wait for each other. Raises as `delete_card`."""
        gone = cards.delete_together(self.session(), card_ids, force=force)
        return [self._made(record) for record in gone]

    def drop(self, card_id: str, reason: str, **how: Any) -> "Card":
        """The card will not be done; `how` and what is raised as `backlog.verbs.drop` says."""
        return self._made(drop.drop(self.session(), card_id, reason, **how).card)

    def unfinished_dependents(self, card_ids: Sequence[str]) -> list[tuple[str, str]]:
        """Cards, not done and not among these, that wait for these: pairs (waiting, needed)."""
        return cards.unfinished_dependents(self.session(), card_ids)

    def stats(self) -> pool.Stats:
        """How many of the queryset's cards there are in each status, and how old; see `Stats`."""
        return pool.stats(self._session, self.condition())

    def explain_card(self, card_id: str) -> pool.Explanation:
        """Why a card is claimable or not; see `Explanation`. Raises `NotFound`."""
        return pool.explain(self.session(), card_id)

    def comment(self, card_id: str, note: str) -> history.Event:
        """Say something about a card, which stays as it is. Raises `NotFound`, `UsageError`."""
        return history.comment(self.session(), card_id, note)

    def verify(
        self, card_id: str, criterion: int, passed: bool, evidence: str, by: str, **more: Any
    ) -> verdicts.Ledger:
        """Say whether a criterion of a card has passed; see `backlog.verbs.verdicts.verify`."""
        said = criterion, passed, evidence, by
        return verdicts.verify(self.session(), card_id, *said, **more)

    def session(self) -> DjangoSession:
        """The connection, for a verb about all cards. Raises `TypeError` on a filtered queryset."""
        if self.query.where or self.query.is_sliced:
            raise TypeError("this verb acts on one card by its id: call it on Card.objects")
        return self._session

    @cached_property
    def _using(self) -> str:
        self._for_write = True  # a router may name another database for it
        return self.db

    @property
    def _session(self) -> DjangoSession:
        return DjangoSession(self._using)

    def condition(self) -> Condition:
        """The queryset's filters as SQL that continues a WHERE clause on `backlog`."""
        query = self.query
        if query.is_sliced or query.distinct or query.combinator or query.group_by:
            raise TypeError("this verb takes filters only, no slice, distinct, union or grouping")
        if not query.where:
            return EVERYTHING
        try:
            sql, params = query.get_compiler(self._using).compile(query.where)
        except EmptyResultSet:
            return " AND false", ()
        except FullResultSet:
            return EVERYTHING
        if len(query.alias_map) > 1:
            raise TypeError("this verb takes filters on the card's own columns only")
        return f" AND ({sql})", tuple(params)

    def _made(self, record: Record) -> "Card":
        """The whole card: no field of it is a query of its own.

        Made as unpickling makes one, without `__init__` and its signals, which would take longer
        than all else that a verb does here.
        """
        state = ModelState()
        state.adding, state.db = False, self._using
        card = self.model.__new__(self.model)
        card.__dict__ = record._asdict() | {
            "_state": state,
            "depends_on": record.dependencies,
            "acceptance": json_value(record.acceptance),
        }
        return card


def _as_json_text(fields: dict[str, Any]) -> dict[str, Any]:
    if fields.get("acceptance") is not None:
        try:
            written = json.dumps(fields["acceptance"], ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise UsageError(f"acceptance must be JSON: {error}") from None
        fields["acceptance"] = document(written, "acceptance")
    return fields
