"""export: every card as a line, and back again without a difference."""

import json
import os

import pytest

from tests.cli import KEYS, lines
from tests.command import On
from tests.hostile import BREAKS
from tests.worker import until

_OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
OTHERS_INSIDE = f"SELECT count(*) {_OTHERS} AND xact_start IS NOT NULL"
END_OTHERS = f"SELECT pg_terminate_backend(pid) {_OTHERS} AND state = 'idle in transaction'"

# What ends a line for Python, and what a terminal obeys.
HOSTILE_LINES = [*BREAKS, "\x1b[2J", "\x7f", "\x9b", "\xad", "\u202e", "\U000e0041"]


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


@pytest.mark.one_tier
def test_an_export_of_nothing_is_empty(call):
    assert call("export") == (0, "", "")


@pytest.mark.one_tier
@pytest.mark.parametrize("words", [(), ("--events",)])
@pytest.mark.parametrize("breaks", HOSTILE_LINES)
def test_a_line_is_json_whatever_a_text_holds(call, card, words, breaks):
    card("A", title=f"a{breaks}b", blocked=True, note=f"a{breaks}b")
    exported = call("export", *words).out.removesuffix("\n").split("\n")
    texts = [json.loads(line).get("title", f"a{breaks}b") for line in exported]
    assert set(texts) == {f"a{breaks}b"}
    assert call("export", "--json", *words).out.removesuffix("\n").split("\n") == exported


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


@pytest.mark.one_tier
def test_an_export_pipes_into_an_import(command, call, card):
    card("A", title="Zoë")
    exported = command("export")
    call("delete", "--id", "A")
    assert command("import", "-", stdin=exported.out).status == 0
    assert without_update(call("export").out) == without_update(exported.out)


# Whole, or not at all ----------------------------------------------------------------------------


def test_a_reader_that_stalls_holds_up_no_transaction(command, call, session, tmp_path):
    cards = [{"id": f"c{n}", "title": "t" * 1000} for n in range(2000)]
    call("import", lines(tmp_path, *cards))
    with On(**os.environ).start("export") as export:
        first = export.stdout.readline()
        until(lambda: session.execute(OTHERS_INSIDE).fetchone() == (0,))
        assert export.poll() is None  # it waits for its reader
        ids = [json.loads(line)["id"] for line in [first, *export.stdout]]
    assert (export.returncode, ids) == (0, [f"c{n}" for n in range(2000)])


def test_what_fails_while_it_is_read_prints_nothing(call, card, session, monkeypatch):
    for n in range(3):
        card(f"c{n}", body="b" * 1000)
    monkeypatch.setattr("backlog.session._PAGE", 1)
    monkeypatch.setattr("backlog.cli.transfer.to_json", cut_off(session))
    ran = call("export")
    assert (ran.status, ran.out, ran.err.count("\n")) == (5, "", 1)


@pytest.mark.one_tier
def test_a_file_that_cannot_be_written_is_said(call, card, monkeypatch, tmp_path):
    card("A", body="b" * 1000)
    monkeypatch.setattr("backlog.cli.reply._IN_MEMORY", 1)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    ran = call("export")
    assert (ran.status, ran.out) == (5, "")
    assert "set TMPDIR" in ran.err


def cut_off(session):
    """Makes JSON, and ends the connection of whoever reads after the first card."""

    def made(row, timespec):
        session.execute(END_OTHERS)
        return "{}"

    return made
