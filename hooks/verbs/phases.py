"""Phases that are done, as a sweep sees them: a completion looks at no other card of its phase.

A phase is told of if it is done when a sweep looks and was not when the last one did. So two
completions at once cannot hide the end from each other.
"""

from typing import Final

from backlog.session import Session, in_transaction
from hooks.words import PHASE_DONE

# Walks from phase to phase in the index `backlog_lanes`, as `backlog.verbs.rules` does, and looks
# twice into each. What is claimed is read whole: it is little.
_LOOK: Final = f"""
WITH RECURSIVE walk (phase) AS (
    (SELECT phase FROM backlog WHERE status <> 'claimed' AND archived_at IS NULL
        ORDER BY phase LIMIT 1)
    UNION ALL SELECT (
        SELECT phase FROM backlog
        WHERE status <> 'claimed' AND archived_at IS NULL AND phase > walk.phase
        ORDER BY phase LIMIT 1)
    FROM walk WHERE walk.phase IS NOT NULL
), unfinished AS MATERIALIZED (
    SELECT phase FROM walk WHERE phase IS NOT NULL AND (
        EXISTS (SELECT FROM backlog WHERE backlog.phase = walk.phase AND status = 'ready'
            AND archived_at IS NULL)
        OR EXISTS (SELECT FROM backlog WHERE backlog.phase = walk.phase AND status = 'blocked'
            AND archived_at IS NULL))
    UNION SELECT phase FROM backlog WHERE claim_expires_at IS NOT NULL AND phase IS NOT NULL
), unfinished_again AS (
    DELETE FROM hooks_done_phase AS done USING unfinished WHERE done.phase = unfinished.phase
), newly AS (
    INSERT INTO hooks_done_phase
    SELECT phase FROM walk WHERE phase IS NOT NULL EXCEPT SELECT phase FROM unfinished
    ON CONFLICT DO NOTHING RETURNING phase
)
INSERT INTO hooks_delivery (subscription_id, type, at, data)
SELECT subscription.id, '{PHASE_DONE}', statement_timestamp(), jsonb_build_object(
    'phase', newly.phase,
    'cards', (SELECT count(*) FROM backlog WHERE backlog.phase = newly.phase))
FROM newly JOIN hooks_subscription AS subscription
    ON subscription.phase IS NULL OR subscription.phase = newly.phase
WHERE events ? '{PHASE_DONE}' ORDER BY newly.phase, subscription.id RETURNING data ->> 'phase'"""

_WANTED: Final = f"SELECT EXISTS (SELECT FROM hooks_subscription WHERE events ? '{PHASE_DONE}')"


def tell(session: Session) -> list[str]:
    """Put into the outbox what is to be told of phases that are done by now. Returns them."""
    return look(session) if session.rows(_WANTED)[0][0] else []


@in_transaction
def look(session: Session) -> list[str]:
    """As `tell`, also if nobody wants to know: what is done by now is no news from here on."""
    return list(dict.fromkeys(phase for (phase,) in session.execute(_LOOK).fetchall()))
