"""`verify`, `verdicts`, `request-changes`, and `complete` of what is in review, from outside."""

import pytest

from backlog.errors import UsageError
from backlog.verbs import moves
from tests.cli import lines, refused

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


@pytest.mark.both_tiers
def test_explain_says_which_criteria_a_card_in_review_waits_for(call, in_review):
    explain = ("explain", "--id", "A")
    begins = "A: blocked\nblocked for: in_review\n"
    assert call(*explain).out == begins + "not passed yet: criteria 1, 2\n"
    call(*JUDGED, "1", "--pass", "--evidence", "e", "--by", "r")
    assert call(*explain, "--json").json["openCriteria"] == [2]
    call(*JUDGED, "2", "--pass", "--evidence", "e", "--by", "r")
    assert call(*explain).out == begins + "all has passed: complete it\n"
    call("complete", "--id", "A")
    assert call(*explain, "--json").json["openCriteria"] == []


def test_the_history_tells_of_a_verdict(call, in_review):
    words = ("--fail", "--evidence", "e" * 900, "--by", "r", "--commit", "abc")
    assert call(*JUDGED, "2", *words).status == 0
    event = call("history", "--id", "A", "--json").json[-1]
    assert (event["verb"], event["actor"], event["from"], event["to"]) == (
        *("verify", "r", "blocked", "blocked"),
    )
    assert (event["note"][:22], len(event["note"])) == ("2 failed at abc: eeeee", 518)


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


def test_a_line_alone_brings_no_card_into_review(call, in_review, card, tmp_path):
    """Who worked on it elsewhere is not known here, and would judge it."""
    card("C", blocked=True)
    here = call("list", "--json").json[0]
    said = [{**here, "id": "B"}, {"id": "C", "blockReason": "in_review", "blockNote": "my own"}]
    for counts in ((1, 2, 0, False), (0, 0, 3, False)):
        ran = call("import", "--update", lines(tmp_path, here, *said), "--json").json
        assert tuple(ran.values()) == counts
    told = {
        each["id"]: (each["blockReason"], each["blockNote"]) for each in call("list", "--json").json
    }
    unknown = "was in review elsewhere, and who worked on it is not known here"
    assert told == {
        "A": ("in_review", None),
        "B": ("needs_input", unknown),
        "C": ("needs_input", "my own"),
    }


def test_nobody_blocks_a_card_as_if_it_were_in_review(call, in_review, session):
    assert "must be one of" in refused(call, 2, "block", "--id", "A", "--reason", "in_review")
    with pytest.raises(UsageError, match='not "in_review"'):
        moves.block(session, "A", reason="in_review")


def test_what_is_in_review_is_listed(call, card, in_review):
    card("B", blocked=True)
    assert [each["id"] for each in call("list", "--in-review", "--json").json] == ["A"]
