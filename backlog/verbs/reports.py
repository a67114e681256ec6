"""Questions about the backlog: how much, why not, and is what is derived still right."""

from datetime import datetime
from typing import Final, NamedTuple

from backlog.errors import NotFound
from backlog.lifecycle import BLOCKED, FLEET, READY, STATUSES
from backlog.session import Session, hashing
from backlog.verbs import governance
from backlog.verbs.claims import EVERYTHING, Scope
from backlog.verbs.governance import Limit, Pause

_STATS: Final = """
SELECT status, count(*),
       greatest(floor(extract(epoch FROM now() - min(created_at))), 0)::bigint,
       count(*) FILTER (WHERE claim_expires_at <= now())
FROM backlog WHERE true{scope} GROUP BY status"""


class Stats(NamedTuple):
    """How many cards there are in each status, the oldest ready one's age, expired claims."""

    counts: dict[str, int]
    total: int
    oldest_ready_age_seconds: int | None
    expired_claim_count: int


def stats(session: Session, scope: Scope = EVERYTHING) -> Stats:
    """Count the cards; the age is in whole seconds, None when nothing is ready."""
    condition, params = scope
    rows = session.execute(_STATS.format(scope=condition), params).fetchall()
    found = {row[0]: row[1:] for row in rows}
    counts = {status: found[status][0] if status in found else 0 for status in STATUSES}
    return Stats(
        counts,
        sum(counts.values()),
        found[READY][1] if READY in found else None,
        sum(row[3] for row in rows),
    )


class Explanation(NamedTuple):
    """Whether a card can be claimed, or what it waits for: three lists of ids, disjoint.

    `not_before` is set while the card is held back until then. A claimable card, and no other, may
    still be kept from claims by pauses of the fleet or its phase and by a full limit on its phase.
    """

    id: str
    status: str
    claimable: bool
    unfinished: list[str]
    blocked: list[str]
    missing: list[str]
    not_before: datetime | None
    pauses: list[Pause]
    limits: list[Limit]


def explain(session: Session, card_id: str) -> Explanation:
    """Why a card is claimable or not. Raises `NotFound`."""
    sql = """
        SELECT card.status, card.open_dependencies = 0, card.phase,
            CASE WHEN card.not_before > now() THEN card.not_before END, d.id, d.status
        FROM backlog card LEFT JOIN LATERAL (
            SELECT d.id, d.n, b.status
            FROM jsonb_array_elements_text(card.depends_on) WITH ORDINALITY AS d (id, n)
            LEFT JOIN backlog b ON b.id = d.id WHERE b.status IS DISTINCT FROM 'done'
        ) AS d ON true
        WHERE card.id = %s ORDER BY d.n"""
    rows = session.execute(sql, (card_id,)).fetchall()
    if not rows:
        raise NotFound(f"there is no card {card_id}")
    waits = [row[4:] for row in rows if row[4] is not None]
    status, met, phase, not_before = rows[0][:4]
    claimable = status == READY and met and not_before is None
    pauses = governance.pauses(session) if claimable else []
    limits = governance.limits(session) if claimable else []
    return Explanation(
        card_id,
        status,
        claimable,
        unfinished=[i for i, state in waits if state not in (None, BLOCKED)],
        blocked=[i for i, state in waits if state == BLOCKED],
        missing=[i for i, state in waits if state is None],
        not_before=not_before,
        pauses=[p for p in pauses if p.scope == FLEET or _is(p, phase)],
        limits=[each for each in limits if not each.room and _is(each, phase)],
    )


def _is(rule: Pause | Limit, phase: str | None) -> bool:
    return (rule.scope, rule.name) == ("phase", phase)


