"""Signals and sleep: what stops or ends a worker stops or ends its command; the database decides.

A row of the table in docs/workers.md each.
"""

import re
import shlex
import signal
from pathlib import Path

import pytest

from backlog.verbs import claims, moves, runs
from tests.command import MANAGE, PROJECT
from tests.worker import alive, last_run, status_of, until, working

pytestmark = pytest.mark.one_tier

SUSPENDING = [signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU]
ENDING = [
    *(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2),
    *(signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGXCPU, signal.SIGIO),
    *(signal.SIGPWR, signal.SIGSTKFLT, signal.SIGRTMIN, signal.SIGRTMAX),
]
AT_ONCE = [signal.SIGQUIT, signal.SIGABRT]
NOT_CAUGHT = [signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL]
NOT_CAUGHT += [signal.SIGSYS, signal.SIGTRAP]


@pytest.fixture
def begun(card, tmp_path):
    """Begins a worker on card A, whose command ends when told to: the worker, pid, and that."""
    card("A")
    go = tmp_path / "go"
    script = f"echo pid=$$ >&2; until [ -e {shlex.quote(str(go))} ]; do sleep 0.05; done"

    def begin(*options, before=""):
        # A group of its own, as a shell gives it.
        return working(before + script, "--once", *options, process_group=0)

    begin.go = go.touch
    return begin


def pid_of(worker):
    return int(worker.says(r"pid=(\d+)\n")[1])


def is_stopped(*pids):
    states = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in pids]
    return set(states) == {"T"}


@pytest.mark.parametrize("number", SUSPENDING)
def test_what_suspends_a_worker_suspends_its_command_and_sigcont_lets_both_go_on(begun, number):
    with begun() as worker:
        pid = pid_of(worker)
        worker.send(number)
        until(lambda: is_stopped(worker.pid, pid))
        worker.send(signal.SIGCONT)
        until(lambda: not is_stopped(pid))
        begun.go()
        assert worker.ends() == 0


def test_the_command_of_a_stopped_worker_stops_before_another_can_begin(session, begun):
    with begun("--ttl", "4", "--grace", "0") as worker:
        pid = pid_of(worker)
        worker.send(signal.SIGSTOP)
        until(lambda: moves.reclaim(session) == ["A"])
        until(lambda: is_stopped(pid))
        again = claims.claim(session, "other").card
        worker.send(signal.SIGCONT)
        worker.says("what=lost")
        assert worker.ends() == 1
    assert not alive(pid)
    assert (again.attempts, status_of(session, "A")) == (2, "claimed")


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGTSTP])
def test_after_a_sleep_longer_than_the_lease_a_claim_that_stands_is_kept(session, begun, number):
    # Long enough for a machine that does much else not to lose it before, or after.
    with begun("--ttl", "10") as worker:
        pid = pid_of(worker)
        worker.send(number)
        over = "SELECT claim_expires_at < now() FROM backlog"
        until(lambda: session.execute(over).fetchone()[0])
        until(lambda: is_stopped(worker.pid, pid))
        worker.send(signal.SIGCONT)
        until(lambda: not is_stopped(pid))
        begun.go()
        assert worker.ends() == 0, worker.log
    assert [(run.attempt, run.outcome) for run in runs.runs(session, "A")] == [(1, "completed")]


@pytest.mark.parametrize("number", ENDING)
def test_whatever_asks_a_worker_to_end_lets_its_command_finish(session, begun, number):
    with begun() as worker:
        pid_of(worker)
        worker.send(number)
        worker.says("what=stopping")
        begun.go()
        assert worker.ends() == 0
    assert status_of(session, "A") == "done"


@pytest.mark.parametrize("number", AT_ONCE)
def test_a_signal_to_end_at_once_gives_the_card_back_now(session, begun, number):
    with begun(before="trap '' TERM;") as worker:
        pid = pid_of(worker)
        worker.send(number)
        assert worker.ends() == 1  # --once, and the card is not done
    assert not alive(pid)
    assert (status_of(session, "A"), last_run(session, "A").outcome) == ("ready", "released")


@pytest.mark.parametrize("number", NOT_CAUGHT)
def test_the_command_of_a_worker_that_is_killed_ends_and_its_lease_runs_out(session, begun, number):
    with begun("--grace", "0", before="trap '' TERM; ulimit -c 0;") as worker:
        pid = pid_of(worker)
        worker.send(number)
        worker.ends()
        until(lambda: not alive(pid))
    assert status_of(session, "A") == "claimed"


def test_what_is_ignored_from_the_start_stays_ignored(begun, tmp_path):
    """As `nohup` starts it."""
    nohup = ["sh", "-c", "trap '' HUP; exec \"$@\"", "-", *MANAGE]
    with working("echo begun >&2; kill -HUP $PPID; exit 0", "--once", program=nohup) as worker:
        assert worker.ends() == 0
        assert "stopping" not in worker.log


def test_a_command_that_stopped_itself_hears_that_it_is_to_end(session, card):
    card("A")
    script = "trap 'echo heard >&2; exit 1' TERM; echo pid=$$ >&2; kill -STOP $$; sleep 1000"
    with working(script, "--ttl", "1", "--once") as worker:
        until(lambda: is_stopped(pid_of(worker)))
        moves.cancel(session, "A")
        worker.says("heard")
        worker.says("what=cancelled")


def test_the_table_names_every_signal_of_these_tests():
    page = (PROJECT / "docs" / "workers.md").read_text()
    named = set(re.findall(r"SIG[A-Z0-9]+", page.partition("## Signals")[2].partition("\n## ")[0]))
    tried = {each.name for each in [*SUSPENDING, *ENDING, *AT_ONCE, *NOT_CAUGHT]}
    assert {*tried, "SIGSTOP", "SIGCONT"} == named
