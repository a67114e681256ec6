"""What asks the server again and again: a claim that waits, `tail --follow`, `output --follow`."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, Final

from backlog.cli.history import line_of_all
from backlog.cli.loops import repeat, until_unread
from backlog.cli.options import Options
from backlog.cli.output import shown
from backlog.cli.reply import Reply, stream
from backlog.errors import NotFound, StoreUnavailable
from backlog.records import to_json
from backlog.session import idle_pauses
from backlog.verbs.history import Event
from backlog.verbs.output import LAST_WORDS_SECONDS, Look, Output, existing_run
from remote.client import rows
from remote.client.address import Address
from remote.client.wire import Answer, Wire
from remote.words import MOST_SECONDS, TOO_MANY

_POLL_SECONDS: Final = 1.0
# How many of the newest events are read each time. An event may be committed after later ones were:
# it is found as long as it is among so many.
_WINDOW: Final = 200
_MOST: Final = 2**31 - 1


def claim(wire: Wire, given: Mapping[str, Any], options: Options) -> Answer:
    """The answer of a claim that waits for something to claim, for `options.wait` seconds."""
    end = time.monotonic() + options.wait
    given = {**given, "exitCode": True}
    for pause in idle_pauses():
        left = max(0.0, end - time.monotonic())
        waiting = {**given, "wait": min(MOST_SECONDS, math.ceil(left))}
        try:
            found = wire.ask("claim", waiting, as_json=options.json)
        except StoreUnavailable as refusal:
            if refusal.code != TOO_MANY:
                raise
            found = wire.ask("claim", given, as_json=options.json)
            time.sleep(min(pause, left))
        if not found.status or time.monotonic() >= end:
            return found if options.exit_code else found._replace(status=0)
    raise AssertionError  # the pauses never end


class _Tail:
    """The newest events, then, at each `poll`, those that have come since."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: set[int] | None = None

    def poll(self, wire: Wire) -> list[Event]:
        if self._seen is None:
            found = self._newest(wire, max(self._limit, _WINDOW))
            self._seen = {each.id for each in found}
            return found[len(found) - min(self._limit, len(found)) :]
        window = _WINDOW
        found = self._newest(wire, window)
        # None of them was there the last time, so there may be more new ones before them.
        while len(found) == window and self._seen.isdisjoint(each.id for each in found):
            window = min(_MOST, 8 * window)
            found = self._newest(wire, window)
        new = [each for each in found if each.id not in self._seen]
        self._seen = {each.id for each in found}
        return new

    @staticmethod
    def _newest(wire: Wire, limit: int) -> list[Event]:
        found = wire.ask("tail", {"limit": limit}, reads=True)
        return found.read(lambda events: [rows.event(each) for each in events])


def tail(wire: Any, options: Options, address: Address) -> Reply:
    """`tail --follow`."""
    events = _Tail(options.limit)
    line = to_json if options.json else line_of_all
    first = [events.poll(wire)]  # a server that is not there, or not ours, is told now

    def step(wire: Any) -> Iterator[str]:
        return map(line, first.pop() if first else events.poll(wire))

    return stream(repeat(wire, _another(address), step, _POLL_SECONDS, until_unread))


def _another(address: Address) -> Any:
    """An opener of further connections to this server."""
    return lambda: closing(Wire(address))


def output(wire: Any, options: Options, address: Address) -> Reply:
    """`output`, also with `--follow`."""
    if not options.follow:
        given = {"id": options.card_id, "attempt": options.attempt}
        found = wire.ask("output", given, reads=True).read(rows.output)
        return shown(iter([found]), options)
    following = _Following(options, wire)

    def wait(seconds: float) -> bool:
        return following.is_over or until_unread(seconds)

    pieces = repeat(wire, _another(address), following.step, _POLL_SECONDS, wait)
    return shown(pieces, options)


class _Following:
    """What an attempt has printed, then what comes, until no more may come."""

    def __init__(self, options: Options, wire: Wire) -> None:
        """Raises `NotFound` where there is no such attempt."""
        card = wire.ask("show", {"id": options.card_id}, reads=True).read(rows.existing)
        attempts = card.attempts
        attempt = attempts if options.attempt is None else options.attempt
        existing_run(options.card_id, Look(attempt, attempts, False, None))
        self._run = {"id": options.card_id, "attempt": attempt}
        self._size, self._ended = 0, False
        self._over_at: float | None = None
        self.is_over = False

    def step(self, wire: Any) -> list[Output]:
        self.is_over = not self._goes_on(wire)
        try:
            found = wire.ask("output", self._run, reads=True).read(rows.output)
        except NotFound:  # it has printed nothing yet
            return []
        self.is_over |= found.ended
        new = _after(found, self._size)
        if (new.size, new.ended) == (self._size, self._ended):
            return []
        self._size, self._ended = new.size, new.ended
        return [new]

    def _goes_on(self, wire: Wire) -> bool:
        """Whether it is claimed still, or was a moment ago: the last words come after the end."""
        card = wire.ask("show", {"id": self._run["id"]}, reads=True).read(rows.existing)
        if card.claimed_at and card.attempts == self._run["attempt"]:
            return True
        if self._over_at is None:
            self._over_at = time.monotonic() + LAST_WORDS_SECONDS
        return time.monotonic() < self._over_at


def _after(found: Output, seen: int) -> Output:
    """What came after the first `seen` bytes."""
    printed = found.text.encode("utf-8", "surrogateescape")[max(0, seen - found.before) :]
    text = printed.decode("utf-8", "surrogateescape")
    return found._replace(before=max(found.before, seen), text=text)
