"""`graph`: the dependencies, for what draws them."""

from backlog import values
from backlog.cli.options import Options, flag, one_of, text, verb
from backlog.cli.reply import Reply
from backlog.session import Session

_FORMATS = ("dot", "mermaid", "json")


@verb(
    "graph",
    "the dependencies of the cards, as Graphviz, Mermaid or JSON",
    text("--phase", values.line, "of this phase, and what it waits for"),
    flag("--open", "without what is done"),
    flag("--critical", "with the critical path: by projected cost, else by tokens, else by cards"),
    one_of("--format", _FORMATS, "dot (the default), mermaid or json", default="dot"),
)
def graph(session: Session, options: Options) -> Reply:
    from backlog.cli.cards import unknown_phase
    from fleet import graph as drawing

    note = unknown_phase(session, options.phase)
    drawn = drawing.graph(session, options.phase, is_open=options.open, critical=options.critical)
    if options.json or options.format == "json":
        return Reply([values.exact_json(drawing.as_json(drawn)) + "\n"], None, note=note)
    return Reply([], drawing.FORMATS[options.format](drawn), note=note)
