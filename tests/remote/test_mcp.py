"""The verbs as tools for agents, asked by the client of the protocol's own library."""

import json
import re
import tomllib
from contextlib import closing

import pytest

from backlog.cli.connection import open_session
from backlog.verbs import history, runs
from remote.calls import verbs
from remote.mcp import server
from remote.mcp.doing import Kept
from remote.mcp.tools import SMALL, offered
from tests.command import PROJECT
from tests.remote.agents import ask, said

pytestmark = pytest.mark.one_tier


# What is offered ----------------------------------------------------------------------------------


def test_the_small_tier_is_what_a_worker_needs_in_the_order_of_its_day():
    tools = offered("small")
    assert tuple(tools) == SMALL
    assert tools["claim"].tool.inputSchema["properties"]["ttl"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 2**31 - 1,
        "default": 900,
        "description": "seconds the lease lasts (900)",
    }
    assert tools["comment"].tool.inputSchema["required"] == ["id", "note"]
    assert [name for name in tools if tools[name].tool.annotations.readOnlyHint] == [
        "show",
        "context",
    ]


def test_the_full_tier_is_every_verb_but_those_for_services():
    named = {called.name.replace("/", "_").replace("-", "_") for called in verbs()}
    assert named - offered("full").keys() == {"export", "sweep", "check", "keep_output"}


@pytest.mark.parametrize("tier", ["small", "full"])
def test_every_schema_is_plain_and_asks_nobody_who_they_are(tier):
    for name, (_, tool) in offered(tier).items():
        schema = tool.inputSchema
        assert schema.keys() == {"type", "properties", "required", "additionalProperties"}, name
        assert "by" not in schema["properties"]
        assert all(
            each.get("description") or each["type"] for each in schema["properties"].values()
        )
        assert tool.description[-1] == ".", name


def test_what_the_docs_have_agents_read_is_what_they_read():
    page = (PROJECT / "docs" / "mcp.md").read_text()
    files = [json.loads(each) for each in re.findall(r"```json\n(.*?)```", page, re.S)]
    files += [tomllib.loads(each) for each in re.findall(r"```toml\n(.*?)```", page, re.S)]
    started = [
        servers["backlog"] for file in files for servers in file.values() if "backlog" in servers
    ]
    assert len(files) == len(started) == 7
    assert all((each["command"], each["args"]) == ("backlog", ["mcp"]) for each in started)
    assert all(f"`{name}`" in page for name in SMALL)


# What is answered ---------------------------------------------------------------------------------


def test_an_agent_works_on_a_card_to_its_end(session, card):
    card("A", body="Mind the gap")
    claim = {"id": "A", "attempt": 1}
    claimed, known, renewed, done, nothing = ask(
        ("claim", {"ttl": 60}),
        ("context", {"id": "A"}),
        ("renew", {**claim, "ttl": 600}),
        ("complete", {**claim, "summary": "minded", "result": {"gaps": 1}, "cost": 0.25}),
        ("claim", {}),
        tier="small",
    )
    assert claimed.structuredContent == json.loads(said(claimed))
    assert (claimed.structuredContent["id"], claimed.structuredContent["attempts"]) == ("A", 1)
    assert said(known).startswith("# Card\n")
    assert "\n> Mind the gap\n" in said(known)
    assert renewed.structuredContent["claimTtlSeconds"] == 600
    assert done.structuredContent["status"] == "done"
    assert (said(nothing), nothing.structuredContent, nothing.isError) == ("null", None, False)
    (run,) = runs.runs(session, "A")
    assert (run.owner, run.summary, run.result) == ("ada", "minded", '{"gaps": 1}')


