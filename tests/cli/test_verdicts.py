"""`verify`, `verdicts`, `request-changes`, and `complete` of what is in review, from outside."""

import pytest

from tests.cli import refused

pytestmark = pytest.mark.one_tier

JUDGED = ("verify", "--id", "A", "--criterion")


@pytest.fixture
def in_review(call, card):
    card("A", acceptance='["tests pass","docs"]', gated=True, claimed=True)
    ran = call("complete", "--id", "A", "--owner", "w", "--attempt", "1", "--json")
    assert (ran.status, ran.json["status"], ran.json["blockReason"]) == (0, "blocked", "in_review")


def test_verify_answers_with_every_criterion(call, in_review):
    said = ("--pass", "--evidence", "ci run 7", "--by", "r", "--commit", "abc")
    found = call(*JUDGED, "1", *said, "--json").json
    first, second = found.pop("criteria")
    assert found == {"card": "A", "gated": True, "open": [2]}
    assert first.pop("at").endswith("Z")
    assert first == {
        **{"criterion": 1, "text": "tests pass", "passed": True, "by": "r", "attempt": 1},
        **{"evidence": "ci run 7", "commit": "abc"},
    }
    assert second == {**dict.fromkeys([*first, "at"]), "criterion": 2, "text": "docs"}
    out = call("verdicts", "--id", "A").out.splitlines()
    assert out[0] == "A\tgated\t1 of 2 open"
    assert out[1].startswith("1\t[passed]\ttests pass\tr\t")
    assert out[2] == "2\t[open]\tdocs"


def test_evidence_may_be_a_file(call, in_review, tmp_path):
    (tmp_path / "log").write_text("3 failed\n")
    ran = call(*JUDGED, "2", "--fail", "--evidence", f"@{tmp_path / 'log'}", "--by", "r", "--json")
    assert ran.json["criteria"][1]["evidence"] == "3 failed\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pass"], "--evidence"),
        (["--evidence", "e"], "one of the arguments --pass --fail is required"),
        (["--pass", "--fail", "--evidence", "e"], "not allowed with argument"),
        (["--pass", "--evidence", "@/nowhere"], "cannot be read from /nowhere: No such file"),
        (["--pass", "--evidence", "@/"], "cannot be read from /: Is a directory"),
        (["--pass", "--evidence", " "], "--evidence must not be blank"),
        (["--pass", "--evidence", "@"], "--evidence needs the name of a file after the @"),
    ],
)
def test_what_cannot_be_read_is_wrong_usage(words, said, call, in_review):
    assert said in refused(call, 2, *JUDGED, "1", *words, "--by", "r")


def test_it_is_completed_once_all_has_passed(call, in_review):
    line = refused(call, 1, "complete", "--id", "A")
    assert line.endswith("another than its worker: 1, 2\n")
    for criterion in "12":
        call(*JUDGED, criterion, "--pass", "--evidence", "e", "--by", "r")
    assert call("complete", "--id", "A", "--json").json["status"] == "done"
    assert "it is done; reopen it first" in refused(
        call, 1, *JUDGED, "1", "--pass", "--evidence", "e", "--by", "r"
    )


def test_the_environment_says_who_judges(call, in_review, monkeypatch):
    monkeypatch.setenv("BACKLOG_OWNER", "w")
    line = refused(call, 1, *JUDGED, "1", "--pass", "--evidence", "e")
    assert line.startswith("cannot verify A: w is its worker; ")


def test_changes_are_requested(call, in_review):
    words = ("request-changes", "--id", "A", "--reason", "write the docs", "--by", "r")
    assert call(*words, "--json").json["answer"] == "write the docs"
    assert refused(call, 1, *words).endswith("it is ready; only a card in review takes them\n")


def test_the_next_card_is_claimed_where_one_goes_into_review(call, card):
    card("A", gated=True, claimed=True)
    card("B")
    ran = call("complete", "--id", "A", "--owner", "w", "--claim-next", "--json").json
    assert (ran["completed"]["status"], ran["claimed"]["id"]) == ("blocked", "B")


def test_what_is_in_review_is_listed(call, card, in_review):
    card("B", blocked=True)
    assert [each["id"] for each in call("list", "--in-review", "--json").json] == ["A"]
