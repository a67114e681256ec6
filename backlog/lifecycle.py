"""The statuses of a card and the moves between them. No queries here."""

from datetime import UTC, datetime
from typing import Final, NamedTuple

READY: Final = "ready"
CLAIMED: Final = "claimed"
BLOCKED: Final = "blocked"
DONE: Final = "done"

STATUSES: Final = (READY, CLAIMED, BLOCKED, DONE)

# What can happen to a card next, as a board shows it: the status and whether it is claimable.
CELLS: Final = {
    "ready": (READY, True),
    "waiting": (READY, False),
    "claimed": (CLAIMED, False),
    "blocked": (BLOCKED, False),
    "done": (DONE, False),
}
CELL_OF: Final = {state: cell for cell, state in CELLS.items()}

DEFAULT_TTL_SECONDS: Final = 900

# What a language model is given of a card, and the least that makes sense.
DEFAULT_BRIEFING_BYTES: Final = 16_000
LEAST_BRIEFING_BYTES: Final = 1_000

# Why a card cannot go on, of what kind: what it asks of an operator; and as pages say it.
REASON_IN_WORDS: Final = {
    "dependency": "depends on something else",
    "needs_input": "needs an answer",
    "capability": "beyond its worker",
    "transient": "a passing fault",
    "attempts_exhausted": "no attempts left",
    "in_review": "in review",
    "other": "other",
}
BLOCK_REASONS: Final = tuple(REASON_IN_WORDS)
DEFAULT_BLOCK_REASON: Final = "other"

# What the note of a cancelled card is, or begins with; its reason is the default one.
CANCELLED: Final = "cancelled"

# Why a gated card that its worker finished is blocked: it waits for its verdicts.
IN_REVIEW: Final = "in_review"

# The reasons that somebody gives; in review is what a completion makes of a gated card.
GIVEN_REASONS: Final = tuple(each for each in BLOCK_REASONS if each != IN_REVIEW)

# How an attempt ends.
OUTCOMES: Final = ("completed", "released", "expired", "blocked", "failed", "cancelled")

# As often is a card claimed, since it was made or last unblocked, before it is blocked instead of
# returning to ready; 0: no cap.
DEFAULT_MAX_ATTEMPTS: Final = 10

# How far a counter counts: not to the end of its type, where one more would be an error for whoever
# claims next.
MOST_COUNTED: Final = 2_000_000_000

# Lengths in characters, each at most four bytes. Two names must fit into one row of an index, which
# holds 2,700 bytes; a text, into what a page, a dump and a client can hold at once. Of JSON it is
# the length as PostgreSQL writes it, 1e9 with all its zeros.
LONGEST_NAME: Final = 255
LONGEST_KEY: Final = 500
LONGEST_TEXT: Final = 4_000_000
LONGEST_JSON: Final = 4_000_000

# What is kept of what a run's command printed: the last bytes of it, and of its last line so many
# characters.
LONGEST_OUTPUT: Final = 65_536
LONGEST_LAST_LINE: Final = 200
# Pages of which an account can save a view, and how long its name and its query string may be.
VIEWED_PAGES: Final = ("board", "cards")
LONGEST_VIEW_NAME: Final = 60
LONGEST_VIEW: Final = 2_000

# Times that every client, time zone and sum of a time and a lease can hold; the end of the longest
# lease lies up to 68 years later.
EARLIEST: Final = datetime(1000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)

# Why there was nothing to claim.
EMPTY: Final = "empty"
PAUSED: Final = "paused"
AT_LIMIT: Final = "limit"
BUDGET: Final = "budget"

FLEET: Final = "fleet"
PAUSE_SCOPES: Final = (FLEET, "phase", "owner")
# "review": of a phase, by how many of its cards are in review.
LIMIT_SCOPES: Final = (*PAUSE_SCOPES, "role", "review")
RULES: Final = ("pause", "limit", "hold", "gate", "budget")
RULE_SCOPES: Final = (*PAUSE_SCOPES, "card", "role", "review")

# What became of a card that is done without having been completed.
DROPPED: Final = "dropped"
DUPLICATE: Final = "duplicate"
RESOLUTIONS: Final = (DROPPED, DUPLICATE)

# What becomes of the cards that wait for one that is dropped.
WAIT: Final = "wait"
PROCEED: Final = "proceed"
DROP_TOO: Final = "drop"
WAITING_FOR_DROPPED: Final = {
    WAIT: "they are blocked, and a person decides",
    PROCEED: "they go on as if it were done",
    DROP_TOO: "they are dropped, too, and what waits for them",
}


def is_cancelled(note: str | None) -> bool:
    """Whether a note, or its beginning, is that of a cancelled card."""
    return f"{note}: ".startswith(f"{CANCELLED}: ")


def why_blocked(reason: str | None, note: str | None) -> str:
    """The reason and the note; of a cancelled card the note alone, which says that it is."""
    return ": ".join(filter(None, (None if is_cancelled(note) else reason, note)))


class Move(NamedTuple):
    """A transition by id: from `sources` to `to`; else refused with the advice `otherwise`.

    With `settled`, a card that is at `to` already stays as it is and nothing is refused; with
    `reason`, one that is blocked must be so for it.
    """

    verb: str
    sources: tuple[str, ...]
    to: str
    otherwise: str
    settled: bool = False
    reason: str | None = None


COMPLETE: Final = Move("complete", (READY, CLAIMED), DONE, "unblock it first", settled=True)
ACCEPT: Final = COMPLETE._replace(sources=(BLOCKED,), reason=IN_REVIEW)
SEND_BACK: Final = Move(
    "request changes of", (BLOCKED,), READY, "only a card in review takes them", reason=IN_REVIEW
)
BLOCK: Final = Move("block", (READY, CLAIMED), BLOCKED, "reopen it first", settled=True)
CANCEL: Final = Move("cancel", (READY, CLAIMED), BLOCKED, "reopen it first", settled=True)
UNBLOCK: Final = Move("unblock", (BLOCKED,), READY, "only a blocked card can be unblocked")
REOPEN: Final = Move("reopen", (DONE,), READY, "only a done card can be reopened")
RELEASE: Final = Move("release", (CLAIMED,), READY, "only a claimed card can be released")
RENEW: Final = Move("renew", (CLAIMED,), CLAIMED, "only a claimed card has a lease to renew")
