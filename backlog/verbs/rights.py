"""Who may do what: everybody everything, until an app that knows who is who says otherwise.

A face asks before it calls a verb, by `allowed`. Whom to ask is `guard`: what such an app sets.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Final

from backlog.session import Session


class Deed:
    """What somebody is about to do.

    `verb` as the command has it ("plan apply" of a group); to these cards, of each of them to what
    `owner` holds alone, if that is given. `role`: what a claim asks for. `of_account`: it comes
    from a page, whose account may press what is on it. `claims_next`: a completion that claims.
    """

    # By hand: every command comes by here, and a named tuple takes longer to make than all else.
    def __init__(
        self,
        verb: str,
        actor: str,
        cards: tuple[str, ...] = (),
        owner: str | None = None,
        role: str | None = None,
        *,
        of_account: bool = False,
        claims_next: bool = False,
    ) -> None:
        self.verb, self.actor, self.cards = verb, actor, cards
        self.owner, self.role = owner, role
        self.of_account, self.claims_next = of_account, claims_next


# A deed beside the verb: to take the own gate of cards away, whatever edits them.
UNGATE: Final = "ungate"

# Verbs that are about no card and are asked about in the transaction in which they are done.
TOGETHER: Final[set[str]] = set()

# Which cards a claim may take, as a `Pool` has it: the roles that they are for, and whether those
# for none are left out.
Narrowed = tuple[tuple[str, ...], bool]
NOT_NARROWED: Final[Narrowed] = (), False

# Gives what a claim may take. Or raises `NotAllowed`. It locks the cards that it looks at.
Ask = Callable[[Session, Deed], Narrowed]

# Whom to ask about a verb: None, as long as everybody may do it.
guard: Callable[[str], Ask | None] = lambda verb: None  # noqa: E731 (there to be replaced)


@contextmanager
def allowed(session: Session, deed: Deed, ask: Ask | None = None) -> Iterator[Narrowed]:
    """Inside it the deed may be done, what was asked about stays so, and is what `Ask` gives.

    Raises `NotAllowed`.
    """
    ask = ask or guard(deed.verb)
    if ask is None:
        yield NOT_NARROWED
        return
    with session.transaction() if deed.cards or deed.verb in TOGETHER else nullcontext():
        yield ask(session, deed)
