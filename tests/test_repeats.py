"""Cards that are made again at their times: once, whoever sweeps, and not for each time missed."""

import re
from datetime import UTC, datetime

import pytest

from backlog.errors import NotFound, UsageError
from backlog.verbs import cards, gates
from backlog.verbs.sweep import sweep
from fleet import cron
from fleet.verbs.plans import publish
from fleet.verbs.repeats import make_due, no_repeat, repeat, repeats
from tests.cli import refused
from tests.workers import Background

pytestmark = pytest.mark.quick

BERLIN = "Europe/Berlin"


def moment(text):
    return datetime.fromisoformat(f"{text}:00Z")


@pytest.fixture
def due(session, card):
    """A, which is repeated each Monday at nine in Berlin, and its time has come, some times."""
    card("A", title="Report", priority=3, phase="M1", role="code", acceptance='["sent"]')
    repeat(session, "A", "0 9 * * 1", BERLIN)
    session.execute("UPDATE fleet_repeat SET next_at = '2026-01-05T08:00Z'")


@pytest.mark.parametrize(
    ("line", "zone", "since", "times"),
    [
        ("0 9 * * 1", "UTC", "2026-11-27T07:00", ["2026-11-30T09:00", "2026-12-07T09:00"]),
        ("0 9 * * *", BERLIN, "2026-03-27T12:00", ["2026-03-28T08:00", "2026-03-29T07:00"]),
        ("0 9 * * *", BERLIN, "2026-10-24T00:00", ["2026-10-24T07:00", "2026-10-25T08:00"]),
        # In the hour that is left out, and in the one that comes twice.
        ("30 2 * * *", BERLIN, "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T00:30"]),
        ("30 2 * * *", BERLIN, "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),
        ("*/30 2 * * *", BERLIN, "2026-03-29T00:00", ["2026-03-30T00:00", "2026-03-30T00:30"]),
        ("0 */2 * * *", BERLIN, "2026-10-24T23:00", ["2026-10-25T00:00", "2026-10-25T01:00"]),
    ],
)
def test_times_are_those_of_the_zones_clocks(line, zone, since, times):
    first = cron.after(line, zone, moment(since))
    assert [first, cron.after(line, zone, first)] == [moment(each) for each in times]
    assert cron.latest(line, zone, first) == first


@pytest.mark.parametrize(
    ("line", "since", "last", "first"),
    [
        ("30 2 * * *", "2026-10-25T01:10", "2026-10-25T00:30", "2026-10-26T01:30"),
        ("0,30 1-3 * * *", "2026-10-25T01:10", "2026-10-25T00:30", "2026-10-25T02:00"),
        ("*/30 * * * *", "2026-10-25T01:10", "2026-10-25T01:00", "2026-10-25T01:30"),
        ("30 2 * * *", "2026-10-25T00:10", "2026-10-24T00:30", "2026-10-25T00:30"),
        ("30 2 * * *", "2026-03-29T01:00", "2026-03-29T01:00", "2026-03-30T00:30"),
    ],
)
def test_also_in_an_hour_that_comes_twice_what_comes_next_is_to_come(line, since, last, first):
    assert cron.after(line, BERLIN, moment(since)) == moment(first)
    assert cron.latest(line, BERLIN, moment(since)) == moment(last)


@pytest.mark.parametrize(
    ("line", "zone", "said"),
    [
        ("9 * *", "UTC", "five fields"),
        ("0 9 * * 1 2026", "UTC", "five fields"),
        ("61 * * * *", "UTC", "this is wrong: minute, which is 0 to 59"),
        ("0 0 30 2 *", "UTC", "this is wrong: day-of-month, which is 1 to 31"),
        ("0 0 * * MON-SUN", "UTC", "or 7 .SUN., or .; a range goes upwards"),
        ("@daily", "UTC", "five fields"),
        ("0 9 * * 1", "Mars/Base", "Europe/Berlin is one"),
        ("0 9 * * 1", "../../etc/passwd", "Europe/Berlin is one"),
        ("0 9 * * 1", "Europe", "Europe/Berlin is one"),
        ("0 9 * * 1", "localtime", "Europe/Berlin is one"),
        ("0 9 * * 1", "posixrules", "Europe/Berlin is one"),
        ("0 9 * * 1", "right/Europe/Berlin", "Europe/Berlin is one"),
        ("0 9 * * 1", " ", "the time zone must not be blank"),
    ],
)
def test_what_is_no_time_is_refused_and_says_what_one_is(session, card, line, zone, said):
    card("A")
    with pytest.raises(UsageError, match=said):
        repeat(session, "A", line, zone)
    assert repeats(session) == []


