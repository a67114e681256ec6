"""import: whatever file people come with is taken, or said to be what it is."""

import bz2
import gzip
import json
import lzma
import subprocess

import pytest

from tests.cli import lines, refused
from tests.command import MANAGE

pytestmark = pytest.mark.one_tier

A = {"id": "A", "title": "t"}
B = {"id": "B", "title": "t", "dependsOn": ["A"], "acceptance": {"n": [1, {}]}}
C = {"id": "C", "title": 'a ] [ } { " \\ \n'}


def pretty(*cards, indent=2):
    return "\n".join(json.dumps(card, indent=indent) for card in cards)


TAKEN = [
    json.dumps([A, B, C]),
    json.dumps([A, B, C], indent=0),
    pretty([A, B, C]),
    "\n\n " + pretty([A, B, C], indent="\t") + "\n\n",
    pretty([A, B, C]).replace("\n", "\r\n"),
    "\ufeff" + pretty([A, B, C]),
    "[" + ",\n".join(map(json.dumps, (A, B, C))) + "]",
    "[\n" + "\n,".join(map(json.dumps, (A, B, C))) + "\n]\n",
    pretty(A, B, C),
    pretty(A, B, C).replace("}\n{", "} {"),
    pretty(A, B, C).replace("\n", "\r\n"),
    "\ufeff" + "\n\n\ufeff".join(map(pretty, (A, B, C))),
    f"{json.dumps(A)}\n{pretty(B)}\n{json.dumps(C)}",
    f"{pretty(A)}\n\n{json.dumps(B)}\n{pretty(C)}",
]


@pytest.mark.parametrize("content", TAKEN, ids=range(len(TAKEN)))
def test_an_array_and_objects_over_many_lines_are_backlogs_too(call, tmp_path, content):
    assert call("import", lines(tmp_path, content), "--json").json["created"] == 3
    shown = call("list", "--json").json
    assert [(card["id"], card["title"]) for card in shown] == [
        (card["id"], card["title"]) for card in (A, B, C)
    ]
    assert (shown[1]["dependsOn"], shown[1]["acceptance"]) == (["A"], B["acceptance"])


@pytest.mark.parametrize("content", ["[]", "[\n]\n", "", "\ufeff", "\ufeff\r\n", " \n[ ] \n"])
def test_a_file_without_a_card_is_an_empty_backlog(call, tmp_path, content):
    assert call("import", lines(tmp_path, content), "--json").json["created"] == 0


def test_the_cards_of_an_array_keep_their_order_and_every_digit(call, tmp_path):
    many = "1" + "0" * 30
    cards = [f'{{"id":"{name}","title":"t","acceptance":[1.10,{many}]}}' for name in "zba"]
    call("import", lines(tmp_path, f"[{','.join(cards)}]"))
    listed = call("list", "--json")
    assert [card["id"] for card in listed.json] == ["z", "b", "a"]
    assert listed.out.count(f'"acceptance":[1.10, {many}],') == 3


def test_what_list_prints_can_be_imported(call, card, tmp_path):
    card("A", acceptance='{"n": 1.10}')
    card("B", needs=["A"])
    before = call("list", "--json")
    call("delete", "--id", "B")
    call("delete", "--id", "A")
    assert call("import", lines(tmp_path, before.out), "--json").json["created"] == 2
    after = call("list", "--json")
    assert '"acceptance":{"n": 1.10}' in after.out
    assert [{**card, "updatedAt": 0} for card in after.json] == [
        {**card, "updatedAt": 0} for card in before.json
    ]


