"""What of a worker's environment its command gets, and what a card does to the size of it."""

import os
import re
import subprocess
from types import SimpleNamespace

import pytest

from backlog.cli.connection import open_session
from backlog.verbs import cards
from backlog.worker.plan import DRAIN, Plan
from backlog.worker.worker import work as run
from tests.command import MANAGE, PROJECT, On
from tests.worker import Worker, status_of, working

pytestmark = pytest.mark.one_tier

OF_THE_CLAIM = {
    "BACKLOG_CARD", "BACKLOG_CARD_ID", "BACKLOG_CARD_TITLE", "BACKLOG_OWNER", "BACKLOG_ATTEMPT"
}  # fmt: skip
SECRETS = {"PGPASSWORD": "p", "PGPASSFILE": "/none", "SECRET_KEY": "s"}


@pytest.fixture
def on_server(server):
    """The command on a server, where card A waits."""
    return with_a_card(On(**{**server.env, **SECRETS, "MINE": "a\nb"}))


@pytest.fixture
def on_embedded(store_root):
    """The same on an embedded store; what libpq would heed is not of it."""
    return with_a_card(On(BACKLOG_DATA_DIR=str(store_root), PGHOST="elsewhere", PGPASSWORD="p"))


def with_a_card(on):
    on.env.pop("DJANGO_SETTINGS_MODULE", None)  # pytest's
    on("delete", "--id", "A")
    on("create", "--id", "A", "--title", "t")
    return on


def printed(ran):
    """The variables that `env -0` has printed."""
    return dict(line.split("=", 1) for line in ran.out.rstrip("\0\n").split("\0"))


def worked(on, *words, program=("env", "-0")):
    return on("work", "--owner", "w", "--once", *words, "--", *program)


def test_the_command_s_environment_is_the_worker_s_less_our_secrets(on_server):
    got = printed(worked(on_server))
    theirs = {name: value for name, value in got.items() if name not in OF_THE_CLAIM}
    kept_back = {*SECRETS, "DATABASE_URL"}
    given = {name: value for name, value in on_server.env.items() if name not in kept_back}
    assert theirs == {**given, "BACKLOG_STORE": "withheld"}


def test_who_needs_the_database_may_have_it(on_server):
    got = printed(worked(on_server, "--pass-database"))
    assert got["DATABASE_URL"] == on_server.env["DATABASE_URL"]
    assert got["PGPASSWORD"] == "p"
    assert "SECRET_KEY" not in got
    assert "BACKLOG_STORE" not in got


def test_on_the_embedded_store_libpq_s_variables_are_the_command_s_own(on_embedded):
    got = printed(worked(on_embedded))
    theirs = {name: value for name, value in got.items() if name not in OF_THE_CLAIM}
    assert theirs == on_embedded.env


def test_what_django_sets_for_itself_is_not_the_command_s(on_server):
    code = (
        "import os, sys; from django.core.management import execute_from_command_line;"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'fleet_backlog.settings';"
        "execute_from_command_line(['manage.py', *sys.argv[1:]])"
    )
    words = ["backlog", "work", "--owner", "w", "--once", "--", "env", "-0"]
    with on_server.python(code, *words) as process:
        got = printed(SimpleNamespace(out=process.communicate(timeout=60)[0]))
    assert "DJANGO_SETTINGS_MODULE" not in got
    assert got.get("TZ") == os.environ.get("TZ")


BACKLOG = [*MANAGE, "backlog"]


def test_a_command_without_the_database_opens_no_other_store(on_server, tmp_path):
    """Not the embedded one either, where its words would be lost."""
    on_server.env["BACKLOG_DATA_DIR"] = str(tmp_path / "store")
    ran = worked(on_server, program=[*BACKLOG, "renew"])
    assert ran.status == 1
    assert "start it with --pass-database" in ran.err
    assert not (tmp_path / "store").exists()


def test_a_command_with_the_database_speaks_of_its_card(on_server):
    ran = worked(on_server, "--pass-database", program=[*BACKLOG, "renew", "--ttl", "77", "--json"])
    assert (ran.status, ran.json["id"], ran.json["claimTtlSeconds"]) == (0, "A", 77)


def test_on_the_embedded_store_a_command_speaks_of_its_card(on_embedded):
    ran = worked(on_embedded, program=[*BACKLOG, "renew", "--ttl", "77", "--json"])
    assert (ran.status, ran.json["claimTtlSeconds"]) == (0, 77)


def test_every_variable_that_is_kept_back_stands_in_the_table():
    page = (PROJECT / "docs" / "workers.md").read_text()
    code = (PROJECT / "backlog" / "cli" / "work.py").read_text()
    kept_back = set(re.findall(r'b"([A-Z_]+)"', code)) - {"BACKLOG_STORE"}
    assert {name for name in kept_back if f"`{name}`" not in page} == set()
    assert kept_back > {*SECRETS, "DATABASE_URL"}


# What does not fit ------------------------------------------------------------------------------

LITTLE = ["sh", "-c", 'ulimit -s 512; exec "$@"', "-", *MANAGE]


@pytest.mark.parametrize("field", ["title", "body"])
def test_a_card_too_big_for_the_environment_is_worked_on_all_the_same(session, card, field):
    sizes = [60_000, 70_000, 120_000, 125_000, 130_000]
    for size in sizes:
        card(f"A{size}", priority=1, **{field: "x" * size})
    card("B")
    script = '[ "$BACKLOG_CARD_ID" = B ] || [ "$(wc -c)" -gt 60000 ]'
    with working(script, "--drain", program=LITTLE) as worker:
        assert worker.ends() == 0
    ids = [*(f"A{size}" for size in sizes), "B"]
    assert {each: status_of(session, each) for each in ids} == dict.fromkeys(ids, "done")


def test_a_card_that_cannot_be_started_even_so_costs_itself_only(session, card):
    card("A" * 150, priority=1)
    card("B")
    run(open_session, Plan("w", ["true"], full("B"), until=DRAIN))
    blocked = cards.find(session, "A" * 150)
    assert (blocked.status, blocked.block_reason) == ("blocked", "capability")
    assert "Argument list too long" in blocked.block_note
    assert status_of(session, "B") == "done"


def full(card_id):
    """An environment with room for the claim of a card with this id, and for little else."""
    claim = {"BACKLOG_OWNER": "w", "BACKLOG_ATTEMPT": "1", "BACKLOG_CARD_ID": card_id}
    most = os.sysconf("SC_ARG_MAX")
    pads = {f"PAD{n}": "x" * 100_000 for n in range(most // 100_000)}
    last = 100_000
    while not fits({**pads, "LAST": "x" * last, **claim}):
        last -= 32
    return {name.encode(): b"x" * len(value) for name, value in pads.items()} | {
        b"LAST": b"x" * last
    }


def fits(environ):
    try:
        return subprocess.run(["true"], env=environ, check=True).returncode == 0
    except OSError:
        return False


def test_a_program_that_cannot_start_just_now_is_tried_again(session, card, tmp_path):
    """Somebody is still writing it."""
    card("A", max_attempts=1)
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    words = [*MANAGE, "backlog", "work", "--owner", "w", "--backoff", "0", "--", str(program)]
    worker = Worker(words, {})
    try:
        with program.open("a"):
            worker.says("what=released card=A .*Text file busy")
        worker.says("what=completed card=A")
    finally:
        worker.close()
    assert status_of(session, "A") == "done"
