"""What somebody is about to do by the command, for whoever is asked whether they may."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Final

from backlog.cli.options import Options
from backlog.session import ACTOR, Session
from backlog.values import actor
from backlog.verbs.rights import TOGETHER, UNGATE, Ask, Deed, Narrowed

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
        def allow(ids: Iterable[str], deed: str | None = None) -> Narrowed:
            cards = tuple(ids)
            if options.deed == "edit" and getattr(options, "gated", None) is False:
                ask(session, _deed(options, cards, UNGATE))
            return ask(session, _deed(options, cards, deed))

        options.allow = allow
        if not many:
            options.of_actor = allow((one,) if one is not None else ())
        yield


def _deed(options: Options, cards: tuple[str, ...], verb: str | None = None) -> Deed:
    given: dict[str, Any] = vars(options)
    holder = given[options.acting] if options.acting else None
    said = [holder, *(given.get(name) for name in _SAID)]
    who = next((actor(each) for each in said if isinstance(each, str) and each), ACTOR.get())
    claims_next = bool(given.get("claim_next"))
    return Deed(
        verb or options.deed, who, cards, holder, given.get("role"), claims_next=claims_next
    )
