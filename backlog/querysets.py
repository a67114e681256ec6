"""The verbs for Django: methods of the manager and its querysets, in and out as `Card`.

Verbs on one card take its id and act on the whole table; called on a filtered queryset they
raise `TypeError`, because the filter would be ignored. `claim`, `reclaim` and `stats` honour the
queryset's filters (not its order: the order of claims is fixed). The cards that verbs return have
sent no signals of `Model.__init__`.
"""

import json
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self
from weakref import WeakKeyDictionary

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import connections, models, router, transaction
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.models import ExpressionWrapper, Q
from django.db.models.base import ModelState
from django.db.models.functions import Coalesce, Now
from psycopg.pq import Format

from backlog.lifecycle import DEFAULT_BLOCK_REASON, DEFAULT_TTL_SECONDS, READY
from backlog.records import Record
from backlog.session import Cursors
from backlog.values import parse_json
from backlog.verbs import cards, claims, history, leases, moves, reports, runs

if TYPE_CHECKING:
    from backlog.models import Card

# Of each of Django's connections: what it has open, and that one's cursors.
_CURSORS: Final[WeakKeyDictionary[Any, tuple[Any, Cursors]]] = WeakKeyDictionary()


def _cursor(connection: Any) -> Any:
    # Server-side binding, which the ORM does without by default: only so can the connection keep
    # the statement prepared.
    cursor: Any = ServerBindingCursor(connection)  # type: ignore[call-arg]  # (the stubs lack it)
    cursor.format = Format.BINARY  # in text, Django takes times apart in Python
    return cursor


