"""Done cards that are archived: out of lists and counts, and otherwise as before."""

import pytest

from backlog.errors import NotFound, WrongState
from backlog.verbs import moves, pool
from backlog.verbs.archive import archive, archive_older
from backlog.verbs.cards import list_cards, show
from backlog.verbs.history import history
from backlog.verbs.sweep import sweep
from tests.cli import lines, refused

pytestmark = pytest.mark.quick


@pytest.fixture
def old(session, card, past_triggers):
    """A and B, done a long time ago; C and D not so."""
    card("A", done=True, phase="M1")
    card("B", done=True, phase="M2")
    past_triggers("UPDATE backlog SET status_changed_at = '2020-01-01Z'")
    card("C", ["A"], phase="M1")
    card("D", done=True)


def listed(session, **how):
    return [card.id for card in list_cards(session, **how)]


@pytest.mark.parametrize(("phase", "left"), [(None, ["C", "D"]), ("M1", ["B", "C", "D"])])
def test_what_is_old_leaves_the_list_for_another(session, old, phase, left):
    assert archive_older(session, 30, phase) == 4 - len(left)
    assert listed(session) == left
    assert listed(session, archived=True) == [i for i in "ABCD" if i not in left]


def test_what_is_archived_is_counted_apart_and_still_done_for_those_that_need_it(session, old):
    archive_older(session, 30)
    stats = pool.stats(session)
    assert (stats.total, stats.counts["done"], stats.archived) == (2, 1, 2)
    assert show(session, "C").claimable
    assert history(session, "A")[-1].note == "archived"


def test_what_is_reopened_is_listed_again(session, old):
    archive(session, "A")
    moves.reopen(session, "A")
    assert "A" in listed(session)


def test_one_by_one_done_cards_alone_are_archived(session, old):
    assert archive(session, "D").archived_at == archive(session, "D").archived_at
    with pytest.raises(WrongState, match="it is ready; only a done card"):
        archive(session, "C")
    with pytest.raises(NotFound):
        archive(session, "Q")


@pytest.mark.parametrize(("days", "archived"), [(0, 0), (30, 2)])
def test_a_sweep_archives_if_it_is_told_to(session, old, days, archived):
    assert sweep(session, archive_days=days).archived == archived


def test_who_changes_a_card_is_not_waited_for(session, other, old):
    with other.transaction():
        other.execute("SELECT FROM backlog WHERE id = 'A' FOR UPDATE")
        assert archive_older(session, 30) == 1


@pytest.mark.one_tier
@pytest.mark.parametrize(
    "words",
    [(), ("--older-than", "-1"), ("--id", "A", "--phase", "M1"), ("--id", "A", "--ids", "B")],
)
def test_what_cannot_be_meant_is_refused(words, call):
    assert refused(call, 2, "archive", *words)


@pytest.mark.one_tier
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("address", "shown"),
    [("/", 0), ("/cards/", 0), ("/phase/", 0), ("/cards/?archived=1", 1), ("/search/?q=card", 1)],
)
def test_pages_leave_it_out_unless_they_are_asked(session, admin_client, old, address, shown):
    archive(session, "D")
    assert ('href="/card/D/"' in admin_client.get(address).text) == shown


@pytest.mark.one_tier
def test_what_is_exported_is_archived_where_it_is_imported(session, call, old, tmp_path):
    archive(session, "D")
    file = tmp_path / "all.jsonl"
    file.write_text(call("export").out)
    call("delete", "--ids", "A,B,C,D")
    assert call("import", str(file)).status == 0
    assert listed(session, archived=True) == ["D"]


@pytest.mark.one_tier
def test_what_is_not_done_is_archived_nowhere(call, tmp_path):
    card = {"id": "A", "title": "t", "status": "ready", "archivedAt": "2026-01-01T00:00:00Z"}
    ran = refused(call, 2, "import", lines(tmp_path, card))
    assert "resolution and archivedAt belong to status done" in ran
