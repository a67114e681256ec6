"""The first steps of a fleet: what an empty board says, and the marks of what is done."""

import re
import shlex
import sys
from html import unescape
from pathlib import Path

import pytest
from django.urls import reverse

from backlog.models import Card, Run
from backlog.web import shell
from backlog.web.queries.start import progress
from tests.command import PROJECT
from tests.factories import CardFactory

pytestmark = [pytest.mark.usefixtures("django_store"), pytest.mark.one_tier]


def test_an_empty_board_is_the_first_steps_and_nothing_empty(admin_client):
    page = admin_client.get("/").text
    assert "Start a worker" in page
    assert [
        part for part in ('class="filters"', 'id="running"', 'id="totals"') if part in page
    ] == []
    assert 'class="filters"' not in admin_client.get("/cards/").text


def test_the_first_steps_stay_on_an_open_page_that_asks_for_them(admin_client):
    CardFactory(id="A")
    followed = admin_client.get("/", headers={"X-Page-Version": "before"}).text
    assert "open the board" in followed
    assert 'id="lanes"' in admin_client.get("/").text


@pytest.mark.both_tiers
def test_each_step_has_its_mark_once_it_is_done():
    seen = [progress()]
    CardFactory(id="A")
    seen.append(progress())
    Card.objects.claim("w")
    seen.append(progress())
    Card.objects.complete("A")
    seen.append(progress())
    done = [(False, False, False), (True, False, False), (True, True, False), (True, True, True)]
    assert seen == done


def test_who_completes_a_card_by_hand_has_no_worker_yet():
    CardFactory(id="A", done=True)
    assert progress() == (True, False, False)


@pytest.mark.both_tiers
def test_the_sample_is_imported_and_a_second_time_refused(admin_client):
    page = admin_client.post(reverse("sample"), follow=True)
    assert "Imported the sample: 180 cards." in page.text
    again = admin_client.post(reverse("sample"))
    assert (again.status_code, Card.objects.count()) == (409, 180)


def test_the_command_is_for_who_may_change_cards(admin_client, viewer):
    assert str(PROJECT / "examples/worker") in admin_client.get("/start/").text
    assert str(PROJECT) not in viewer.get("/start/").text


def test_commands_begin_alike_on_every_page(admin_client, monkeypatch):
    monkeypatch.setattr(shell, "_PROGRAM", PROJECT / "manage.py")
    program = shlex.join([sys.executable, str(PROJECT / "manage.py"), "backlog"])
    site = f"BACKLOG_DATA_DIR={shlex.quote(shell.data_dir())} {program} "
    for path, words in {
        "/start/": ("create", "import", "work"),
        "/fleet/": ("claim",),
        "/card/nope/": ("create",),
    }.items():
        said = unescape(re.sub("<[^>]*>", "", admin_client.get(path).text))
        assert [word for word in words if site + word not in said] == []


def test_no_page_names_the_program_without_saying_how_it_is_called():
    named = re.compile(r"<(?:code|pre)\b[^>]*>[^<]*\bbacklog [a-z]")
    pages = (PROJECT / "templates").rglob("*.html")
    assert [page.name for page in pages if named.search(page.read_text())] == []


def test_the_doctor_names_commands_that_can_be_run(command, admin_client, monkeypatch):
    monkeypatch.setattr(shell, "_PROGRAM", PROJECT / "manage.py")
    CardFactory(id="it's", blocked=True)
    [code] = re.findall(r'<code class="command">(.*?)</code>', admin_client.get("/doctor/").text)
    store, python, manage, program, *words = shlex.split(unescape(re.sub("<[^>]*>", "", code)))
    assert store == f"BACKLOG_DATA_DIR={shell.data_dir()}"
    assert (python, Path(manage), program) == (sys.executable, PROJECT / "manage.py", "backlog")
    assert command(*words).status == 0
    assert Card.objects.get(pk="it's").status == "ready"


def test_the_command_works_from_anywhere(command, admin_client, tmp_path, monkeypatch):
    CardFactory(id="A", body="three small words")
    CardFactory(id="B", body=None, title="Two words")
    monkeypatch.setattr(shell, "_PROGRAM", PROJECT / "manage.py")
    store, python, manage, *words = shlex.split(admin_client.get("/start/").context["command"])
    assert store == f"BACKLOG_DATA_DIR={shell.data_dir()}"
    assert (python, Path(manage)) == (sys.executable, PROJECT / "manage.py")
    monkeypatch.chdir(tmp_path)
    assert command(*words[1:]).status == 0
    assert progress().completed
    assert list(Run.objects.order_by("card_id").values_list("summary", flat=True)) == [
        "3 words",
        "2 words",
    ]


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("/srv/manage.py", [sys.executable, "/srv/manage.py", "backlog"]),
        ("/usr/bin/gunicorn", [str(Path(sys.executable).with_name("backlog"))]),
    ],
)
def test_the_command_is_called_as_the_site_was_started_or_as_it_is_installed(program, words):
    assert shell.command(Path(program)) == words
