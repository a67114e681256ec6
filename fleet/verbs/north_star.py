"""What the fleet works towards: what is in force beside what is done, and how it is changed.

A change is proposed, and ratified or vetoed by somebody with a name. What was ratified last is in
force; before anything was, the file that `BACKLOG_NORTH_STAR` names.
"""

from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from backlog import values
from backlog.errors import NotFound, Stale, WrongState
from backlog.session import Session, in_transaction
from fleet import north_star
from fleet.north_star import NorthStar, digest

# What a proposal can be. In conflict: what is in force is not what it was made against.
PROPOSED: Final = "proposed"
CONFLICT: Final = "conflict"
RATIFIED: Final = "ratified"
VETOED: Final = "vetoed"


class InForce(NamedTuple):
    """The text that holds, None if none does; of the proposal `number`, which `by` ratified, or
    None of a file."""

    text: str | None
    number: int | None = None
    by: str | None = None
    at: datetime | None = None

    @property
    def star(self) -> NorthStar:
        """What it says; nothing without a text."""
        return NorthStar() if self.text is None else north_star.read(self.text)


class Proposal(NamedTuple):
    """A north star that somebody proposed, `against` the one of that digest; what became of it."""

    number: int
    text: str
    against: str
    reason: str | None
    actor: str
    at: datetime
    decided_at: datetime | None
    decided_by: str | None
    ratified: bool | None
    why: str | None

    def state(self, in_force: InForce) -> str:
        """One of PROPOSED, CONFLICT, RATIFIED, VETOED."""
        if self.ratified is not None:
            return RATIFIED if self.ratified else VETOED
        return PROPOSED if self.against == digest(in_force.text) else CONFLICT


class Progress(NamedTuple):
    """How far a phase is. `dropped` cards are none of `total`; tokens and cost are what its cards
    project, and what their runs took, None where nobody said."""

    phase: str
    done: int = 0
    total: int = 0
    projected_tokens: Decimal | None = None
    projected_cost: Decimal | None = None
    tokens: Decimal | None = None
    cost: Decimal | None = None


def in_force(session: Session) -> InForce:
    """What holds now. Raises `ConfigurationError`."""
    sql = f"SELECT {_COLUMNS} FROM fleet_proposal WHERE ratified ORDER BY decided_at DESC, id DESC"
    row = session.execute(f"{sql} LIMIT 1").fetchone()
    if row is None:
        return InForce(north_star.from_file())
    found = Proposal._make(row)
    return InForce(found.text, found.number, found.decided_by, found.decided_at)


_COLUMNS: Final = "id, text, against, reason, actor, at, decided_at, decided_by, ratified, why"

_PROGRESS: Final = """
WITH cards AS (
    SELECT phase, count(*) FILTER (WHERE status = 'done') AS done, count(*) AS total,
        sum(projected_tokens) AS tokens, sum(projected_cost) AS cost
    FROM backlog WHERE phase = ANY (%s) AND resolution IS NULL GROUP BY phase
), runs AS (
    SELECT phase, sum(run.tokens) AS tokens, sum(run.cost) AS cost
    FROM backlog_ended_run run JOIN backlog ON backlog.id = run.card_id
    WHERE phase = ANY (%s) AND num_nonnulls(run.tokens, run.cost) > 0 GROUP BY phase
)
SELECT phase, coalesce(done, 0), coalesce(total, 0), cards.tokens, cards.cost, runs.tokens,
    runs.cost
FROM cards FULL JOIN runs USING (phase)"""


def progress(session: Session, star: NorthStar) -> dict[str, Progress]:
    """How far each phase is that it names, in the order in which it names them."""
    phases = star.phases
    rows = session.execute(_PROGRESS, (phases, phases)).fetchall() if phases else []
    found = {row[0]: Progress._make(row) for row in rows}
    return {phase: found.get(phase, Progress(phase)) for phase in phases}


def proposals(
    session: Session, *, decided: bool = False, most: int | None = None
) -> list[Proposal]:
    """Those that nobody has decided, oldest first; or those that somebody has, the newest first."""
    which = "ratified IS NOT NULL ORDER BY decided_at DESC, id DESC" if decided else _OPEN
    sql = f"SELECT {_COLUMNS} FROM fleet_proposal WHERE {which} LIMIT %s"
    return [Proposal._make(row) for row in session.execute(sql, (most,))]


_OPEN: Final = "ratified IS NULL ORDER BY id"


@in_transaction
def propose(session: Session, text: str, reason: str | None = None) -> Proposal:
    """Record what should be in force instead of what is. The same again is the same proposal.

    Raises `UsageError`, which names the line; `WrongState` for what is in force already.
    """
    text = north_star.tidy(values.text(text, "a north star"))
    north_star.read(text)
    reason = None if reason is None else values.optional(reason, "reason")
    _lock(session)
    current = in_force(session)
    if text == current.text:
        raise WrongState("this is in force already, to the letter: there is nothing to ratify")
    same = f"SELECT {_COLUMNS} FROM fleet_proposal WHERE (text, against) = (%s, %s) AND "
    row = session.execute(same + _OPEN, (text, digest(current.text))).fetchone()
    if row is None:
        # Numbers without gaps, which a sequence has: people say them.
        sql = f"""
            INSERT INTO fleet_proposal (id, text, against, reason, actor)
            SELECT coalesce(max(id), 0) + 1, %s, %s, %s, backlog_actor()
            FROM fleet_proposal RETURNING {_COLUMNS}"""
        row = session.execute(sql, (text, digest(current.text), reason)).fetchone()
    return Proposal._make(row)


@in_transaction
def ratify(session: Session, number: int, by: str, note: str | None = None) -> Proposal:
    """From now on the proposal is in force.

    Raises `NotFound`, `WrongState` for one that is decided, `Stale` for one that was made against
    another text than is in force: it may undo what has been ratified since.
    """
    return _decide(session, number, by, note, ratified=True)


@in_transaction
def veto(session: Session, number: int, by: str, reason: str) -> Proposal:
    """The proposal is not to be. Raises `NotFound`, `WrongState`."""
    return _decide(session, number, by, values.line(reason, "reason"), ratified=False)


def _decide(session: Session, number: int, by: str, why: str | None, *, ratified: bool) -> Proposal:
    who = values.name(by, "by")
    why = None if why is None else values.optional(why, "note")
    _lock(session)
    sql = f"SELECT {_COLUMNS} FROM fleet_proposal WHERE id = %s"
    row = session.execute(sql, (number,)).fetchone()
    if row is None:
        raise NotFound(f"there is no proposal {number}; `north-star proposals` lists them")
    found = Proposal._make(row)
    state = found.state(in_force(session))
    if state in (RATIFIED, VETOED):
        raise WrongState(f"proposal {number} is {state} by {found.decided_by} already")
    if ratified and state == CONFLICT:
        raise Stale(
            f"proposal {number} was made against another north star than is in force now:"
            " make the change to that one, and propose it again"
        )
    sql = f"""
        UPDATE fleet_proposal SET ratified = %s, why = %s, decided_by = %s,
            decided_at = clock_timestamp() WHERE id = %s RETURNING {_COLUMNS}"""
    return Proposal._make(session.execute(sql, (ratified, why, who, number)).fetchone())


def _lock(session: Session) -> None:
    """One after the other: each sees what the one before has put in force. Who reads goes on."""
    session.execute("LOCK TABLE fleet_proposal IN SHARE ROW EXCLUSIVE MODE")
