"""The documentation against the code: what it shows is what happens, what there is stands in it."""

import json
import os
import pkgutil
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from backlog import lifecycle
from backlog.cli.store import store
from backlog.verbs import cards
from remote.command import VERBS
from remote.verbs import tokens
from tests.command import PROJECT
from tests.plugin import TIER
from tests.serving import serving

pytestmark = pytest.mark.one_tier

README = (PROJECT / "README.md").read_text()
FLEET = (PROJECT / "docs" / "fleet.md").read_text()
WEBHOOKS = (PROJECT / "docs" / "webhooks.md").read_text()
API = (PROJECT / "docs" / "api.md").read_text()
LIMITS = (PROJECT / "docs" / "limits.md").read_text()


def _steps(page: str) -> list[tuple[str, str]]:
    """Each command of a page's consoles with the output shown under it."""
    shown = "".join(re.findall(r"```console\n(.*?)```", page, re.DOTALL))
    steps = re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", shown, re.M)
    return [
        (line, shown) for line, shown in steps if TIER == "embedded" or "store start" not in line
    ]


def _timeless(text: str) -> str:
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "TIME", text)
    text = re.sub(r"took=[\d.]+", "took=N", text)
    text = re.sub(r"whsec_\S+", "whsec_…", text)
    return re.sub(r"age: \d+s", "age: Ns", text)


@pytest.mark.both_tiers
@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("page", [README, FLEET, WEBHOOKS], ids=["README", "fleet", "webhooks"])
def test_every_command_of_a_page_prints_what_it_shows(
    page, command, session, tmp_path, monkeypatch
):
    for table in ("fleet_escalation", "hooks_subscription", "hooks_delivery"):
        session.execute(f"ALTER TABLE {table} ALTER id RESTART")  # pages know the first number
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOGNAME", "olga")
    shutil.copytree(PROJECT / "examples", tmp_path / "examples")
    for line, shown in _steps(page):
        words, _, target = line.partition(" > ")
        ran = command(*shlex.split(words)[3:])
        if target:
            (tmp_path / target).write_text(ran.out)
        printed = ("" if target else ran.out) + ran.err
        assert _timeless(printed) == _timeless(shown), line


@pytest.mark.both_tiers
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.S))
def test_the_python_of_the_readme_finishes_a_card(session, card, code):
    card("A", phase="M1", body="three small words")
    exec(code, {})  # noqa: S102 (our own)
    assert cards.show(session, "A").status == "done"


def _calls(page: str) -> list[str]:
    """Each command with curl in a page's shell blocks, its continued lines joined."""
    shown = "".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL)).replace("\\\n", " ")
    return [line for line in shown.splitlines() if line.startswith("curl ")]


def test_every_curl_of_the_page_on_the_api_is_answered_by_a_server(session):
    assert shutil.which("curl")
    _, token = tokens.create(session, "w1")
    cards.create(session, "R", "ready", priority=-1)  # for claimNext: the page has one card
    with serving(os.environ, "--no-sweep", "--workers", "1") as (_, url):
        env = {**os.environ, "API": f"{url}/api/v1", "BACKLOG_TOKEN": token}
        answers = [_ran(line, env) for line in _calls(API)]
    listed, made, claimed, renewed, ended = answers
    assert [each["id"] for each in listed] == ["R"]
    assert (made["id"], made["status"]) == ("A4", "ready")
    assert (claimed["id"], claimed["claimOwner"]) == ("A4", "w1")
    assert renewed["claimTtlSeconds"] == 600
    assert (ended["completed"]["status"], ended["claimed"]["id"]) == ("done", "R")


def _ran(line: str, env: dict[str, str]) -> Any:
    """What a line of a shell prints, as JSON."""
    ran = subprocess.run(["sh", "-c", line], env=env, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, ""), line
    return json.loads(ran.stdout)


@pytest.mark.parametrize("verb", [name for name in VERBS if name != "store"])
def test_every_verb_has_an_example(verb):
    assert re.search(rf"^\$ python manage.py backlog {verb}\b", README + FLEET + WEBHOOKS, re.M)


@pytest.mark.parametrize("action", [action.name for action in store.actions])
def test_every_store_action_is_named(action):
    assert re.search(rf"`{action}\b|store {action}\b", README)


def test_every_setting_stands_in_the_table():
    read = set()
    packages = ("backlog", "fleet", "fleet_backlog", "hooks", "remote")
    for path in (path for each in packages for path in (PROJECT / each).rglob("*.py")):
        text = path.read_text()
        read |= set(re.findall(r'env\.\w+\(\s*"(\w+)"', text))
        read |= set(re.findall(r'(?:environ\.get|is_on)\(\s*"(\w+)"', text))
    named = set(re.findall(r"^\| `(\w+)` \|", README, re.M))
    assert read - {"CONTENT_TYPE", "PATH", "REMOTE_ADDR", "TERM"} <= named


_LIMITS = re.findall(r"^\|.*?\| (-?[\d,]+) \|.*\| `([\w.]+)` \|$", LIMITS, re.M)


@pytest.mark.parametrize(("number", "constant"), _LIMITS, ids=[name for _, name in _LIMITS])
def test_the_table_of_limits_has_the_numbers_of_the_code(number, constant):
    elsewhere = constant.startswith(("fleet.", "fleet_backlog."))
    name = constant if elsewhere else f"backlog.{constant}"
    assert pkgutil.resolve_name(name) == int(number.replace(",", ""))


def test_every_longest_of_the_domain_stands_in_the_table():
    longest = {f"lifecycle.{name}" for name in dir(lifecycle) if name.startswith("LONGEST_")}
    assert longest <= {constant for _, constant in _LIMITS}


@pytest.mark.parametrize(
    "path", sorted(PROJECT.glob("*.md")) + sorted((PROJECT / "docs").rglob("*.md"))
)
def test_every_link_leads_somewhere(path: Path):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_test_that_a_page_names_is_there():
    pages = "".join(page.read_text() for page in (PROJECT / "docs").glob("*.md"))
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", pages))
    assert {each for each in named if not (PROJECT / each).exists()} == set()
