"""The grammar: what is read, and what is refused with one line before anything is done."""

import json
from importlib import import_module
from pkgutil import iter_modules

import pytest

import backlog.cli
import fleet.cli
import hooks.cli
import remote.cli
from backlog import __version__
from backlog.cli.main import main
from backlog.cli.options import Group, Verb
from backlog.cli.parser import declared
from remote.command import VERBS
from tests.cli import NEW, refused

pytestmark = [pytest.mark.one_tier, pytest.mark.quick]

MISUSED = [
    "",
    "nonsense",
    "crea --id A --title t",
    "claim",
    "create --id A",
    "create --title t",
    "create --id A --titl t",
    "create --id A --title t --prio 3",
    "create --id A --title t --unknown",
    "create --id A --title t extra",
    "create --id A --title t --priority",
    "create --id --title t",
    "complete",
    "block --owner w",
    "link --from A",
    "link --to A",
    "list --status open",
    "list --status READY",
    "list --stat ready",
    "claim --own w",
    "claim --owner w --ready-only",
    "stats --id A",
    "import",
    "export file",
    "export --events --runs",
    "store",
    "store nonsense",
    "store start --force",
    "store dump",
    "delete --id A --forc",
    "-x",
    "--json",
]


@pytest.mark.parametrize("words", MISUSED)
def test_wrong_usage_is_one_line_on_stderr_and_changes_nothing(call, card, words):
    card("A")
    refused(call, 2, *words.split())
    said = json.loads(refused(call, 2, *words.split(), "--json"))
    assert list(said) == ["error"]
    assert (list(said["error"]), said["error"]["code"]) == (["code", "message"], "usage")


@pytest.mark.parametrize(
    "words",
    [
        "claim --owner w --id A --count 2",
        "complete --id A --ttl 5",
        "complete --id A --claim-next",
        "edit --id A",
        "pause --phase M1 --owner w --reason r",
        "resume --phase M1 --owner w",
        "limit --phase M1 --role code --max 1",
        "unlimit --in-review",
        "export --events --runs",
    ],
)
def test_options_that_do_not_go_together_are_refused_without_a_store(capsys, words):
    assert main(words.split(), open_session=lambda: pytest.fail("opened")) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_mistake_says_what_would_be_right(call):
    assert call("claim").err == (
        "the following arguments are required: --owner (try backlog claim --help)\n"
    )
    assert call("claim", "ada").err == call("claim").err
    assert call("clam", "--owner", "w").err == (
        'there is no verb "clam"; did you mean claim? (try backlog --help)\n'
    )
    assert call("list", "--limt=2").err == (
        "unrecognized arguments: --limt=2; did you mean --limit? (try backlog list --help)\n"
    )
    for words, said in (
        ("claim --ownr w", "--ownr; did you mean --owner? (try backlog claim --help)"),
        ("create --id=A --titel=t", "--titel=t; did you mean --title? (try backlog create --help)"),
        ("token create w --scpe=x", "--scpe=x; did you mean --scope? (try backlog token --help)"),
    ):
        assert call(*words.split()).err == f"unrecognized arguments: {said}\n"
    for words in ("work ./solve --fast", "work -- ./solve --ownr x"):
        assert "required: --owner" in call(*words.split()).err
    assert call("complete", "A2").err == (
        '"A2" stands alone; did you mean --id A2? (try backlog complete --help)\n'
    )
    assert call("webhook", "remove", "1").err == (
        '"1" stands alone; did you mean --webhook 1? (try backlog webhook remove --help)\n'
    )
    assert call("ack", "1").err == (
        '"1" stands alone; did you mean --escalation 1? (try backlog ack --help)\n'
    )
    assert "did you mean" not in call("north-star", "ratify", "1").err
    assert call("cancel", "--id", "A", "--owner", "w").err == (
        "unrecognized arguments: --owner w (try backlog cancel --help)\n"
    )
    assert call("list", "--status", "open").err == (
        'status must be one of ready, claimed, blocked, done, not "open"\n'
    )


@pytest.mark.parametrize("words", [("--id=A", "--title=a=b"), ("--id", "A", "--title", "a=b")])
def test_a_value_follows_a_space_or_an_equals_sign(call, words):
    created = call("create", *words, "--json").json
    assert (created["id"], created["title"]) == ("A", "a=b")


def test_the_last_repeat_wins(call):
    words = "--id X --title x --priority 1 --depends-on a,b --id A --title t --priority=2"
    created = call("create", *words.split(), "--depends-on", "c", "--json").json
    assert (created["id"], created["title"]) == ("A", "t")
    assert (created["priority"], created["dependsOn"]) == (2, ["c"])


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("5", 5),
        ("+5", 5),
        ("-5", -5),
        ("007", 7),
        ("-0", 0),
        ("2147483647", 2**31 - 1),
        ("-2147483648", -(2**31)),
    ],
)
def test_a_whole_number(call, value, number):
    assert call(*NEW, "--priority", value).json["priority"] == number


NO_NUMBERS = [
    *("12abc", "1.9", "1.0", "1e3", "0x10", "1_000", "15m", "", " ", " 5", "5 ", "5\n", "--5", "+"),
    *("٣", "\uff15", "½", "NaN", "inf", "true", "1,000", "0b1", "- 5", "\u20115"),
]


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_whole_number_is_refused(call, value):
    words = ("create", "--id", "A", "--title", "t", f"--priority={value}")
    assert "--priority must be a whole number in decimal digits" in refused(call, 2, *words)


