"""The verbs that show what happened, or everything: history, tail, runs, export."""

from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from backlog.cli.reply import Reply, document
from backlog.errors import NotFound, UsageError
from backlog.records import iso, to_json
from backlog.session import Session
from backlog.values import json_text
from backlog.verbs import cards
from backlog.verbs.history import Event, newest
from backlog.verbs.history import history as events_of

if TYPE_CHECKING:
    from backlog.verbs.runs import Run

_POLL_SECONDS: Final = 0.5


def history(session: Session, options: Namespace) -> Reply:
    events = events_of(session, options.card_id, options.limit)
    if not events and cards.find(session, options.card_id) is None:
        raise NotFound(f"there is no card {options.card_id}, and there never was")
    return Reply(
        document([_keys(event) for event in events]),
        map(_line, events) if events else ["(no history)"],
    )


def tail(session: Session, options: Namespace) -> Reply:
    if options.follow:
        return Reply(
            _follow(session, options, _json),
            (line[:-1] for line in _follow(session, options, _text)),
        )
    events = newest(session, options.limit)
    return Reply(map(_json, events), map(_line_of_all, events) if events else ["(no events)"])


def _follow(session: Session, options: Namespace, shown: Callable[[Event], str]) -> Iterator[str]:
    from backlog.cli.loops import repeat, until_unread
    from backlog.verbs.history import Follower

    follower = Follower()
    started = False

    def step(session: Session) -> Iterable[str]:
        nonlocal started
        events = follower.poll(session) if started else follower.start(session, options.limit)
        started = True
        return map(shown, events)

    return repeat(session, options.open_session, step, _POLL_SECONDS, until_unread)


def runs(session: Session, options: Namespace) -> Reply:
    from backlog.verbs.runs import runs as runs_of

    found = runs_of(session, options.card_id, options.limit)
    if not found:
        cards.show(session, options.card_id)  # or there is no such card
    return Reply(
        ["[", ",".join(map(_run_json, found)), "]\n"],
        map(_run_line, found) if found else ["(no runs)"],
    )


def export(session: Session, options: Namespace) -> Reply:
    from backlog.verbs import transfer

    if options.events and options.runs:
        raise UsageError("--events and --runs are two exports: give one of them")
    # Microseconds here: the order of claims survives an import elsewhere.
    if options.events:
        lines = (json_text(_keys(e, "microseconds")) for e in transfer.export_events(session))
    elif options.runs:
        lines = (_run_json(run, "microseconds") for run in transfer.export_runs(session))
    else:
        lines = (to_json(card, "microseconds") for card in transfer.export_cards(session))
    return Reply((line + "\n" for line in lines), lines)


def _json(event: Event) -> str:
    return json_text(_keys(event)) + "\n"


def _text(event: Event) -> str:
    return _line_of_all(event) + "\n"


def _keys(event: Event, timespec: str = "milliseconds") -> dict[str, Any]:
    return {
        "id": event.id,
        "cardId": event.card_id,
        "at": iso(event.at, timespec),
        "actor": event.actor,
        "verb": event.verb,
        "from": event.from_status,
        "to": event.to_status,
        "attempt": event.attempt,
        "note": event.note,
    }


def _line(event: Event) -> str:
    fields = (
        iso(event.at),
        event.actor,
        event.verb,
        f"{event.from_status or '-'}→{event.to_status or '-'}",
        f"attempt={event.attempt}",
        event.note or "-",
    )
    return "\t".join(" ".join(field.split()) for field in fields)


def _line_of_all(event: Event) -> str:
    """As `_line`, where the card does not go without saying."""
    return f"{' '.join(event.card_id.split())}\t{_line(event)}"


_RUN_KEYS: Final = {
    "card_id": "cardId",
    "attempt": "attempt",
    "owner": "owner",
    "started_at": "startedAt",
    "ended_at": "endedAt",
    "outcome": "outcome",
    "summary": "summary",
    "result": "result",
    "tokens": "tokens",
    "cost": "cost",
}


def _run_json(run: "Run", timespec: str = "milliseconds") -> str:
    """An object. The result, which is JSON, and the cost keep every digit."""
    pairs = (
        f'"{key}":{_run_value(name, getattr(run, name), timespec)}'
        for name, key in _RUN_KEYS.items()
    )
    return "{" + ",".join(pairs) + "}"


def _run_value(name: str, value: Any, timespec: str) -> str:
    if value is None:
        return "null"
    if name == "result":
        return str(value)
    if name == "cost":
        return f"{value:f}"
    return json_text(iso(value, timespec) if isinstance(value, datetime) else value)


def _run_line(run: "Run") -> str:
    fields = (
        f"attempt={run.attempt or '-'}",
        run.owner,
        run.outcome or "open",
        iso(run.started_at),
        iso(run.ended_at) if run.ended_at else "-",
        run.summary or "-",
    )
    return "\t".join(" ".join(field.split()) for field in fields)