def test_a_host_without_time_zones_says_so_and_has_utc(session, card, monkeypatch):
    monkeypatch.setattr(cron, "available_timezones", set)
    card("A")
    with pytest.raises(UsageError, match="this host lacks the database of time zones"):
        repeat(session, "A", "0 9 * * 1", BERLIN)
    assert repeat(session, "A", "0 9 * * 1").zone == "UTC"


def test_long_ids_have_room_for_any_time_and_stay_apart(session, card):
    ids = ["é" * 254 + last for last in "ab"]
    for card_id in ids:
        card(card_id)
        repeat(session, card_id, "0 9 1 1 *", "UTC")
        repeat(session, card_id, "0 9 1 1 *", "Asia/Kolkata")
    session.execute("UPDATE fleet_repeat SET next_at = '2026-01-01T03:30Z'")
    made = make_due(session)
    assert len({*made}) == 2
    for card_id in made:
        assert len(card_id) == 255
        assert card_id.endswith("-01-01T09:00+05:30")


def test_a_sweep_makes_one_card_for_all_times_missed(session, due):
    (made,) = sweep(session).others["repeated"]
    assert made.startswith("A@2")
    assert made.endswith(("T09:00+01:00", "T09:00+02:00"))
    assert sweep(session).others == {}
    (series,) = repeats(session)
    assert (series.id, series.series) == (made, "A")
    assert series.next_at > datetime.now(UTC)


def test_the_next_card_is_as_the_newest_is(session, due):
    cards.edit(session, "A", title="The report", gated=True)
    card = cards.show(session, make_due(session)[0])
    copied = (card.title, card.priority, card.phase, card.role, card.acceptance, card.gated)
    assert copied == ("The report", 3, "M1", "code", '["sent"]', True)
    assert (card.status, card.claimable) == ("ready", True)


def test_the_gate_of_a_phase_is_not_made_the_next_card_s_own(session, due):
    gates.gate(session, "M1")
    (made,) = make_due(session)
    gates.ungate(session, "M1")
    assert not cards.show(session, made).gated


def test_while_the_newest_card_is_a_draft_its_times_pass(session, due):
    cards.edit(session, "A", draft=True)
    assert "(not made: A is a draft: `plan publish` lets" in make_due(session)[0]
    (series,) = repeats(session)
    assert (series.id, series.next_at > datetime.now(UTC)) == ("A", True)
    publish(session)
    assert make_due(session) == []
    session.execute("UPDATE fleet_repeat SET next_at = '2026-01-05T08:00Z'")
    assert not cards.show(session, make_due(session)[0]).draft


def test_many_sweepers_make_one_card(session, sessions, due):
    at_work = [Background(sessions(), make_due) for _ in range(4)]
    assert len([made for each in at_work for made in each.result()]) == 1
    assert len(list(cards.list_cards(session))) == 2


def test_an_id_that_is_taken_is_told_and_left_for_the_next_time(session, due, card):
    session.execute(
        "UPDATE fleet_repeat SET line = '0 0 1 1 *', zone = 'UTC', next_at = '2020-01-01Z'"
    )
    year = datetime.now(UTC).year
    card(f"A@{year}-01-01T00:00Z")
    assert "(not made: there is a card" in make_due(session)[0]
    assert repeats(session)[0].id == "A"
    assert make_due(session) == []


