"""The timeline: which runs are bars, and where."""

from datetime import UTC, datetime, timedelta

import pytest

from backlog.verbs import timeline as verbs
from backlog.verbs.timeline import timeline
from backlog.web.views.timeline import drawn
from tests.factories import CardFactory

pytestmark = pytest.mark.django_db(transaction=True)

RUN = """
INSERT INTO backlog_ended_run (card_id, attempt, owner, started_at, ended_at, outcome)
SELECT 'A', 1, %s, now() - %s * interval '1 minute', now() - %s * interval '1 minute', %s"""


@pytest.fixture(autouse=True)
def cards(store, transactional_db):
    """None."""


@pytest.fixture
def ran(session):
    """`ran("w", 40, 20)`: w worked from 40 minutes ago to 20 minutes ago."""

    def ran(owner: str, begun: float, ended: float, outcome: str = "completed") -> None:
        session.execute(RUN, (owner, begun, ended, outcome))

    return ran


def _of_four_hours(session) -> verbs.Timeline:
    """A column a minute."""
    return timeline(session, datetime.now(UTC) - timedelta(hours=4))


def test_a_run_is_a_bar_from_its_start_to_its_end(session, ran):
    ran("w", 40.5, 20.5)
    (row,) = _of_four_hours(session).rows
    assert (row.runs, row.bars) == ({"completed": 1}, {"completed": [[199, 220]]})


def test_runs_that_meet_are_one_bar_and_outcomes_are_apart(session, ran):
    for begun, ended, outcome in (
        (40.5, 30.5, "completed"),
        (30.5, 20.5, "completed"),
        (10.5, 5.5, "failed"),
    ):
        ran("w", begun, ended, outcome)
    (row,) = _of_four_hours(session).rows
    assert row.runs == {"completed": 2, "failed": 1}
    assert row.bars == {"completed": [[199, 220]], "failed": [[229, 235]]}


def test_what_began_before_is_cut_and_what_ended_before_is_left_out(session, ran):
    ran("w", 600, 200.5)
    ran("v", 600, 300)
    (row,) = _of_four_hours(session).rows
    assert (row.owner, row.bars) == ("w", {"completed": [[0, 40]]})


def test_a_claim_goes_on_until_now_and_says_when_it_is_late(session, ran):
    CardFactory(id="B", claimed=True, owner="w")
    CardFactory(id="C", expired=True, owner="w")
    (row,) = _of_four_hours(session).rows
    assert row.runs == {"at work": 1, "late": 1}
    assert row.bars["at work"][0][1] == verbs.COLUMNS


def test_who_holds_a_card_comes_first_then_who_ended_last(session, ran):
    ran("old", 90, 80)
    ran("new", 30, 10)
    CardFactory(claimed=True, owner="busy")
    assert [row.owner for row in _of_four_hours(session).rows] == ["busy", "new", "old"]


def test_of_one_worker_are_its_claims_and_the_runs_that_are_given(session, ran):
    ran("w", 30, 20)
    CardFactory(claimed=True, owner="w")
    CardFactory(claimed=True, owner="other")
    now = datetime.now(UTC)
    given = [("failed", now - timedelta(minutes=40.5), now - timedelta(minutes=20.5))]
    (row,) = timeline(session, now - timedelta(hours=4), "w", given).rows
    assert (row.owner, row.runs) == ("w", {"at work": 1, "failed": 1})
    assert row.bars["failed"] == [[199, 220]]


@pytest.mark.one_tier
def test_more_workers_than_have_rows_are_counted(session, ran, admin_client):
    for number in range(verbs.MOST_WORKERS + 2):
        ran(f"w{number:02}", 30, 20 - number / 2)
    found = _of_four_hours(session)
    assert (len(found.rows), found.workers, found.more) == (20, 22, 2)
    assert "20 of 22 workers" in admin_client.get("/fleet/").text


def test_a_completion_without_a_claim_takes_no_time_and_has_no_bar(session):
    CardFactory(done=True)
    assert _of_four_hours(session).rows == []


@pytest.mark.one_tier
def test_bars_are_paths_of_their_outcome(session, ran):
    ran("w", 40.5, 20.5, "failed")
    shown = drawn(_of_four_hours(session))
    (owner, bars, numbers) = shown.rows[0]
    assert (owner, shown.kinds, numbers) == ("w", ["failed"], [1])
    assert (bars[0].style, bars[0].path) == ("run-failed", "M199,4h21v12h-21z")


@pytest.mark.one_tier
@pytest.mark.parametrize(
    ("days", "marks"),
    [(1, "04:00 08:00 12:00 16:00 20:00 00:00"), (4, "2 3 4"), (30, "4 9 14 19 24 29")],
)
def test_the_marks_are_round_times_or_days(days, marks):
    since = datetime(2026, 1, 1, 2, tzinfo=UTC)
    shown = drawn(verbs.Timeline(since, since + timedelta(days=days), [], 0)).marks
    assert [mark.label.removesuffix(" Jan") for mark in shown] == marks.split()
