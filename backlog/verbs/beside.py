"""What an app that uses the backlog adds to what is done, looked for and told here anyway.

It says where its function of a session is, as `package.module.function`: none is imported before
it is used.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from backlog.errors import Refusal
from backlog.session import Session

if TYPE_CHECKING:
    from backlog.verbs.doctor import Diagnosis
    from backlog.verbs.findings import Finding


class Kind(NamedTuple):
    """A kind of finding: where the function is that yields them, and what the doctor's page says
    above them. `page`, where there is one to see to them: the name of its address, and its title.
    """

    place: str
    title: str
    about: str
    page: tuple[str, str] | None = None


class Outside(NamedTuple):
    """A chore that takes as long as others please: where the functions of a session are that say
    whether there is anything to do, and do it."""

    waits: str
    place: str


# Of a sweep, by the key under which it says what was done: what returns that, as texts.
CHORES: Final[dict[str, str]] = {}

# The same of what waits for others than the database, a server somewhere: no pass waits for it.
OUTSIDE: Final[dict[str, Outside]] = {}

# Of the doctor, by what `Finding.kind` is, in the order in which they are listed: last.
KINDS: Final[dict[str, Kind]] = {}

# Of what is monitored, by the app: what returns its figures.
FIGURES: Final[dict[str, str]] = {}


def done(session: Session, chores: Mapping[str, str] = CHORES) -> dict[str, list[str]]:
    """Do the chores: what was done by each that did anything. One that is refused keeps none of the
    others from it; the refusal is raised after them.
    """
    did, refused = {}, None
    for key, place in chores.items():
        try:
            did[key] = _function(place)(session)
        except Refusal as refusal:
            refused = refusal
    if refused is not None:
        raise refused
    return {key: each for key, each in did.items() if each}


def waits(session: Session) -> bool:
    """Whether `done_outside` would do anything."""
    return any(_function(each.waits)(session) for each in OUTSIDE.values())


def done_outside(session: Session) -> dict[str, list[str]]:
    """As `done`, of `OUTSIDE`."""
    return done(session, {key: each.place for key, each in OUTSIDE.items()})


def found(session: Session) -> "Iterator[Finding]":
    """What needs an operator as of now: time alone may bring it about."""
    return told(session, [kind.place for kind in KINDS.values()])


def told(session: Session, places: Iterable[str]) -> Iterator[Any]:
    """What the functions there yield, one after the other."""
    for place in places:
        yield from _function(place)(session)


def with_found(session: Session, diagnosis: "Diagnosis") -> "Diagnosis":
    """The doctor's diagnosis of the cards, and what else is `found`."""
    return diagnosis._replace(findings=[*diagnosis.findings, *found(session)])


def _function(place: str) -> Any:
    from pkgutil import resolve_name  # no claim needs it, and this is imported at each start

    return resolve_name(place)
