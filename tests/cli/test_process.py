"""The command as a process: pipes, locales, other ways to start it, and a lean start."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from backlog.store import storage
from fleet.verbs import workers
from tests.command import MANAGE, PROJECT, On

pytestmark = pytest.mark.one_tier

SHELL = shlex.join([*MANAGE, "backlog"])
UNREACHABLE = {"DATABASE_URL": "postgresql://u:p@127.0.0.1:1/db"}


def shell(words):
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", words], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("words", [["backlog", "stats"], ["serve"]], ids=["verb", "Django's"])
def test_a_python_without_the_packages_is_told_where_there_is_one(words):
    argv = [sys.executable, "-S", PROJECT / "manage.py", *words]
    ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert re.fullmatch(r".+ has no \w+: `make setup` makes .*\.venv/bin/python\n", ran.stderr)


@pytest.fixture
def many_cards(session):
    session.execute("INSERT INTO backlog (id, title) SELECT i, repeat('x', 500)"
                    " FROM generate_series(1, 2000) i")  # fmt: skip


@pytest.mark.parametrize("words", ["list", "list --json", "export"])
def test_a_reader_that_leaves_early_is_no_error(many_cards, words):
    ran = shell(f"{SHELL} {words} | head -c 9")
    assert (ran.returncode, len(ran.stdout), ran.stderr) == (0, 9, "")


def test_an_answer_that_cannot_be_written_is_one_line(store):
    ran = shell(f"{SHELL} stats > /dev/full")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "done, but the answer cannot be written: No space left on device\n"


@pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_error(store, closed):
    ran = shell(f"{SHELL} list {closed}")
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize(
    "locale", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}]
)
@pytest.mark.parametrize("encoding", ["", "latin-1", "ascii"])
def test_json_is_utf_8_in_every_locale(card, locale, encoding):
    card("A", title="Zoë 🚀")
    env = {**os.environ, **locale, **({"PYTHONIOENCODING": encoding} if encoding else {})}
    words = ["show", "--id", "A", "--json"]
    ran = subprocess.run([*MANAGE, "backlog", *words], env=env, capture_output=True, check=True)
    assert '"title":"Zoë 🚀"'.encode() in ran.stdout


def test_the_help_is_printed_by_the_process(command):
    ran = command("--help", env=UNREACHABLE)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("usage: manage.py backlog [-h] [--version] VERB")


def test_the_command_works_through_django(django_db_blocker, call, card):
    card("A")
    out = io.StringIO()
    with django_db_blocker.unblock(), redirect_stdout(out):
        call_command("backlog", "create", "--id", "B", "--title", "t", "--depends-on", "A")
        call_command("backlog", "claim", "--owner", "w", "--json")
    assert out.getvalue().startswith("B\t[ready]\tp=0\tphase=-\tdeps=A\tt\n" + '{"id":"A",')
    assert call("show", "--id", "B").status == 0


def test_a_claim_through_django_takes_what_rights_leave(
    django_db_blocker, session, card, capsys, monkeypatch
):
    monkeypatch.setenv("BACKLOG_ENFORCE_ROLES", "on")
    workers.add(session, "p", ["planner"])
    card("A", priority=9)
    card("B", role="planner")
    with django_db_blocker.unblock():
        for _ in range(2):
            call_command("backlog", "claim", "--owner", "p", "--role", "planner")
    assert capsys.readouterr().out == "B\t[claimed]\tp=0\tphase=-\tdeps=-\tCard B\n(none)\n"


def test_a_refusal_through_django_is_a_command_error_with_the_status(
    django_db_blocker, store, capsys
):
    with django_db_blocker.unblock(), pytest.raises(CommandError) as refused:
        call_command("backlog", "complete", "--id", "x", "--owner", "w")
    assert refused.value.returncode == 4
    assert capsys.readouterr().err.startswith("cannot complete x: it does not exist")


def test_the_console_script_is_the_same_command(store):
    start = "from remote.command import run; run()"
    with On(**os.environ).python(start, "list") as process:
        assert process.communicate()[0] == "(no cards)\n"
    assert process.returncode == 0
    assert 'backlog = "remote.command:run"' in (PROJECT / "pyproject.toml").read_text()


def test_the_installed_script_answers(store):
    script = Path(sys.executable).with_name("backlog")
    if not script.exists():
        pytest.skip("the project is not installed in this environment")
    ran = subprocess.run([script, "list", "--json"], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def imported_modules(ran):
    return set(re.findall(r"\| +([\w.]+)$", ran.err, re.MULTILINE))


def test_a_worker_s_command_imports_what_its_verb_needs_and_no_django(command, card):
    card("A")
    ran = command("claim", "--owner", "w", "--json", env={"PYTHONPROFILEIMPORTTIME": "1"})
    modules = imported_modules(ran)
    assert ran.json["id"] == "A"
    assert "psycopg" in modules
    assert {name for name in modules if name.partition(".")[0] == "django"} == set()
    needed = {"change", "claims", "moves", "names", "pool", "rules", "runs", "taking"}
    needed |= {"beside", "rights"}  # where other apps are heard, small both
    verbs = "backlog.verbs."
    assert {name.removeprefix(verbs) for name in modules if name.startswith(verbs)} == needed


@pytest.mark.one_tier
@pytest.mark.parametrize(
    ("words", "status", "said"),
    [("--help", 0, "\n    claim "), ("store", 2, "ACTION"), ("claim", 2, "required: --owner")],
)
def test_help_and_a_mistake_come_before_anything_is_connected_or_imported(
    command, words, status, said
):
    ran = command(words, env={**UNREACHABLE, "PYTHONPROFILEIMPORTTIME": "1"})
    assert ran.status == status
    assert said in ran.out + ran.err
    assert not imported_modules(ran) & {"psycopg", "django", "dataclasses", "subprocess", "pathlib"}


def test_one_query_of_the_schema_precedes_the_verb(session, command, card):
    card("A")
    log = storage.from_environment().root / "postgres.log"
    session.execute("ALTER ROLE CURRENT_USER SET log_statement = 'all'")
    before = log.stat().st_size
    command("claim", "--owner", "w")
    session.execute("ALTER ROLE CURRENT_USER RESET log_statement")
    written = log.read_bytes()[before:].decode()
    statements = re.findall(r"LOG:  (?:statement|execute <unnamed>): \s*(\w+)", written)
    assert statements == ["SELECT", "UPDATE"]
    assert "FROM django_migrations" in written


def test_errors_are_json_of_one_line_when_asked(command):
    ran = command("complete", "--id", "x", "--owner", "w", "--json")
    assert (ran.status, ran.out, ran.err.count("\n")) == (4, "", 1)
    assert json.loads(ran.err)["error"]["code"] == "claim_lost"
