"""What each role may do, and the refusal of what it may not.

Who acts is whom the command, or the page, says: this keeps a fleet to its contracts, and nobody out
who means harm (docs/decisions/0031-rights.md).
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from backlog.errors import NotAllowed, NotRegistered
from backlog.session import Session
from backlog.shown import named
from backlog.verbs.rights import NOT_NARROWED, UNGATE, Deed, Narrowed
from fleet import roles as library
from fleet.verbs.workers import REGISTER, is_run, lock, worker
from fleet.words import RIGHTS

OPERATOR: Final = "operator"

# What is done to a claim. Whoever holds it needs no right for that: it is theirs.
_OF_A_CLAIM: Final = ("complete", "block", "release", "renew", "reclaim", "cancel")
_CLAIMS: Final = ("claim", "work")
# What no card is for: who claims for this role takes cards for no role, and no others.
_NO_ROLE: Final = ("",)
GUARDED: Final = frozenset((*RIGHTS, *_OF_A_CLAIM, *_CLAIMS))


class _Needed(NamedTuple):
    """One of these rights, and for what: the words of a refusal."""

    rights: tuple[str, ...]
    what: str


def ask(session: Session, deed: Deed) -> Narrowed:
    """Whether it may be done: as `backlog.verbs.rights.Ask`.

    Raises `NotAllowed`, `NotRegistered`, `ConfigurationError`.
    """
    needed = [each for each in _needed(session, deed) if each is not None]
    claims = deed.verb in _CLAIMS or deed.claims_next
    if not needed and not claims:
        return NOT_NARROWED
    if deed.verb == REGISTER:
        lock(session)  # of two who come at once, one is the first
        if not is_run(session):
            return NOT_NARROWED  # else nobody could ever be
    roles = _roles_of(session, deed)
    for each in needed:
        check(deed.actor, roles, each.rights, each.what)
    return _claimed_for(session, deed, roles) if claims else NOT_NARROWED


def check(actor: str, roles: Iterable[str], rights: Iterable[str], what: str) -> None:
    """Raise `NotAllowed` if none of the roles has one of the rights; `what` would be done."""
    if library.granted(roles).isdisjoint(rights):
        wanted = set(rights)
        who = [each.name for each in library.roles() if not wanted.isdisjoint(each.may or ())]
        raise NotAllowed(f"only {_one_of(who)} may {what}; {_is(actor, roles)}")


def _one_of(roles: list[str]) -> str:
    *others, last = roles or ["nobody"]
    return f"{', '.join(others)} or {last}" if others else last


def _is(actor: str, roles: Iterable[str]) -> str:
    return f"{actor} is {' and '.join(roles) or 'nothing'}"


def _roles_of(session: Session, deed: Deed) -> tuple[str, ...]:
    registered = worker(session, deed.actor)
    if registered is not None:
        return tuple(registered.roles)
    if deed.of_account:  # whose permission for this page was looked at
        return (OPERATOR,)
    name = deed.actor or "whoever acts (BACKLOG_OWNER says who)"
    raise NotRegistered(
        f"{name} is not registered: an operator says what a worker is by"
        " `worker add NAME --roles A,B`"
    )


def _needed(session: Session, deed: Deed) -> list[_Needed | None]:
    """What somebody must be allowed to, a line for each thing; None: nothing."""
    verb = deed.verb
    if verb in _CLAIMS or (verb in _OF_A_CLAIM and deed.owner is not None):
        return []  # what is not theirs is refused by the verb
    if verb == "import" and deed.cards:
        return [_Needed(("force",), f"import what moves cards: {named(deed.cards)}")]
    if verb == UNGATE and deed.cards:
        own = [card_id for card_id, *_, own_gate in _cards(session, deed.cards) if own_gate]
        return [_Needed((UNGATE,), f"take away the gate of {card_id}") for card_id in own]
    if verb in _OF_A_CLAIM:
        return [_of_a_claim(verb, deed.actor, *card[:3]) for card in _cards(session, deed.cards)]
    return [_Needed((verb,), verb)]


def _cards(session: Session, ids: tuple[str, ...]) -> list[Any]:
    """The id of each of the cards, who holds it, whether it is gated, and so by itself; nobody
    changes them until the transaction ends."""
    sql = """
        SELECT id, claim_owner, gated, own_gate FROM backlog WHERE id = ANY (%s)
        ORDER BY id FOR NO KEY UPDATE"""
    return session.execute(sql, (list(ids),)).fetchall() if ids else []


def _of_a_claim(
    verb: str, actor: str, card_id: str, holder: str | None, gated: bool
) -> _Needed | None:
    if holder == actor:
        return None
    if verb == "complete" and gated:
        return _Needed(("complete",), f"complete {card_id}, which is gated")
    if holder is not None:
        return _Needed(("force",), f"{verb} {card_id}, which {holder} holds")
    if verb == "complete":
        return _Needed(("complete", "force"), f"complete {card_id}, which nobody holds")
    return _Needed((verb,), f"{verb} {card_id}") if verb in RIGHTS else None


def _claimed_for(session: Session, deed: Deed, roles: tuple[str, ...]) -> Narrowed:
    """The roles whose cards the claim may take; none: it names one, or its card. Raises
    `NotAllowed`."""
    own = tuple(each for each in roles if "claim" in library.granted([each]))
    if deed.verb == "claim" and deed.cards:
        sql = "SELECT role FROM backlog WHERE id = ANY (%s) FOR NO KEY UPDATE"
        wanted = [role for (role,) in session.execute(sql, (list(deed.cards),))]
    else:
        wanted = [deed.role]
    for role in wanted:
        if role is None:
            advice = f" (for {own[0]}: --role {own[0]})" if own else ""
            check(deed.actor, roles, ["claim-any"], f"claim cards for no role{advice}")
        elif role not in own:
            raise NotAllowed(f"{_who_claims_for(role)}; {_is(deed.actor, roles)}")
    if wanted == [None]:
        return own or _NO_ROLE, False
    return (), "claim-any" not in library.granted(roles)


def _who_claims_for(role: str) -> str:
    called = library.called(role)
    if called == role:
        return f"only {role} may claim cards for {role}"
    why = f"cards say {called} for it" if called else "`roles` lists those there are"
    return f"nobody may claim cards for {role}, which is the name of no role: {why}"
