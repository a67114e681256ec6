"""What was acknowledged against what is stored."""

from collections import Counter
from datetime import datetime
from typing import Any

from backlog.session import Session
from backlog.verbs import check
from tests.invariants import broken

Entry = dict[str, Any]
Key = tuple[str, int]

# What a worker says of an end that was acknowledged is the outcome of its run.
ENDS = ("completed", "released", "failed", "blocked")

UNFINISHED = """
    SELECT id, status, block_reason, block_note, open_dependencies FROM backlog
    WHERE status <> 'done' ORDER BY id"""


def verdict(session: Session, entries: list[Entry]) -> list[Any]:
    """Everything that is wrong; nothing, if all is well."""
    sql = "SELECT card_id, attempt, owner, outcome, started_at, ended_at FROM backlog_run"
    found = session.execute(f"{sql} WHERE attempt IS NOT NULL").fetchall()
    stored = {(row[0], row[1]): row[2:] for row in found}
    wrong = [_wrong(entry, stored) for entry in entries]
    return [
        *(each for each in wrong if each is not None),
        *_claimed_twice(entries),
        *_not_created(session, entries),
        *broken(session),
        *([] if (found := check.recount(session)).ok else [found]),
    ]


def _wrong(entry: Entry, stored: dict[Key, Any]) -> Any:
    """What contradicts this acknowledgement, if anything does."""
    if "attempt" not in entry:
        return None
    run = stored.get((entry["card"], entry["attempt"]))
    if run is None or run[0] != entry["owner"]:
        return "not stored", entry, run
    _, outcome, started, ended = run
    if entry["what"] in ENDS and entry["what"] != outcome:
        return "ended otherwise", entry, outcome
    if entry["what"] == "refused" and entry["tried"] == outcome:
        return "done, and told that it was not", entry
    if entry["what"] == "renewed":
        moment = datetime.fromisoformat(entry["time"])
        if not started <= moment <= (ended or moment):
            return "renewed after its end", entry, ended
    return None


def _claimed_twice(entries: list[Entry]) -> list[Any]:
    claims = Counter((e["card"], e["attempt"]) for e in entries if e["what"] == "claimed")
    return [("acknowledged twice", claim) for claim, times in claims.items() if times > 1]


def _not_created(session: Session, entries: list[Entry]) -> list[Any]:
    known = {row[0] for row in session.execute("SELECT id FROM backlog").fetchall()}
    return [e for e in entries if e["what"] == "created" and e["card"] not in known]


def unfinished(session: Session) -> list[Any]:
    """What is neither done nor kept from it for a reason that was given."""

    def is_given(row: Any) -> bool:
        _, status, reason, note, waits = row
        is_cancelled = (note or "").startswith("cancelled")
        is_told = reason in ("attempts_exhausted", "needs_input") or is_cancelled
        return waits > 0 if status == "ready" else status == "blocked" and is_told

    rows = session.execute(UNFINISHED).fetchall()
    return [row for row in rows if not is_given(row)]
