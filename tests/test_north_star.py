"""The north star: the text, what is in force of it, and how a change is ratified."""

import pytest

from backlog.errors import ConfigurationError, NotFound, Stale, UsageError, WrongState
from fleet import north_star as texts
from fleet.verbs import north_star
from tests.factories import AccountFactory
from tests.forms import sent

pytestmark = pytest.mark.one_tier

STAR = """goals:
  - goal: It works
    phases: [M1, M2]
  - It is fast
assumptions: [Few use it]
projections:
  M1: {tokens: 100, cost: 2.50}
"""
OTHER = STAR.replace("Few", "Many")


@pytest.fixture
def ratified(session):
    """The proposal that is in force."""
    made = north_star.propose(session, STAR)
    return north_star.ratify(session, made.number, "ann")


def test_a_text_says_goals_assumptions_and_projections():
    star = texts.read(STAR)
    assert star.goals == (("It works", ("M1", "M2")), ("It is fast", ()))
    assert (star.assumptions, star.projections) == (("Few use it",), (("M1", 100, "2.50"),))
    assert star.phases == ["M1", "M2"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: goals must be given"),
        ("assumptions: [a]", "line 1: goals must be given"),
        ("goals: []", "line 1: goals must be given"),
        ("goals: yes", "line 1: goals must be a list"),
        (STAR.replace("assumptions", "hopes"), "line 5: hopes is no key of a north star"),
        (STAR.replace("phases", "lanes"), "line 3: lanes is no key of a goal"),
        (STAR.replace("goal: It works\n    ", ""), "line 2: goal must be given"),
        (STAR.replace("[M1, M2]", "M1"), "line 3: phases must be a list"),
        (STAR.replace("M2", "12"), "line 3: a phase must be text"),
        (STAR.replace("M2", "a\u200bb"), "line 3: a phase must be"),
        (STAR.replace("Few use it", "12"), "line 5: an assumption must be text"),
        (STAR.replace("100", "1e3"), "line 7: tokens must be a whole number"),
        (STAR.replace("2.50", "a lot"), "line 7: cost must be a number"),
        (STAR.replace("cost", "days"), "line 7: days is no key of a projection"),
        (STAR.replace("{tokens: 100, cost: 2.50}", "100"), "line 7: the projection of M1"),
        (STAR + "goals: [a]\n", "line 8: goals is given twice"),
        (STAR.replace("[Few", "[[Few"), "line "),
        ("a\n" * 3_000, "line 1: a north star has at most"),
        ("goals: [" + "a, " * 201 + "]", "line 1: goals must be a list, of 200 at most"),
    ],
)
def test_a_text_that_is_none_is_told_where(text, said):
    with pytest.raises(UsageError) as refusal:
        texts.read(text)
    assert str(refusal.value).startswith(said)


def test_the_file_is_in_force_until_something_is_ratified(session, tmp_path, monkeypatch):
    file = tmp_path / "star.yaml"
    file.write_text(OTHER)
    monkeypatch.setenv("BACKLOG_NORTH_STAR", str(file))
    assert north_star.in_force(session) == (OTHER, None, None, None)
    made = north_star.propose(session, STAR)
    assert north_star.ratify(session, made.number, "ann").state(north_star.in_force(session))
    assert north_star.in_force(session)[:3] == (STAR, made.number, "ann")


@pytest.mark.parametrize("content", [b"goals: 1", b"\xff", b"#" * 100_001])
def test_a_broken_file_is_named_with_its_line(session, tmp_path, monkeypatch, content):
    (tmp_path / "star.yaml").write_bytes(content)
    monkeypatch.setenv("BACKLOG_NORTH_STAR", str(tmp_path / "star.yaml"))
    with pytest.raises(ConfigurationError, match=r"star\.yaml, line 1: "):
        north_star.in_force(session)


def test_only_what_is_ratified_is_in_force(session):
    first, second = north_star.propose(session, STAR), north_star.propose(session, OTHER)
    assert north_star.in_force(session).text is None
    north_star.veto(session, second.number, "ann", "no")
    north_star.ratify(session, first.number, "ann")
    assert north_star.in_force(session).text == STAR


def test_one_that_was_made_against_another_text_is_proposed_again(session, ratified):
    first = north_star.propose(session, OTHER)
    second = north_star.propose(session, STAR.replace("fast", "slow"))
    north_star.ratify(session, first.number, "ann")
    assert second.state(north_star.in_force(session)) == "conflict"
    with pytest.raises(Stale, match="propose it again"):
        north_star.ratify(session, second.number, "bob")
    again = north_star.propose(session, second.text)
    assert north_star.ratify(session, again.number, "bob").decided_by == "bob"


