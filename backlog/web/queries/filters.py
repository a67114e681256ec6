"""Which cards an operator looks at."""

from typing import Any, Final, NamedTuple

from backlog.verbs.pool import EVERYTHING, Statement

# What can happen to a card next. Waiting is ready with a dependency unfinished: a cell of the
# board, not a status.
CELLS: Final = ("ready", "waiting", "claimed", "blocked", "done")

CELL: Final = "CASE WHEN status = 'ready' AND NOT claimable THEN 'waiting' ELSE status END"

# What does not go on by itself: blocked, a lease that is over, a wait for a card that is blocked
# or does not exist.
_STUCK: Final = """(status = 'blocked' OR claim_expires_at <= now() OR (
    status = 'ready' AND NOT claimable AND id IN (
        SELECT card_id FROM backlog_dependency WHERE NOT EXISTS (
            SELECT FROM backlog needed WHERE needed.id = dependency_id)
        UNION ALL
        SELECT card_id FROM backlog_dependency JOIN backlog needed ON needed.id = dependency_id
        WHERE needed.status = 'blocked')))"""


class Filter(NamedTuple):
    """Cards that meet every part that is given; `""` among the phases: cards without one.

    `text` is looked for in id, title and owner, whatever its case.
    """

    phases: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    owner: str = ""
    text: str = ""
    stuck: bool = False

    def scope(self) -> Statement:
        """SQL that continues a WHERE clause on `backlog`, and its parameters."""
        parts: list[tuple[str, tuple[Any, ...]]] = []
        if self.phases:
            named = [phase for phase in self.phases if phase]
            parts.append(
                ("(phase = ANY(%s) OR (phase IS NULL AND %s))", (named, "" in self.phases))
            )
        if self.cells:
            parts.append((f"({CELL}) = ANY(%s)", (list(self.cells),)))
        if self.owner:
            parts.append(("claim_owner = %s", (self.owner,)))
        if self.text:
            pattern = f"%{_literally(self.text)}%"
            parts.append(("concat_ws(' ', id, title, claim_owner) ILIKE %s", (pattern,)))
        if self.stuck:
            parts.append((_STUCK, ()))
        if not parts:
            return EVERYTHING
        return (
            "".join(f" AND {sql}" for sql, _ in parts),
            tuple(value for _, params in parts for value in params),
        )


ALL: Final = Filter()


def _literally(text: str) -> str:
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return text
