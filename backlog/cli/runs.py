"""`runs`: the attempts at a card."""

from backlog.cli.options import CLAIMED_ID, Options, number, verb
from backlog.cli.reply import Reply, many
from backlog.records import iso, row
from backlog.session import Session
from backlog.verbs import cards
from backlog.verbs.runs import Run
from backlog.verbs.runs import runs as runs_of


@verb(
    "runs",
    "the attempts at a card, oldest first",
    CLAIMED_ID,
    number("--limit", 1, "the newest so many runs"),
)
def runs(session: Session, options: Options) -> Reply:
    found = runs_of(session, options.card_id, options.limit)
    if not found:
        cards.show(session, options.card_id)  # or there is no such card
    return many(found, _line, "(no runs)")


def _line(run: Run) -> str:
    return row(
        f"attempt={run.attempt or '-'}",
        run.owner,
        run.outcome or "open",
        iso(run.started_at),
        iso(run.ended_at) if run.ended_at else "-",
        run.summary or "-",
        *([] if run.tokens is None else [f"tokens={run.tokens}"]),
        *([] if run.cost is None else [f"cost={run.cost.normalize():f}"]),
    )
