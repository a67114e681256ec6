"""What goes into a command, and what comes out of it."""

import json
import signal
import subprocess
import sys
import time

import pytest

from backlog.lifecycle import LONGEST_OUTPUT
from backlog.verbs import output
from backlog.worker.console import Log, Stream, pairs
from backlog.worker.output import LONGEST_LINE, Answers, Complaints, Tail
from tests.command import MANAGE, PROJECT
from tests.hostile import HOSTILE, acting
from tests.worker import alive, begun, last_run, until, working

pytestmark = pytest.mark.one_tier


def test_a_command_finds_its_card_on_stdin_and_in_its_environment(card, work):
    card("A", title="Zoë = 'ü'", phase="M1", role="coder")
    show = "$BACKLOG_OWNER $BACKLOG_CARD_ID $BACKLOG_ATTEMPT $BACKLOG_CARD_PHASE $BACKLOG_CARD_ROLE"
    ran = work(f'cat; echo "{show}"; echo "$BACKLOG_CARD"', "--drain", env={"LC_ALL": "C"})
    stdin, variables, variable = ran.out.splitlines()
    assert variables == "w A 1 M1 coder"
    assert stdin == variable
    assert json.loads(stdin)["title"] == "Zoë = 'ü'"


def test_a_card_too_long_for_a_variable_is_on_stdin_only(card, work):
    card("A", body="x" * 200_000)
    ran = work("echo ${BACKLOG_CARD:-none}; wc -c", "--drain")
    none, count = ran.out.split()
    assert none == "none"
    assert int(count) > 200_000


def test_a_command_that_never_reads_its_card_is_no_problem(card, work):
    card("A", body="x" * 1_000_000)
    assert "what=completed" in work("exit 0", "--drain").err


def test_no_line_of_one_command_stands_within_another_s(card, work):
    for n in range(4):
        card(f"c{n}")
    line = "$BACKLOG_CARD_ID:" + "x" * 5000
    script = f"for i in 1 2 3 4 5 6 7 8 9; do printf %s {line[:2000]}; echo {line[2000:]}; done"
    ran = work(script, "--drain", "--concurrency", "4")
    assert {len(each) for each in ran.out.splitlines()} == {len("c0:") + 5000}


def test_what_the_worker_said_stands_before_what_its_command_says(tmp_path):
    class Slow(Stream):
        def write(self, data):
            time.sleep(0.05)
            super().write(data)

    with (tmp_path / "log").open("w+b") as file:
        log = Log("w", Slow(file.fileno()), pairs)
        log("claimed")
        log.in_order()
        Stream(file.fileno()).write(b"of the command\n")
        log.close()
        file.seek(0)
        first, second = file.read().splitlines()
    assert (first.endswith(b"what=claimed"), second) == (True, b"of the command")


@pytest.mark.deep
def test_gigabytes_without_a_newline_need_little_memory(session, card):
    card("A")
    limited = ["bash", "-c", 'ulimit -v 900000; exec "$@"', "-", *MANAGE]
    flood = "head -c 1500000000 /dev/zero; exit 0"
    with working(flood, "--once", program=limited) as worker:
        assert worker.ends(300) == 0, worker.log
    assert last_run(session, "A").outcome == "completed"
    kept = output.output(session, "A")
    assert (kept.size, kept.before) == (1_500_000_000, 1_500_000_000 - LONGEST_OUTPUT)


def test_an_answer_after_a_flood_is_heard(session, card, work):
    card("A")
    work("""yes | head -c 20000000 >&2; echo '{"summary":"after all"}'""", "--drain")
    assert last_run(session, "A").summary == "after all"
    assert output.output(session, "A").text.endswith('y\n{"summary":"after all"}\n')


def test_a_reader_that_leaves_stops_nothing(session, card):
    card("A")
    leaving = ["sh", "-c", '"$@" 2>&- | head -c 9', "-", *MANAGE]
    with working("yes | head -c 1000000; exit 0", "--once", program=leaving) as worker:
        assert worker.ends() == 0
    assert last_run(session, "A").outcome == "completed"


def test_what_a_command_leaves_running_is_ended_with_it(session, card):
    card("A")
    with working("sleep 1000 & echo child=$! >&2; exit 0", "--once") as worker:
        assert worker.ends() == 0
        assert not alive(int(worker.says(r"child=(\d+)")[1]))


def test_a_daemon_that_keeps_the_pipes_holds_nothing_up(session, card):
    card("A")
    script = """echo '{"summary":"left one"}'; setsid sh -c 'echo pid=$$ >&2; exec sleep 1000' &"""
    with working(f"{script} sleep 0.2; exit 0", "--once") as worker:
        pid = int(worker.says(r"pid=(\d+)")[1])
        assert worker.ends() == 0
        subprocess.run(["kill", str(pid)], check=True)
    assert last_run(session, "A").summary == "left one"


