"""`plan`: the cards of a file, made and changed together."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from backlog import values
from backlog.cli.options import Group, Option, Options, flag, text, verb
from backlog.cli.reply import Reply, document, few
from backlog.records import one_line, row
from backlog.session import Session

if TYPE_CHECKING:
    from fleet.verbs.plans import Applied

_FILE: Final[Option] = (
    "file",
    {"metavar": "FILE", "help": "YAML or JSON: phases, and in each cards; or - for standard input"},
)


@verb(
    "apply",
    "make the cards of a plan, as drafts, and change those that exist: all of it, or nothing",
    _FILE,
    flag(
        "--hold", "leave cards as they are that are claimed, in review or done, and apply the rest"
    ),
    flag("--dry-run", "say what would become of it, write nothing"),
)
def apply(session: Session, options: Options) -> Reply:
    from backlog.cli.transfer import read_lines
    from fleet.verbs import plan_files, plans

    content = b"".join(read_lines(options.file, plan_files.MOST_BYTES))
    name = "standard input" if options.file == "-" else options.file
    how = {"hold": options.hold, "dry_run": options.dry_run, "allow": options.allow}
    found = plans.apply(session, content, name, **how)
    refused = list(found.refusal.faults) if found.refusal else []
    answer = {
        "created": found.created,
        "changed": [each._asdict() for each in found.changed],
        "linked": [{"from": each.card, "to": each.dependency} for each in found.linked],
        "unlinked": [{"from": each.card, "to": each.dependency} for each in found.unlinked],
        "held": [each._asdict() for each in found.held],
        "unchanged": found.unchanged,
        "refused": refused,
        "dryRun": options.dry_run,
    }
    counts = ", ".join(
        f"{key}: {len(told) if isinstance(told, list) else told}"
        for key, told in answer.items()
        if key != "dryRun" and (told or key != "refused")
    )
    lines = [*few(_lines(found, refused)), counts + (" (dry run)" if options.dry_run else "")]
    return document(answer, lines, found.refusal.exit_status if found.refusal else 0)


def _lines(found: "Applied", refused: list[str]) -> Iterator[str]:
    yield from (one_line("refused", each) for each in refused)
    yield from (row("held", *each) for each in found.held)
    yield from (row("created", each) for each in found.created)
    yield from (row("changed", each.id, ", ".join(each.fields)) for each in found.changed)
    yield from (row("linked", f"{each.card} → {each.dependency}") for each in found.linked)
    yield from (row("unlinked", f"{each.card} → {each.dependency}") for each in found.unlinked)


@verb(
    "publish",
    "let drafts be claimed: all there are, or those of a phase",
    text("--phase", values.line, "of this phase"),
)
def publish(session: Session, options: Options) -> Reply:
    from fleet.verbs import plans

    published = plans.publish(session, options.phase)
    lines = [row("published", each) for each in published]
    return document({"published": published}, few(lines) if lines else ["(no drafts)"])


@verb(
    "export",
    "the plan that the cards are by now, as YAML or (--json) JSON, for apply",
    text("--phase", values.line, "of this phase"),
)
def export(session: Session, options: Options) -> Reply:
    from fleet.verbs import plan_files, plans

    plan = plans.export(session, options.phase)
    if options.json:
        return Reply([values.exact_json(plan) + "\n"], None)
    return Reply([], plan_files.written(plan))


plan: Final = Group(
    "plan", "many cards by a file, not claimed before they are published", (apply, publish, export)
)
