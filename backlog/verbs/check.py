"""Is what triggers derive still what the cards say? Counted again, and compared."""

from typing import Final, NamedTuple

from backlog.planner import by_itself, no_nested_loops
from backlog.session import Session


class Check(NamedTuple):
    """What `check` found: counts, edges and claims that are not what the record says.

    `counts` has `(id, kept, recounted)`, `edges` has `(id, dependency, "missing" or "stray")`,
    `claims` has `(id, problem)`: WRONG_EXPIRY or NEVER_LET_GO. There can only be any where triggers
    were disabled; what the table's constraints say holds there as well.
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


_RECORDED: Final = by_itself("""
    SELECT backlog.id AS card_id, d.id COLLATE "C" AS dependency_id
    FROM backlog CROSS JOIN jsonb_array_elements_text(depends_on) AS d (id)""")

_COUNTS: Final = f"""
WITH recounted AS (
    SELECT card_id, count(*) FILTER (WHERE b.status IS DISTINCT FROM 'done') AS open
    FROM ({_RECORDED}) recorded LEFT JOIN backlog b ON b.id = dependency_id GROUP BY card_id
)
SELECT id, open_dependencies, coalesce(open, 0) FROM backlog LEFT JOIN recounted ON card_id = id
WHERE open_dependencies <> coalesce(open, 0) ORDER BY id"""

_EDGES: Final = f"""
SELECT card_id, dependency_id, 'missing' FROM (
    ({_RECORDED}) EXCEPT SELECT card_id, dependency_id FROM backlog_dependency) missing
UNION ALL
SELECT card_id, dependency_id, 'stray' FROM (
    SELECT card_id, dependency_id FROM backlog_dependency EXCEPT ({_RECORDED})) stray
ORDER BY 1, 2"""

WRONG_EXPIRY: Final = "expires at another time than its claim says"
NEVER_LET_GO: Final = "held back, and nothing lets it go"

_CLAIMS: Final = f"""
SELECT id, CASE WHEN wrong_expiry THEN '{WRONG_EXPIRY}' ELSE '{NEVER_LET_GO}' END
FROM (
    SELECT id,
        claim_expires_at IS DISTINCT FROM claimed_at + make_interval(secs => claim_ttl_seconds)
            AS wrong_expiry,
        held AND NOT EXISTS (
            SELECT FROM backlog_rule AS rule
            WHERE (kind, scope, name) = ('hold', 'card', backlog.id COLLATE "default")
                AND due <= not_before) AS never_let_go
    FROM backlog
) AS card
WHERE wrong_expiry OR never_let_go ORDER BY id"""


def recount(session: Session) -> Check:
    """Count everything again that triggers keep, and compare; reads only."""
    total = session.execute("SELECT count(*) FROM backlog").fetchone()[0]
    with no_nested_loops(session):
        counts = [tuple(row) for row in session.execute(_COUNTS).fetchall()]
        edges = [tuple(row) for row in session.execute(_EDGES).fetchall()]
        claims = [tuple(row) for row in session.execute(_CLAIMS).fetchall()]
    return Check(total, counts, edges, claims)
