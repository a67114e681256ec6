"""Many cards at once: import and export.

Checked lines are loaded by COPY into a temporary table and written from there in two statements,
so that 100,000 cards take seconds and the table's triggers still see every row.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, NamedTuple, Protocol

from backlog.errors import Cycle, DuplicateId, DuplicateKey, Refusal, UsageError
from backlog.records import COLUMNS, Record
from backlog.session import Session, in_pages, in_transaction, sqlstate
from backlog.shown import named
from backlog.verbs import names
from backlog.verbs.faults import FEW, MANY, Faults, UnknownKeys, Where, place
from backlog.verbs.graph import lock_graph
from backlog.verbs.history import COLUMNS as EVENT
from backlog.verbs.history import Event
from backlog.verbs.lines import COLUMNS as STORED
from backlog.verbs.lines import Line, Progress, read_lines
from backlog.verbs.rights import UNGATE
from backlog.verbs.runs import Run

# What a card that exists is refused with.
HOW_TO_CHANGE: Final = "--update changes existing cards"

# After as many lines the planner is told at once, instead of when autovacuum comes round.
_MANY: Final = 1000

# In the types of cards: what a line does not give is left as the card has it, and not checked
# again, which would refuse what is longer since before there were lengths.
_STAGE: Final = """
CREATE TEMPORARY TABLE backlog_import (
    number int, given text[], id text COLLATE "C" PRIMARY KEY, title backlog_line,
    body backlog_text, phase backlog_label, priority int, status text, depends_on backlog_ids,
    claim_owner backlog_name, claim_ttl_seconds int, claimed_at timestamptz, attempts int,
    idempotency_key backlog_key, acceptance backlog_document, created_at timestamptz,
    role backlog_label, max_attempts int, not_before timestamptz, block_reason backlog_block_reason,
    block_note backlog_text, block_count int, answer backlog_text, draft boolean, gated boolean,
    due timestamptz, max_runtime int, projected_tokens backlog_tokens, projected_cost backlog_cost,
    resolution backlog_resolution, archived_at timestamptz,
    fresh boolean NOT NULL DEFAULT false
) ON COMMIT DROP"""

# Cards without a time of their own keep the order of their lines.
_DEFAULTS: Final = {
    "priority": "coalesce(line.priority, 0)",
    "status": "coalesce(line.status, 'ready')",
    "depends_on": "coalesce(line.depends_on, backlog_ids '[]')",
    "attempts": "coalesce(line.attempts, 0)",
    "block_count": "coalesce(line.block_count, 0)",
    "draft": "coalesce(line.draft, false)",
    "gated": "coalesce(line.gated, false)",
    "created_at": "coalesce(line.created_at, now() + line.number * interval '1 microsecond')",
}

# What is in review was completed here. Of a card of which only a line says so nobody knows who
# worked on it, and so who must not judge it: a person decides.
_NOT_FROM_HERE: Final = """
UPDATE backlog_import AS line SET block_reason = 'needs_input',
    block_note = coalesce(line.block_note,
        'was in review elsewhere, and who worked on it is not known here'),
    given = line.given || ARRAY['block_reason', 'block_note']
FROM backlog_import AS said LEFT JOIN backlog AS card USING (id)
WHERE line.id = said.id AND said.given && ARRAY['status', 'block_reason']
AND coalesce(said.status, card.status) = 'blocked'
AND CASE WHEN 'block_reason' = ANY (said.given) THEN said.block_reason ELSE card.block_reason END
    = 'in_review'
AND (card.status = 'blocked' AND card.block_reason = 'in_review') IS NOT TRUE"""

_INSERT: Final = f"""
WITH created AS (
    INSERT INTO backlog ({", ".join(STORED)})
    SELECT {", ".join(_DEFAULTS.get(column, f"line.{column}") for column in STORED)}
    FROM backlog_import line
    WHERE NOT EXISTS (SELECT FROM backlog WHERE backlog.id = line.id) ORDER BY number
    ON CONFLICT DO NOTHING RETURNING id
)
UPDATE backlog_import SET fresh = true FROM created WHERE backlog_import.id = created.id"""

LOCK: Final = """
SELECT count(*) FROM (
    SELECT FROM backlog JOIN backlog_import line USING (id) WHERE NOT line.fresh
    ORDER BY id FOR NO KEY UPDATE OF backlog) AS held"""

# What a line does not take back: attempts, and the gate of the card's phase.
_KEPT: Final = {
    "attempts": "greatest(line.attempts, backlog.attempts)",
    "gated": """coalesce(line.gated, false) OR backlog_phase_is_gated(
        CASE WHEN 'phase' = ANY (line.given) THEN line.phase ELSE backlog.phase END)""",
}

# Of each column what a line makes of it.
CHANGED: Final = {
    column: f"CASE WHEN '{column}' = ANY (line.given) THEN {new} ELSE backlog.{column} END"
    for column in STORED[1:]
    if column != "block_count"  # the database's own
    for new in [_KEPT.get(column) or _DEFAULTS.get(column, f"line.{column}")]
}

# What moves change, and no edit.
_OF_MOVES: Final = (
    *("status", "claim_owner", "claim_ttl_seconds", "claimed_at", "attempts"),
    *("resolution", "archived_at"),
)

_UPDATE: Final = f"""
UPDATE backlog SET {", ".join(f"{column} = {new}" for column, new in CHANGED.items())}
FROM backlog_import line WHERE backlog.id = line.id AND NOT line.fresh
AND ({", ".join(f"backlog.{column}" for column in CHANGED)})
    IS DISTINCT FROM ({", ".join(CHANGED.values())})"""

# Cards that are moved by their lines and not by a verb: new ones that are claimed or done, others
# whose status, claim or end is another one afterwards.
_MOVED: Final = f"""
SELECT line.id FROM backlog_import line JOIN backlog USING (id)
WHERE CASE WHEN line.fresh THEN backlog.status IN ('claimed', 'done') ELSE
    ({", ".join(f"backlog.{column}" for column in _OF_MOVES)})
    IS DISTINCT FROM ({", ".join(CHANGED[column] for column in _OF_MOVES)}) END