class DjangoSession:
    """Django's connection as the verbs use it; inside `atomic`, a verb is a savepoint."""

    def __init__(self, using: str) -> None:
        self._connection = connections[using]

    def execute(self, sql: str, params: Sequence[Any] = ()) -> Any:
        self._ready()
        cursor = _cursor(self._connection.connection)
        self._run(cursor, sql, params)
        return cursor

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        self._ready()
        return self._cursors().rows(sql, params, self._run)

    def _ready(self) -> None:
        self._connection.close_if_health_check_failed()  # once a request: it may have restarted
        self._connection.ensure_connection()

    def _run(self, cursor: Any, sql: str, params: Sequence[Any]) -> None:
        # Error classes, logging and wrappers stay Django's; the last two only if somebody listens.
        connection = self._connection
        if connection.queries_logged:
            connection.make_debug_cursor(cursor).execute(sql, params)
        elif connection.execute_wrappers:
            connection.make_cursor(cursor).execute(sql, params)
        else:
            connection.validate_no_broken_transaction()
            with connection.wrap_database_errors:
                cursor.execute(sql, params)

    def _cursors(self) -> Cursors:
        opened = self._connection.connection
        kept = _CURSORS.get(self._connection)
        if kept is None or kept[0] is not opened:
            kept = _CURSORS[self._connection] = opened, Cursors(partial(_cursor, opened))
        return kept[1]

    def copy(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._connection.cursor() as cursor, cursor.copy(sql) as copy:
            for row in rows:
                copy.write_row(row)

    def transaction(self) -> AbstractContextManager[Any]:
        return transaction.atomic(using=self._connection.alias)

    def inside(self) -> bool:
        return self._connection.in_atomic_block


class CardVerbs:
    """What can happen to cards, of all of them or of a queryset's."""

    model: "type[Card]"
    _db: str | None
    _hints: dict[str, Any]

    def claim(self, owner: str, ttl: int = DEFAULT_TTL_SECONDS) -> "Card | None":
        """As `backlog.verbs.claims.claim`, from the cards of this queryset."""
        return self._card(claims.claim(self._session, owner, ttl, self._scope()))

    def claim_card(self, card_id: str, owner: str, ttl: int = DEFAULT_TTL_SECONDS) -> "Card | None":
        """As `backlog.verbs.claims.claim_card`."""
        return self._card(claims.claim_card(self._whole(), card_id, owner, ttl))

    def complete(
        self,
        card_id: str,
        owner: str | None = None,
        attempt: int | None = None,
        *,
        seen: datetime | None = None,
    ) -> "Card | None":
        """As `backlog.verbs.moves.complete`."""
        return self._card(moves.complete(self._whole(), card_id, owner, attempt, seen=seen))

    def block(
        self,
        card_id: str,
        owner: str | None = None,
        attempt: int | None = None,
        *,
        reason: str = DEFAULT_BLOCK_REASON,
        note: str | None = None,
        seen: datetime | None = None,
    ) -> "Card | None":
        """As `backlog.verbs.moves.block`."""
        return self._card(
            moves.block(self._whole(), card_id, owner, attempt, reason=reason, note=note, seen=seen)
        )

    def cancel(
        self, card_id: str, *, reason: str | None = None, seen: datetime | None = None
    ) -> "Card | None":
        """As `backlog.verbs.moves.cancel`."""
        return self._card(moves.cancel(self._whole(), card_id, reason=reason, seen=seen))

    def unblock(self, card_id: str, *, seen: datetime | None = None) -> "Card":
        """As `backlog.verbs.moves.unblock`."""
        return self._model(moves.unblock(self._whole(), card_id, seen=seen))

    def reopen(self, card_id: str, *, seen: datetime | None = None) -> "Card":
        """As `backlog.verbs.moves.reopen`."""
        return self._model(moves.reopen(self._whole(), card_id, seen=seen))

    def release(
        self,
        card_id: str,
        owner: str | None = None,
        attempt: int | None = None,
        *,
        seen: datetime | None = None,
    ) -> "Card":
        """As `backlog.verbs.leases.release`."""
        return self._model(leases.release(self._whole(), card_id, owner, attempt, seen=seen))

    def renew(
        self,
        card_id: str,
        owner: str | None = None,
        attempt: int | None = None,
        ttl: int | None = None,
    ) -> "Card":
        """As `backlog.verbs.leases.renew`."""
        return self._model(leases.renew(self._whole(), card_id, owner, attempt, ttl))

    def reclaim(self) -> list[str]:
        """As `backlog.verbs.leases.reclaim`, among the cards of this queryset."""
        return leases.reclaim(self._session, self._scope())

    def reclaim_card(self, card_id: str, *, seen: datetime | None = None) -> list[str]:
        """As `backlog.verbs.leases.reclaim_card`."""
        return leases.reclaim_card(self._whole(), card_id, seen=seen)

    def link(self, card_id: str, dependency_id: str, *, seen: datetime | None = None) -> "Card":
        """As `backlog.verbs.cards.link`."""
        return self._model(cards.link(self._whole(), card_id, dependency_id, seen=seen))

    def unlink(self, card_id: str, dependency_id: str, *, seen: datetime | None = None) -> "Card":
        """As `backlog.verbs.cards.unlink`."""
        return self._model(cards.unlink(self._whole(), card_id, dependency_id, seen=seen))

    def create(self, **fields: Any) -> "Card":
        """As `backlog.verbs.cards.create`: `id`, `title`, …; `acceptance` is any JSON value."""
        card_id, title = fields.pop("id", ""), fields.pop("title", "")
        return self._model(cards.create(self._whole(), card_id, title, **_as_json_text(fields)))

    def edit(self, card_id: str, *, seen: datetime | None = None, **fields: Any) -> "Card":
        """As `backlog.verbs.cards.edit`; `acceptance` is any JSON value."""
        return self._model(cards.edit(self._whole(), card_id, seen=seen, **_as_json_text(fields)))

    def delete_card(
        self, card_id: str, *, force: bool = False, seen: datetime | None = None
    ) -> "Card":
        """As `backlog.verbs.cards.delete`."""
        return self._model(cards.delete(self._whole(), card_id, force=force, seen=seen))

    def delete_together(self, card_ids: Sequence[str], *, force: bool = False) -> "list[Card]":
        """As `backlog.verbs.cards.delete_together`."""
        gone = cards.delete_together(self._whole(), card_ids, force=force)
        return [self._model(record) for record in gone]

    def unfinished_dependents(self, card_ids: Sequence[str]) -> list[tuple[str, str]]:
        """As `backlog.verbs.cards.unfinished_dependents`."""
        return cards.unfinished_dependents(self._whole(), card_ids)

    def stats(self) -> reports.Stats:
        """As `backlog.verbs.reports.stats`, of the cards of this queryset."""
        return reports.stats(self._session, self._scope())

    def explain_card(self, card_id: str) -> reports.Explanation:
        """As `backlog.verbs.reports.explain`."""
        return reports.explain(self._whole(), card_id)

    def spent(self, card_id: str) -> runs.Spent:
        """As `backlog.verbs.runs.spent`."""
        return runs.spent(self._whole(), card_id)

    def runs(self, card_id: str, limit: int | None = None) -> list[runs.Run]:
        """As `backlog.verbs.runs.runs`."""
        return runs.runs(self._whole(), card_id, limit)

    def history(self, card_id: str, limit: int | None = None) -> list[history.Event]:
        """As `backlog.verbs.history.history`."""
        return history.history(self._whole(), card_id, limit)

    def session(self) -> DjangoSession:
        """For the verbs that answer pages of their own: `backlog.verbs.board`, `.listing`."""
        return self._whole()

    @property
    def _using(self) -> str:
        return self._db or router.db_for_write(self.model, **self._hints)

    @property
    def _session(self) -> DjangoSession:
        return DjangoSession(self._using)

    def _whole(self) -> DjangoSession:
        return self._session

    def _scope(self) -> claims.Scope:
        return claims.EVERYTHING

    def _card(self, record: Record | None) -> "Card | None":
        return None if record is None else self._model(record)

    def _model(self, record: Record) -> "Card":
        """Made as unpickling makes one: without `__init__` and its signals, half of the cost."""
        state = ModelState()
        state.adding, state.db = False, self._using
        card = self.model.__new__(self.model)
        fields = card.__dict__ = record._asdict()
        fields["_state"] = state
        fields["depends_on"] = record.dependencies
        fields["acceptance"] = _as_value(record.acceptance)
        return card


class CardQuerySet(CardVerbs, models.QuerySet["Card"]):
    """Cards, and what can happen to them."""

    def claimable(self) -> Self:
        """Ready, and every dependency exists and is done."""
        return self.filter(claimable=True)

    def waiting(self) -> Self:
        """Ready, but a dependency is unfinished or does not exist."""
        return self.filter(status=READY, claimable=False)

    def with_expired(self) -> Self:
        """Each card with `expired`: its lease is over, by the database's clock."""
        return self.annotate(
            expired=Coalesce(
                ExpressionWrapper(Q(claim_expires_at__lte=Now()), models.BooleanField()), False
            )
        )

    def in_claim_order(self) -> Self:
        """Highest priority first, then oldest, then lowest id."""
        return self.order_by("-priority", "created_at", "id")

    def _whole(self) -> DjangoSession:
        if self.query.where or self.query.is_sliced:
            raise TypeError("this verb acts on one card by its id: call it on Card.objects")
        return self._session

    def _scope(self) -> claims.Scope:
        """The queryset's filters as SQL that continues a WHERE clause."""
        query = self.query
        if query.is_sliced or query.distinct or query.combinator or query.group_by:
            raise TypeError("this verb takes filters only, no slice, distinct, union or grouping")
        if not query.where:
            return claims.EVERYTHING
        try:
            sql, params = query.get_compiler(self._using).compile(query.where)
        except EmptyResultSet:
            return " AND false", ()
        except FullResultSet:
            return claims.EVERYTHING
        if len(query.alias_map) > 1:
            raise TypeError("this verb takes filters on the card's own columns only")
        return f" AND ({sql})", tuple(params)


_Manager = models.Manager.from_queryset(CardQuerySet)


class CardManager(CardVerbs, _Manager["Card"]):
    """Its verbs act on all cards, without a queryset made for each."""


def _as_value(acceptance: str | None) -> Any:
    """The JSON value; numbers too long for Python as they are written."""
    if acceptance is None:
        return None
    try:
        return json.loads(acceptance)
    except ValueError:
        return parse_json(acceptance)


def _as_json_text(fields: dict[str, Any]) -> dict[str, Any]:
    if fields.get("acceptance") is not None:
        fields["acceptance"] = json.dumps(fields["acceptance"], ensure_ascii=False)
    return fields
