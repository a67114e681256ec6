"""Which cards an operator looks at."""

from typing import Any, Final, NamedTuple

from django.db.models import Func, Q, TextField, Value
from django.db.models.lookups import Contains

from backlog.models import Card
from backlog.querysets import REVIEWED, CardQuerySet
from backlog.session import Session


class _Says(Contains):
    """As `icontains`, by ILIKE: half the time of two UPPER a card."""

    def get_rhs_op(self, connection: Any, rhs: str) -> str:
        return f"ILIKE {rhs}"


class Filter(NamedTuple):
    """Cards that meet every part that is given; `""` among the phases: cards without one.

    `cells` are of `lifecycle.CELLS`; `text` is looked for in id, title and owner, whatever its
    case; `late`: should be done by now; `archived`: these, which are else left out. Two that are
    equal give the same cards, so that what was read can be kept by it.
    """

    phases: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    owner: str = ""
    text: str = ""
    stuck: bool = False
    late: bool = False
    archived: bool = False
    in_review: bool = False

    @property
    def looks_at_each(self) -> bool:
        """Whether no index has what is asked: each card is looked at."""
        return bool(self.text or self.stuck or self.in_review or self.late)

    def cards(self, *, of_few: bool = False) -> CardQuerySet:
        """The cards, in no order; `of_few`: the caller narrows them to few."""
        cards = Card.objects.filter(archived_at__isnull=not self.archived)
        if self.phases:
            without = Q(phase=None) if "" in self.phases else Q()
            cards = cards.filter(Q(phase__in=filter(None, self.phases)) | without)
        if self.cells:
            cards = cards.in_cells(*self.cells)
        if self.late:
            cards = cards.late()
        if self.owner:
            # Who has an owner has a lease, and an index has those.
            cards = cards.filter(claim_owner=self.owner, claim_expires_at__isnull=False)
        if self.text:
            shown = Func(
                Value(" "), "id", "title", "claim_owner",
                function="concat_ws", output_field=TextField(),
            )  # fmt: skip
            cards = cards.filter(_Says(shown, self.text))
        if self.in_review:
            cards = cards.filter(REVIEWED)
        return cards.stuck(of_few=of_few) if self.stuck else cards


ALL: Final = Filter()

# As many are suggested.
MOST_PHASES: Final = 300

# The phases one after the other, but for what is claimed, which is little: each is one step in the
# index `backlog_lanes`. Recursive, which the ORM is not.
WALK: Final = """
WITH RECURSIVE walk (phase) AS (
    (SELECT phase FROM backlog WHERE status <> 'claimed' AND archived_at IS NULL
        ORDER BY phase LIMIT 1)
    UNION ALL SELECT (
        SELECT phase FROM backlog
        WHERE status <> 'claimed' AND archived_at IS NULL AND phase > walk.phase
        ORDER BY phase LIMIT 1)
    FROM walk WHERE walk.phase IS NOT NULL
)"""
_PHASES: Final = f"""{WALK}
(SELECT phase FROM walk WHERE phase IS NOT NULL LIMIT {MOST_PHASES})
UNION
SELECT phase FROM backlog WHERE claim_expires_at IS NOT NULL AND phase IS NOT NULL
ORDER BY phase LIMIT {MOST_PHASES}"""


def phases(session: Session) -> list[str]:
    """The phases there are, the first of them if there are very many."""
    return [phase for (phase,) in session.execute(_PHASES).fetchall()]
