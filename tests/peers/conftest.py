"""What the peers' failures have in common: a claim, and a lease whose time passes."""

import pytest


@pytest.fixture
def pass_time(session):
    """Let the leases of all claims be so many seconds older: `pass_time(60)`."""

    def move(seconds):
        sql = "UPDATE backlog SET claimed_at = claimed_at - make_interval(secs => %s)"
        session.execute(f"{sql} WHERE status = 'claimed'", [seconds])

    return move


@pytest.fixture
def left(session):
    """How many seconds of the lease of a card are left, by the database's clock."""

    def seconds(card_id="A"):
        sql = "SELECT extract(epoch FROM claim_expires_at - clock_timestamp()) FROM backlog"
        return float(session.execute(f"{sql} WHERE id = %s", [card_id]).fetchone()[0])

    return seconds


@pytest.fixture
def rows(session):
    """All rows of what a verb may change, to see that nothing did."""
    tables = ("backlog", "backlog_event", "backlog_ended_run", "backlog_rule", "backlog_verdict")

    def read():
        read_all = "SELECT each::text FROM {} AS each ORDER BY 1"
        return {name: session.execute(read_all.format(name)).fetchall() for name in tables}

    return read