@pytest.mark.parametrize(
    ("name", "given", "code", "sentence"),
    [
        ("complete", {"id": "A"}, "claim_lost", "cannot complete A: the claim is not yours"),
        ("show", {"id": "B"}, "not_found", "there is no card B"),
        ("claim", {"ttl": "soon"}, "usage", "ttl must be a whole number"),
        (
            "claim",
            {"for": "me"},
            "usage",
            "claim takes no for; it takes ttl, id, phase, role, count, wait",
        ),
        ("claim", {"wait": 600}, "usage", "wait must be between 0 and 45"),
        ("claim", {"owner": "w"}, "not_allowed", "owner must be ada, who calls"),
        (
            "signal",
            {"id": "A", "kind": "skill", "text": "t", "evidence": "@/etc/passwd"},
            "usage",
            "evidence must be a file of UTF-8 text after the @",
        ),
        ("sing", {}, "usage", "there is no tool sing; there are create, list"),
    ],
)
def test_a_refusal_is_an_error_of_the_tool_in_the_words_of_the_command(
    claimed, row, name, given, code, sentence
):
    (refused,) = ask((name, given))
    assert refused.isError
    assert said(refused).startswith(sentence)
    assert refused.structuredContent == {"error": {"code": code, "message": said(refused)}}
    assert row("claim_owner, attempts") == ("w", 1)


def test_an_operator_s_agent_acts_on_what_others_hold_if_it_says_so(claimed, session):
    refused, done = ask(("block", {"id": "A"}), ("block", {"id": "A", "owner": None}))
    assert (refused.isError, done.structuredContent["status"]) == (True, "blocked")
    assert history.history(session, "A")[-1].actor == "ada"


def test_a_claim_may_wait_and_holds_no_connection_meanwhile():
    asked = []

    def look(called, given, **_):
        asked.append(given)
        return server.Answer("null\n" if len(asked) < 3 else '{"id":"A"}\n')

    (claimed,) = ask(("claim", {"wait": 30}), do=look)
    assert claimed.structuredContent == {"id": "A"}
    assert asked == [{}, {}, {}]


def test_a_word_beside_the_answer_is_said_after_it(store):
    (made,) = ask(("create", {"id": "A", "title": "t", "dependsOn": ["B", "C"]}))
    assert made.structuredContent["dependsOn"] == ["B", "C"]
    assert made.content[1].text.startswith("waits for B, C: there is no such card yet")


def test_what_is_too_long_to_read_is_refused_and_what_changes_something_is_not(card, monkeypatch):
    card("A")
    monkeypatch.setattr(server, "LONGEST_READING", 100)
    listed, claimed = ask(("list", {}), ("claim", {}))
    assert "more than 100 are too many to read" in said(listed)
    assert json.loads(said(claimed))["id"] == "A"


def test_a_number_that_python_cannot_hold_is_exact_in_the_text(session, card):
    card("A", acceptance='{"most": 1E+5000}')
    (shown,) = ask(("show", {"id": "A"}))
    assert f'{{"most": 1{"0" * 5000}}}' in said(shown)
    assert shown.structuredContent is None


@pytest.mark.parametrize("printed", ['{"text":"\\udcff"}', '{"markdown":5}', "[" * 10**5])
def test_what_can_be_no_value_is_told_as_it_is_written(printed):
    (shown,) = ask(("list", {}), do=lambda *_, **__: server.Answer(printed + "\n"))
    assert said(shown) == printed
    assert shown.model_dump_json()


def test_a_defect_is_told_to_the_log_alone(store, monkeypatch, caplog):
    def fail(*_, **__):
        raise LookupError("of the inside")

    monkeypatch.setattr("remote.mcp.doing.call", fail)
    (failed,) = ask(("list", {}))
    assert (failed.isError, "inside" in said(failed)) == (True, False)
    assert "of the inside" in caplog.text


def test_a_connection_that_writes_nothing_any_more_is_not_kept(store):
    kept = Kept(open_session)
    create = ("create", {"id": "A", "title": "t"})
    with kept() as session:
        session.execute("SET default_transaction_read_only = on")
    with closing(kept):
        refused, done = ask(create, create, connect=kept)
    assert ("read-only" in said(refused), json.loads(said(done))["id"]) == (True, "A")


def test_a_connection_that_is_kept_is_made_anew_when_it_broke(session, card):
    card("A")
    kept, pids = Kept(open_session), []
    for _ in range(3):
        with kept() as mine:
            pids += [mine.rows("SELECT pg_backend_pid()")[0][0]]
        if len(pids) == 2:
            session.execute("SELECT pg_terminate_backend(%s, 5000)", pids[-1:])
    (shown,) = ask(("show", {"id": "A"}), connect=kept)
    kept.close()
    assert pids[0] == pids[1] != pids[2]
    assert shown.structuredContent["id"] == "A"
