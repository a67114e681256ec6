"""What shells complete: the scripts in `completions/` are made from the command's grammar."""

import subprocess

import pytest

from tools.completions import SCRIPTS, SHELLS, script

pytestmark = [pytest.mark.one_tier, pytest.mark.quick]

# As bash asks at the tab: the words so far, the last of them unfinished.
ASK = """source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _shtab_backlog
printf '%s\\n' "${COMPREPLY[@]}" """


@pytest.mark.parametrize("shell", SHELLS)
def test_the_scripts_are_what_make_completions_writes_now(shell):
    assert (SCRIPTS / SHELLS[shell]).read_text() == script(shell)


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("cla", "claim"),
        ("store du", "dump"),
        ("claim --owner w --tt", "--ttl"),
        ("list --status rea", "ready"),
        ("create --id list --title claim --pri", "--priority"),
    ],
)
def test_bash_completes_verbs_options_and_values(words, completed):
    argv = ["bash", "-c", ASK, SCRIPTS / SHELLS["bash"], "backlog", *words.split()]
    said = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert (said.stdout, said.stderr) == (f"{completed}\n", "")
