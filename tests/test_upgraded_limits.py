"""A store that has more than may be written now is upgraded, serves all, and loses no word.

Its archive has, of the state of 0004: phases and roles of 5,000 characters and more (one held back,
others claimed, their leases over), ids of 2,500, a key, an owner, texts of more than four million,
JSON that is written out with five million digits, and numbers that no JSON holds.
"""

from contextlib import closing

import pytest

from backlog.lifecycle import LONGEST_NAME
from backlog.session import PsycopgSession
from backlog.verbs import cards, check, claims, doctor, moves, pool, runs
from backlog.verbs.transfer import import_cards
from tests.test_upgrades import ARCHIVES, earlier_store, empty_database, fill, on_store

ARCHIVE = ARCHIVES[0].parent / "beyond" / "0004.dump"


@pytest.fixture(scope="module")
def upgraded():
    with empty_database("beyond") as store:
        fill(store, ARCHIVE)
        assert on_store(store)("stats").status == 0
        with closing(store.connect()) as connection:
            yield on_store(store), connection


@pytest.fixture
def on(upgraded):
    return upgraded[0]


@pytest.fixture
def earlier(upgraded):
    """A session on it; what a test does is undone."""
    with upgraded[1].transaction(force_rollback=True):
        yield PsycopgSession(upgraded[1])


def test_everything_is_claimed_and_moved(earlier):
    pool.wake(earlier)
    while taken := claims.claim(earlier, "w", 60).card:
        assert moves.block(earlier, taken.id).status == "blocked"
        assert moves.unblock(earlier, taken.id).status == "ready"
        assert claims.claim(earlier, "w", 60, card_id=taken.id).card
        assert moves.complete(earlier, taken.id, "w").status == "done"
    assert [card.id for card in cards.list_cards(earlier, ready_only=True)] == []


def test_leases_that_are_over_are_swept(earlier):
    assert len([card for card in moves.reclaim(earlier) if card.startswith("odd-")]) == 3


def test_what_indexes_hold_is_cut_and_its_words_stay_in_an_event(earlier):
    sql = "SELECT max(char_length(phase)), max(char_length(role)) FROM backlog"
    assert earlier.execute(sql).fetchone() == (LONGEST_NAME, LONGEST_NAME)
    sql = """SELECT card_id, length(note) > 6000 FROM backlog_event
        WHERE actor = 'upgrade' AND verb = 'edit' AND (note LIKE 'phase %' OR note LIKE 'role %')"""
    noted = dict(earlier.execute(sql.replace("%", "%%")).fetchall())
    assert noted.pop("odd-role") is noted.pop("odd-phase") is True
    assert len(noted) == 2


def test_the_limit_of_a_phase_goes_with_it(earlier):
    sql = """SELECT most FROM backlog_rule WHERE name IN (SELECT phase FROM backlog)
        AND length(name) = 255"""
    assert earlier.execute(sql).fetchone() == (2_000_000_000,)


def test_numbers_that_nobody_can_read_become_texts_of_the_same_digits(earlier):
    acceptance = cards.show(earlier, "odd-80").acceptance
    assert acceptance.startswith('{"a": ["1e131071", "-1e131071", "15e-9001", 12000, ')
    assert acceptance.endswith('"b": "kept", "c": ["1e131071"]}')
    assert cards.show(earlier, "odd-30").acceptance.count("0" * 131_071) == 30
    (run,) = runs.runs(earlier, "odd-run")
    assert (run.result[:14], run.tokens, run.cost) == ('["1e131071", "', None, None)


@pytest.mark.parametrize(
    "words",
    [["list"], ["list", "--json"], ["export"], ["export", "--runs"], ["export", "--events"]],
)
def test_all_of_it_is_read(words, on):
    assert on(*words).status == 0


def test_it_is_dumped_and_restored(on, tmp_path):
    assert on("store", "dump", str(tmp_path / "archive")).status == 0
    assert on("store", "restore", "--force", str(tmp_path / "archive")).err == ""
    assert on("list").status == 0


def test_check_and_doctor_name_what_is_longer_than_may_be_written(earlier):
    found = {(name[:9], problem.split()[0]) for _, name, problem in check.recount(earlier).limits}
    assert {
        *(("odd-key", "idempotency_key"), ("odd-owner", "claim_owner"), ("odd-title", "title")),
        *(("odd-body", "body"), ("odd-note", "block_note"), ("odd-waits", "depends_on")),
        ("odd-gone", "attempts"),
    } < found
    assert ("odd-role", "role") not in found
    assert {"odd-key", "odd-gone"} < {
        each.id for each in doctor.everything(earlier) if each.kind == doctor.BEYOND
    }


def test_it_is_edited_and_deleted(earlier):
    for card in cards.list_cards(earlier):
        assert cards.edit(earlier, card.id, priority=7).priority == 7
        assert cards.delete(earlier, card.id, force=True).id == card.id
    assert cards.create(earlier, "odd-gone", "Again").attempts == 2_000_000_000
    assert claims.claim(earlier, "w").card.attempts == 2_000_000_000


def test_lines_that_change_something_else_are_imported(earlier):
    names = ("key", "title", "body", "note", "owner", "waits", "30", "80")
    lines = [f'{{"id": "odd-{name}", "priority": 5}}'.encode() for name in names]
    assert import_cards(earlier, lines, update=True).updated == len(names)


TYPED = ARCHIVES[0].with_stem("typed_0004")  # the last that took such a one
UNREADABLE = """UPDATE backlog SET priority = 99, acceptance =
    (SELECT jsonb_agg(1e131071) FROM generate_series(1, 9000)) WHERE id = 'ready-1'"""


@pytest.mark.deep
def test_a_card_that_nobody_could_read_or_dump_is_read_and_claimed(tmp_path):
    with earlier_store(TYPED, UNREADABLE) as (on, _):
        claimed = on("claim", "--owner", "w", "--json").json
        assert (claimed["id"], claimed["acceptance"]) == ("ready-1", ["1e131071"] * 9_000)
        assert on("store", "dump", str(tmp_path / "archive")).status == 0
        assert on("delete", "--id", "ready-1", "--force").status == 0
