"""Who may do what: rights that are enforced, on a fleet with a worker of each role."""

import pytest

from fleet import roles as library
from fleet.verbs import workers


@pytest.fixture
def enforce(monkeypatch):
    """Rights are enforced, and nobody says by a variable who they are."""
    monkeypatch.setenv("BACKLOG_ENFORCE_ROLES", "on")
    monkeypatch.delenv("BACKLOG_OWNER", raising=False)


@pytest.fixture
def fleet(session, enforce):
    """A worker of each role, of its name."""
    for each in library.roles():
        workers.add(session, each.name, [each.name])
