"""`work` on a server: the same worker as on a store, which does its deeds over HTTP."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, Final

from backlog.cli.claims import NOTHING_TAKEN
from backlog.cli.options import Options
from backlog.cli.reply import Reply
from backlog.errors import UsageError
from backlog.lifecycle import LONGEST_OUTPUT
from backlog.logs import guard
from backlog.records import Record
from backlog.verbs.claims import Taken
from backlog.verbs.output import Printed
from backlog.verbs.pool import Pool
from backlog.verbs.runs import Report
from backlog.worker.plan import Deeds
from remote.client import rows
from remote.client.address import Address
from remote.client.wire import Wire

# The worker tries again by itself; and it cannot renew in time on a connection that is dead.
_PATIENCE_SECONDS: Final = 2.0
_SILENCE_SECONDS: Final = 30.0

_WHY: Final = {status: why for why, status in NOTHING_TAKEN.items()}


def work(options: Options, address: Address) -> Reply:
    """Work, as `backlog work` does. Raises `Refusal`."""
    guard()
    with closing(Wire(address)) as wire:
        # A server that is not there, or not ours, is told now.
        wire.ask("paused", {}, reads=True).read(_an_array)
        options.owner = options.owner or wire.worker
    if options.owner is None:
        raise UsageError(
            "the server does not say whose token it is: say --owner NAME, or BACKLOG_OWNER=NAME"
        )

    @contextmanager
    def connect() -> Iterator[Any]:
        with closing(Wire(address, _PATIENCE_SECONDS, _SILENCE_SECONDS)) as wire:
            yield wire

    options.connect, options.deeds = connect, DEEDS
    ended: Reply = options.run(options)
    return ended


def _an_array(document: Any) -> list[Any]:
    if not isinstance(document, list):
        raise TypeError
    return document


def _claim(wire: Wire, owner: str, ttl: int, pool: Pool, count: int = 1) -> Taken[Record]:
    given = {"owner": owner, "ttl": ttl, "count": count, "exitCode": True, **_of(pool)}
    found = wire.ask("claim", given)
    return Taken(found.read(partial(rows.cards, most=count)), _WHY.get(found.status))


def _complete_and_claim(
    wire: Wire,
    card_id: str,
    owner: str,
    attempt: int,
    *,
    ttl: int,
    pool: Pool,
    report: Report,
    **_: Any,
) -> tuple[Record, Taken[Record]]:
    given = {**_claimed(card_id, owner, attempt), **_said(report)}
    given |= {"claimNext": True, "ttl": ttl, **_of(pool)}
    done, following = wire.ask("complete", given).read(
        lambda found: (rows.existing(found["completed"]), rows.card(found["claimed"]))
    )
    return done, Taken([] if following is None else [following])


def _renew(wire: Wire, card_id: str, owner: str, attempt: int, ttl: int, **_: Any) -> None:
    wire.ask("renew", {**_claimed(card_id, owner, attempt), "ttl": ttl})


def _ending(verb: str) -> Callable[..., Record | None]:
    """A move that ends an attempt."""

    def end(
        wire: Wire,
        *,
        card_id: str,
        owner: str,
        attempt: int,
        report: Report,
        texts: bool,
        **how: Any,
    ) -> Record | None:
        given = {**_claimed(card_id, owner, attempt), **_said(report), **how}
        if report.outcome is not None:
            given[report.outcome] = True  # `--failed` of a release
        if not report.counted:
            given["uncounted"] = True
        return wire.ask(verb, given).read(rows.card)

    return end


def _ended(wire: Wire, card_id: str, attempt: int, owner: str) -> str | None:
    runs = wire.ask("runs", {"id": card_id}, reads=True)
    own = runs.read(
        lambda found: [each["outcome"] for each in found if each["attempt"] == str(attempt)]
    )
    return own[-1] if own else None


def _keep(wire: Wire, card_id: str, attempt: int, owner: str, printed: Printed) -> bool:
    tail = printed.tail[-LONGEST_OUTPUT:]
    given = {
        **_claimed(card_id, owner, attempt),
        "before": printed.size - len(tail),
        "tail": b64encode(tail).decode(),
        "ended": printed.ended,
    }
    return wire.ask("keep-output", given).read(bool)


def _claimed(card_id: str, owner: str, attempt: int) -> dict[str, Any]:
    return {"id": card_id, "owner": owner, "attempt": attempt}


def _said(report: Report) -> dict[str, Any]:
    told = report._asdict()
    return {
        key: told[key] for key in ("summary", "result", "tokens", "cost") if told[key] is not None
    }


def _of(pool: Pool) -> dict[str, Any]:
    named = {"phase": pool.phase, "role": pool.role}
    return {key: name for key, name in named.items() if name is not None}


DEEDS: Final = Deeds(
    _claim,
    _complete_and_claim,
    pool=lambda wire, *names: Pool(*names),
    renew=_renew,
    complete=_ending("complete"),
    block=_ending("block"),
    release=_ending("release"),
    ended=_ended,
    keep=_keep,
)
