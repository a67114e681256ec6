"""Plans: the cards of a file made and changed together, published, and written to a file again."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from backlog import values
from backlog.errors import Refusal, WrongState
from backlog.lifecycle import BLOCKED, CLAIMED, DONE, IN_REVIEW
from backlog.records import WIRE_NAMES, iso
from backlog.session import Session, in_transaction
from backlog.values import Digits
from backlog.verbs import names
from backlog.verbs.faults import FEW, MANY, Faults
from backlog.verbs.lines import COLUMNS, Line, Progress, read_found
from backlog.verbs.transfer import CHANGED, LOCK, Allow, write_cards
from fleet.graph import Edge
from fleet.verbs import plan_files


class Change(NamedTuple):
    """A card, and which of its fields become others; what it waits for is told as edges."""

    id: str
    fields: list[str]


class Held(NamedTuple):
    """A card that is left as it is, and why it is not changed."""

    id: str
    because: str


class Applied(NamedTuple):
    """What became of the backlog by a plan, or would: cards in the order of the file.

    `unchanged`: of how many cards the plan says what they are. `refusal`, of a trial alone, is what
    would be raised.
    """

    created: list[str]
    changed: list[Change]
    linked: list[Edge]
    unlinked: list[Edge]
    held: list[Held]
    unchanged: int
    refusal: Refusal | None = None


# Edges, without their order, which means nothing.
_SAME_EDGES: Final = (
    "line.depends_on @> backlog.depends_on AND line.depends_on <@ backlog.depends_on"
)
_DIFFERS: Final = {
    column: f"backlog.{column} IS DISTINCT FROM ({new})"
    for column, new in CHANGED.items()
    if column != "depends_on"
}
_UNCHANGED: Final = f"""
DELETE FROM backlog_import line USING backlog WHERE backlog.id = line.id AND NOT line.fresh
AND {_SAME_EDGES} AND NOT ({" OR ".join(_DIFFERS.values())})"""

_FIELDS: Final = ", ".join(
    f"CASE WHEN {differs} THEN '{WIRE_NAMES[column]}' END" for column, differs in _DIFFERS.items()
)
_DIFFERENCES: Final = f"""
SELECT line.number, line.id, backlog.status, backlog.block_reason, backlog.claim_owner,
    backlog.attempts, array_remove(ARRAY[{_FIELDS}], NULL),
    ARRAY(SELECT id FROM jsonb_array_elements_text(line.depends_on) WITH ORDINALITY AS d (id, n)
        WHERE NOT backlog.depends_on ? id ORDER BY n),
    ARRAY(SELECT id FROM jsonb_array_elements_text(backlog.depends_on) WITH ORDINALITY AS d (id, n)
        WHERE NOT line.depends_on ? id ORDER BY n)
