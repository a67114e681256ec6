"""The command in a Django project: on Django's connection, claiming by the manager."""

import os
from collections.abc import Iterator

import psycopg
import pytest
from django.core.management import call_command

from tests.command import On, Ran
from tests.servers import Server, wheel_programs

# Django's own start of the command, and who claims there.
START = """
import sys, django
from django.core.management import execute_from_command_line
django.setup()
from backlog.querysets import CardQuerySet
def told(verb, at):
    def tell(cards, *args, **kwargs):
        sys.stderr.write(f"the manager claims for {args[at]}\\n")  # whole: the log has a thread
        return verb(cards, *args, **kwargs)
    return tell
CardQuerySet.claim = told(CardQuerySet.claim, 0)
CardQuerySet.complete_and_claim = told(CardQuerySet.complete_and_claim, 1)
execute_from_command_line(["manage.py", "backlog", *sys.argv[1:]])
"""


def through_django(*words: str, **env: str) -> Ran:
    on = On(**{**os.environ, "DJANGO_SETTINGS_MODULE": "fleet_backlog.settings", **env})
    with on.python(START, *words) as process:
        out, err = process.communicate(timeout=120)
    return Ran(process.returncode, out, err)


@pytest.mark.parametrize(
    ("words", "times"),
    [
        ("claim --owner w", 1),
        pytest.param("claim --owner w --id next", 1, marks=pytest.mark.one_tier),
        pytest.param("complete --id first --owner w --claim-next", 1, marks=pytest.mark.one_tier),
        ("work --drain --owner w -- sleep 0", 3),  # the completion of one card claims, too
    ],
)
def test_a_claim_through_django_is_the_manager_s(call, card, words, times):
    card("first", priority=1, claimed=True)
    card("next")
    ran = through_django(*words.split())
    assert (ran.status, ran.err.count("the manager claims for w\n")) == (0, times), ran
    assert call("history", "--id", "next").out.count("\tclaim\t") == 1


def test_a_claim_through_django_prints_every_digit(django_db_blocker, call, capsys):
    call("create", "--id", "A", "--title", "t", "--acceptance", '{"n": 1.10000000000000000001}')
    with django_db_blocker.unblock():
        call_command("backlog", "claim", "--owner", "w", "--json")
    assert '"acceptance":{"n": 1.10000000000000000001}' in capsys.readouterr().out


@pytest.fixture(scope="module")
def watched() -> Iterator[Server]:
    """A server that counts statements."""
    server = Server(wheel_programs()).start()
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
        admin.execute("CREATE EXTENSION pg_stat_statements")
    server.pause()
    server.resume()
    yield server
    server.stop()


@pytest.mark.one_tier
@pytest.mark.parametrize(
    "words", ["", "--phase M1", "--role coder", "--phase M1 --role coder", "--count 2"]
)
def test_a_claim_is_the_same_one_statement_from_the_command_and_from_django(
    watched, command, words
):
    env = {"DATABASE_URL": watched.url}
    given = ("claim", "--owner", "w", *words.split())
    command("stats", env=env)
    with psycopg.connect(watched.url, autocommit=True) as admin:
        admin.execute("TRUNCATE backlog")
        admin.execute("INSERT INTO backlog (id, title, phase, role)"
                      " SELECT n, 't', 'M1', 'coder' FROM generate_series(1, 4) n")  # fmt: skip
        admin.execute("SELECT pg_stat_statements_reset()")
        assert command(*given, env=env).out.startswith("1\t[claimed]")
        assert through_django(*given, **env).out.startswith(("2\t[claimed]", "3\t[claimed]"))
        counted = admin.execute(
            "SELECT calls, query FROM pg_stat_statements WHERE query LIKE '%UPDATE backlog %'"
        ).fetchall()
    assert [calls for calls, _ in counted] == [2], counted
    assert "FOR NO KEY UPDATE SKIP LOCKED" in counted[0][1]
