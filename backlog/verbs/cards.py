"""Cards themselves: create, edit, delete, show and list them; link and unlink them."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Final

from backlog import errors, settable, values
from backlog.errors import Cycle, DuplicateId, DuplicateKey, NotFound, UsageError, WrongState
from backlog.lifecycle import BLOCKED, DONE, IN_REVIEW
from backlog.records import COLUMNS, Record
from backlog.session import UNIQUE_VIOLATION, Session, in_pages, in_transaction, sqlstate
from backlog.verbs import names
from backlog.verbs.graph import lock_graph, refuse_cycle
from backlog.verbs.moves import existing, stale
from backlog.verbs.pool import wake

# In the order of claims, which is the order of every list that asks for no other.
ORDER: Final = "priority DESC, created_at, id"
SORTS: Final = {"claim": ORDER, "due": f"due, {ORDER}"}


def find(session: Session, card_id: str) -> Record | None:
    """The card, or None."""
    values.text(card_id, "id")
    return _one(session, f"SELECT {COLUMNS} FROM backlog WHERE id = %s", card_id)


def _one(session: Session, sql: str, *params: Any) -> Record | None:
    row = session.execute(sql, params).fetchone()
    return Record._make(row) if row else None


def show(session: Session, card_id: str) -> Record:
    """The card. Raises `NotFound`."""
    return existing(card_id, find(session, card_id))


def list_cards(
    session: Session,
    status: str | None = None,
    phase: str | None = None,
    ready_only: bool = False,
    limit: int | None = None,
    after: str | None = None,
    *,
    sort: str = "claim",
    due_before: datetime | None = None,
    late: bool = False,
    archived: bool = False,
    in_review: bool = False,
) -> Iterator[Record]:
    """Cards in the order of claims, narrowed by every filter given, read as `in_pages` says.

    `limit`: so many of them at most; `after`: those behind the place that this card has now,
    whether or not it meets the filters itself. `sort`: one of `SORTS`; by `due`, what has none is
    last. `late`: what should be done by now, and is not. `archived`: these, which are else left
    out. Raises `NotFound` if there is no card `after`, `UsageError` for one in another order.
    """
    order = SORTS[values.one_of(sort, "sort", SORTS)]
    if after is not None and order != ORDER:
        raise UsageError("after is a place in the order of claims: leave out the sort")
    if ready_only:
        wake(session)
    phase = names.found(session, "phase", phase)
    behind = None if after is None else _place(session, after)
    wanted: dict[str, tuple[Any, ...] | None] = {
        "status = %s": (status,) if status else None,
        "phase = %s": (phase,) if phase else None,
        "claimable": () if ready_only else None,
        "due < %s": None if due_before is None else (values.given_moment(due_before, "due"),),
        f"due <= now() AND status <> '{DONE}'": () if late else None,
        f"archived_at IS {'NOT ' * archived}NULL": (),
        _IN_REVIEW: () if in_review else None,
        _BEHIND: behind,
    }
    given = {condition: values for condition, values in wanted.items() if values is not None}
    where = " AND ".join(given)
    sql = f"SELECT {COLUMNS} FROM backlog WHERE {where} ORDER BY {order} LIMIT %s"
    return map(Record._make, in_pages(session, sql, [*chain(*given.values()), limit]))


_IN_REVIEW: Final = f"status = '{BLOCKED}' AND block_reason = '{IN_REVIEW}'"
# The first half is a range of an index in that order, the second what is left out of it.
_BEHIND: Final = "priority <= %s AND (priority < %s OR (created_at, id) > (%s, %s))"


def _place(session: Session, card_id: str) -> tuple[Any, ...]:
    """What `_BEHIND` takes. Raises `NotFound`."""
    card = find(session, card_id)
    if card is None:
        raise NotFound(f"there is no card {card_id}: the list goes on after a card that is there")
    return card.priority, card.priority, card.created_at, card_id


def create(session: Session, card_id: str, title: str, **fields: Any) -> Record:
    """A new ready card; `fields` as in `settable.checked`, `acceptance` as JSON text.

    A card with the same `idempotency_key` is returned unchanged instead, also when two creates
    race. A dependency need not exist yet: the card waits for it. Raises `UsageError`,
    `DuplicateId`, `Cycle`.
    """
    checked = settable.checked({"title": title, **fields})
    try:
        new_id = values.new_id(card_id)
    except UsageError:
        # Not new: a repeated create of a card from before gives that card, whatever it is called.
        twin = _twin(session, values.line(card_id, "id").strip(), checked.get("idempotency_key"))
        if twin is None:
            raise
        return twin
    return _insert(session, new_id, checked)


@in_transaction
def _insert(session: Session, card_id: str, fields: dict[str, Any]) -> Record:
    ids = values.dependencies(fields.get("depends_on", ()), card_id)
    if ids:
        lock_graph(session)
        names.refuse_impossible(session, ids)
    row = {"id": card_id, **fields, "depends_on": values.json_text(ids)}
    sql = f"""
        INSERT INTO backlog ({", ".join(row)}) VALUES ({", ".join(map(_placeholder, row))})
        ON CONFLICT DO NOTHING RETURNING {COLUMNS}"""
    while (created := session.execute(sql, list(row.values())).fetchone()) is None:
        twin = _twin(session, card_id, fields.get("idempotency_key"))
        if twin is not None:  # else it was deleted a moment ago
            return twin
    if ids:
        refuse_cycle(session, card_id, ids)
    return Record._make(created)


def _twin(session: Session, card_id: str, key: str | None) -> Record | None:
    """The card that a create with this key repeats; raises if only the id is taken."""
    twin = _one(session, f"SELECT {COLUMNS} FROM backlog WHERE idempotency_key = %s", key)
    if twin is None and find(session, card_id) is not None:
        raise DuplicateId(f"there is a card {card_id} already; choose another id, or edit that one")
    return twin


def edit(session: Session, card_id: str, *, seen: datetime | None = None, **fields: Any) -> Record:
    """Change some fields (as for `create`, and `title`); None clears one that may be empty.

    With `seen`, the `updated_at` the caller saw, a card changed since then is left alone.
    Raises `NotFound`, `Stale`, `Cycle`, `DuplicateKey`; `WrongState` for the gate of its phase.
    """
    return _update(session, card_id, seen, settable.checked(fields))


@in_transaction
def _update(
    session: Session, card_id: str, seen: datetime | None, fields: dict[str, Any]
) -> Record:
    ids = values.dependencies(fields.get("depends_on", ()), card_id)
    if ids:
        lock_graph(session)
    card = _locked(session, card_id, seen)
    if not fields:
        return card
    names.refuse_impossible(session, set(ids) - set(card.dependencies))
    if fields.get("gated"):
        fields = {**fields, "own_gate": True}  # its phase may have gated it already
    if "depends_on" in fields:
        fields = {**fields, "depends_on": values.json_text(ids)}
    columns, new = ", ".join(fields), ", ".join(map(_placeholder, fields))
    # What is as it was is not written: whoever looks at the card has seen it.
    sql = f"""
        UPDATE backlog SET ({columns}) = ROW({new})
        WHERE id = %s AND ROW({columns}) IS DISTINCT FROM ROW({new}) RETURNING {COLUMNS}"""
    try:
        row = session.execute(sql, (*fields.values(), card_id, *fields.values())).fetchone()
    except Exception as error:
        if sqlstate(error) != UNIQUE_VIOLATION:
            raise
        key = fields["idempotency_key"]
        raise DuplicateKey(f"another card has the idempotency key {key} already") from None
    if row is None:
        return card
    if ids:
        refuse_cycle(session, card_id, ids)
    made = Record._make(row)
    if fields.get("gated") is False and card.gated and made.gated:
        raise WrongState(f"{card_id} is gated by its phase {made.phase}: ungate that")
    return made


@in_transaction
def delete(
    session: Session, card_id: str, *, force: bool = False, seen: datetime | None = None
) -> Record:
    """Remove a card; the card as it was. Raises `NotFound`, `HasDependents` unless `force`.

    Forced, its unfinished dependents wait for an id that does not exist. With `seen`, the
    `updated_at` the caller saw, a card changed since then stays: `Stale`.
    """
    _locked(session, card_id, seen)
    return _delete(session, [card_id], force)[0]


@in_transaction
def delete_together(
    session: Session, card_ids: Sequence[str], *, force: bool = False
) -> list[Record]:
    """Remove cards, all or none; as `delete`, but they may wait for each other."""
    for card_id in sorted(_checked(card_ids)):
        _locked(session, card_id)
    return _delete(session, card_ids, force)


def _delete(session: Session, card_ids: Sequence[str], force: bool) -> list[Record]:
    waiting = unfinished_dependents(session, card_ids)
    if waiting and not force:
        some = ", ".join(f"{card_id} waits for {needed}" for card_id, needed in waiting[:10])
        others = f", … and {len(waiting) - 10:,} more" if len(waiting) > 10 else ""
        raise errors.HasDependents(f"cannot delete: {some}{others}; unlink first")
    sql = f"DELETE FROM backlog WHERE id = ANY (%s) RETURNING {COLUMNS}"
    return [Record._make(row) for row in session.execute(sql, (list(card_ids),))]


def unfinished_dependents(session: Session, card_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Cards, not done and not among these, that wait for these: pairs `(waiting, needed)`."""
    sql = """
        SELECT id, dependency_id FROM backlog JOIN backlog_dependency ON card_id = id
        WHERE dependency_id = ANY (%s) AND status <> 'done' AND id <> ALL (%s)
        ORDER BY id, dependency_id"""
    ids = _checked(card_ids)
    return [(row[0], row[1]) for row in session.execute(sql, (ids, ids))]


