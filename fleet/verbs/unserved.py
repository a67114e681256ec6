"""Cards that nobody will claim: they need a role that no worker has."""

from collections.abc import Iterator
from typing import Final

from backlog.errors import ConfigurationError
from backlog.session import Session
from backlog.verbs.findings import Finding, command
from fleet import roles as library

# A step in the index of claims by role for each role, not a look at each card. Who has claimed a
# card of a role within a day, or holds one, serves it, registered or not.
_UNSERVED: Final = """
WITH RECURSIVE walk (role, step) AS (
    (SELECT role, 1 FROM backlog WHERE claimable AND role IS NOT NULL ORDER BY role LIMIT 1)
    UNION ALL SELECT (
        SELECT role FROM backlog WHERE claimable AND role IS NOT NULL AND role > walk.role
        ORDER BY role LIMIT 1), step + 1
    FROM walk WHERE role IS NOT NULL AND step < 1000
)
SELECT role, (SELECT count(*) FROM backlog WHERE claimable AND role = walk.role),
    (SELECT id FROM backlog WHERE claimable AND role = walk.role
     ORDER BY priority DESC, created_at, id LIMIT 1)
FROM walk WHERE role IS NOT NULL AND EXISTS (SELECT FROM fleet_worker)
    AND NOT EXISTS (SELECT FROM fleet_worker WHERE roles ? walk.role)
    AND NOT EXISTS (
        SELECT FROM backlog WHERE claim_expires_at IS NOT NULL AND role = walk.role)
    AND NOT EXISTS (
        SELECT FROM backlog_event AS event JOIN backlog AS card ON card.id = event.card_id
        WHERE event.at > now() - interval '1 day' AND event.verb = 'claim'
            AND card.role = walk.role)
ORDER BY role"""


def unserved(session: Session) -> Iterator[Finding]:
    """Each role that claimable cards need, and no registered worker has; none while nobody is
    registered."""
    for role, count, first in session.execute(_UNSERVED):
        what, out = _way(role, first)
        yield Finding(
            "unserved",
            f"for {role}, which {what}; {count} claimable, {first} the first",
            command(*out),
            scope="role",
            name=role,
            because=first,
            count=count,
        )


# What is the matter with a role, and the way out.
_Way = tuple[str, tuple[str, ...]]


def _called(role: str) -> str | None:
    try:
        return library.called(role)
    except ConfigurationError:  # the roles say so themselves; here it may well be one
        return role


def _way(role: str, first: str) -> _Way:
    called = _called(role)
    if called == role:
        return "nobody is", ("worker", "add", "NAME", "--roles", role)
    return (
        f"is called {called}" if called else "is no role",
        ("edit", "--id", first, "--role", called or "ROLE"),
    )
