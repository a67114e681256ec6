"""Values stay what they are: criteria with every digit, text of any script, a megabyte of it."""

import json
import os
import subprocess

import pytest

from tests.cli import NEW, lines, refused
from tests.command import MANAGE

CRITERIA = [
    ("one", ["one"]),
    ("one;two", ["one", "two"]),
    (" one ; ;two\nthree\n", ["one", "two", "three"]),
    ("it works, always", ["it works, always"]),
    ('["one","two"]', ["one", "two"]),
    ('{"a":[1,null,true]}', {"a": [1, None, True]}),
    ('"5"', "5"),
    ("5", 5),
    ("true", True),
    ('""', ""),
    ("[]", []),
    ("{}", {}),
    ("null", None),
    ("", None),
    (" ;\n; ", []),
    (";;", []),
    ("  \n ", None),
    ("NaN", ["NaN"]),
    ("[1,NaN]", ["[1,NaN]"]),
    ("Infinity", ["Infinity"]),
    ("{'a': 1}", ["{'a': 1}"]),
    ("1 2", ["1 2"]),
    ('{"a":1', ['{"a":1']),
    ('"a;b"', "a;b"),
]


@pytest.mark.one_tier
@pytest.mark.parametrize(("given", "value"), CRITERIA)
def test_acceptance_is_json_or_else_a_list(call, given, value):
    assert call(*NEW, "--acceptance", given).json["acceptance"] == value


def test_a_json_null_is_stored_as_none(call, session):
    call(*NEW, "--acceptance", "null")
    assert session.execute("SELECT acceptance IS NULL FROM backlog").fetchone()[0]


@pytest.mark.one_tier
@pytest.mark.parametrize("given", ['{"a":1e200000,"a":1}', '{"a":"\\u0000","a":1}'])
def test_of_a_key_that_stands_twice_only_the_last_reaches_the_database(call, card, tmp_path, given):
    card("held", claimed=True)
    line = f'{{"id":"B","title":"t","acceptance":{given}}}'
    assert call(*NEW, "--acceptance", given).json["acceptance"] == {"a": 1}
    assert call("import", lines(tmp_path, line)).status == 0
    assert call("complete", "--id", "held", "--result", given).status == 0
    assert call("show", "--id", "B", "--json").json["acceptance"] == {"a": 1}


EXACT = [
    "1234567890123456789012345",
    "-1234567890123456789012345",
    "[1.10]",
    "0.1000000000000000000000000000000001",
    '{"n": 9007199254740993}',
    '"5"',
    '["1e5"]',
    '{"ключ": "😀 é"}',
]


@pytest.mark.parametrize("given", EXACT)
def test_every_command_prints_the_same_criteria_with_every_digit(call, tmp_path, given):
    created = call(*NEW, "--acceptance", given).out
    assert f'"acceptance":{given},' in created
    answers = [
        call("show", "--id", "A", "--json").out,
        call("list", "--json").out,
        call("claim", "--owner", "w", "--json").out,
        call("export").out,
    ]
    call("delete", "--id", "A")
    call("import", lines(tmp_path, answers[-1].strip()))
    answers.append(call("show", "--id", "A", "--json").out)
    assert [f'"acceptance":{given},' in answer for answer in answers] == [True] * 5


@pytest.mark.one_tier
@pytest.mark.parametrize(
    "given",
    [
        '"a\\u0000b"',
        '{"\\u0000":1}',
        '"\\ud800"',
        '["\\udc00\\ud800"]',
        '{"a":{"\\ud83d":1}}',
        "[" * 300 + "]" * 300,
        '{"a":' * 300 + "1" + "}" * 300,
        "[" * 200_000,
        "1e200000",
        "a\ud800b",
    ],
    ids=range(10),
)
def test_what_the_database_cannot_hold_is_refused(call, card, given):
    card("A")
    refused(call, 2, "create", "--id", "B", "--title", "t", "--acceptance", given)
    refused(call, 2, "edit", "--id", "A", "--acceptance", given)


