"""Cards are found by their words, wherever these stand, whoever wrote them."""

import pytest

from backlog.errors import UsageError
from backlog.verbs import cards, check, moves, search
from backlog.verbs.runs import Report
from backlog.verbs.sweep import sweep


@pytest.fixture
def found(session):
    """The ids that a search finds, the best first."""
    return lambda text, **more: [hit.id for hit in search.search(session, text, **more).hits]


@pytest.fixture
def hit(session):
    """The one card that a search finds."""

    def only(text: str) -> search.Hit:
        (one,) = search.search(session, text).hits
        return one

    return only


TEXTS = {
    "title": {"title": "Mend the importer"},
    "body": {"body": "It is about backlog/verbs/importer.py"},
    "acceptance": {"acceptance": '{"of": ["the <importer> works", 42]}'},
}


@pytest.mark.parametrize("where", TEXTS)
@pytest.mark.parametrize("text", ["importer", " IMPORT "])
def test_a_word_or_its_beginning_is_found_in_each_text_of_a_card(where, text, card, hit):
    card("other")
    card("A", **{"title": "The", **TEXTS[where]})
    assert (hit(text).id, hit(text).found_in) == ("A", where)


@pytest.mark.parametrize("text", ["verbs/importer.py", "py", "back-log", "log"])
def test_parts_of_a_path_are_words(text, card, found):
    card("A", body="see back-log, backlog/verbs/importer.py")
    assert found(text) == ["A"]


def test_a_hit_has_no_more_of_a_title_than_is_searched(card, hit):
    card("A", title="word " * 30_000)
    assert len(hit("word").title) == search.LONGEST_SEARCHED


def test_every_word_must_be_there_in_any_order(card, found):
    card("A", title="one two")
    card("B", title="two")
    assert (found("two one"), found("two three")) == (["A"], [])


def test_a_summary_leads_to_its_attempt(session, claimed, hit):
    moves.complete(session, "A", "w", 1, report=Report(summary="Wrote the parser anew"))
    assert hit("parser")[4:7] == ("summary", 1, "Wrote the parser anew")


def test_what_was_said_of_a_block_is_found_after_it(session, card, hit):
    card("A", blocked=True, note="which colour?")
    moves.unblock(session, "A")
    moves.block(session, "A", note="which size?")
    assert (hit("colour").found_in, hit("size").found_in) == ("note", "note")


def test_the_card_of_that_id_is_first_then_titles_then_bodies(card, found):
    card("C", body="after A-1, A-1, A-1")
    card("B", title="after A-1")
    card("A-1", title="something else")
    assert found("A-1") == ["A-1", "B", "C"]
    assert found("a-1") == ["A-1", "B", "C"]


@pytest.mark.parametrize(
    ("title", "text"), [("Über uns", "über"), ("über uns", "ÜBER"), ("привет", "Привет")]
)
def test_capitals_are_small_letters_in_any_script_and_locale(title, text, card, found):
    card("A", title=title)
    assert found(text) == ["A"]


def test_an_edit_is_found_and_what_was_before_is_not(session, card, found):
    card("A", title="before", body="stays")
    cards.edit(session, "A", title="after")
    assert (found("before"), found("after"), found("stays")) == ([], ["A"], ["A"])


@pytest.mark.parametrize("sql", ["DELETE FROM backlog", "TRUNCATE backlog"])
def test_what_is_deleted_is_not_found(session, claimed, found, sql):
    moves.complete(session, "A", "w", 1, report=Report(summary="a summary"))
    session.execute(sql)
    assert (found("Card"), found("summary")) == ([], [])
    assert check.recount(session).ok


@pytest.mark.parametrize(
    "text", ["'", "\\", "a' | 'b", "& ! ( :*", "<->", "' OR 1=1 --", "🐟\u202e"]
)
def test_no_text_is_a_question_of_its_own(text, card, session):
    card("A", title=f"has {text} in it")
    assert [hit.id for hit in search.search(session, text).hits] in (["A"], [])


@pytest.mark.one_tier
@pytest.mark.parametrize("text", ["", " ", "a\0b", "a" * 201])
def test_a_text_that_cannot_be_searched_for_is_refused(text, session):
    with pytest.raises(UsageError, match="text must"):
        search.search(session, text)


def test_the_longest_texts_are_taken_and_their_beginnings_found(card, found):
    words = " ".join(map(chr, range(0x20000, 0x20000 + 60_000)))
    card("A", title=words, body=f"first {words}", acceptance=f'"{words}"')
    card("B", body=f"{'word ' * 20_000} beyond")
    assert (found("first"), found(chr(0x20001)), found("beyond")) == (["A"], ["A"], [])


def test_pages_go_on_where_the_one_before_ended(card, session):
    for n in range(5):
        card(f"A{n}", title="same")
    pages = [search.search(session, "same", 2, page) for page in (1, 2, 3, 4)]
    assert [[hit.id for hit in page.hits] for page in pages] == [
        ["A0", "A1"], ["A2", "A3"], ["A4"], [],
    ]  # fmt: skip
    assert [page.total for page in pages] == [5, 5, 5, 0]


def test_of_very_many_some_are_ranked(session, card, monkeypatch):
    for n in range(3):
        card(f"A{n}", title="same")
    few = search._FIND.replace(str(search.MOST_RANKED), "2")
    monkeypatch.setattr(search, "_FIND", few)
    found = search.search(session, "same")
    assert (len(found.hits), found.total, found.in_part) == (2, 2, True)


def test_a_snippet_stands_where_the_words_are_together(card, hit):
    card("A", body=f"a needle {'before ' * 100} a\nneedle  of hay {'after ' * 100}")
    snippet = hit("needle hay").snippet
    assert snippet.startswith("…before ")
    assert "before a needle of hay after" in snippet
    assert len(snippet) <= 242


@pytest.mark.one_tier
def test_marks_stand_at_the_beginnings_of_words():
    assert search.marked("To importing, reimport", ("import",)) == [
        ("To ", False), ("import", True), ("ing, reimport", False),
    ]  # fmt: skip


def test_no_move_of_a_card_makes_its_words_anew(session, card, found):
    card("A", title="word")
    assert found("word") == ["A"]
    before = session.execute("SELECT ctid, xmin FROM backlog_search").fetchall()
    moves.block(session, "A")
    moves.unblock(session, "A")
    moves.complete(session, "A")
    cards.edit(session, "A", priority=7)
    assert session.execute("SELECT ctid, xmin FROM backlog_search").fetchall() == before


def test_more_new_cards_than_a_search_makes_words_of_are_left_to_sweeps(
    session, card, found, monkeypatch
):
    monkeypatch.setattr(search, "MOST_MADE", 2)
    for card_id in ("A", "B", "C", "D", "E"):
        card(card_id, title="new")
    assert (len(found("new")), search.search(session, "!").to_come) == (2, True)
    sweep(session)
    assert (len(found("new")), search.search(session, "!").to_come) == (5, False)


def test_words_are_of_the_texts_that_are_there_when_they_are_made(sessions, card, found):
    card("A", title="before")
    editing, other = sessions(), sessions()
    with editing.transaction():
        cards.edit(editing, "A", title="after")
        assert search.make_words(other) == 0  # whoever changes the card is not waited for
    assert (found("before"), found("after")) == ([], ["A"])


def test_words_that_are_missing_or_left_over_are_named(session, card, past_triggers):
    card("A")
    past_triggers("UPDATE backlog_search SET card_id = 'B'")
    assert check.recount(session).words == [("A", check.NO_WORDS), ("B", check.NO_CARD)]
