"""On a terminal answers are for people; in a pipe they are what scripts know."""

import os
import pty

import pytest

from tests.cli import lines
from tests.command import MANAGE

pytestmark = pytest.mark.one_tier


def on_terminal(*words, typed=""):
    """Run the command on a terminal of its own: exit status, and what stands on it."""
    process, terminal = pty.fork()
    if not process:
        os.execv(MANAGE[0], [*MANAGE, "backlog", *words])  # noqa: S606 (there is no shell)
    os.write(terminal, typed.encode())
    shown = b""
    try:
        while piece := os.read(terminal, 4096):
            shown += piece
    except OSError:  # how the end of a terminal is told
        pass
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), shown.decode().replace(
        "\r\n", "\n"
    )


def test_no_age_is_a_dash_and_in_a_pipe_what_scripts_know(call):
    assert on_terminal("stats")[1].splitlines()[2] == "oldest-ready-age: -"
    assert call("stats").out.splitlines()[2] == "oldest-ready-age: -s"


def test_an_age_is_in_seconds_everywhere(call, card):
    card("A")
    assert on_terminal("stats")[1].splitlines()[2].removeprefix("oldest-ready-age: ")[-1] == "s"


def test_an_import_from_a_terminal_says_what_it_waits_for(call):
    status, shown = on_terminal("import", "-", typed='{"id":"A","title":"t"}\n\x04')
    assert (status, "cards are awaited, as JSON lines" in shown) == (0, True)
    assert call("show", "--id", "A", "--json").json["title"] == "t"


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_each_fault_of_an_import_has_a_line(store, tmp_path, options):
    file = lines(tmp_path, {"id": "A", "title": 5}, {"id": "B", "title": "t", "priority": "x"})
    status, shown = on_terminal("import", file, *options)
    assert status == 2
    assert shown.split("\x1b[K")[-1].splitlines() == [
        "line 1: title must be a text",
        "line 2: priority must be a whole number",
    ]
