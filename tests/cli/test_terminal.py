"""What others wrote, on the lines of the command: it does nothing, forges nothing, has a bound."""

import ast
import json
import logging
import os
import pty
import re
import subprocess

import pytest
from gunicorn.config import Config

from backlog import shown
from backlog.cli.main import main
from backlog.logs import Formatter
from backlog.records import to_line
from backlog.verbs import claims, moves
from backlog.verbs.runs import Report
from fleet_backlog.serving.log import AccessLog
from tests.command import MANAGE, PROJECT
from tests.hostile import BREAKS, HOSTILE, SEEN, acting
from tests.servers import free_port

pytestmark = pytest.mark.one_tier

JOINED = "👩\u200d💻 می\u200cشود ü שלום"


# Nothing else writes ------------------------------------------------------------------------------

# Who writes where, and why it is no terminal, or is the one way to it.
_WRITES = {
    ("backlog/shown.py", "stream.write"),  # the one way
    ("backlog/worker/console.py", "os.write"),  # lines of the log, and what commands print
    ("backlog/worker/console.py", "self._stream.write"),
    ("backlog/worker/command.py", "self._write"),  # the card, into a command's pipe
    ("backlog/worker/command.py", "os.write"),
    ("backlog/worker/output.py", "self._write"),  # what commands print
    ("backlog/worker/standby.py", "os.write"),  # a pipe
    ("backlog/cli/sweep.py", "os.write"),  # a pipe
    ("backlog/cli/programs.py", "psql.stdin.write"),  # a pipe
    ("backlog/cli/programs.py", "psql.stdin.writelines"),
    ("backlog/cli/reply.py", "file.write"),  # a file
    ("backlog/verbs/transfer.py", "_write"),  # cards
    ("backlog/verbs/copying.py", "pieces.write"),  # rows
    ("backlog/store/files.py", "file.write"),  # a file
    ("fleet_backlog/serving/prepare.py", "file.write"),  # a file
    ("backlog/web/views/cards.py", "form.write"),  # a card
    ("backlog/web/forms.py", "self.write"),
    ("backlog/admin.py", "form.write"),
}
# The streams themselves: handed to `shown`, or asked something.
_STREAMS = {
    ("backlog/cli/main.py", "stdout"),
    ("backlog/cli/main.py", "stderr"),
    ("backlog/cli/loops.py", "stdout"),
    ("backlog/cli/loops.py", "stderr"),
    ("backlog/cli/pool.py", "stdout"),
    ("backlog/cli/check.py", "stderr"),
    ("backlog/cli/copying.py", "stderr"),
    ("backlog/cli/transfer.py", "stderr"),
    ("fleet_backlog/management/commands/serve.py", "stdout"),
    ("remote/client/main.py", "stdout"),
    ("remote/mcp/http.py", "stdout"),
}
# What makes lines of a log: `fleet_backlog/settings.py`, `serving/log.py` and `logs.guard` see that
# they go through `logs.Formatter`, or that of `json_logs`. A worker of functions makes each line
# itself harmless: the log is of whoever runs it. `tracing` hands others' lines to the worker's log.
_LOGS = {"backlog/logs.py", "backlog/schema.py", "fleet_backlog/serving/log.py"}
_LOGS |= {"fleet_backlog/replica.py"}
_LOGS |= {"fleet_backlog/serving/probes.py", "backlog/worker/functions.py"}
_LOGS |= {"backlog/json_logs.py", "backlog/worker/tracing.py", "fleet_backlog/serving/metrics.py"}
_LOGS |= {"hooks/notifying.py", "remote/api/errors.py", "remote/mcp/server.py"}


def _nodes(kind, words):
    """What is of this kind in the code; a file without any of these words is not parsed."""
    for package in ("backlog", "fleet", "fleet_backlog", "hooks", "remote"):
        for path in sorted((PROJECT / package).rglob("*.py")):
            text = path.read_text()
            for node in ast.walk(ast.parse(text)) if re.search(words, text) else ():
                if type(node) is kind:
                    yield str(path.relative_to(PROJECT)), node


def test_nothing_else_writes():
    words = "write|print|input|getpass|showwarning"
    calls = [(path, ast.unparse(node.func)) for path, node in _nodes(ast.Call, words)]
    writes = {each for each in calls if re.search(r"\b_?write(lines|_through)?$", each[1])}
    assert writes == _WRITES
    others = ("print", "input", "getpass", "pprint", "print_exc", "print_exception", "showwarning")
    assert [each for each in calls if each[1].rpartition(".")[2] in others] == []


def test_nobody_else_has_the_streams():
    named = {
        (path, node.attr)
        for path, node in _nodes(ast.Attribute, "std(out|err)")
        if re.fullmatch(r"_{0,2}std(out|err)_{0,2}", node.attr)
        and ast.unparse(node.value) in ("sys", "self")
    }  # fmt: skip
    assert named == _STREAMS


def test_every_log_goes_one_way():
    named = {path for path, node in _nodes(ast.Name, "logging") if node.id == "logging"}
    assert named == _LOGS