TEXTS = [
    "emoji 👩‍👩‍👧‍👦 🏳️‍🌈",
    "עברית العربية \u202e",
    "e\u0301 vs é",
    "\ufeffBOM",
    "'; DROP TABLE backlog; --",
    "%s %(id)s %% {0} {id}",
    "\\x00 \\n $1 $$ ${HOME}",
    "double \" and single ' and `back`",
    "<script>alert(1)</script>",
    "\x01\x7f\x85",
    " padded ",
]


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_stored_verbatim(call, text):
    words = ("--title", text, "--body", text, "--idempotency-key", text)
    created = call("create", "--id", "A", *words, "--json").json
    assert [created[key] for key in ("title", "body", "idempotencyKey")] == [text] * 3
    assert call("list", "--json").json == [created]


NAMES = [
    "emoji 👩 🏳️",
    "עברית العربية",
    "é",
    "'; DROP TABLE backlog; --",
    "%s %(id)s %% {0} {id}",
    "\\x00 \\n $1 $$ ${HOME}",
    "double \" and single ' and `back`",
    "<script>alert(1)</script>",
]


@pytest.mark.one_tier
@pytest.mark.parametrize("name", NAMES)
def test_a_phase_and_a_role_may_be_called_so(call, name):
    created = call(*NEW, "--phase", name, "--role", name).json
    assert (created["phase"], created["role"]) == (name, name)
    assert call("list", "--phase", name, "--json").json == [created]


@pytest.mark.one_tier
@pytest.mark.parametrize("text", NAMES)
def test_such_ids_and_owners_work_in_every_verb(call, text):
    call("create", "--id", text, "--title", "t")
    call("create", "--id", "B", "--title", "t", "--depends-on", text)
    claimed = call("claim", "--id", text, "--owner", text, "--json").json
    assert (claimed["id"], claimed["claimOwner"]) == (text, text)
    assert call("explain", "--id", "B", "--json").json["unfinished"] == [text]
    done = call("complete", "--id", text, "--owner", text, "--attempt", "1", "--json").json
    assert (done["id"], done["status"]) == (text, "done")


@pytest.mark.one_tier
@pytest.mark.parametrize("option", ["--title", "--body", "--phase", "--acceptance", "--depends-on"])
@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_a_nul_and_half_a_character_are_refused(call, option, text):
    refused(call, 2, "create", "--id", "A", "--title", "t", option, text)


@pytest.mark.one_tier
@pytest.mark.parametrize("key", ["id", "title", "body", "phase", "idempotencyKey", "acceptance"])
def test_a_nul_in_an_imported_line_is_refused(call, tmp_path, key):
    file = lines(tmp_path, {"id": "A", "title": "t", key: "a\0b"})
    assert refused(call, 2, "import", file).startswith(f"line 1: {key} must")


@pytest.mark.one_tier
@pytest.mark.parametrize(
    "words",
    [
        [b"create", b"--id", b"A", b"--title", b"a\xffb"],
        [b"create", b"--id", b"\xff", b"--title", b"t"],
        [b"claim", b"--owner", b"\xe9"],
        [b"list", b"--phase", b"\xff"],
        [b"list", b"--status", b"\xff"],
        [b"\xff"],
        [b"list", b"--\xff"],
        [b"import", b"\xff"],
        [b"store", b"restore", b"\xff"],
    ],
    ids=range(9),
)
def test_bytes_that_are_no_utf_8_are_refused_in_one_line(store, words):
    argv = [*(word.encode() for word in MANAGE), b"backlog", *words, b"--json"]
    ran = subprocess.run(argv, capture_output=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr.count(b"\n")) == (2, b"", 1)
    assert json.loads(ran.stderr)["error"]["code"] == "usage"


def test_a_body_of_a_megabyte(call, tmp_path):
    body = os.urandom(500_000).hex()
    call("import", lines(tmp_path, {"id": "A", "title": "t", "body": body}))
    assert call("claim", "--owner", "w", "--json").json["body"] == body
    assert call("complete", "--id", "A", "--json").json["body"] == body


@pytest.mark.one_tier
@pytest.mark.parametrize("option", ["--id", "--idempotency-key"])
def test_what_is_too_long_for_its_index_is_refused_in_one_line(call, option):
    assert len(refused(call, 2, *NEW[:-1], option, os.urandom(20_000).hex())) < 400
