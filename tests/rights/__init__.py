"""Who may do what, where the rights of roles are enforced."""

from typing import Any

from backlog.session import Session
from backlog.verbs import rights
from backlog.verbs.rights import Deed


def ask(session: Session, verb: str, actor: str, *cards: str, **more: Any) -> tuple[str, ...]:
    """What is asked before the verb is done; the roles of who may do it."""
    with rights.allowed(session, Deed(verb, actor, cards, **more)) as roles:
        return roles
