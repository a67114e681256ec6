"""What an app that uses the backlog adds to what is done and looked for here anyway.

It says where its function of a session is, as `package.module.function`: none is imported before
it is used.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from backlog.session import Session

if TYPE_CHECKING:
    from backlog.verbs.doctor import Diagnosis, Finding


class Kind(NamedTuple):
    """A kind of finding: where the function is that yields them, and what the doctor's page says
    above them."""

    place: str
    title: str
    about: str


# Of a sweep, by the key under which it says how much was done: what returns that.
CHORES: Final[dict[str, str]] = {}

# Of the doctor, by what `Finding.kind` is, in the order in which they are listed: last.
KINDS: Final[dict[str, Kind]] = {}


def done(session: Session) -> dict[str, int]:
    """Do the chores: how much was done of each, of which anything was."""
    amounts = {key: _function(place)(session) for key, place in CHORES.items()}
    return {key: amount for key, amount in amounts.items() if amount}


def found(session: Session) -> "Iterator[Finding]":
    """What needs an operator as of now: time alone may bring it about."""
    for kind in KINDS.values():
        yield from _function(kind.place)(session)


def with_found(session: Session, diagnosis: "Diagnosis") -> "Diagnosis":
    """The doctor's diagnosis of the cards, and what else is `found`."""
    return diagnosis._replace(findings=[*diagnosis.findings, *found(session)])


def _function(place: str) -> Any:
    module, _, name = place.rpartition(".")
    return getattr(import_module(module), name)