def test_lines_of_any_cut_are_remembered_whole():
    passed = []
    tee = Answers(passed.append)
    for piece in (b'{"a"', b":1}", b'\n{"b":2}\r\nx\n{"c', b'":3}'):
        tee.feed(piece)
    tee.close()
    assert list(tee.lines) == [b'{"a":1}', b'{"b":2}', b'{"c":3}']
    assert b"".join(passed) == b'{"a":1}\n{"b":2}\r\nx\n{"c":3}\n'


def test_a_line_too_long_is_passed_on_and_forgotten():
    passed = []
    tee = Answers(passed.append)
    long = b"{" + b" " * (2 * LONGEST_LINE) + b"}\n"
    for n in range(0, len(long), 65536):
        tee.feed(long[n : n + 65536])
    tee.feed(b"{}\n")
    assert (list(tee.lines), b"".join(passed)) == ([b"{}"], long + b"{}\n")


def test_the_last_complaint_is_one_printable_line_cut_short():
    tee = Complaints(lambda data: None)
    tee.feed(b"first\n\x1b[31mred\x00\xff" + b"!" * 5000 + b"\n   \n")
    assert tee.last.startswith("[31mred \ufffd!!!")
    assert len(tee.last) == 501


def test_the_worker_s_log_does_nothing_and_its_command_is_passed_on(card, work, session):
    card("A", title="t")
    script = r"""printf '\033[31mred\n'; printf 'a\033[31m\302\2332J\rb\n' >&2; exit 3"""
    ran = work(script, "--once")
    own = [line for line in ran.err.splitlines() if line.startswith("at=")]
    assert ran.out == "\x1b[31mred\n", "it is the command's own"
    assert [acting(line) for line in own] == [[]] * len(own)
    assert "what=failed" in own[-1]
    assert acting(last_run(session, "A").summary) == []


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_what_a_command_says_of_its_end_does_not_act_in_the_log(card, work, form):
    card("A", title="t")
    answer = json.dumps({"summary": HOSTILE, "tokens": HOSTILE}, ensure_ascii=False)
    ran = work(f"printf '%s\\n' '{answer}' >/dev/stdout; exit 3", "--once", *form)
    assert acting(ran.err) == []
    assert "\\u202e" in ran.err


# What is kept of it -------------------------------------------------------------------------------


def test_no_line_of_psycopg_s_stands_among_those_of_the_log():
    warns = "import logging; from backlog.logs import guard; {}; "
    warns += "logging.getLogger('psycopg').warning('error ignored terminating')"
    said = [
        subprocess.run(
            [sys.executable, "-c", warns.format(guarded)],
            cwd=PROJECT,
            capture_output=True,
            check=True,
        ).stderr
        for guarded in ("pass", "guard()")
    ]
    assert said == [b"error ignored terminating\n", b""]


def test_of_what_is_printed_the_last_bytes_stay_from_a_whole_character_on():
    tail = Tail()
    for _ in range(100):
        tail.add("ü".encode() * 1000)
    tail.add(b"x")
    printed = tail.printed(ended=True)
    assert printed.tail.decode() == "ü" * (LONGEST_OUTPUT // 2 - 1) + "x"
    assert printed.size == tail.size == 200_001


def test_what_a_command_prints_can_be_read_while_it_runs_and_after_its_worker_was_killed(
    session, card
):
    card("A")
    with begun("printf 'half a line'; sleep 1000", "--once") as worker:
        until(lambda: output.look(session, "A").output)
        worker.send(signal.SIGKILL)
        worker.ends()
    kept = output.output(session, "A")
    assert (sorted(kept.text), kept.ended) == (sorted("begun\nhalf a line"), False)


@pytest.mark.parametrize(
    ("script", "options", "env"),
    [
        ("exit 0", (), {}),
        ("echo secret", ("--output", "off"), {}),
        ("echo secret", (), {"BACKLOG_OUTPUT": "off"}),
    ],
    ids=["silent", "option", "variable"],
)
def test_nothing_is_kept_where_there_is_nothing_or_it_is_turned_off(
    session, card, work, script, options, env
):
    card("A")
    assert work(script, "--once", *options, env=env).status == 0
    assert output.look(session, "A").output is None


def test_a_switch_that_is_neither_on_nor_off_is_wrong_usage(call, monkeypatch):
    monkeypatch.setenv("BACKLOG_OUTPUT", "never")
    ran = call("work", "--owner", "w", "--", "true")
    assert (ran.status, ran.err) == (2, "BACKLOG_OUTPUT must be on or off, not never\n")


def test_a_store_that_keeps_no_output_costs_no_card(session, card, work):
    card("A")
    session.execute("ALTER TABLE backlog_output RENAME TO away")
    try:
        assert work("echo one", "--once").status == 0
    finally:
        session.execute("ALTER TABLE away RENAME TO backlog_output")
    assert last_run(session, "A").outcome == "completed"