FROM backlog_import line JOIN backlog USING (id) WHERE NOT line.fresh ORDER BY line.number"""

_CREATED: Final = """
SELECT id, ARRAY(SELECT jsonb_array_elements_text(depends_on))
FROM backlog_import WHERE fresh ORDER BY number"""


_HOW_TO_HOLD: Final = "--hold leaves it as it is"


class _Trial:
    """What a plan does, as it is found out in the midst of writing it."""

    def __init__(self, *, hold: bool) -> None:
        self.hold = hold
        self.found = Applied([], [], [], [], [], 0)

    def look(self, session: Session, read: list[Line], faults: Faults) -> None:
        """As `backlog.verbs.transfer.Look`: what is in work is not changed."""
        unchanged = session.execute(_UNCHANGED).rowcount
        session.execute(LOCK)
        self.found = found = Applied([], [], [], [], [], 0)
        kept = []
        for number, card_id, *state, fields, added, removed in session.execute(_DIFFERENCES):
            if not (fields or added or removed):  # by somebody else, a moment ago
                unchanged += 1
            elif because := _in_work(*state):
                kept.append(number)
                if self.hold:
                    found.held.append(Held(card_id, because))
                else:
                    what = ", ".join([*fields, *["dependsOn"] * bool(added or removed)])
                    refused = f"{card_id} is {because}, so its {what} cannot change"
                    faults.add(read[number].at, WrongState(f"{refused}; {_HOW_TO_HOLD}"))
            else:
                if fields:
                    found.changed.append(Change(card_id, fields))
                found.linked.extend(Edge(card_id, each) for each in added)
                found.unlinked.extend(Edge(card_id, each) for each in removed)
        session.execute("DELETE FROM backlog_import WHERE number = ANY (%s)", (kept,))
        for card_id, needed in session.execute(_CREATED):
            found.created.append(card_id)
            found.linked.extend(Edge(card_id, each) for each in needed)
        self.found = found._replace(unchanged=unchanged)


def _in_work(status: str, reason: str | None, owner: str | None, attempt: int) -> str | None:
    """Why a card is left alone, if it is: somebody works, or has worked, by what it says."""
    if status == CLAIMED:
        return f"claimed by {owner} in attempt {attempt}"
    if status == BLOCKED and reason == IN_REVIEW:
        return "in review"
    return status if status == DONE else None


def apply(
    session: Session,
    content: bytes,
    name: str = "the plan",
    *,
    hold: bool = False,
    dry_run: bool = False,
    allow: Allow | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Applied:
    """Make the cards of a plan's file, which `name` calls, drafts, and change those that exist; all
    of it, or nothing. Again: no change.

    What a card does not say stays as the card has it, but for what it waits for: a plan has every
    edge of its cards. Cards that are not in the plan stay. What is claimed, in review or done is
    not changed, but refused (`WrongState`), or with `hold` left as it is and told. With `dry_run`
    nothing is written. `allow`: as of `import_cards`. Raises a `Refusal` that names the lines.
    """
    faults = Faults(MANY if dry_run else FEW, lambda line, _: f"{name}, line {line}")
    cards = plan_files.cards(content, faults)
    read = read_found(cards, content.count(b"\n") + 1, progress, faults)
    trial = _Trial(hold=hold)
    try:
        drafted = list(map(_drafted, read))
        write_cards(session, drafted, faults, trial.look, dry_run, allow, progress)
    except Refusal as refusal:
        if not dry_run or not refusal.faults:
            raise
        return trial.found._replace(refusal=refusal)
    return trial.found


_DRAFT: Final = COLUMNS.index("draft")


def _drafted(line: Line) -> Line:
    """A draft if it is new: not among what it gives, which changes a card that exists."""
    return line._replace(row=(*line.row[:_DRAFT], True, *line.row[_DRAFT + 1 :]))


_PUBLISH: Final = """
UPDATE backlog SET draft = false WHERE draft AND id = ANY (ARRAY(
    SELECT id FROM backlog WHERE draft AND status <> 'done' AND (%s::text IS NULL OR phase = %s)
    ORDER BY id FOR NO KEY UPDATE))
RETURNING -priority, created_at, id"""


@in_transaction
def publish(session: Session, phase: str | None = None) -> list[str]:
    """Let the drafts of a phase (None: all there are) be claimed.

    Returns their ids in the order of claims.
    """
    phase = names.found(session, "phase", phase)
    return [row[-1] for row in sorted(session.execute(_PUBLISH, (phase, phase)))]


_WRITTEN: Final = tuple(name for name, key in WIRE_NAMES.items() if key in plan_files.KEYS)
# A card's own gate: that of its phase is no part of the plan.
_READ: Final = {"depends_on": "depends_on::text", "acceptance": "acceptance::text"}
_READ["gated"] = "own_gate"
_EXPORT: Final = f"""
SELECT {", ".join(_READ.get(name, name) for name in _WRITTEN)}
FROM backlog WHERE archived_at IS NULL AND (%s::text IS NULL OR phase = %s)
ORDER BY created_at, id LIMIT {plan_files.MOST + 1}"""


def export(session: Session, phase: str | None = None) -> dict[str, Any]:
    """The plan of a phase (None: of all cards) as `apply` reads it; applied, it changes nothing.

    Numbers are `Digits`. Raises `Refusal` for more cards than a plan has.
    """
    phase = names.found(session, "phase", phase)
    rows = session.execute(_EXPORT, (phase, phase)).fetchall()
    if len(rows) > plan_files.MOST:
        raise Refusal(f"these are more than {plan_files.MOST:,} cards: name a --phase")
    phases: dict[str | None, list[dict[str, Any]]] = {None: []}
    for row in rows:
        said = dict(zip(_WRITTEN, row, strict=True))
        cards = phases.setdefault(said.pop("phase"), [])
        cards.append({WIRE_NAMES[name]: value for name, value in _said(said)})
    rest = phases.pop(None)
    return {"phases": [{"name": n, "cards": found} for n, found in phases.items()], "cards": rest}


# What a card says nothing with.
_DEFAULTS: Final = {"priority": 0, "gated": False, "depends_on": "[]", "acceptance": "null"}


def _said(card: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in card.items():
        if value is None or value == _DEFAULTS.get(name):
            continue
        if name in ("depends_on", "acceptance"):
            yield name, values.parse_json(value)
        elif isinstance(value, datetime):
            yield name, iso(value, "microseconds")
        elif isinstance(value, Decimal):
            yield name, Digits(f"{value.normalize():f}")
        else:
            yield name, Digits(value) if type(value) is int else value
