"""What the commands of runs printed: the end of it, written down by whoever runs them.

Beside a card and its run, never in their way: it is written now and then, and nothing waits for it.
"""

from datetime import datetime
from typing import Final, NamedTuple

from backlog.errors import NotFound
from backlog.lifecycle import LONGEST_LAST_LINE, LONGEST_OUTPUT
from backlog.session import Session
from backlog.shown import flat, uncoloured

# As many bytes are looked at for the last line.
_NEAR_THE_END: Final = 4096
# What comes after the run is told as ended comes within so many seconds, or not at all.
LAST_WORDS_SECONDS: Final = 5

# Of a run that this owner has, or had; not of a card that is deleted by now.
_KEEP: Final = """
INSERT INTO backlog_output AS kept (card_id, attempt, tail, before, ended, last_line, written_at)
SELECT id, %s, %s, %s, %s, %s, clock_timestamp() FROM backlog
WHERE id = %s AND EXISTS (
    SELECT FROM backlog_run WHERE card_id = backlog.id AND attempt = %s AND owner = %s)
ON CONFLICT (card_id, attempt) DO UPDATE SET (tail, before, ended, last_line, written_at)
    = (excluded.tail, excluded.before, excluded.ended, excluded.last_line, excluded.written_at)
RETURNING true"""

# Of an attempt (None: the last one) whether more may come, and what came after so many bytes.
_LOOK: Final = """
SELECT run.attempt, card.attempts,
    card.claimed_at IS NOT NULL AND card.attempts = run.attempt
        OR NOT coalesce(kept.ended, false) AND EXISTS (
            SELECT FROM backlog_ended_run AS over
            WHERE over.card_id = card.id AND over.attempt = run.attempt
                AND over.ended_at > clock_timestamp() - make_interval(secs => %s)),
    greatest(kept.before, %s), kept.written_at, kept.ended,
    substr(kept.tail, greatest(%s - kept.before, 0)::int + 1)
FROM backlog AS card
CROSS JOIN LATERAL (SELECT coalesce(%s::int, card.attempts)) AS run (attempt)
LEFT JOIN backlog_output AS kept ON kept.card_id = card.id AND kept.attempt = run.attempt
WHERE card.id = %s"""


class Printed(NamedTuple):
    """The end of what a command has printed so far, to be kept.

    `before` it came so many bytes; `ended`: nothing comes after it.
    """

    tail: bytes
    before: int
    ended: bool

    @property
    def size(self) -> int:
        """How many bytes came until its end."""
        return self.before + len(self.tail)


class Output(NamedTuple):
    """What is kept of what an attempt's command printed, as text, or as much of it as was asked.

    `before` it came so many bytes. What is no UTF-8 stands in `text` as halves of characters:
    `text.encode("utf-8", "surrogateescape")` gives every byte. `ended`: nothing comes after it;
    else the attempt goes on, or nobody was there to write its last words down.
    """

    card_id: str
    attempt: int
    before: int
    written_at: datetime
    ended: bool
    text: str

    @property
    def size(self) -> int:
        """How many bytes came until its end."""
        return self.before + len(self.text.encode("utf-8", "surrogateescape"))


class Look(NamedTuple):
    """An attempt of a card that has had so many `attempts` (0: none, there is nothing of it).

    `output` is None if nothing is kept; `more`: it may still come.
    """

    attempt: int
    attempts: int
    more: bool
    output: Output | None


def keep(session: Session, card_id: str, attempt: int, owner: str, printed: Printed) -> bool:
    """Write down what the command of this attempt has printed, in place of what was kept of it.

    Whether it is: not of a run that the owner never had, nor of a card that is deleted. No more of
    it than `lifecycle.LONGEST_OUTPUT` bytes. The card is not changed, nor locked.
    """
    tail = printed.tail[-LONGEST_OUTPUT:]
    before = printed.before + len(printed.tail) - len(tail)
    what = (attempt, tail, before, printed.ended, last_line(tail))
    return bool(session.rows(_KEEP, (*what, card_id, attempt, owner)))


def look(session: Session, card_id: str, attempt: int | None = None, seen: int = 0) -> Look | None:
    """What an attempt's command printed after the first `seen` bytes; None if there is no card.

    Without an attempt, of the newest.
    """
    row = session.execute(_LOOK, (LAST_WORDS_SECONDS, seen, seen, attempt, card_id)).fetchone()
    if row is None:
        return None
    found, attempts, more, before, written_at, ended, tail = row
    output = None
    if written_at is not None:
        text = bytes(tail).decode("utf-8", "surrogateescape")
        output = Output(card_id, found, before, written_at, ended, text)
    return Look(found, attempts, more, output)


def output(session: Session, card_id: str, attempt: int | None = None) -> Output:
    """What is kept of what an attempt's command printed. Raises `NotFound`, which says why."""
    found = existing_run(card_id, look(session, card_id, attempt))
    if found.output is None:
        others = attempts_with_output(session, card_id)
        instead = f"; there is of attempt {', '.join(map(str, others))}" if others else ""
        raise NotFound(
            f"nothing is kept of what attempt {found.attempt} of {card_id} printed: it has printed"
            f" nothing, or is no attempt of work, or of work --output off{instead}"
        )
    return found.output


def existing_run(card_id: str, found: Look | None) -> Look:
    """An attempt that there is, or was. Raises `NotFound`."""
    if found is None:
        raise NotFound(f"there is no card {card_id}")
    if not 0 < found.attempt <= found.attempts:
        had = f"it has had {found.attempts}" if found.attempts else "nobody has claimed it yet"
        raise NotFound(f"{card_id} has no attempt {found.attempt or ''}".rstrip() + f": {had}")
    return found


def attempts_with_output(session: Session, card_id: str, most: int = 5) -> list[int]:
    """The newest attempts of which anything is kept."""
    sql = "SELECT attempt FROM backlog_output WHERE card_id = %s ORDER BY attempt DESC LIMIT %s"
    return [attempt for (attempt,) in session.execute(sql, (card_id, most))]


def last_line(tail: bytes) -> str:
    """The last line that says anything, without its colours, cut; empty if none does."""
    end = tail[-_NEAR_THE_END:].decode("utf-8", "surrogateescape")
    return flat(uncoloured(end).rstrip().rpartition("\n")[2], LONGEST_LAST_LINE - 1)
