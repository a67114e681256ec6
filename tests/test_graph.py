"""The graph of the cards, as others read it."""

import re

import pytest

from backlog.errors import Refusal
from backlog.verbs.critical import critical_path
from fleet import graph as drawing

pytestmark = pytest.mark.quick

ODD = 'a"b\\c\n<i>#;`'


def _edges(drawn):
    return {(edge.card, edge.dependency) for edge in drawn.edges}


def test_it_has_every_card_and_what_it_waits_for(session, card):
    card("A", phase="M1", done=True)
    card("B", phase="M1", needs=["A"], priority=5)
    card("C", phase="M2", needs=["B", "nowhere"])
    drawn = drawing.graph(session)
    assert [node.id for node in drawn.cards] == ["B", "A", "C", "nowhere"]
    assert _edges(drawn) == {("B", "A"), ("C", "B"), ("C", "nowhere")}
    assert drawn.cards[-1].status == "missing"


def test_of_a_phase_it_has_what_others_it_waits_for(session, card):
    card("A", phase="M1")
    card("B", phase="M2", needs=["A"])
    card("C", phase="M3", needs=["B"])
    drawn = drawing.graph(session, " M2")
    assert [node.id for node in drawn.cards] == ["B", "A"]
    assert _edges(drawn) == {("B", "A")}


def test_without_what_is_done_nothing_leads_there(session, card):
    card("A", phase="M1", done=True)
    card("B", phase="M2", needs=["A"])
    for phase in (None, "M2"):
        drawn = drawing.graph(session, phase, is_open=True)
        assert ([node.id for node in drawn.cards], drawn.edges) == (["B"], [])


def test_more_than_can_be_drawn_is_refused(session, card, monkeypatch):
    card("A")
    card("B")
    monkeypatch.setattr(drawing, "MOST", 1)
    with pytest.raises(Refusal, match="name a --phase"):
        drawing.graph(session)


def test_no_text_is_read_as_the_notation(session):
    sql = "INSERT INTO backlog (id, title, depends_on) VALUES (%s, %s, '[\"A\"]')"
    session.execute(sql, (ODD, f"{ODD} end -->"))
    drawn = drawing.graph(session)
    dot = "\n".join(drawing.as_dot(drawn))
    assert '"a\\"b\\\\c\\n<i>#;`" [label="a\\"b' in dot
    assert len(re.findall(r'(?<!\\)"', dot)) % 2 == 0
    _, first, *_ = drawing.as_mermaid(drawn)
    assert re.fullmatch(r'  c0\["[^"<>`]*"\]:::ready', first.replace("\n", " "))


def test_the_command_prints_each_format(call, card):
    card("A")
    card("B", needs=["A"])
    assert '  "A" -> "B";\n' in call("graph").out
    assert "  c0 --> c1\n" in call("graph", "--format", "mermaid").out
    found = call("graph", "--json").json
    assert call("graph", "--format", "json").json == found
    assert found["edges"] == [{"from": "B", "to": "A"}]
    assert found["cards"][0] == {
        "id": "A",
        "title": "Card A",
        "phase": None,
        "status": "ready",
        "priority": 0,
    }
    assert call("graph", "--format", "svg").status == 2


@pytest.mark.parametrize("verb", ["graph", "list"])
def test_a_phase_that_no_card_has_is_said_with_the_one_that_is_like_it(call, card, verb):
    card("A", phase="Parser")
    assert call(verb, "--phase", "parsr").err == (
        "there is no card of phase parsr; did you mean Parser?\n"
    )
    assert (call(verb, "--phase", " Parser").err, call(verb).err) == ("", "")


def test_the_critical_path_is_what_costs_most_of_what_is_left(call, card):
    card("A", done=True, projected_cost="9")
    card("B", needs=["A"], projected_cost="0.50", projected_tokens=10)
    card("C", needs=["B"], phase="M1")
    card("D", projected_cost="0.25")
    card("E", needs=["D"])
    card("F", needs=["E", "nowhere"], phase="M1")
    found = call("graph", "--critical", "--json").json["critical"]
    assert found == {"cards": ["B", "C"], "projectedCost": 0.5, "projectedTokens": 10}
    assert call("graph", "--critical", "--phase", "M1", "--json").json["critical"]["cards"] == [
        "B",
        "C",
    ]
    dot = call("graph", "--critical").out
    assert '"B" -> "C" [penwidth=3];' in dot
    assert '"A" -> "B";' in dot
    mermaid = call("graph", "--critical", "--format", "mermaid").out
    assert mermaid.endswith("  class c1,c2 critical\n")
    assert "  c1 ==> c2\n" in mermaid


@pytest.mark.parametrize(
    ("projected", "path"),
    [
        ({}, ["D", "E", "F"]),
        ({"B": (None, 5)}, ["B", "C"]),
        ({"B": (None, 5), "D": (1, None)}, ["D", "E", "F"]),
    ],
)
def test_where_no_cost_is_projected_tokens_count_and_then_cards(projected, path):
    edges = [("C", "B"), ("E", "D"), ("F", "E"), ("X", "Y"), ("Y", "X"), ("F", "nowhere")]
    cards = {each: projected.get(each, (None, None)) for each in "BCDEFXY"}
    assert critical_path(cards, edges) == path
