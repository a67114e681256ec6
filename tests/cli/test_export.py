"""export: every card as a line, and back again without a difference."""

import json

import pytest

from tests.cli import KEYS, lines


@pytest.fixture
def varied(call, card):
    """Cards of every status, with everything a card can have."""
    card("A", body="b\n", phase="M1", priority=-3, acceptance='{"n": 1.10, "m": 1e3}')
    card("B", needs=["A", "missing"], idempotency_key="k", acceptance='"5"')
    card("held", title="Zoë 🚀", claimed=True, ttl=70)
    card("expired", title="Zoë 🚀", expired=True, owner="v")
    card("again")
    for _ in range(3):
        call("claim", "--owner", "w", "--id", "again")
        call("reclaim", "--id", "again")
    card("stuck", blocked=True)
    card("over", done=True)


def without_update(exported):
    cards = [json.loads(line, parse_float=str) for line in exported.splitlines()]
    return [{**card, "updatedAt": None} for card in cards]


def test_every_card_is_a_line_oldest_first(call, varied):
    ran = call("export")
    ids = [json.loads(line)["id"] for line in ran.out.splitlines()]
    assert ids == ["A", "B", "held", "expired", "again", "stuck", "over"]
    assert all(list(json.loads(line)) == KEYS for line in ran.out.splitlines())
    assert call("export", "--json") == ran


def test_an_export_of_nothing_is_empty(call):
    assert call("export") == (0, "", "")


def test_times_keep_their_microseconds(call, card, session):
    card("A")
    session.execute("UPDATE backlog SET created_at = '2026-01-01 00:00:00.123456+02'")
    exported = json.loads(call("export").out)
    assert exported["createdAt"] == "2025-12-31T22:00:00.123456Z"


def test_an_import_of_an_export_is_the_same_backlog(call, varied, session, tmp_path):
    before = call("export").out
    order = call("list").out
    session.execute("TRUNCATE backlog, backlog_deleted")
    ran = call("import", lines(tmp_path, before.rstrip("\n")), "--json")
    assert ran.json["created"] == 7
    assert without_update(call("export").out) == without_update(before)
    assert call("list").out == order
    assert call("check").status == 0
    assert call("reclaim", "--json").json == {"reclaimed": ["expired"]}


def test_an_export_over_itself_changes_nothing(call, varied, tmp_path):
    before = call("export").out
    ran = call("import", lines(tmp_path, before.rstrip("\n")), "--update", "--json")
    assert ran.json == {"created": 0, "updated": 0, "unchanged": 7, "dryRun": False}
    assert call("export").out == before


def test_claims_come_in_the_same_order_after_a_round_trip(call, session, tmp_path):
    cards = [{"id": f"c{n}", "title": "t", "priority": n % 3} for n in range(30)]
    call("import", lines(tmp_path, *cards))
    before = call("export").out
    expected = [card["id"] for card in call("list", "--json").json]
    session.execute("TRUNCATE backlog")
    call("import", lines(tmp_path, *reversed(before.splitlines())))
    claimed = [call("claim", "--owner", "w", "--json").json["id"] for _ in cards]
    assert claimed == expected


def test_an_export_pipes_into_an_import(command, call, card):
    card("A", title="Zoë")
    exported = command("export")
    call("delete", "--id", "A")
    assert command("import", "-", stdin=exported.out).status == 0
    assert without_update(call("export").out) == without_update(exported.out)
