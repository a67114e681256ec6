"""`check`: is what is derived still what the cards say?"""

from backlog.cli.options import Options, verb
from backlog.cli.reply import Reply, document, report
from backlog.records import row
from backlog.session import Session


@verb("check", "recount what is derived and report drift")
def check(session: Session, options: Options) -> Reply:
    from backlog.verbs.check import recount

    found = recount(session)
    answer = {
        "ok": found.ok,
        "cards": found.cards,
        "counts": [
            {"id": i, "openDependencies": kept, "recounted": n} for i, kept, n in found.counts
        ],
        "edges": [{"id": i, "dependency": d, "edge": problem} for i, d, problem in found.edges],
        "claims": [{"id": i, "claim": problem} for i, problem in found.claims],
        "limits": [{"table": t, "id": i, "limit": problem} for t, i, problem in found.limits],
    }
    text = [f"{i}: counts {kept} open dependencies, has {n}" for i, kept, n in found.counts]
    text += [f"{i}: {problem} edge to {d}" for i, d, problem in found.edges]
    text += [f"{i}: {problem}" for i, problem in found.claims]
    text += [f"{i or table}: {problem}" for table, i, problem in found.limits]
    total = f"{found.cards} cards, {found.differences} differences"
    return document(answer, [*report(text, row), total], 0 if found.ok else 1)
