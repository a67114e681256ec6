"""What a token that is limited to phases or roles may be used for: their cards, and no others."""

from collections.abc import Mapping
from typing import Any, Final

from backlog.errors import NotAllowed
from backlog.session import Session
from backlog.shown import named
from backlog.verbs.rights import NOT_NARROWED, Ask, Deed, Narrowed
from remote.scopes import only_reads
from remote.verbs.tokens import Token

# They name no card that is there: a claim takes one, `create` makes one.
_OF_NO_CARD: Final = ("claim", "create", "heartbeat")


def check(token: Token, verb: str, given: Mapping[str, Any]) -> None:
    """Raise `NotAllowed` if the token is limited, and the verb, given this, goes beyond its limits.
    Whether the cards are within them is known in the transaction only: `asking`."""
    if not (token.phases or token.roles) or only_reads(verb):
        return
    if verb not in _OF_NO_CARD and not (given.get("id") or given.get("ids")):
        raise NotAllowed(
            f"{_whose(token)}, and {verb} is about more: say --id, or take another token"
        )
    for name, allowed in (("phase", token.phases), ("role", token.roles)):
        said = given.get(name)
        if allowed and said is not None and said not in allowed:
            raise NotAllowed(f"{_whose(token)}; {name} {said} is not among them")
    if verb == "create" and token.phases and given.get("phase") is None:
        raise NotAllowed(f"{_whose(token)}: say which of them the card is of")


def asking(token: Token, guard: Ask | None) -> Ask | None:
    """What is to be asked before the token does something: the `guard` of rights, if there is one,
    and whether the cards are the token's. None: nothing."""
    if not (token.phases or token.roles):
        return guard

    def ask(session: Session, deed: Deed) -> Narrowed:
        roles, only_named = guard(session, deed) if guard is not None else NOT_NARROWED
        others = _others(session, token, deed.cards)
        if others:
            raise NotAllowed(f"{_whose(token)}; not {named(others)}")
        is_named = deed.role is not None or (deed.verb == "claim" and deed.cards)
        if is_named or not token.roles:
            return roles, only_named
        both = tuple(each for each in token.roles if not roles or each in roles)
        if not both:
            own = ", ".join(filter(None, roles)) or "no role"
            raise NotAllowed(f"{_whose(token)}; {deed.actor} may claim for {own}")
        return both, only_named

    return ask


def _others(session: Session, token: Token, ids: tuple[str, ...]) -> list[str]:
    """Those of the cards that are beyond the token's limits. Locks all of them."""
    sql = "SELECT id, phase, role FROM backlog WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE"
    rows = session.execute(sql, (list(ids),)).fetchall() if ids else []
    return [
        card_id
        for card_id, phase, role in rows
        if (token.phases and phase not in token.phases)
        or (token.roles and role is not None and role not in token.roles)
    ]


def _whose(token: Token) -> str:
    limits = (("phases", token.phases), ("roles", token.roles))
    said = " and ".join(f"{what} {', '.join(names)}" for what, names in limits if names)
    return f"this token is for {said}"
