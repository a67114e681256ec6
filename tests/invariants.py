"""What must hold of the tables in every snapshot, whoever writes; what `broken` finds does not."""

from typing import Any

from backlog.session import Session

BROKEN = {
    "claimable against the rule, or not claimable": """
        SELECT id FROM backlog
        WHERE claimable <> (status = 'ready' AND open_dependencies = 0 AND NOT held)""",
    "held back without a rule that lets it go": """
        SELECT id FROM backlog WHERE held AND NOT draft AND NOT EXISTS (SELECT FROM backlog_rule
            WHERE kind = 'hold' AND name = backlog.id COLLATE "default" AND due <= not_before)""",
    "claimed without exactly one open run, or the other way round": """
        SELECT coalesce(id, card_id) FROM backlog FULL JOIN (
            SELECT card_id, count(*) AS n FROM backlog_run
            WHERE ended_at IS NULL GROUP BY card_id) AS open ON card_id = id
        WHERE (coalesce(status, '') = 'claimed') <> (n IS NOT DISTINCT FROM 1)""",
    "an attempt twice": """
        SELECT card_id FROM backlog_run WHERE attempt IS NOT NULL
        GROUP BY card_id, attempt HAVING count(*) > 1""",
    "an attempt lost": """
        SELECT backlog.id FROM backlog LEFT JOIN backlog_run ON card_id = backlog.id
        GROUP BY backlog.id HAVING count(attempt) <> attempts OR max(attempt) <> attempts""",
    "two attempts at one time": """
        SELECT card_id FROM (SELECT card_id, started_at, ended_at,
            lag(ended_at) OVER (PARTITION BY card_id ORDER BY id NULLS LAST) AS before
            FROM backlog_run) AS run WHERE before > started_at OR ended_at < started_at""",
    "output of no run, or of no card": """
        SELECT card_id FROM backlog_output AS output WHERE NOT EXISTS (
            SELECT FROM backlog_run AS run JOIN backlog ON backlog.id = run.card_id
            WHERE run.card_id = output.card_id AND run.attempt = output.attempt)""",
    "events that do not follow each other": """
        SELECT card_id FROM (SELECT card_id, from_status,
            lag(to_status) OVER (PARTITION BY card_id ORDER BY id) AS before
            FROM backlog_event) AS event WHERE before IS DISTINCT FROM from_status""",
    "a status without its event": """
        SELECT id FROM backlog WHERE status IS DISTINCT FROM (SELECT to_status FROM backlog_event
            WHERE card_id = backlog.id ORDER BY backlog_event.id DESC LIMIT 1)""",
}

_ANYTHING = " UNION ALL ".join(
    f"SELECT '{what}', * FROM ({sql}) AS broken"  # noqa: S608 (this file's own words)
    for what, sql in BROKEN.items()
)


def broken(session: Session) -> list[tuple[Any, ...]]:
    """What does not hold, and of which card."""
    return [tuple(row) for row in session.execute(_ANYTHING).fetchall()]
