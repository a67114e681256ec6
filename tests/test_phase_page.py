"""The page of a phase: progress, what its runs took, its graph, who works there."""

import pytest

from backlog.models import Card
from backlog.verbs.runs import Report
from backlog.verbs.sweep import look
from backlog.web.queries import phase as queries
from tests.factories import CardFactory
from tests.pages import text

pytestmark = [pytest.mark.usefixtures("django_store"), pytest.mark.one_tier]


def _text(client, path: str = "/phase/M1/") -> str:
    return text(client.get(path))


def _graph(total: int = 5, phase: str | None = "M1") -> queries.Graph:
    return queries.graph(Card.objects.session(), phase, total)


@pytest.fixture
def chain():
    """In M1: A is done, B waits for it, C for B and A, D for nothing; in M2 X waits for C."""
    CardFactory(id="A", phase="M1", done=True)
    for card_id, needs in (("B", ["A"]), ("C", ["A", "B"]), ("D", [])):
        CardFactory(id=card_id, phase="M1", depends_on=needs)
    CardFactory(id="X", phase="M2", depends_on=["C"])


def test_the_page_says_how_far_it_is_and_links_to_what_is_left(admin_client, chain):
    assert "1 of 4 done, 25 % 2 ready 1 waiting 0 claimed 0 blocked 1 done" in _text(admin_client)
    assert 'href="/cards/?phase=M1&amp;status=waiting"' in admin_client.get("/phase/M1/").text


@pytest.mark.both_tiers
def test_its_graph_has_its_own_cards_by_rank(chain):
    ranks = [(node.card.pk, node.rank, [n.card.pk for n in node.needs]) for node in _graph().nodes]
    assert ranks == [("A", 1, []), ("B", 2, ["A"]), ("C", 3, ["A", "B"])]
    assert [card.pk for card in _graph().alone] == ["D"]


@pytest.mark.both_tiers
def test_the_critical_path_is_the_longest_chain_of_unfinished_cards(chain):
    assert [card.pk for card in _graph().chain] == ["B", "C"]


def test_what_is_on_a_cycle_is_listed_and_on_no_path(chain, past_triggers):
    past_triggers("INSERT INTO backlog_dependency VALUES ('B', 'C')")
    graph = _graph()
    assert [node.card.pk for node in graph.nodes] == ["A", "B", "C"]
    assert [card.pk for card in graph.chain] == ["D"]


def test_of_a_large_phase_what_is_not_done_is_listed_by_rank(admin_client, chain, monkeypatch):
    monkeypatch.setattr(queries, "READABLE", 1)
    monkeypatch.setattr(queries, "LISTED", 1)
    graph = _graph()
    assert ([node.card.pk for node in graph.nodes], graph.left_out) == (["B"], 1)
    assert [card.pk for card in graph.chain] == ["B", "C"]
    page = admin_client.get("/phase/M1/")
    assert ("1 of them are not listed" in page.text, 'id="drawing"' in page.text) == (True, False)


def test_no_more_cards_are_looked_at_than_a_page_can_bear(admin_client, chain, monkeypatch):
    monkeypatch.setattr(queries, "READABLE", 1)
    monkeypatch.setattr(queries, "MOST", 2)
    graph = _graph()
    assert (graph.looked_at, graph.in_part) == (2, True)
    assert "Of the 2 that are claimed next" in _text(admin_client)
    monkeypatch.setattr(queries, "MOST", 1)
    assert "They wait for none of the cards that were looked at" in _text(admin_client)


@pytest.mark.both_tiers
def test_what_its_runs_took_is_summed_wherever_its_cards_stand(admin_client):
    for card_id, phase in (("A", "M1"), ("B", "M1"), ("C", "M2"), ("D", None)):
        CardFactory(id=card_id, phase=phase)
        Card.objects.complete(card_id, report=Report(tokens=1000, cost="0.25"))
    Card.objects.reopen("B")
    Card.objects.claim("w", card_id="B")
    session = Card.objects.session()
    assert str(queries.took(session, "M1").spent.cost) == "0.500000"
    assert queries.took(session, None).spent.runs == 1
    assert "Tokens 2,000 Cost, in your currency 0.5" in _text(admin_client)


def test_of_a_large_backlog_the_cost_is_as_a_sweep_saw_it(admin_client, session, monkeypatch):
    CardFactory(id="A", phase="M1")
    Card.objects.complete("A", report=Report(cost="0.25"))
    monkeypatch.setattr("backlog.web.queries.large.LARGE", 0)
    session.execute("ANALYZE backlog")
    assert "Nobody has counted of late" in _text(admin_client)
    look(session)
    assert "0.25 In the last 90 days, as of" in _text(admin_client)


def test_who_works_there_is_named_and_nobody_else(admin_client):
    CardFactory(phase="M1", claimed=True, owner="here")
    CardFactory(phase="M2", claimed=True, owner="there")
    page = admin_client.get("/phase/M1/").text
    assert ('href="/worker/here/"' in page, 'href="/worker/there/"' in page) == (True, False)


def test_cards_without_a_phase_have_a_page_without_rules(admin_client):
    CardFactory(id="A")
    page = admin_client.get("/phase/").text
    assert ("0 of 1 done" in page, 'id="held-back"' in page) == (True, False)


def test_a_phase_without_a_card_is_404_unless_a_rule_is_about_it(admin_client):
    assert admin_client.get("/phase/M1/").status_code == 404
    sent = {"scope": "phase", "name": "M1", "reason": "not yet", "next": "/phase/M1/"}
    assert admin_client.post("/control/pause/", sent).url == "/phase/M1/"
    assert "Paused by admin" in _text(admin_client)