def test_a_series_ends_by_hand_or_with_its_newest_card(session, due, card):
    assert no_repeat(session, "A").cron == "0 9 * * 1"
    with pytest.raises(NotFound):
        no_repeat(session, "A")
    repeat(session, "A", "* * * * *")
    session.execute("UPDATE fleet_repeat SET next_at = now()")
    cards.delete(session, "A")
    assert make_due(session) == repeats(session) == []


def test_another_line_is_of_the_same_series(session, due):
    make_due(session)
    for card_id in ("A", repeats(session)[0].id):
        assert repeat(session, card_id, "0 8 * * *").series == "A"
    assert len(repeats(session)) == 1


@pytest.mark.one_tier
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (2, ("--id", "A")),
        (2, ("--id", "A", "--off", "--cron", "0 9 * * 1")),
        (2, ("--id", "A", "--off", "--zone", "UTC")),
        (1, ("--id", "Q", "--cron", "0 9 * * 1")),
        (1, ("--id", "A", "--off")),
    ],
)
def test_what_cannot_be_repeated_is_refused(status, words, call, card):
    card("A")
    assert refused(call, status, "repeat", *words)


@pytest.mark.one_tier
def test_the_command_says_when_next(call, card):
    card("A")
    ran = call("repeat", "--id", "A", "--cron", "0 9 1 1 *", "--json").json
    assert list(ran) == ["id", "series", "cron", "zone", "nextAt"]
    assert call("repeats").out == f"A\t0 9 1 1 *\tUTC\tnext={ran['nextAt']}\t-\n"
    assert call("repeat", "--id", "A", "--off").out == "no longer repeated: A\n"
    assert call("repeats").out == "(nothing is repeated)\n"


@pytest.mark.one_tier
@pytest.mark.django_db(transaction=True)
def test_the_page_repeats_a_card_and_ends_it(session, card, admin_client):
    card("A")
    fields = {"card_id": "A", "line": "0 9 * *", "zone": BERLIN}
    assert "five fields" in admin_client.post("/repeats/repeat/", fields).text
    fields["line"] += " 1"
    assert admin_client.post("/repeats/repeat/", fields).url == "/repeats/"
    assert "0 9 * * 1" in admin_client.get("/repeats/").text
    assert admin_client.post("/repeats/off/", {"id": "A"}).url == "/repeats/"
    assert "Nothing is repeated" in admin_client.get("/repeats/").text


@pytest.mark.one_tier
@pytest.mark.django_db(transaction=True)
def test_each_card_of_a_series_says_so_on_its_page(session, due, admin_client):
    (second,) = make_due(session)
    for card_id, said in (
        ("A", "are made again; the newest is"),
        (second, "made by the series of"),
    ):
        page = re.sub("<[^>]+>", "", admin_client.get(f"/card/{card_id}/").text)
        assert said in page
        assert "The next one comes" in page
    no_repeat(session, "A")
    assert "which has ended" in admin_client.get(f"/card/{second}/").text
    assert "Repeated" not in admin_client.get("/card/A/").text


def test_a_series_whose_time_cannot_be_told_here_keeps_no_other_from_being_made(
    session, card, due, monkeypatch
):
    card("B")
    repeat(session, "B", "0 9 * * 1")
    session.execute("UPDATE fleet_repeat SET next_at = '2026-01-05T09:00Z' WHERE card_id = 'B'")
    known = cron.latest

    def told_here(line, zone, now):
        if zone == BERLIN:
            raise UsageError("there is no such zone on this host")
        return known(line, zone, now)

    monkeypatch.setattr(cron, "latest", told_here)
    refused_one, made = make_due(session)
    assert (refused_one, made[:2]) == ("A (not made: there is no such zone on this host)", "B@")
    assert make_due(session) == []


def test_a_card_of_somebody_else_with_the_key_of_a_series_is_not_taken_for_its_next(session, due):
    said = make_due(session)[0]
    session.execute("DELETE FROM backlog WHERE id = %s", (said,))
    session.execute("UPDATE fleet_repeat SET card_id = 'A', next_at = '2026-01-05T08:00Z'")
    cards.create(session, "B", "t", idempotency_key=f"repeat {said}")
    assert make_due(session) == [f"{said} (not made: B has the idempotency key repeat {said})"]
