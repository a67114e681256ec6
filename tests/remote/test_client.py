"""`backlog` with BACKLOG_URL: the same command, over HTTP."""

import os

import pytest

from backlog.cli.main import main
from backlog.cli.parser import parse
from remote import calls
from remote.client import said
from remote.command import VERBS
from tests import face
from tests.cli.test_process import imported_modules
from tests.command import On, Ran, manage
from tests.worker import last_run

pytestmark = pytest.mark.one_tier


@pytest.fixture
def both(store, served, capsys):
    """Runs the command on the store and over HTTP; what each left."""

    def run(*words):
        left = []
        for command in (lambda: main(words, verbs=VERBS), lambda: face.run(served, words)):
            status = command()
            left.append(Ran(status, *capsys.readouterr()))
        return left

    return run


READS = (
    *("list", "show --id A", "show --id none", "history --id A", "runs --id A", "explain --id B"),
    *("stats", "doctor", "check", "context --id B", "tail", "export", "export --runs", "graph"),
    *("roles", "role builder", "limits", "paused", "budgets", "gates", "search --text Zoë"),
    *("verdicts --id A", "worker list", "plan export", "north-star", "decisions", "signals"),
    *("link --from A", "claim --owner w --id A --count 2", "complete --id B --owner w"),
    *("list --phase X",),
)


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["for people", "json"])
def test_it_prints_and_ends_as_on_the_store(both, card, form):
    card("A", title="Zoë 🚀", body="x\u2028y", done=True)
    long = "9" * 5000  # more digits than Python reads
    card("B", needs=["A"], blocked=True, acceptance=f'{{"n":1.10000000000000000001,"m":{long}}}')
    for words in READS:
        here, there = both(*words.split(), *form)
        assert there == here, words


@pytest.fixture
def as_w(store, served, monkeypatch, capsys):
    """Runs the command over HTTP by a token of w, of this scope."""
    monkeypatch.setenv("BACKLOG_URL", served)

    def run(words, scope="work"):
        monkeypatch.setenv("BACKLOG_TOKEN", face.token("w", scope))
        status = face.main.main(words.split(), "backlog", VERBS)
        return Ran(status, *capsys.readouterr())

    return run


def test_the_worker_of_the_token_is_the_owner_where_none_is_named(as_w, card, row):
    card("A", priority=1)
    card("B")
    assert as_w("claim").status == 0
    assert row("claim_owner") == ("w",)
    assert as_w("renew --id A --attempt 1 --ttl 90").status == 0
    assert as_w("complete --id A --attempt 1 --claim-next").status == 0
    assert as_w("heartbeat").status == 0
    assert (row("status, claim_owner"), row("claim_owner", "B")) == (("done", None), ("w",))


@pytest.mark.parametrize("form", ["", " --json"])
def test_a_claim_that_may_wait_prints_the_one_card_that_it_takes(as_w, card, row, form):
    card("A")
    card("B")
    ran = as_w(f"claim --wait 1{form}")
    assert (ran.status, "A" in ran.out) == (0, True)
    assert (row("status", "A"), row("status", "B")) == (("claimed",), ("ready",))


def test_without_an_owner_an_operator_acts_on_what_others_hold_and_no_worker_does(as_w, card, row):
    card("A", claimed=True, owner="v")
    assert as_w("block --id A").status == 4
    assert "must be w, who calls" in as_w("block --id A --owner v").err
    assert as_w("block --id A", "operate").status == 0
    assert row("status") == ("blocked",)


def test_work_needs_no_owner_either(served, session, card):
    card("A")
    env = {"BACKLOG_URL": served, "BACKLOG_TOKEN": face.token("Zoë w", "work")}
    ran = On(**env)("work", "--once", "--", "sh", "-c", "echo $BACKLOG_OWNER")
    assert (ran.status, last_run(session, "A").owner) == (0, "Zoë w")
    assert "Zoë w" in ran.out


WORDS = (
    "complete --id A --owner w --attempt 2 --summary s --tokens 0 --cost 1.50 --claim-next --ttl 5",
    "create --id A --title -x --depends-on b,a --acceptance {} --priority=-3",
    "edit --id A --phase= --max-attempts= --idempotency-key=",
    "verify --id A --criterion 1 --fail --evidence text --by w",
    "block --id A --note n",
    "cancel --ids A,B",
    "north-star veto 3 --by w --reason r",
    "worker add w --roles code,review",
    "list --status ready --limit 3",
    "graph --json",
)


@pytest.mark.parametrize("words", WORDS)
def test_words_become_values_that_mean_the_same(words):
    argv = words.split()
    options, noted = said.read(argv, "backlog", VERBS)
    called = said.called(options, VERBS)
    again, _ = calls._words(called, said.given(called, options, noted))
    assert _told(parse(again, "backlog", VERBS)) == _told(parse(argv, "backlog", VERBS))


def _told(options):
    return {name: value for name, value in vars(options).items() if name != "json"}


def test_the_attempt_that_the_environment_names_fences_its_card_among_many(monkeypatch):
    monkeypatch.setenv("BACKLOG_CARD_ID", "B")
    monkeypatch.setenv("BACKLOG_ATTEMPT", "2")
    options, noted = said.read(["renew", "--ids", "A,B", "--owner", "w"], "backlog", VERBS)
    sent = said.given(said.called(options, VERBS), options, noted)
    assert sent == {"ids": [{"id": "A"}, {"attempt": 2, "id": "B"}], "owner": "w"}


def test_it_needs_neither_django_nor_psycopg(served, card):
    card("A")
    words = ["claim", "--owner", "w", "--json"]
    env = {**os.environ, **face.names(served, *words), "PYTHONPROFILEIMPORTTIME": "1"}
    ran = manage(env, "backlog", *words)
    assert (ran.status, ran.json["claimOwner"]) == (0, "w")
    assert not {each.partition(".")[0] for each in imported_modules(ran)} & {"django", "psycopg"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("store status", "store status is of the host with the database"),
        ("token list", "token list is of the host"),
        ("sweep --every 3", "sweep --every is of the host"),
        ("work --owner w --pass-database -- true", "--pass-database is of the host"),
        ("import --from backlog-md .", "a directory cannot be sent"),
    ],
)
def test_what_is_of_the_host_with_the_database_says_so(monkeypatch, capsys, words, said):
    monkeypatch.setenv("BACKLOG_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("BACKLOG_TOKEN", "flb_a_b")
    assert face.main.main(words.split(), "backlog", VERBS) == 1
    assert said in capsys.readouterr().err


def test_the_version_says_which_server_is_used_to_who_has_no_token_too(monkeypatch, capsys):
    monkeypatch.setenv("BACKLOG_URL", "https://b.example/of/us/")
    monkeypatch.delenv("BACKLOG_TOKEN", raising=False)
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/b")
    assert face.main.main(["--version"], "backlog", VERBS) == 0
    said = ", of https://b.example/of/us (BACKLOG_URL), not of DATABASE_URL\n"
    assert capsys.readouterr().out.endswith(said)
