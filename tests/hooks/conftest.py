"""Somebody who is told, and what he is told."""

import pytest

from hooks.verbs import outbox, webhooks
from tests.hooks import ANY
from tests.receiver import receiving


@pytest.fixture
def receiver(monkeypatch):
    """A server at a private address, which is allowed."""
    monkeypatch.setenv("BACKLOG_WEBHOOKS_PRIVATE", "on")
    with receiving() as server:
        yield server


@pytest.fixture
def hook(session, receiver):
    """Its subscription."""
    return webhooks.add_webhook(session, receiver.url, ANY)


@pytest.fixture
def due(session):
    """Makes everything due that is to be sent again, and the sweep that was killed forgotten."""

    def run():
        session.execute("UPDATE hooks_delivery SET next_at = now() WHERE next_at IS NOT NULL")
        session.execute("UPDATE hooks_subscription SET busy_until = now()")

    return run


@pytest.fixture
def found(session):
    """The deliveries as they are now."""
    return lambda: list(outbox.deliveries(session))
