"""One phase, but for what is archived: how much is done, what it took, its cards as a graph."""

from collections.abc import Container, Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from backlog.lifecycle import BLOCKED, CELLS, DONE, READY
from backlog.models import Card
from backlog.planner import few, row_by_row
from backlog.querysets import REVIEWED
from backlog.session import Session
from backlog.verbs.budgets import budgets
from backlog.verbs.critical import Projected, critical_path
from backlog.verbs.flow import Spent, seen
from backlog.verbs.kept import is_large
from backlog.verbs.rules import in_force
from backlog.verbs.spend import Spend, as_seen
from backlog.web.queries import large, lines
from backlog.web.queries.board import Heading, counts
from backlog.web.queries.filters import Filter
from backlog.web.queries.neighbourhood import READABLE, Node, nodes, ranks

# As many unfinished cards are looked at, and as many of their edges; as many cards are listed.
MOST: Final = 2_000
_MOST_EDGES: Final = 20_000
LISTED: Final = 100

# The span of what a sweep keeps that is asked for.
_LONGEST: Final = "90d"


def heading(session: Session, phase: str | None) -> Heading:
    """How many cards of the phase (None: without one) are in each state, and what it has of rules:
    a pause, a limit, a budget."""
    cells = counts(session, Filter((phase or "",))).get(phase, {})
    numbers = tuple(cells.get(name, (0, 0))[0] for name in CELLS)
    budget = next(iter(budgets(session, phase or "")), None)
    return Heading(phase, numbers, None, *in_force(session).of_phase(phase), budget)


def in_review(heading: Heading) -> int:
    """How many of its blocked cards are so only for their review; counted as pages count."""
    if not dict(heading.cells)[BLOCKED]:
        return 0
    reviewed = Card.objects.filter(REVIEWED, phase=heading.phase)
    number = reviewed.values("pk")[: large.MOST_COUNTED + 1].count()
    return number if number <= large.MOST_COUNTED else large.AtLeast(large.MOST_COUNTED)


# By the ids that the index of lanes has, and what is claimed beside them: the ORM, which says
# neither, would have the table read.
_SPENT: Final = """
SELECT count(*), sum(tokens), sum(cost) FROM backlog_ended_run WHERE card_id IN (
    SELECT id FROM backlog WHERE {phase} AND status <> 'claimed' AND archived_at IS NULL
    UNION ALL SELECT id FROM backlog WHERE {phase} AND claim_expires_at IS NOT NULL)"""


class Took(NamedTuple):
    """What the runs took: all that are kept, or those of 90 days as a sweep saw them then."""

    spent: Spent
    seen_at: datetime | None = None


def took(session: Session, phase: str | None) -> Took | None:
    """What the runs of the phase's cards took; of a large backlog as a sweep saw it last, None if
    none has looked lately."""
    if is_large(session, large.LARGE):
        flow = seen(session, _LONGEST)
        of_phase = {each.phase: each for each in flow.spending} if flow else {}
        return Took(of_phase.get(phase, Spent(phase, 0, None, None)), flow.at) if flow else None
    sql = _SPENT.format(phase="phase IS NULL" if phase is None else "phase = %s")
    row = session.execute(sql, () if phase is None else (phase, phase)).fetchone()
    return Took(Spent(phase, *row))


def spend(session: Session, phase: str | None) -> Spend | None:
    """What its cards were projected to take and took; None where nothing is known."""
    return as_seen(session, phase)[0].phases.get(phase)


class Graph(NamedTuple):
    """The cards of a phase: by rank, what is waited for first, those that wait for others here, or
    are waited for; `alone` the others, in the order of claims, whatever becomes of them meanwhile.
    And the critical path of unfinished ones.

    `drawn`: the former are few enough for a picture. `whole`: what is done is among them.
    `looked_at`: how many cards were; `in_part`: there are more.
    """

    nodes: list[Node]
    alone: list[Card]
    chain: list[Card]
    drawn: bool
    whole: bool
    looked_at: int
    in_part: bool

    @property
    def left_out(self) -> int:
        """How many of those that were looked at are not listed."""
        return self.looked_at - len(self.nodes) - len(self.alone)


_EDGES: Final = f"""
SELECT card.id, needed.id FROM {few("%s::text[]")} AS card (id) CROSS JOIN LATERAL (
    {row_by_row("SELECT dependency_id FROM backlog_dependency WHERE card_id = card.id")}
) AS needed (id) LIMIT {_MOST_EDGES}"""


def graph(session: Session, phase: str | None, total: int) -> Graph:
    """The phase's own cards and what they wait for among each other: all of a small phase of so
    many cards, else those that are not done."""
    whole = total <= READABLE
    found = _statuses(phase, whole=whole)
    looked_at = {card_id: status for card_id, status, *_ in found[:MOST]}
    edges = _among(looked_at, session.execute(_EDGES, (list(looked_at),)).fetchall())
    known = ranks(looked_at, edges)
    unfinished: dict[str, Projected] = {
        card_id: (cost, tokens) for card_id, status, cost, tokens in found[:MOST] if status != DONE
    }
    chain = critical_path(unfinished, edges)
    linked = {each for edge in edges for each in edge}
    drawn = len(linked) <= READABLE
    by_rank = sorted(linked, key=lambda each: (known.get(each, len(linked)), each))
    listed = by_rank if drawn else by_rank[:LISTED]
    alone = [each for each in looked_at if each not in linked][:LISTED]
    cards = {card.pk: card for card in _cards({*listed, *chain, *alone})}
    shown = {each: cards[each] for each in listed if each in cards}
    return Graph(
        nodes(list(shown.values()), _among(shown, edges)),
        sorted((cards[each] for each in alone if each in cards), key=_place),
        [cards[each] for each in chain if each in cards],
        drawn,
        whole,
        len(looked_at),
        len(found) > MOST,
    )


def _place(card: Card) -> tuple[Any, ...]:
    return -card.priority, card.created_at, card.pk


_OF_A_CARD: Final = ("pk", "status", "projected_cost", "projected_tokens")


def _statuses(phase: str | None, *, whole: bool) -> list[Any]:
    """Ids and statuses of the phase's cards, and what is projected of them, whatever is claimed
    first, then in the order of claims; one more than are looked at."""
    of_phase = Card.objects.filter(phase=phase, archived_at=None).in_claim_order()
    # Two indexes: that of the lanes has all but what is claimed.
    claimed = of_phase.filter(claim_expires_at__isnull=False)
    rest = of_phase.filter(status__in=(READY, BLOCKED, DONE) if whole else (READY, BLOCKED))
    both = [each.values_list(*_OF_A_CARD)[: MOST + 1] for each in (claimed, rest)]
    return [*both[0], *both[1]][: MOST + 1]


def _among(ids: Container[str], edges: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The edges with both ends among these."""
    return sorted(edge for edge in edges if edge[0] in ids and edge[1] in ids)


def _cards(ids: Iterable[str]) -> list[Card]:
    """Their ids, titles, places and states; of what is deleted by now, nothing."""
    found = Card.objects.filter(pk__in=list(ids)).with_state()
    return lines.cards(found, ("id", "title", "priority", "created_at"), "state")