# Nothing acts -------------------------------------------------------------------------------------


def test_what_acts_is_written_out_and_the_rest_is_left():
    assert shown.visible(HOSTILE) == SEEN
    assert shown.line(f"a\tb {JOINED}") == f"a\tb {JOINED}"
    assert shown.visible(SEEN) == SEEN


def test_every_character_that_acts_is_known():
    left = [chr(code) for code in range(0x110000) if acting(shown.visible(chr(code)))]
    # Signs that are seen (of Arabic, Syriac, Kaithi), and joints of Egyptian ones.
    seen = {*"\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2", "\U000110bd"}
    assert set(left) == {*seen, "\U000110cd", *map(chr, range(0x13430, 0x13440))}


@pytest.fixture
def hostile(session, card, monkeypatch):
    """A card whose every text is hostile, and its history."""
    monkeypatch.delenv("BACKLOG_OWNER", raising=False)
    card("A", title=HOSTILE, body=HOSTILE, idempotency_key=HOSTILE, acceptance=json.dumps(HOSTILE),
         claimed=True)  # fmt: skip
    moves.release(session, "A", report=Report(summary=HOSTILE, outcome="failed"))
    moves.block(session, "A", note=HOSTILE)


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (("list",), 1),
        (("show", "--id", "A"), 14),
        (("history", "--id", "A"), 4),
        (("runs", "--id", "A"), 1),
        (("tail",), 4),
        (("doctor",), 1),
        (("unblock", "--id", "A"), 1),
        (("pause", "--reason", HOSTILE), 1),
        (("context", "--id", "A"), 34),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_no_text_acts_on_a_terminal(call, hostile, words, count):
    out = call(*words).out
    assert acting(out) == []
    assert SEEN in out
    assert out.count("\n") == count, out


def test_no_reason_of_a_pause_acts(call, card):
    card("A")
    call("pause", "--reason", HOSTILE)
    for words in (["paused"], ["explain", "--id", "A"], ["doctor"], ["resume"]):
        assert acting(call(*words).out) == []


@pytest.mark.parametrize(
    "words",
    [
        ("show", "--id", f"nobody{HOSTILE}"),
        ("import", HOSTILE),
        ("store", "dump", f"/nowhere/{HOSTILE}"),
        ("store", "restore", HOSTILE),
        ("list", HOSTILE),
        (HOSTILE,),
        ("list", "--status", HOSTILE),
        ("complete", "--id", "A", "--cost", HOSTILE),
        ("create", "--id", "A", "--title", "t", "--acceptance", f"[{HOSTILE}"),
        ("work", "--owner", "w", "--", HOSTILE),
    ],
    ids=lambda words: "-".join(word for word in words if word.isascii()).strip("-") or "verb",
)
def test_no_refusal_acts(call, words):
    ran = call(*words)
    assert acting(ran.out + ran.err) == []
    assert ran.err.count("\n") == (ran.status != 0)


def test_a_name_in_bytes_that_are_no_text_is_shown(command):
    ran = command("import", os.fsdecode(b"\xff\x9b"))
    assert ran.status == 2
    assert r"\udcff\udc9b" in ran.err


def test_an_old_name_forges_no_line_of_a_list(claimed):
    line = shown.line(to_line(claimed._replace(id="a\nb\x1b", phase="p\rq\x9b", claim_owner="w")))
    assert line == "a b\\x1b\t[claimed]\tp=0\tphase=p q\\x9b\tdeps=-\tCard A"


def test_a_log_line_forges_none_and_does_nothing():
    record = logging.makeLogRecord({"msg": f"{HOSTILE}\n2026 forged"})
    assert Formatter("%(message)s").format(record) == f"{SEEN}\n  2026 forged"


def test_a_warning_of_the_command_does_nothing(call, card, capsys):
    call("list")
    logging.getLogger("backlog.tests").warning(HOSTILE)
    assert acting(shown.line(HOSTILE)) == []
    assert logging.lastResort.formatter.__class__ is Formatter


def test_the_server_s_logs_go_that_way(settings):
    gunicorn = AccessLog(Config())
    assert [type(handler.formatter) for handler in gunicorn.error_log.handlers] == [Formatter]
    made = [each["class"] for each in settings.LOGGING["formatters"].values()]
    assert made == [f"{Formatter.__module__}.{Formatter.__name__}"]


@pytest.mark.parametrize(
    "words",
    [
        ("--bind", HOSTILE),
        ("--workers", HOSTILE),
        (HOSTILE,),
        ("--bind", f"127.0.0.1:{free_port()}", "--access-log", f"/no/{HOSTILE}"),
    ],
    ids=["bind", "workers", "unknown", "log"],
)
def test_no_refusal_of_serve_acts(store, words):
    ran = subprocess.run([*MANAGE, "serve", *words], capture_output=True, text=True)
    assert ran.returncode != 0
    assert acting(ran.stderr) == []
    assert r"x\x1b" in ran.stderr.replace("\\\\", "\\")


# JSON ---------------------------------------------------------------------------------------------


