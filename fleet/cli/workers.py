"""`worker …`: who is who in the fleet, and what each of them is."""

from typing import TYPE_CHECKING, Final

from backlog import values
from backlog.cli.options import Group, Options, text, verb, word
from backlog.cli.reply import Reply, many, one
from backlog.records import iso, row
from backlog.session import Session

if TYPE_CHECKING:
    from fleet.verbs.workers import Worker

_NAME: Final = word("name", values.name, "the worker")


def _roles(value: str, name: str) -> list[str]:
    return [values.name(each, name) for each in values.line(value, name).split(",")]


@verb(
    "add",
    "register a worker with its roles; again: with these instead",
    _NAME,
    text("--roles", _roles, "what it is: roles, or their classes", required=True, metavar="A,B"),
)
def add(session: Session, options: Options) -> Reply:
    from fleet.verbs import workers

    made = workers.add(session, options.name, options.roles)
    return one(made, _line(made))


@verb("list", "who is registered")
def list_workers(session: Session, options: Options) -> Reply:
    from fleet.verbs import workers

    return many(workers.workers(session), _line, "(nobody is registered)")


@verb("remove", "a worker is not registered any more", _NAME)
def remove(session: Session, options: Options) -> Reply:
    from fleet.verbs import workers

    gone = workers.remove(session, options.name)
    return one(gone, row(f"removed: {gone.name}"))


worker = Group("worker", "who is registered, in which roles", (add, list_workers, remove))


def _line(each: "Worker") -> str:
    return row(each.name, f"roles={','.join(each.roles)}", iso(each.registered_at))
