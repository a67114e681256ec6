"""The worker as process 1 of a container: it reaps what its commands leave, and heeds signals."""

import os
import shlex
import signal
from pathlib import Path

import pytest

from tests.command import MANAGE
from tests.worker import status_of, until, working

pytestmark = pytest.mark.one_tier

# A namespace as a container has it; who is not root makes one of users, too.
UNSHARE = ["unshare", *(["--map-root-user"] if os.geteuid() else [])]
UNSHARE += ["--pid", "--fork", "--kill-child"]


def children(pid):
    """The child processes and their states, as they are seen from outside."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid:
            found[int(path.parent.name)] = state
    return found


def first(worker):
    """Process 1, by its number outside."""
    return until(lambda: list(children(worker.pid)))[0]


@pytest.mark.parametrize("proc", [["--mount-proc"], []])
def test_nothing_that_commands_leave_behind_stays_a_zombie(session, card, tmp_path, proc):
    card("A")
    place = shlex.quote(str(tmp_path))
    left = f"exec >&- 2>&- <&-; touch {place}/begun-$1; sleep 0.2; touch {place}/ended-$1"
    # What has not left the command's process group by its end is ended with it.
    script = f"""for n in 1 2 3; do setsid sh -c {shlex.quote(left)} - $n & done
        until [ $(ls {place} | wc -l) -ge 3 ]; do sleep 0.01; done"""
    with working(script, program=[*UNSHARE, *proc, *MANAGE]) as worker:
        worker.says("what=completed")
        until(lambda: len(list(tmp_path.glob("ended-*"))) == 3)
        until(lambda: "Z" not in children(first(worker)).values(), "the end of the zombies")
        os.kill(first(worker), signal.SIGTERM)
        assert worker.ends() == 0
    assert status_of(session, "A") == "done"


def test_its_exit_status_is_the_worker_s(store):
    with working("", "--once", program=[*UNSHARE, *MANAGE]) as worker:
        assert worker.ends() == 3


def test_a_second_signal_is_not_made_of_the_first(session, card, tmp_path):
    card("A")
    go = shlex.quote(str(tmp_path / "go"))
    script = f"echo begun >&2; until [ -e {go} ]; do sleep 0.05; done"
    with working(script, program=[*UNSHARE, *MANAGE], process_group=0) as worker:
        worker.says("begun")
        os.kill(first(worker), signal.SIGINT)
        worker.says("what=stopping reason=SIGINT")
        (tmp_path / "go").touch()
        assert worker.ends() == 0
    assert status_of(session, "A") == "done"
