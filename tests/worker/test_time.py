"""Whose clock decides: the database's for leases, a monotonic one for everything else."""

import re
from itertools import islice

import pytest

from backlog.session import idle_pauses
from backlog.worker import outcome
from tests.command import PROJECT

pytestmark = pytest.mark.one_tier


def test_no_decision_of_the_worker_reads_a_clock_that_somebody_can_set():
    wall = re.compile(r"time\.time\(|datetime\.(now|utcnow|today)|CLOCK_REALTIME|localtime|gmtime")
    found = {
        path.name: wall.findall(path.read_text())
        for path in (PROJECT / "backlog" / "worker").glob("*.py")
    }
    assert {name for name, reads in found.items() if reads} == {"console.py"}  # the log's lines


def test_the_backoff_doubles_up_to_an_hour_with_jitter():
    for attempt, longest in [(1, 10), (2, 20), (5, 160), (10, 3600), (10_000, 3600)]:
        waits = {outcome.backoff(10, attempt) for _ in range(100)}
        assert longest / 2 <= min(waits) <= max(waits) <= longest
    assert outcome.backoff(0, 3) == 0


def test_who_waits_looks_less_and_less_often():
    waits = list(islice(idle_pauses(), 100))
    assert 0.05 <= waits[0] <= 0.1
    assert all(1 <= wait <= 2 for wait in waits[20:])
    assert len(set(waits[20:])) == 80
