"""`backlog mcp`: the protocol on standard input and output, and what it cannot serve."""

import json
import sys
from functools import partial

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.command import MANAGE, storeless
from tests.remote.agents import in_a_loop

pytestmark = pytest.mark.one_tier


def test_over_standard_input_the_command_speaks_the_protocol_alone(store_root):
    env = {**storeless(), "BACKLOG_DATA_DIR": str(store_root), "BACKLOG_OWNER": "ada"}
    words = [*MANAGE[1:], "backlog", "mcp", "--tier", "full"]
    errors = []

    async def work():
        started = StdioServerParameters(command=sys.executable, args=words, env=env)
        async with (
            stdio_client(started) as (reads, writes),
            ClientSession(reads, writes, message_handler=partial(_note, errors)) as client,
        ):
            told = await client.initialize()
            await client.call_tool("create", {"id": "A", "title": "t"})
            return told, await client.call_tool("claim", {})

    told, claimed = in_a_loop(work)
    assert "Claim a card" in told.instructions
    assert claimed.structuredContent["claimOwner"] == "ada"
    assert errors == []


async def _note(errors, message):
    if isinstance(message, Exception):  # a line that is none of the protocol
        errors.append(message)


def test_lines_that_are_none_of_the_protocol_s_break_nothing(command):
    given = "hello\x1b[31m\n{}\n[" + "[" * 5000 + '\n"\\ud800"\n'
    ran = command("mcp", env={"BACKLOG_OWNER": "w"}, stdin=given)
    assert ran.status == 0
    assert all(json.loads(line)["jsonrpc"] for line in ran.out.splitlines())
    assert "Traceback" not in ran.err
    assert "\x1b" not in ran.err


def test_a_value_that_json_does_not_have_is_refused_and_not_read_as_another(command):
    given = ("NaN", "1e400", r'"\ud800"', "9" * 5000, '"A","id":"B"')
    call = '{"jsonrpc":"2.0","id":%d,"method":"%s","params":{"name":"show","arguments":{"id":%s}}}'
    lines = [call % (number, "tools/call", value) for number, value in enumerate(given)]
    lines += [call % (len(given), "tools/list", "NaN")]
    lines += [r'{"id":"\ud800"}', '{"id":true,"n":NaN}', "[NaN]"]
    ran = command("mcp", env={"BACKLOG_OWNER": "w"}, stdin="\n".join(lines) + "\n")
    answers = {each["id"]: each for each in map(json.loads, ran.out.splitlines()) if "id" in each}
    results = [answers[number]["result"] for number in range(len(given))]
    assert all(each["isError"] for each in results)
    assert {each["structuredContent"]["error"]["code"] for each in results} == {"usage"}
    said = [each["content"][0]["text"] for each in results]
    assert said[0] == "a call must be JSON, an object: NaN is no number that JSON has"
    assert said[2] == "a call must be text: it has half of a pair of \\u escapes"
    assert said[4] == "a call must have each name once in an object: id is there twice"
    assert answers[len(given)]["error"]["message"] == said[0]


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        ((), 2, "say who acts: BACKLOG_OWNER=NAME, or --owner NAME"),
        (("--owner", "w", "--tier", "huge"), 2, "--tier must be one of small, full, not"),
        (("--http", "8000"), 1, "--http must be address:port"),
    ],
)
def test_what_it_cannot_serve_is_one_line(call, words, status, sentence):
    ran = call("mcp", *words)
    assert (ran.status, ran.out) == (status, "")
    assert ran.err.startswith(sentence)


def test_without_the_extra_it_says_what_to_install(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "mcp", None)
    ran = call("mcp", "--owner", "w")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == "this needs more packages: pip install 'fleet-backlog[mcp]'\n"
