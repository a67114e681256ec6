"""Sixteen processes under every limit, gates and a budget at once: no more is ever claimed than
each lets, and nothing is done without its verdict."""

from itertools import product
from typing import Any

import pytest

from backlog.verbs import budgets, rules
from tests.limit_storm import TOOK
from tests.workers import together

PROCESSES = 16
LIMITS = {
    ("fleet", ""): 6,
    ("phase", "M1"): 3,
    ("role", "code"): 3,
    ("review", "M1"): 2,
    **{("owner", f"w{number}"): 2 for number in range(PROCESSES)},
}

# The most that went on at once, of the runs as the log has them.
_MOST = """
SELECT coalesce(max(n), 0) FROM (
    SELECT sum(change) OVER (PARTITION BY {scope} ORDER BY at, change) AS n FROM (
        SELECT started_at AS at, 1 AS change, owner, card_id FROM backlog_ended_run
        WHERE attempt IS NOT NULL
        UNION ALL SELECT ended_at, -1, owner, card_id FROM backlog_ended_run
        WHERE attempt IS NOT NULL) AS changes
    JOIN backlog ON backlog.id = card_id WHERE {among}) AS held"""

# The most that were in review at once: what is claimed when the last claim is let may come to it.
_REVIEWED = """
SELECT max(n) FROM (
    SELECT sum(CASE WHEN to_status = 'blocked' THEN 1 ELSE -1 END) OVER (ORDER BY at, event.id) AS n
    FROM backlog_event AS event JOIN backlog ON backlog.id = card_id
    WHERE 'blocked' IN (from_status, to_status) AND from_status IS DISTINCT FROM to_status
        AND phase = 'M1') AS reviewed"""


_UNSEEN = """
SELECT count(*) FROM backlog AS card WHERE gated AND NOT EXISTS (
    SELECT FROM backlog_verdict AS verdict
    WHERE verdict.card_id = card.id AND passed AND actor <> ALL (backlog_workers(card)))"""


@pytest.mark.deep
def test_sixteen_processes_pass_none_of_the_limits(session: Any, card: Any) -> None:
    for number, (phase, role) in enumerate(product(("M1", "M2", None), ("code", "review", None))):
        for nth in range(14):
            card(f"c{number}-{nth}", phase=phase, role=role, gated=nth % 2 == 0)
    for scope, most in LIMITS.items():
        rules.limit(session, *scope, most)
    budgets.budget(session, "M2", tokens=TOOK)
    together(PROCESSES, "tests.limit_storm", "storm")

    def most(scope: str = "1", among: str = "true") -> int:
        sql = _MOST.format(scope=scope, among=among)
        return int(session.execute(sql).fetchone()[0])

    assert 1 < most() <= LIMITS["fleet", ""]
    assert 1 < most(among="phase = 'M1'") <= LIMITS["phase", "M1"]
    assert 1 < most(among="role = 'code'") <= LIMITS["role", "code"]
    assert 1 < most(scope="owner") <= 2
    in_review = session.execute(_REVIEWED).fetchone()[0]
    assert 1 < in_review <= LIMITS["review", "M1"] - 1 + LIMITS["phase", "M1"]
    assert session.execute(_UNSEEN).fetchone() == (0,)
    (budget,) = budgets.budgets(session)
    assert budget.tokens > TOOK
