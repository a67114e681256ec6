"""The doctor of a large backlog: what takes long is as a sweep saw it last."""

import json
import random
from collections import Counter

import pytest

from backlog.planner import no_nested_loops
from backlog.verbs import check, stuck
from backlog.verbs.doctor import everything
from backlog.verbs.sweep import look


@pytest.fixture
def is_large(monkeypatch, session):
    """However few cards there are, they are many, once the planner has counted them."""
    monkeypatch.setattr("backlog.verbs.kept.SMALL", 0)
    return lambda: session.execute("ANALYZE backlog")


def test_what_takes_long_is_as_a_sweep_saw_it_last(card, call, session, is_large):
    card("A", blocked=True)
    card("B", needs=["A"])
    card("C", needs=["nowhere"])
    is_large()
    unknown = call("doctor", "--json")
    assert ([each["id"] for each in unknown.json["findings"]], unknown.json["lookedAt"]) == (
        ["A"], None
    )  # fmt: skip
    assert "backlog sweep" in unknown.err
    look(session)
    known = call("doctor", "--json")
    assert [(each["kind"], each["id"]) for each in known.json["findings"]] == [
        ("blocked", "A"), ("missing", "C"), ("waiting", "B"),
    ]  # fmt: skip
    assert known.json["findings"][0]["holdsUp"] == 1


def test_where_nobody_has_looked_it_is_not_known_to_be_well(card, call, session, is_large):
    card("A")
    is_large()
    assert call("doctor").status == 1
    look(session)
    assert call("doctor")[:2] == (0, "(healthy)\n")
    session.execute("UPDATE backlog_kept SET made_at = now() - interval '2 hours'")
    assert call("doctor").status == 1


def test_what_was_looked_at_before_the_clock_was_set_back_is_looked_at_anew(
    card, call, session, is_large
):
    card("A")
    is_large()
    look(session)
    session.execute(
        "UPDATE backlog_kept SET (begun_at, made_at) = ROW(now() + '1 year', now() + '1 year')"
    )
    assert call("doctor").status == 1
    look(session, paced=True)
    assert call("doctor")[:2] == (0, "(healthy)\n")


def test_what_has_changed_since_is_left_out(card, call, session, is_large):
    card("A", blocked=True)
    card("B", needs=["A"])
    card("C", needs=["nowhere", "there"])
    is_large()
    look(session)
    call("unblock", "--id", "A")
    card("nowhere")
    assert call("doctor", "--json").json["findings"] == []


def test_of_many_findings_the_first_are_named_and_the_others_counted(
    card, call, session, is_large, monkeypatch
):
    monkeypatch.setattr("backlog.verbs.doctor.FEW", 2)
    for n in range(3):
        card(f"A{n}", blocked=True)
        card(f"B{n}", needs=[f"A{n}"])
    is_large()
    look(session)
    answer = call("doctor", "--json").json
    assert ([each["id"] for each in answer["findings"]], answer["more"]) == (
        ["A0", "A1", "B0", "B1"], {"blocked": 1, "waiting": 1},
    )  # fmt: skip
    assert "… and 1 more waiting: --all has them\n" in call("doctor").out
    assert len(call("doctor", "--all", "--json").json["findings"]) == 6
    assert call("doctor", "--all").out.count("\n") == 6


@pytest.mark.one_tier
def test_all_of_nothing_is_well(call, card):
    card("A")
    assert call("doctor", "--all") == (0, "(healthy)\n", "")
    assert call("doctor", "--all", "--json").json == {"ok": True, "findings": []}


def test_sweeps_that_follow_each_other_look_now_and_then(card, session, is_large):
    card("A")
    is_large()
    begun = "SELECT begun_at FROM backlog_kept WHERE name = 'doctor'"
    looks = []
    for paced in (True, True, False):
        look(session, paced=paced)
        looks.append(session.execute(begun).fetchone()[0])
    assert looks[0] == looks[1] < looks[2]


@pytest.fixture(params=["never", "while it was small", "now"])
def large(request, session, card):
    """25,000 cards, 60,000 edges, a cycle of 5,000; and what the planner knows of them."""
    if request.param == "while it was small":
        card("x", needs=["y"])
        session.execute("ANALYZE backlog, backlog_dependency")
    chance = random.Random(4)  # noqa: S311 (not a secret)
    rows = []
    for number in range(20_000):
        needs = sorted({f"c{chance.randrange(number)}" for _ in range(3)}) if number > 100 else []
        status = "blocked" if chance.random() < 0.01 else "ready"
        rows.append((f"c{number}", "T", status, json.dumps(needs)))
    rows += [(f"d{n}", "T", "ready", json.dumps([f"d{(n + 1) % 5000}"])) for n in range(5000)]
    session.copy("COPY backlog (id, title, status, depends_on) FROM STDIN", rows)
    if request.param == "now":
        session.execute("ANALYZE backlog, backlog_dependency")


@pytest.mark.deep
@pytest.mark.one_tier
def test_a_large_backlog_is_diagnosed_and_no_row_is_compared_with_each(session, large):
    kinds = Counter(each.kind for each in everything(session))
    assert (kinds["cycle"], kinds["blocked"] > 100) == (5000, True)
    with no_nested_loops(session):
        waiting = f"DECLARE waiting CURSOR FOR {stuck._WAITING}"
        derived = [check.of_range(sql, "", None) for sql in (check._COUNTS, check._EDGES)]
        for sql, params in [(waiting, []), *derived]:
            plan = session.execute(f"EXPLAIN (FORMAT JSON) {sql}", params).fetchone()[0]
            assert list(loops(plan)) == []


def loops(plans):
    """The loops of plans that read a table anew for each row of another."""
    for plan in plans:
        below = plan.get("Plans", [plan["Plan"]] if "Plan" in plan else [])
        if plan.get("Node Type") == "Nested Loop" and '"Relation Name"' in json.dumps(below[1]):
            yield plan
        yield from loops(below)