def on_a_terminal(*words):
    """What the command writes to a terminal, to standard output and error."""
    ours, its = pty.openpty()
    ended = subprocess.run([*MANAGE, "backlog", *words], stdout=its, stderr=its, stdin=its)
    os.close(its)
    said = b""
    while True:
        try:
            said += os.read(ours, 65536)
        except OSError:
            break
    os.close(ours)
    return ended.returncode, said.decode().replace("\r\n", "\n")


def test_json_is_exact_in_a_pipe_and_the_same_on_a_terminal(command, card):
    card("A", title=HOSTILE)
    piped = command("show", "--id", "A", "--json")
    assert "\x9b2J\u202e" in piped.out
    status, said = on_a_terminal("show", "--id", "A", "--json")
    assert status == 0
    assert acting(said) == []
    assert json.loads(said) == piped.json


def test_a_refusal_as_json_does_not_act_on_a_terminal(store):
    status, said = on_a_terminal("show", "--id", "\u202ex", "--json")
    assert status in (1, 2)
    assert acting(said) == []
    assert set(json.loads(said)) == {"error"}


# Nothing forges -----------------------------------------------------------------------------------


@pytest.mark.parametrize("end", BREAKS, ids=ascii)
def test_no_text_forges_a_field_of_show(call, card, end):
    text = f"x{end}status: done"
    card("A", title=text, body=text, idempotency_key=text)
    lines = call("show", "--id", "A").out.splitlines()
    assert [line for line in lines if line.startswith("status:")] == ["status: ready"]
    assert lines.count("  status: done") == 3


@pytest.mark.parametrize("end", BREAKS, ids=ascii)
def test_no_text_forges_a_line_of_a_list(call, session, card, end):
    text = f"x{end}B\t[ready]"
    card("A", title=text)
    claims.claim(session, "w", card_id="A")
    moves.release(session, "A", report=Report(summary=text, outcome="failed"))
    moves.block(session, "A", note=text)
    call("pause", "--reason", text)
    for words in ("list", "runs --id A", "history --id A", "paused", "doctor"):
        lines = call(*words.split()).out.splitlines()
        assert [line for line in lines if line.lstrip().startswith("B")] == []


# Bounds -------------------------------------------------------------------------------------------


def test_a_long_title_is_cut_in_a_list_and_whole_elsewhere(call, card):
    title = "ü" * 500
    card("A", title=title)
    assert call("list").out.endswith(f"\t{title}\n")
    card("B", title=title + "y" * 1_000_000, phase="p" * 250)
    assert call("list", "--phase", "p" * 250).out.endswith(f"\t{title}…\n")
    assert call("show", "--id", "B").out.count("y") > 1_000_000
    assert call("show", "--id", "B", "--json").json["title"].endswith("yy")


def test_a_text_of_blanks_is_cut_too():
    assert shown.flat(" \n" * 10 + "a b " * 300_000) == "a b " * 125 + "…"


def test_ids_in_a_line_are_counted_beyond_a_hundred(call, card):
    for number in range(103):
        card(f"c{number:03}", expired=True)
    card("A", needs=[f"n{number:03}" for number in range(300)])
    listed = ", ".join(f"c{number:03}" for number in range(100))
    assert call("reclaim").out == f"reclaimed: {listed}, … and 3 more\n"
    assert call("explain", "--id", "A").out.endswith(", n099, … and 200 more\n")
    line = call("list", "--status", "ready").out.splitlines()[-1]
    assert line.startswith("A\t[ready]\tp=0\tphase=-\tdeps=n000,n001,")
    assert "…\tCard A" in line


def test_a_sweep_s_line_is_bounded(call, card):
    for number in range(101):
        card(f"c{number:03}", expired=True)
    assert ", c099, … and 1 more; woken: 0;" in call("sweep").out


def test_a_report_is_bounded_and_json_is_whole(call, session):
    session.execute("""
        INSERT INTO backlog (id, title, depends_on)
        SELECT 'c' || n, 't', '["gone"]' FROM generate_series(1, 1203) AS n""")
    lines = call("doctor").out.splitlines()
    assert len(lines) == 1001
    assert lines[-1] == "… and 203 more: --json has them all"
    assert len(call("doctor", "--json").json["findings"]) == 1203


def test_a_refusal_that_names_cards_is_bounded(call, card):
    card("A")
    for number in range(13):
        card(f"w{number:02}", needs=["A"])
    assert call("delete", "--id", "A").err.endswith("w09 waits for A, … and 3 more; unlink first\n")


def test_a_long_refusal_is_cut(call, capsys):
    assert main(["complete", "--id", "A", "--cost", "x" * 100_000]) == 2
    assert len(capsys.readouterr().err) <= shown.MOST_OF_A_SENTENCE + 2


def test_a_way_out_that_would_not_be_pasted_as_it_is_is_not_shown():
    from backlog.cli.doctor import _pasted

    assert _pasted("backlog unblock --id 'a b'") == "backlog unblock --id 'a b'"
    for name in ("a\x1bb", "a\nb", "a  b", "x" * 5000):
        assert "--json" in _pasted(f"backlog unblock --id '{name}'")
