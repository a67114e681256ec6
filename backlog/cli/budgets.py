"""`budget`, `unbudget`, `budgets`: what the runs of a phase may take."""

from typing import Final

from backlog import values
from backlog.cli.claims import NOTHING_TAKEN
from backlog.cli.options import Options, number, text, verb
from backlog.cli.reply import Reply, document, many, one
from backlog.errors import UsageError
from backlog.lifecycle import BUDGET
from backlog.records import iso, row
from backlog.session import Session
from backlog.verbs import budgets as verbs
from backlog.verbs import rules
from backlog.verbs.budgets import SPENT, Budget

# As a claim that gets nothing for that.
IS_SPENT: Final = NOTHING_TAKEN[BUDGET]

_PHASE: Final = text("--phase", values.line, "of this phase", required=True)


def _bounds(options: Options) -> dict[str, int | str]:
    given = {"tokens": options.tokens, "cost": options.cost}
    bounds = {name: value for name, value in given.items() if value is not None}
    if not bounds:
        raise UsageError("a budget is of tokens, of cost, or of both: --tokens, --cost")
    return bounds


@verb(
    "budget",
    "what the runs of a phase may take before claims of it stop",
    _PHASE,
    number("--tokens", 0, "so many tokens", high=values.BIGINT_MAX),
    text("--cost", values.cost, "so much, such as 12.50"),
    check=_bounds,
)
def budget(session: Session, options: Options) -> Reply:
    made = verbs.budget(session, options.phase, **_bounds(options))
    return one(made, _line(made), note=rules.of_nothing(session, made))


@verb("unbudget", "no budget any more", _PHASE)
def unbudget(session: Session, options: Options) -> Reply:
    phase = verbs.unbudget(session, options.phase)
    return document({"phase": phase}, [f"no budget: phase {phase}"])


@verb("budgets", f"every budget, and what is spent; exit status {IS_SPENT} if one is spent")
def budgets(session: Session, options: Options) -> Reply:
    found = verbs.budgets(session)
    is_spent = any(each.state == SPENT for each in found)
    return many(found, _line, "(no budgets)", IS_SPENT if is_spent else 0)


def _line(each: Budget) -> str:
    share = f"{each.state} {each.percent}%"
    return row(f"budget: phase {each.phase}", share, each.spent_of, each.actor, iso(each.since))
