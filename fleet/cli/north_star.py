"""`north-star …`: what the fleet works towards, and how that is changed."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from backlog import values
from backlog.cli.caller import CALLER
from backlog.cli.options import Group, Options, flag, text, verb
from backlog.cli.reply import Reply, document
from backlog.errors import UsageError
from backlog.records import iso, row
from backlog.session import Session

if TYPE_CHECKING:
    from fleet.verbs.north_star import InForce, Progress, Proposal


@verb("north-star", "what the fleet works towards, beside what is done")
def _show(session: Session, options: Options) -> Reply:
    from fleet.verbs import north_star

    current = north_star.in_force(session)
    found = north_star.progress(session, current.star)
    answer = values.exact_json(_as_json(current, list(found.values())))
    return Reply([f"{answer}\n"], _as_lines(current, found))


@verb(
    "propose",
    "what is to be in force instead, for somebody to ratify",
    ("file", {"metavar": "FILE", "help": "a north star in YAML, or - for standard input"}),
    text("--reason", values.line, "why"),
)
def _propose(session: Session, options: Options) -> Reply:
    from fleet.verbs import north_star

    return _one(session, north_star.propose(session, text_of(options.file), options.reason))


@verb(
    "proposals",
    "what is proposed, each with what it would change",
    flag("--decided", "what was ratified or vetoed instead, the newest first"),
)
def _proposals(session: Session, options: Options) -> Reply:
    from fleet.verbs import north_star

    current = north_star.in_force(session)
    found = north_star.proposals(session, decided=options.decided)
    lines = [(_line(each, current), *(_diff(each, current) or ())) for each in found]
    text = list(chain(*lines)) or ["(no proposals)"]
    return document([_facts(each, current) for each in found], text)


_BY: Final = text("--by", values.name, "who decides", required=True)
_NUMBER: Final = (
    "number",
    {"metavar": "NUMBER", "type": lambda value: values.integer(value, "N", 1, values.BIGINT_MAX)},
)


@verb(
    "ratify", "put a proposal in force", _NUMBER, _BY, text("--note", values.line, "a word on it")
)
def _ratify(session: Session, options: Options) -> Reply:
    from fleet.verbs import north_star

    return _one(session, north_star.ratify(session, options.number, options.by, options.note))


@verb(
    "veto",
    "a proposal is not to be",
    _NUMBER,
    _BY,
    text("--reason", values.line, "why", required=True),
)
def _veto(session: Session, options: Options) -> Reply:
    from fleet.verbs import north_star

    return _one(session, north_star.veto(session, options.number, options.by, options.reason))


north_star: Final = Group(
    "north-star",
    "what the fleet works towards, beside what is done; propose, ratify, veto a change of it",
    (_propose, _proposals, _ratify, _veto),
    _show,
)


def text_of(name: str) -> str:
    """A north star that is in order, of this file. Raises `UsageError`."""
    from fleet import north_star

    try:
        with CALLER.get().open(name) as file:
            content = file.read(north_star.MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        advice = "FILE is a north star in YAML, or - for standard input"
        raise UsageError(
            f"cannot read {name or 'a file without a name'}: {reason}; {advice}"
        ) from None
    try:
        decoded = north_star.decoded(content)
        north_star.read(decoded)
    except UsageError as error:
        raise UsageError(f"{'standard input' if name == '-' else name}, {error}") from None
    return decoded


def _one(session: Session, made: "Proposal") -> Reply:
    from fleet.verbs import north_star

    current = north_star.in_force(session)
    return document(_facts(made, current), [_line(made, current)])


def _as_json(current: "InForce", found: list["Progress"]) -> dict[str, Any]:
    star = current.star
    projected = {each.phase: each for each in star.projections}
    at = current.at and iso(current.at)
    source = {"proposal": current.number, "ratifiedBy": current.by, "ratifiedAt": at}
    return {
        "inForce": None if current.text is None else source,
        "goals": [{"goal": each.goal, "phases": list(each.phases)} for each in star.goals],
        "assumptions": list(star.assumptions),
        "phases": [_of_phase(each, projected.get(each.phase)) for each in found],
        "text": current.text,
    }


def _of_phase(each: "Progress", projected: Any) -> dict[str, Any]:
    """Numbers with all their digits, as a card's JSON has them."""
    return {
        "phase": each.phase,
        "done": each.done,
        "total": each.total,
        "tokens": _number(each.tokens),
        "cost": _number(each.cost),
        "cardsProject": {
            "tokens": _number(each.projected_tokens),
            "cost": _number(each.projected_cost),
        },
        "projection": projected and {"tokens": projected.tokens, "cost": _number(projected.cost)},
    }


def _number(value: Decimal | str | None) -> values.Digits | None:
    if value is None:
        return None
    return values.Digits(f"{value:f}" if isinstance(value, Decimal) else value)


def _as_lines(current: "InForce", found: dict[str, "Progress"]) -> Iterator[str]:
    if current.text is None:
        yield "(no north star: `north-star propose FILE` proposes one)"
        return
    star = current.star
    if current.number is None:
        yield "in force: the file, as nothing has been ratified"
    else:
        at = current.at and iso(current.at)
        yield row(f"in force: proposal {current.number}, ratified by {current.by}", at)
    for goal in star.goals:
        yield row(f"goal: {goal.goal}", *_counted(goal.phases, found))
    yield from (row(f"assumption: {each}") for each in star.assumptions)
    projected = {each.phase: each for each in star.projections}
    for each in found.values():
        yield row(
            f"phase {each.phase}",
            f"{each.done} of {each.total} done",
            _took("tokens", each.tokens, each.projected_tokens, projected.get(each.phase)),
            _took("cost", each.cost, each.projected_cost, projected.get(each.phase)),
        )


def _counted(phases: tuple[str, ...], found: dict[str, "Progress"]) -> list[str]:
    """The phases of a goal, and how much of them is done; nothing without any."""
    if not phases:
        return []
    those = [found[phase] for phase in phases]
    done, total = sum(each.done for each in those), sum(each.total for each in those)
    return [", ".join(phases), f"{done} of {total} done"]


def _took(what: str, spent: Any, by_cards: Any, projection: Any) -> str:
    """What was spent, and what was projected of it by whom, as far as anybody said."""
    said = {
        "spent": spent,
        "projected by cards": by_cards,
        "by the north star": projection and getattr(projection, what),
    }
    numbers = [f"{each} {how}" for how, each in said.items() if each is not None]
    return f"{what}: {', '.join(numbers) or '-'}"


def _facts(each: "Proposal", current: "InForce") -> dict[str, Any]:
    return {
        "number": each.number,
        "state": each.state(current),
        "actor": each.actor,
        "at": iso(each.at),
        "reason": each.reason,
        "decidedBy": each.decided_by,
        "decidedAt": each.decided_at and iso(each.decided_at),
        "note": each.why,
        "text": each.text,
        "diff": _diff(each, current),
    }


def _diff(each: "Proposal", current: "InForce") -> list[str] | None:
    """What it would change; None of one that is decided."""
    from fleet.north_star import changes

    return None if each.decided_at else changes(current.text or "", each.text)


def _line(each: "Proposal", current: "InForce") -> str:
    who = f"by {each.decided_by}" if each.decided_by else f"by {each.actor}"
    at, why = each.decided_at or each.at, each.why if each.decided_at else each.reason
    return row(f"proposal {each.number}: {each.state(current)}", who, iso(at), why or "-")
