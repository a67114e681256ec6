"""What somebody is about to do by the command, for whoever is asked whether they may."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Final

from backlog.cli.options import Options
from backlog.session import ACTOR, Session
from backlog.values import actor
from backlog.verbs.rights import TOGETHER, Ask, Deed

# The option that says who acts, where BACKLOG_OWNER does not stand for it.
_SAID: Final = ("by", "actor")


@contextmanager
def asked(ask: Ask, session: Session, options: Options) -> Iterator[None]:
    """Inside it the verb may be run: what was asked about stays so. Raises `NotAllowed`."""
    many = getattr(options, "ids", None) is not None
    one = getattr(options, "card_id", None)
    together = many or one is not None or options.deed in TOGETHER
    with session.transaction() if together else nullcontext():
        # What is known once it has been read.
        options.allow = lambda ids: ask(session, _deed(options, tuple(ids)))
        if not many:
            options.roles_of_actor = ask(session, _deed(options, (one,) if one is not None else ()))
        yield


def _deed(options: Options, cards: tuple[str, ...]) -> Deed:
    given: dict[str, Any] = vars(options)
    holder = given[options.acting] if options.acting else None
    said = [holder, *(given.get(name) for name in _SAID)]
    who = next((actor(each) for each in said if isinstance(each, str) and each), ACTOR.get())
    claims_next = bool(given.get("claim_next"))
    return Deed(options.deed, who, cards, holder, given.get("role"), claims_next=claims_next)
