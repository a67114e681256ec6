"""`token …`: who may call over the wire."""

from typing import TYPE_CHECKING, Final

from backlog import values
from backlog.cli.options import Group, Options, number, one_of, text, verb
from backlog.cli.reply import Reply, many, one
from backlog.records import iso, row, to_json
from backlog.session import Session
from remote.scopes import ABOUT, SCOPES, WORK
from remote.words import MOST_DAYS

if TYPE_CHECKING:
    from remote.verbs.tokens import Token

_WORKER: Final = (
    "name",
    {"metavar": "NAME", "type": lambda value: values.name(value, "NAME"), "help": "the worker"},
)
_KEY: Final = (
    "key",
    {"metavar": "KEY", "type": lambda value: values.line(value, "KEY"), "help": "its key"},
)


def _names(value: str, name: str) -> list[str]:
    return [values.name(each, name) for each in values.line(value, name).split(",")]


@verb(
    "create",
    "a token for a worker; it is shown this once",
    _WORKER,
    one_of(
        "--scope",
        SCOPES,
        f"{ABOUT} (%(default)s)",
        default=WORK,
    ),
    text("--phases", _names, "cards of these phases only", metavar="A,B"),
    text("--roles", _names, "cards for these roles, and those for none, only", metavar="A,B"),
    number("--expires-in", 1, "days until it is over", high=MOST_DAYS),
)
def create(session: Session, options: Options) -> Reply:
    from remote.verbs import tokens

    limits = options.phases or (), options.roles or (), options.expires_in
    made, shown = tokens.create(session, options.name, options.scope, *limits)
    json = f'{to_json(made)[:-1]},"token":"{shown}"}}\n'
    return Reply([json], [shown], note="this is shown once: keep it where only the worker reads it")


@verb("list", "every token, without its secret")
def list_tokens(session: Session, options: Options) -> Reply:
    from remote.verbs import tokens

    return many(tokens.tokens(session), _line, "(no tokens)")


@verb("revoke", "a token lets nobody in any more", _KEY)
def revoke(session: Session, options: Options) -> Reply:
    from remote.verbs import tokens

    gone = tokens.revoke(session, options.key)
    return one(gone, row(f"revoked: {gone.key}", gone.worker))


token = Group("token", "who may call over HTTP, and what", (create, list_tokens, revoke))


def _line(each: "Token") -> str:
    names = {"phases": each.phases, "roles": each.roles}
    limits = (f"{what}={','.join(of) or '-'}" for what, of in names.items())
    moments = {"expires": each.expires_at, "revoked": each.revoked_at, "used": each.last_used_at}
    when = (f"{what}={iso(moment) if moment else '-'}" for what, moment in moments.items())
    return row(each.key, each.worker, each.scope, *limits, *when)
