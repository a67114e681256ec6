"""Verdicts on the criteria of a card: who saw what of each, what is still open, and the way back.

The rules are those of `backlog/sql/verdicts.sql`, which holds them for every writer; here each is
asked first, to be refused in a sentence.
"""

from datetime import datetime
from typing import Any, Final, NamedTuple

from backlog import lifecycle, values
from backlog.errors import NotFound, WrongState
from backlog.lifecycle import DONE, LONGEST_KEY
from backlog.records import WITHOUT_TEXTS, Record, iso
from backlog.session import ACTOR, Session, in_transaction
from backlog.shown import cut
from backlog.verbs.change import unblocked
from backlog.verbs.history import VERIFY, say
from backlog.verbs.moves import Expected, existing, stale, transition
from backlog.verbs.runs import Report

# As many criteria are named to who names another.
_NAMED: Final = 10
# Of evidence, in the history of a card: the ledger has all of it.
_TOLD: Final = 500

# As `backlog_criteria` counts: a card without a list has one criterion, which is what it has.
_CRITERIA: Final = """jsonb_array_elements_text(CASE
    WHEN coalesce(card.acceptance, '[]') = '[]' THEN '[null]'
    WHEN jsonb_typeof(card.acceptance) = 'array' THEN card.acceptance
    ELSE jsonb_build_array(card.acceptance) END) WITH ORDINALITY AS said (text, criterion)"""

_LEDGER: Final = f"""
WITH still AS MATERIALIZED (
    SELECT unnest(backlog_open_criteria(card)) AS criterion FROM backlog AS card WHERE id = %s
), newest AS MATERIALIZED (
    SELECT DISTINCT ON (criterion) * FROM backlog_verdict WHERE card_id = %s
    AND id > coalesce((
        SELECT max(id) FROM backlog_verdict WHERE card_id = %s AND criterion IS NULL), 0)
    ORDER BY criterion, id DESC
)
SELECT card.gated, still.criterion IS NOT NULL, said.criterion, said.text,
    passed, actor, at, evidence, commit, attempt
FROM backlog AS card CROSS JOIN LATERAL {_CRITERIA}
LEFT JOIN still USING (criterion) LEFT JOIN newest USING (criterion)
WHERE card.id = %s ORDER BY said.criterion"""

_JUDGED: Final = f"""
SELECT backlog_workers(backlog), backlog_criteria(acceptance), {WITHOUT_TEXTS}
FROM backlog WHERE id = %s FOR SHARE"""

_VERDICT: Final = """
INSERT INTO backlog_verdict (card_id, criterion, passed, evidence, actor, commit, attempt)
VALUES (%s, %s, %s, %s, %s, %s, 0)"""


class Criterion(NamedTuple):
    """A criterion of a card, and the newest verdict on it that counts; without one all is None.

    `text` is None for a card without criteria: it is judged as a whole.
    """

    criterion: int
    text: str | None
    passed: bool | None
    by: str | None
    at: datetime | None
    evidence: str | None
    commit: str | None
    attempt: int | None


class Ledger(NamedTuple):
    """What was seen of a card. `open`: the criteria that have not passed in the eyes of another
    than its worker; if it is `gated`, it is not done before there is none."""

    card: str
    gated: bool
    open: list[int]
    criteria: list[Criterion]

    def as_json(self) -> dict[str, Any]:
        """As the command prints it."""
        criteria = [{**each._asdict(), "at": each.at and iso(each.at)} for each in self.criteria]
        return {**self._asdict(), "criteria": criteria}


def ledger(session: Session, card_id: str) -> Ledger:
    """Every criterion of a card, with its newest verdict. Raises `NotFound`."""
    values.text(card_id, "id")
    found = session.execute(_LEDGER, [card_id] * _LEDGER.count("%s")).fetchall()
    rows = existing(card_id, found or None)
    criteria = [Criterion._make(row[2:]) for row in rows]
    return Ledger(card_id, rows[0][0], [row[2] for row in rows if row[1]], criteria)


@in_transaction
def verify(
    session: Session,
    card_id: str,
    criterion: int,
    passed: bool,
    evidence: str,
    by: str,
    commit: str | None = None,
    *,
    seen: datetime | None = None,
) -> Ledger:
    """Say that a criterion of a card, counted from 1, has passed or failed, and what shows it.

    The newest verdict on a criterion counts; none is ever changed. An event tells of each. Gives
    all verdicts of the card that count. Raises
    `NotFound`, for a criterion that the card has not, too, `WrongState` for a card that is done or
    whose worker `by` is, `Stale`, `UsageError`.
    """
    values.text(card_id, "id")
    number = values.at_least(criterion, "criterion", 1)
    said = number, bool(passed), values.line(evidence, "evidence"), values.name(by, "by")
    code = None if commit is None else values.line(commit, "commit", LONGEST_KEY)
    row = session.execute(_JUDGED, (card_id,)).fetchone()
    workers, criteria, card = ([], 0, None) if row is None else (*row[:2], Record._make(row[2:]))
    found = existing(card_id, card)
    if seen not in (None, found.updated_at):
        raise stale(found)
    if found.status == DONE:
        raise WrongState(f"cannot verify {card_id}: it is done; reopen it first")
    if number > criteria:
        raise NotFound(_other_criteria(ledger(session, card_id), number))
    if said[-1] in workers:
        right = "another than who did the work says whether it passed"
        raise WrongState(f"cannot verify {card_id}: {said[-1]} is its worker; {right}")
    session.execute(_VERDICT, (card_id, *said, code))
    what = f"{number} {'passed' if passed else 'failed'}{f' at {code}' if code else ''}"
    say(session, card_id, VERIFY, f"{what}: {cut(evidence, _TOLD)}", said[-1])
    return ledger(session, card_id)


def request_changes(
    session: Session, card_id: str, reason: str, by: str, *, seen: datetime | None = None
) -> Record:
    """Give a card in review back to the pool; `reason` is what its next attempt is told.

    Its attempts so far are not counted towards its cap. Raises `NotFound`, `WrongState`, `Stale`,
    `UsageError`.
    """
    changes = unblocked(values.line(reason, "reason"))
    said = Report().text(card_id, "request-changes")
    acting = ACTOR.set(values.name(by, "by"))
    try:
        card = transition(session, lifecycle.SEND_BACK, card_id, Expected(seen=seen), said, changes)
    finally:
        ACTOR.reset(acting)
    return existing(card_id, card)


def _other_criteria(found: Ledger, number: int) -> str:
    count = len(found.criteria)
    if count == 1:
        return f"{found.card} has no criterion {number}, only 1: {_named(found.criteria[0])}"
    named = "; ".join(f"{each.criterion} {_named(each)}" for each in found.criteria[:_NAMED])
    more = f"; and {count - _NAMED} more" if count > _NAMED else ""
    return f"{found.card} has no criterion {number} but {count}: {named}{more}"


def _named(criterion: Criterion) -> str:
    return "the card as a whole" if criterion.text is None else cut(criterion.text, 60)