class Check(NamedTuple):
    """What `check` found: counts, edges and claims that are not what the record says.

    `counts` has `(id, kept, recounted)`, `edges` has `(id, dependency, "missing" or "stray")`,
    `claims` has `(id, problem)`: CLAIMED_BY_NOBODY, HELD_UNCLAIMED, WRONG_EXPIRY, NEVER_LET_GO or,
    where nothing else is wrong with the card, NOT_BY_THE_RULE.
    """

    cards: int
    counts: list[tuple[str, int, int]]
    edges: list[tuple[str, str, str]]
    claims: list[tuple[str, str]]

    @property
    def ok(self) -> bool:
        return not self.differences

    @property
    def differences(self) -> int:
        """How many."""
        return len(self.counts) + len(self.edges) + len(self.claims)


_RECORDED: Final = """
    SELECT backlog.id AS card_id, d.id COLLATE "C" AS dependency_id
    FROM backlog CROSS JOIN jsonb_array_elements_text(depends_on) AS d (id)"""

_COUNTS: Final = f"""
WITH recounted AS (
    SELECT card_id, count(*) FILTER (WHERE b.status IS DISTINCT FROM 'done') AS open
    FROM ({_RECORDED}) recorded LEFT JOIN backlog b ON b.id = dependency_id GROUP BY card_id
)
SELECT id, open_dependencies, coalesce(open, 0) FROM backlog LEFT JOIN recounted ON card_id = id
WHERE open_dependencies <> coalesce(open, 0) ORDER BY id"""

_EDGES: Final = f"""
SELECT card_id, dependency_id, 'missing' FROM (
    {_RECORDED} EXCEPT SELECT card_id, dependency_id FROM backlog_dependency) missing
UNION ALL
SELECT card_id, dependency_id, 'stray' FROM (
    SELECT card_id, dependency_id FROM backlog_dependency EXCEPT {_RECORDED}) stray
ORDER BY 1, 2"""

CLAIMED_BY_NOBODY: Final = "claimed without an owner, a ttl and a time"
HELD_UNCLAIMED: Final = "not claimed, but with an owner, a ttl or a time of a claim"
WRONG_EXPIRY: Final = "expires at another time than its claim says"
NEVER_LET_GO: Final = "held back, and nothing lets it go"
NOT_BY_THE_RULE: Final = "claimable and should not be, or the other way round"

_CLAIMS: Final = f"""
SELECT id, CASE WHEN given <> 3 * (status = 'claimed')::int THEN
        CASE status WHEN 'claimed' THEN '{CLAIMED_BY_NOBODY}' ELSE '{HELD_UNCLAIMED}' END
    WHEN wrong_expiry THEN '{WRONG_EXPIRY}' WHEN never_let_go THEN '{NEVER_LET_GO}'
    ELSE '{NOT_BY_THE_RULE}' END
FROM (
    SELECT id, status, num_nonnulls(claim_owner, claim_ttl_seconds, claimed_at) AS given,
        claim_expires_at IS DISTINCT FROM claimed_at + make_interval(secs => claim_ttl_seconds)
            AS wrong_expiry,
        held AND NOT EXISTS (
            SELECT FROM backlog_rule AS rule
            WHERE (kind, scope, name) = ('hold', 'card', backlog.id COLLATE "default")
                AND due <= not_before) AS never_let_go,
        claimable <> backlog_claimable(status, open_dependencies, held) AND id <> ALL (%s)
            AS not_by_the_rule
    FROM backlog
) AS card
WHERE given <> 3 * (status = 'claimed')::int OR wrong_expiry OR never_let_go OR not_by_the_rule
ORDER BY id"""


def check(session: Session) -> Check:
    """Count everything again that triggers keep, and compare; reads only."""
    total = session.execute("SELECT count(*) FROM backlog").fetchone()[0]
    with hashing(session):
        counts = [tuple(row) for row in session.execute(_COUNTS).fetchall()]
        edges = [tuple(row) for row in session.execute(_EDGES).fetchall()]
        miscounted = [each[0] for each in counts]
        claims = [tuple(row) for row in session.execute(_CLAIMS, (miscounted,)).fetchall()]
    return Check(total, counts, edges, claims)
