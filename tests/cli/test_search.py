"""search: what the command prints."""

import pytest

from tests.cli import refused

pytestmark = pytest.mark.one_tier


def test_search_is_an_array_of_cards_the_best_first(call):
    call("create", "--id", "A", "--title", "t", "--phase", "M1", "--body", "Mend the\nimporter")
    call("create", "--id", "B", "--title", "Importer")
    first, second = call("search", "import", "--json").json
    assert first["id"] == "B"
    assert second == {
        "id": "A",
        "title": "t",
        "phase": "M1",
        "cell": "ready",
        "foundIn": "body",
        "attempt": None,
        "snippet": "Mend the importer",
        "archived": False,
    }


def test_search_as_text_is_a_line_a_card(call):
    call("create", "--id", "A", "--title", "t")
    call("complete", "--id", "A", "--summary", "mended\nit")
    assert call("search", "MENDED").out == "A\t[done]\tphase=-\tt\tsummary\tmended it\n"
    assert call("search", "nothing").out == "(no cards)\n"


def test_the_limit_takes_the_best(call):
    for card_id in ("A", "B"):
        call("create", "--id", card_id, "--title", "same")
    assert [each["id"] for each in call("search", "same", "--limit", "1", "--json").json] == ["A"]


@pytest.mark.parametrize("words", [(), ("",), ("a", "b"), ("a" * 201,), ("a", "--limit", "1001")])
def test_what_cannot_be_searched_for_is_refused(words, call):
    assert refused(call, 2, "search", *words)