@in_transaction
def link(
    session: Session, card_id: str, dependency_id: str, *, seen: datetime | None = None
) -> Record:
    """From now on the card waits for the dependency; both must exist. Again: no change.

    With `seen`, the `updated_at` the caller saw, the card must not have changed since.
    Raises `NotFound`, `Cycle`, `Stale`.
    """
    values.text(card_id, "id")
    values.text(dependency_id, "id")
    dependency_id = names.found(session, "id", dependency_id)
    if card_id == dependency_id:
        raise Cycle(f"{card_id} cannot depend on itself")
    lock_graph(session)
    # In id order, like every other lock on several cards: most deadlocks never start.
    expected = {card_id: seen, dependency_id: None}
    locked = {each: _locked(session, each, expected[each]) for each in sorted(expected)}
    card = locked[card_id]
    if dependency_id in card.dependencies:
        return card
    refuse_cycle(session, card_id, [dependency_id])
    return _set_dependencies(session, card, [*card.dependencies, dependency_id])


@in_transaction
def unlink(
    session: Session, card_id: str, dependency_id: str, *, seen: datetime | None = None
) -> Record:
    """The card no longer waits for the dependency, which need not exist.

    Raises `NotFound`, `Stale`.
    """
    values.text(dependency_id, "id")
    card = _locked(session, card_id, seen)
    if dependency_id not in card.dependencies:
        dependency_id = dependency_id.strip()
    kept = [other for other in card.dependencies if other != dependency_id]
    return card if kept == card.dependencies else _set_dependencies(session, card, kept)


def _set_dependencies(session: Session, card: Record, ids: list[str]) -> Record:
    sql = f"UPDATE backlog SET depends_on = %s::jsonb WHERE id = %s RETURNING {COLUMNS}"
    return Record._make(session.execute(sql, (values.ids_text(ids), card.id)).fetchone())


def _checked(card_ids: Sequence[str]) -> list[str]:
    if isinstance(card_ids, str) or not isinstance(card_ids, Collection):
        raise UsageError(f"ids must be a list, not {type(card_ids).__name__}")
    return [values.text(each, "id") for each in card_ids]


def _locked(session: Session, card_id: str, seen: datetime | None = None) -> Record:
    values.text(card_id, "id")
    if seen is not None:
        values.since(seen, "seen")
    sql = f"SELECT {COLUMNS} FROM backlog WHERE id = %s FOR NO KEY UPDATE"
    card = existing(card_id, _one(session, sql, card_id))
    if seen not in (None, card.updated_at):
        raise stale(card)
    return card


def _placeholder(column: str) -> str:
    return "%s::jsonb" if column in ("depends_on", "acceptance") else "%s"