def test_what_is_decided_stays_so(session, ratified):
    for decide in (north_star.ratify, north_star.veto):
        with pytest.raises(WrongState, match="ratified by ann already"):
            decide(session, ratified.number, "bob", "why")
    with pytest.raises(NotFound):
        north_star.ratify(session, 99, "bob")


def test_the_same_again_is_the_same_proposal(session, ratified):
    made = north_star.propose(session, OTHER, "why")
    assert north_star.propose(session, OTHER.replace("\n", "\r\n")) == made
    with pytest.raises(WrongState, match="in force already"):
        north_star.propose(session, STAR)


@pytest.mark.both_tiers
def test_it_stands_beside_what_is_done(call, card, ratified):
    card("A", phase="M1", projected_tokens=50, projected_cost="1")
    card("B", phase="M1")
    call("complete", "--id", "A", "--tokens", "70", "--cost", "0.25")
    phases = call("north-star", "--json").json["phases"]
    assert phases[0] == {
        "phase": "M1",
        "done": 1,
        "total": 2,
        "tokens": 70,
        "cost": 0.25,
        "cardsProject": {"tokens": 50, "cost": 1},
        "projection": {"tokens": 100, "cost": 2.5},
    }
    assert (phases[1]["phase"], phases[1]["total"], phases[1]["projection"]) == ("M2", 0, None)
    assert "goal: It works\tM1, M2\t1 of 2 done\n" in call("north-star").out


def test_the_verbs_propose_show_and_decide(call, tmp_path):
    (tmp_path / "star.yaml").write_text(STAR)
    made = call("north-star", "propose", str(tmp_path / "star.yaml"), "--json").json
    assert (made["state"], made["diff"][1]) == ("proposed", "+goals:")
    # What stands before an action holds for it.
    assert call("north-star", "--json", "proposals").json == [made]
    assert "\n+  - It is fast\n" in call("north-star", "proposals").out
    assert call("north-star", "veto", "1", "--by", "ann", "--reason", "no").status == 0
    assert call("north-star", "proposals", "--decided").out.startswith("proposal 1: vetoed\tby ann")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["propose", "/nowhere"], "cannot read /nowhere: "),
        (["propose", "README.md"], "README.md, line "),
        (["ratify", "x", "--by", "ann"], "N must be a whole number"),
        (["ratify", "1"], "--by"),
        (["veto", "1", "--by", "ann"], "--reason"),
        (["confirm"], "choose from"),
    ],
)
def test_a_mistake_is_wrong_usage(call, words, said):
    ran = call("north-star", *words)
    assert (ran.status, ran.out, ran.err.count("\n"), said in ran.err) == (2, "", 1, True)


@pytest.mark.django_db(transaction=True)
def test_the_page_proposes_and_ratifies_by_the_account(client, store):
    client.force_login(AccountFactory(operator=True, username="olga"))
    form = sent(client.get("/north-star/").text, "text")
    client.post("/north-star/propose/", {**form, "text": STAR.replace("\n", "\r\n")})
    page = client.get("/north-star/").text
    assert '<span class="fg-green">+  - It is fast</span>' in page
    client.post("/north-star/decide/", {**sent(page, "number"), "action": "ratify", "why": "yes"})
    page = client.get("/north-star/").text
    assert "ratified by olga" in page
    assert "It is fast" in sent(page, "text")["text"][0]


@pytest.mark.django_db(transaction=True)
def test_what_the_page_refuses_is_told_and_keeps_what_was_typed(client, session, ratified):
    client.force_login(AccountFactory(operator=True))
    page = client.post("/north-star/propose/", {"text": "goals: 1"}).text
    assert ("line 1: goals must be a list" in page, ">\ngoals: 1<" in page) == (True, True)
    stale = north_star.propose(session, OTHER).number
    north_star.ratify(session, north_star.propose(session, STAR + "#").number, "ann")
    assert "made against another north star" in client.get("/north-star/").text
    said = {"number": stale, "action": "ratify", "why": "as we said"}
    refused = client.post("/north-star/decide/", said)
    assert (refused.status_code, "propose it again" in refused.text) == (409, True)
    assert "\nas we said</textarea>" in refused.text


@pytest.mark.django_db(transaction=True)
def test_a_viewer_reads_and_is_offered_nothing(viewer, store, session):
    north_star.propose(session, STAR)
    page = viewer.get("/north-star/").text
    said = ("It is fast", "Ratify", "Propose a change")
    assert [each in page for each in said] == [True, False, False]
