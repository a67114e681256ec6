"""Names as they stand in the backlog: what is called so already is found, however it is called."""

from collections.abc import Iterable

from backlog import values
from backlog.lifecycle import LONGEST_NAME
from backlog.session import Session


def found[T: (str, str | None)](
    session: Session, column: str, given: T, what: str | None = None
) -> T:
    """A name as a caller gives it, trimmed, unless a card has it in this column with its blanks.

    Earlier versions kept them, and psql does. Raises `UsageError`.
    """
    if given is None:
        return given
    trimmed = values.text(given, what or column.removeprefix("claim_")).strip()
    return given if trimmed == given or is_there(session, column, given) else trimmed


def named(session: Session, column: str, given: str) -> str:
    """As `found`; what is more than one line is refused if no card has it. Raises `UsageError`."""
    name = found(session, column, given)
    if values.CONTROL.search(name) and not is_there(session, column, name):
        values.name(name, column.removeprefix("claim_"))
    return name


def is_there(session: Session, column: str, name: str) -> bool:
    """Whether a card has exactly this in the column."""
    sql = f"SELECT EXISTS (SELECT FROM backlog WHERE {column} = %s)"
    return bool(session.execute(sql, (name,)).fetchone()[0])


def of_rule(session: Session, column: str, name: str, what: str) -> str:
    """Whom a new rule is about: by the very name that cards have, else a proper one."""
    values.line(name, what)
    if is_there(session, column, name):
        return values.text(name, what, LONGEST_NAME)
    return values.name(name, what)


def missing(session: Session, ids: Iterable[str]) -> list[str]:
    """Those of the ids that no card has, in their order."""
    given = list(ids)
    rows = session.execute("SELECT id FROM backlog WHERE id = ANY (%s)", (given,))
    there = {row[0] for row in rows}
    return [each for each in given if each not in there]


def refuse_impossible(session: Session, ids: Iterable[str], what: str = "dependency") -> None:
    """Raise `UsageError` for an id that no card has, and none could be given."""
    odd = [each for each in ids if not values.is_new_id(each)]
    if odd:
        rows = session.execute("SELECT id FROM backlog WHERE id = ANY (%s)", (odd,)).fetchall()
        for each in odd:
            if (each,) not in rows:
                values.new_id(each, what)