OTHERS = [
    (gzip.compress(b"{}"), "; try gunzip -c FILE | backlog … -"),
    (bz2.compress(b"{}"), "; try bunzip2 -c FILE | backlog … -"),
    (lzma.compress(b"{}"), "; try unxz -c FILE | backlog … -"),
    (b"PK\x03\x04\0\0", "; try unzip -p FILE | backlog … -"),
    (b"PGDMP\1\2", "`store restore FILE` takes it"),
    (pretty([A]).encode("utf-16"), "iconv -f UTF-16 "),
    (json.dumps(A).encode("utf-16-le"), "iconv -f UTF-16LE "),
    (json.dumps([A]).encode("utf-16-be"), "iconv -f UTF-16BE "),
    ('{"id":"A","title":"é"}'.encode("latin-1"), "iconv -f LATIN1 "),
    ('[{"id":"A","title":"é"}]'.encode("latin-1"), "iconv -f LATIN1 "),
    ('# Cards\n\nSuch as\n\n{"id":"A"}\n', "seems to be Markdown; --from backlog-md "),
    ("Buy milk\n\nand bread", "the page Plan makes cards of an outline"),
    ("id,title\nA,t\n", "; try mlr --icsv --ojsonl cat FILE | backlog import -; "),
    ("id\ttitle\nA\tt\n", "; try mlr --itsv --ojsonl cat FILE | backlog import -; "),
    ("- id: A\n  title: t\n", "; try yq -o json . FILE | backlog import -; "),
    ("<html>\n", "line 1: this is no backlog but seems to be HTML or XML; a backlog has a JSON "),
    (json.dumps({"cards": [A]}), "an array of objects: take that out first, for example jq '.car"),
    (pretty({"version": 1, "issues": [A, B]}), "for example jq '.issues'"),
    (pretty({"A": {"title": "t"}, "B": {"title": "t"}}), "holds objects by name"),
    ('[{"id":"A","title":"t"},]', "a comma too many"),
    ('[{"id":"A","title":"t",}]', "a comma too many"),
    ('{"id":"A","title":"t"},\n', "a comma too many"),
    ('{"id":"A","title":"t",}', "a comma too many"),
    ("[", "is the file whole?"),
    ('[{"id":"A","title":"t"}', "is the file whole?"),
    ('[{"id":"A","title":"t"},', "is the file whole?"),
    ('{"id":"A","title":"t', "is the file whole?"),
    ('{"id":"A",\n"title":\n', "is the file whole?"),
    ('[{"id":"A","title":"t"} {"id":"B"}]', "a comma or ] is missing"),
    ("[" * 200_000, "nested too deeply"),
    ('{"id":"A",\n"acceptance":' + "[" * 200_000, "nested too deeply"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "hint"), OTHERS, ids=range(len(OTHERS)))
def test_another_file_is_said_to_be_what_it_is(call, tmp_path, content, hint):
    said = refused(call, 2, "import", lines(tmp_path, content))
    assert hint in said
    assert len(said) < 400


NO_JSON = "not a JSON object"
WRONG = [
    (pretty([A, {"title": "t"}]), "element 2 (line 6): id is missing"),
    (json.dumps([A, 5, B]), "element 2 (line 1): not a JSON object"),
    (json.dumps([A, [B]]), "element 2 (line 1): not a JSON object"),
    (json.dumps([A, {"id": "X"}]), "element 2 (line 1): title is missing"),
    (pretty(A, {"id": 5, "title": "t"}), "line 5: id must be a text"),
    (pretty(A, {"id": "X"}), "line 5: title is missing"),
    (pretty([A]).replace('"t"', "t"), f"element 1 (line 2): {NO_JSON}: Expecting value on line 4"),
    ('{"id":"A","title":"t"}\n\n{"id":\n}', f"line 3: {NO_JSON}: Expecting value on line 4"),
    ('\n{"id":"A",\n "title":"\n"}', f"line 2: {NO_JSON}: Invalid control character on line 3"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "said"), WRONG, ids=range(len(WRONG)))
def test_a_fault_is_where_its_object_begins(call, tmp_path, content, said):
    assert refused(call, 2, "import", lines(tmp_path, content)) == f"{said}\n"


def test_a_card_that_stands_twice_is_refused_by_its_elements(call, tmp_path):
    said = refused(call, 1, "import", lines(tmp_path, pretty([A, A])))
    assert said == "element 2 (line 6): id A stands on element 1 (line 2) already\n"


@pytest.mark.parametrize("file", ["/dev/zero", "/dev/full", "/dev/urandom"])
def test_a_device_without_an_end_is_not_read(call, file):
    assert "it is a device" in refused(call, 2, "import", file)


def test_nothing_is_read_from_the_null_device(call):
    assert call("import", "/dev/null", "--json").json["created"] == 0


def test_standard_input_without_an_end_is_not_read(store):
    with open("/dev/zero") as endless:  # noqa: PTH123 (a descriptor is all that is wanted)
        argv = [*MANAGE, "backlog", "import", "-"]
        ran = subprocess.run(argv, stdin=endless, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert ran.stderr.startswith("cannot read -: it is a device")