ORDER BY number"""

_UNGATED: Final = """
SELECT line.id FROM backlog_import line JOIN backlog AS card USING (id)
WHERE NOT fresh AND 'gated' = ANY (given) AND NOT line.gated AND card.own_gate
ORDER BY number"""

# What cannot be a card is taken out, so that the database says what else it would refuse.
_UNTITLED: Final = """
DELETE FROM backlog_import line WHERE title IS NULL
AND NOT EXISTS (SELECT FROM backlog WHERE backlog.id = line.id) RETURNING number"""

_CONFLICTING: Final = """
DELETE FROM backlog_import line
WHERE NOT fresh AND NOT (%s AND NOT EXISTS (
    SELECT FROM backlog WHERE idempotency_key = line.idempotency_key AND id <> line.id)
    AND EXISTS (SELECT FROM backlog WHERE backlog.id = line.id))
RETURNING number, id, EXISTS (SELECT FROM backlog WHERE backlog.id = line.id), idempotency_key"""

_EDGES: Final = """
WITH RECURSIVE reached(id) AS (
    SELECT id FROM backlog_import WHERE 'depends_on' = ANY (given)
    UNION SELECT next.id FROM reached CROSS JOIN LATERAL (
        SELECT dependency_id AS id FROM backlog_dependency WHERE card_id = reached.id OFFSET 0
    ) AS next
)
SELECT card_id, array_agg(dependency_id) FROM reached JOIN backlog_dependency ON card_id = id
GROUP BY card_id ORDER BY card_id"""


class Imported(NamedTuple):
    """How many cards an import created, changed, and found as they were."""

    created: int
    updated: int
    unchanged: int


# Looks at the lines of cards that exist, in the table `backlog_import`, before these are changed,
# and locks them: it may take some out, and add faults. Perhaps again, as if for the first time.
Look = Callable[[Session, list[Line], Faults], None]


class Allow(Protocol):
    """Raises `NotAllowed` if whoever writes may not move these cards, or do what `deed` says."""

    def __call__(self, ids: Iterable[str], deed: str | None = None) -> object: ...


class _Undo(Exception):
    """No error: it undoes the transaction."""

    def __init__(self, imported: Imported, faults: Faults) -> None:
        super().__init__()
        self.imported, self.faults = imported, faults


def import_cards(
    session: Session,
    lines: Sequence[bytes],
    *,
    update: bool = False,
    dry_run: bool = False,
    ignored: UnknownKeys | None = None,
    allow: Allow | None = None,
    progress: Progress = lambda stage, done, total: None,
    where: Where = place,
) -> Imported:
    """Write every object's card, or none. `progress` is told how far it is, `where` says what the
    place of a line is called.

    A card that exists is refused (`DuplicateId`) unless `update`: then the columns its line
    gives are changed. With `dry_run` everything is checked, by the database too, and undone.
    Unknown keys are refused, or else left out and told to `ignored`. `allow` is asked about cards
    that their lines claim, finish, archive or take back, and about those whose own gate they take.
    Raises a `Refusal` that names the lines: what is wrong by itself, or, with `dry_run`, also what
    of the others the database would refuse.
    """
    faults = Faults(MANY if dry_run else FEW, where)
    read = read_lines(lines, progress, faults, ignored)

    def look(session: Session, read: list[Line], faults: Faults) -> None:
        session.execute(LOCK)

    how = (dry_run, allow, progress)
    return write_cards(session, read, faults, look if update else None, *how)


def write_cards(
    session: Session,
    read: list[Line],
    faults: Faults,
    look: Look | None,
    dry_run: bool,
    allow: Allow | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Imported:
    """Write the cards that were read, or none; `faults` are those of their reading.

    Cards that exist are changed as far as `look` leaves their lines; without it they are refused.
    `dry_run`, `allow`, and what is raised: see `import_cards`.
    """
    if not dry_run:
        faults.refuse()
    try:
        return _write(session, read, look, dry_run, allow, progress, faults.where)
    except _Undo as undone:
        faults.extend(undone.faults)
        faults.refuse()
        return undone.imported


@in_transaction
def _write(
    session: Session,
    read: list[Line],
    look: Look | None,
    dry_run: bool,
    allow: Allow | None,
    progress: Progress,
    where: Where,
) -> Imported:
    faults = Faults(MANY if dry_run else FEW, where)
    lock_graph(session)
    # The statements below are planned while the table is perhaps still empty, and would then read
    # all of it, as it grows, for each line.
    session.execute("SET LOCAL enable_seqscan = off")
    session.execute(_STAGE)
    read = [line for line in read if not (line.odd and _is_impossible(session, line, faults))]
    _load(session, read, faults, progress)
    session.execute("ANALYZE backlog_import")
    for number, *_ in sorted(session.execute(_UNTITLED)):
        faults.add(read[number].at, UsageError("title is missing"))
    session.execute(_NOT_FROM_HERE)
    created = session.execute(_INSERT).rowcount
    for number, card_id, known, key in sorted(session.execute(_CONFLICTING, (look is not None,))):
        faults.add(read[number].at, _conflict(card_id, known and look is None, key))
    updated = 0
    if look:
        look(session, read, faults)
    if allow is not None:
        for sql, deed in ((_MOVED, None), (_UNGATED, UNGATE)):
            if ids := [card_id for (card_id,) in session.execute(sql)]:
                allow(ids, deed)
    if look:
        updated = session.execute(_UPDATE).rowcount
    if len(read) > _MANY:
        session.execute("ANALYZE backlog, backlog_dependency")
    _find_cycles(session, read, faults)
    result = Imported(created, updated, len(read) - created - updated)
    if dry_run or faults.count:
        raise _Undo(result, faults)
    return result


def _is_impossible(session: Session, line: Line, faults: Faults) -> bool:
    """Whether it has an id that no card has, and none could be given."""
    try:
        for card_id, what in line.odd:
            names.refuse_impossible(session, [card_id], what)
    except Refusal as refusal:
        faults.add(line.at, refusal)
        return True
    return False


def _load(session: Session, read: list[Line], faults: Faults, progress: Progress) -> None:
    columns = ", ".join(("number", "given", *STORED))

    def rows() -> Iterator[tuple[Any, ...]]:
        for number, line in enumerate(read):
            yield (number, line.given, *line.row)
            progress("loaded, to be written", number + 1, len(read))

    try:
        session.copy(f"COPY backlog_import ({columns}) FROM STDIN", rows())
    except Exception as error:
        # "line 3" in the language of the server's messages.
        where = re.search(r"backlog_import\D{1,20}(\d+)", str(error) + str(error.__cause__))
        if not (sqlstate(error) or "").startswith("22") or where is None:
            raise
        faults.add(read[int(where[1]) - 1].at, UsageError(str(error).partition("\n")[0]))
        raise _Undo(Imported(0, 0, 0), faults) from None


def _conflict(card_id: str, known: bool, key: str | None) -> Refusal:
    if known:
        return DuplicateId(f"there is a card {card_id} already; {HOW_TO_CHANGE}")
    return DuplicateKey(f"another card has the idempotencyKey {key} already")


def _find_cycles(session: Session, read: list[Line], faults: Faults) -> None:
    edges: dict[str, list[str]] = dict(session.execute(_EDGES))
    while not faults.full:
        try:
            TopologicalSorter(edges).prepare()
            return
        except CycleError as error:
            ring: list[str] = error.args[1]
        sql = "SELECT min(number) FROM backlog_import WHERE id = ANY (%s)"
        (number,) = session.execute(sql, (ring,)).fetchone()
        if number is not None:  # else the import has no part in it
            cycle = Cycle(f"dependencies close a cycle: {named(ring[::-1], ' → ')}")
            faults.add(read[number].at, cycle)
        for card_id in ring:
            edges.pop(card_id, None)


def export_cards(session: Session) -> Iterator[Record]:
    """Every card, oldest first, of one snapshot; read in pages, whatever their number."""
    rows = in_pages(session, f"SELECT {COLUMNS} FROM backlog ORDER BY created_at, id")
    return map(Record._make, rows)


def export_events(session: Session) -> Iterator[Event]:
    """Every event of every card, oldest first; as `export_cards`."""
    return map(Event._make, in_pages(session, f"SELECT {EVENT} FROM backlog_event ORDER BY id"))


def export_runs(session: Session) -> Iterator[Run]:
    """Every run that is over, in the order in which they ended; as `export_cards`."""
    columns = ", ".join("result::text" if name == "result" else name for name in Run._fields)
    return map(Run._make, in_pages(session, f"SELECT {columns} FROM backlog_ended_run ORDER BY id"))