@pytest.mark.parametrize(
    "option",
    [
        "create --id A --title t --priority=2147483648",
        "create --id A --title t --priority=-2147483649",
        "create --id A --title t --priority=" + "9" * 5000,
        "claim --owner w --ttl=0",
        "claim --owner w --ttl=-1",
        "claim --owner w --ttl=2147483648",
        "renew --id A --ttl=0",
        "complete --id A --attempt=0",
        "complete --id A --attempt=-1",
        "complete --id A --attempt=2147483648",
    ],
)
def test_a_number_out_of_range_is_refused(call, card, option):
    card("A")
    line = refused(call, 2, *option.split())
    assert " must be between " in line
    assert len(line) < 200


@pytest.mark.parametrize("value", ["-x", "-5", "- a", "-"])
def test_a_value_may_begin_with_a_dash(call, value):
    assert call("create", "--id", "A", "--title", value, "--json").json["title"] == value


def test_a_value_that_begins_with_two_dashes_needs_an_equals_sign(call):
    assert call("create", "--id", "A", "--title=--json", "--json").json["title"] == "--json"
    refused(call, 2, "create", "--id", "B", "--title", "--json")


@pytest.mark.parametrize(
    "words",
    [
        ("claim", "--owner", "w", "--id", ""),
        ("reclaim", "--id", ""),
        ("reclaim", "--id", "  "),
        ("claim", "--owner", ""),
        ("claim", "--owner", "\t"),
        ("complete", "--id", "A", "--owner", ""),
        ("complete", "--id", "A", "--attempt", ""),
        ("complete", "--id", ""),
        ("delete", "--id", ""),
        ("show", "--id", ""),
        ("list", "--phase", ""),
        ("list", "--status", ""),
        ("create", "--id", " ", "--title", "t"),
        ("create", "--id", "B", "--title", " "),
        ("create", "--id", "B", "--title", "t", "--idempotency-key", ""),
        ("edit", "--id", "A", "--title", ""),
        ("link", "--from", "", "--to", "A"),
        ("link", "--from", "A", "--to", ""),
    ],
)
def test_an_empty_value_is_refused_and_no_wildcard(call, claimed, words):
    refused(call, 2, *words)


@pytest.mark.parametrize("words", [("create", "--title", "t"), ("claim", "--owner", "w")])
@pytest.mark.parametrize("value", ["a\nb", "a\tb", "a\x1bb", "a\u2028b"])
def test_an_id_is_one_line(call, words, value):
    refused(call, 2, *words, "--id", value)


def test_an_id_and_an_owner_are_trimmed(call):
    assert call("create", "--id", " A ", "--title", "t", "--json").json["id"] == "A"
    assert call("claim", "--owner", " w ", "--json").json["claimOwner"] == "w"


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ("a,b", ["a", "b"]),
        (" b , a ,", ["b", "a"]),
        (",,a,,", ["a"]),
        ("a,b,a", ["a", "b"]),
        ("a b,c", ["a b", "c"]),
        ("", []),
        (" , ", []),
    ],
)
def test_ids_are_split_at_commas_trimmed_and_kept_once(call, given, ids):
    assert call(*NEW, "--depends-on", given).json["dependsOn"] == ids


def test_a_phase_of_blanks_is_none(call):
    assert call(*NEW, "--phase", " ").json["phase"] is None


def help_of(call, capsys, *words):
    with pytest.raises(SystemExit) as ended:
        call(*words, "--help")
    assert ended.value.code == 0
    return capsys.readouterr().out


def _each(name):
    """The verb of this name, or each of those that it has; and the words that lead there."""
    verb = declared(VERBS[name])
    return [((name, each.name), each) for each in getattr(verb, "actions", ())] or [((name,), verb)]


@pytest.mark.parametrize("name", VERBS)
def test_the_help_of_a_verb_names_each_option(call, capsys, name):
    for words, verb in _each(name):
        shown = help_of(call, capsys, *words)
        options = (*verb.options, ("--json", None))
        assert all(name in shown or name.upper() in shown for name, _ in options)


def test_it_says_which_version_it_is(call, capsys):
    with pytest.raises(SystemExit) as ended:
        call("--version")
    assert (ended.value.code, capsys.readouterr().out) == (0, f"fleet-backlog {__version__}\n")


def test_the_help_names_each_verb(call, capsys):
    shown = help_of(call, capsys)
    assert all(f"\n    {name} " in shown for name in VERBS)


def test_every_verb_that_a_module_declares_can_be_named():
    modules = [
        import_module(f"{package.__name__}.{each.name}")
        for package in (backlog.cli, fleet.cli, hooks.cli, remote.cli)
        for each in iter_modules(package.__path__)
    ]
    found = [each for module in modules for each in vars(module).values()]
    groups = [each for each in found if isinstance(each, Group)]
    grouped = [action for each in groups for action in (*each.actions, each.alone)]
    alone = [each for each in found if isinstance(each, Verb | Group) and each not in grouped]
    assert {each.name for each in alone} == {*VERBS}
    assert [declared(place).name for place in VERBS.values()] == [*VERBS]
