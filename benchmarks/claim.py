"""One claim, one client: does it stay flat, and what does it cost beside a bare statement?"""

import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from psycopg import Connection

from backlog.session import PsycopgSession
from backlog.verbs import claims, moves
from benchmarks import data
from benchmarks.report import Aim, Figure, in_turn, progress, show
from benchmarks.server import Server, connect

_FLAT: Final = Aim(1.5)
_BESIDE_BARE: Final = Aim(1.3)
_WARM_UP: Final = 5
_TURN: Final = 20


@dataclass
class Subject:
    """One way to claim from one backlog, and what each claim and each completion took."""

    claim: Callable[[], str]
    complete: Callable[[str], object]
    claims: list[float] = field(default_factory=list)
    completions: list[float] = field(default_factory=list)

    def cycle(self) -> None:
        before = time.perf_counter()
        card = self.claim()
        between = time.perf_counter()
        self.complete(card)
        self.completions.append(time.perf_counter() - between)
        self.claims.append(between - before)

    def forget(self, from_sample: int) -> None:
        del self.claims[from_sample:], self.completions[from_sample:]


def run(server: Server, quick: bool) -> None:
    large = 100_000 if quick else 1_000_000
    show(
        "One claim, one client",
        measured(server, tuple(data.SHAPES), 1_000, large, (1, 10) if quick else (3, 20)),
        "Medians; the spread is that of the ratio in ten stretches of the run. Ours and the bare "
        "one claim in turn, on one connection, one backlog after the other. Completions are for "
        "information: ours checks owner and attempt and counts dependents.",
    )


def measured(
    server: Server,
    shapes: Sequence[str],
    small: int,
    large: int,
    often: tuple[int, int],
    aim: Aim = _FLAT,
) -> list[Figure]:
    """Claims from backlogs of these two sizes, in so many rounds and turns in each."""
    rounds, turns = often
    order = random.Random(1)
    with ExitStack() as stack:
        places = {}
        for shape in shapes:
            for cards in (small, large):
                progress(f"a {shape} backlog of {cards:,} cards")
                url = server.backlog(f"{shape}_{cards}")
                places[shape, cards] = connection = stack.enter_context(connect(url))
                data.fill(connection, cards, shape)
                data.fill_bare(connection)
        connection.execute("CHECKPOINT")
        subjects = {
            place: (_ours(connection), _bare(connection)) for place, connection in places.items()
        }
        for number in range(rounds):
            progress(f"round {number + 1} of {rounds}, {turns * _TURN} claims of each")
            _refill_small(places, small)
            for _ in range(turns):
                for pair in order.sample(list(subjects.values()), len(subjects)):
                    _measure(pair, order)
    return [figure for shape in shapes for figure in _figures(subjects, shape, (small, large), aim)]


def _refill_small(places: dict[tuple[str, int], Connection], small: int) -> None:
    for (shape, cards), connection in places.items():
        if cards == small:
            data.fill(connection, cards, shape)
            data.fill_bare(connection)


def _measure(pair: tuple[Subject, Subject], order: random.Random) -> None:
    """One turn at a backlog. What it costs to come back to it is no part of a claim."""
    known = [len(subject.claims) for subject in pair]
    for n in range(_WARM_UP + _TURN):
        if n == _WARM_UP:
            for subject, samples_before in zip(pair, known, strict=True):
                subject.forget(samples_before)
        for subject in order.sample(pair, len(pair)):
            subject.cycle()


def _ours(connection: Connection) -> Subject:
    session = PsycopgSession(connection)

    return Subject(
        lambda: claims.claim(session, "worker", 900).card.id,
        lambda card: moves.complete(session, card, "worker"),
    )


def _bare(connection: Connection) -> Subject:
    cursor, finishing = connection.cursor(), connection.cursor()  # one for each, as ours has it

    return Subject(
        lambda: cursor.execute(data.CLAIM_BARE, ("worker", 900)).fetchone()[0],
        lambda card: finishing.execute(data.FINISH_BARE, (card,)).fetchone(),
    )


def _figures(
    subjects: dict[tuple[str, int], tuple[Subject, Subject]],
    shape: str,
    sizes: tuple[int, int],
    aim: Aim,
) -> list[Figure]:
    small, large = sizes
    ours, ours_small = subjects[shape, large][0], subjects[shape, small][0]
    pairs = [(f"{shape}, {large:,} cards to {small:,}", ours.claims, ours_small.claims, aim)]
    if shape != "flat":
        flat = subjects["flat", small][0].claims
        pairs.append((f"{shape}, {large:,} cards to flat {small:,}", ours.claims, flat, aim))
    for cards in (small, large):
        mine, bare = subjects[shape, cards]
        pairs += [
            (f"{shape}, {cards:,} cards, to bare", mine.claims, bare.claims, _BESIDE_BARE),
            (
                f"{shape}, {cards:,} cards, completion to bare",
                mine.completions,
                bare.completions,
                None,
            ),
        ]
    return [in_turn(*pair) for pair in pairs]
