"""Names: what a new one may be, the same at every door; and what is called otherwise is found."""

import json
from html import unescape

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from backlog import values
from backlog.errors import UsageError
from backlog.lifecycle import LONGEST_KEY, LONGEST_NAME, LONGEST_TEXT
from backlog.models import Card
from tests.cli import lines, refused
from tests.factories import CardFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]

UNSEEN = [
    ("A1\u200b", "U+200B ZERO WIDTH SPACE (character 3) is a format character"),
    ("\u200b", "U+200B ZERO WIDTH SPACE (character 1) is a format character"),
    (" \u202eA", "U+202E RIGHT-TO-LEFT OVERRIDE (character 2) is a format character"),
    ("\ufeffA", "U+FEFF ZERO WIDTH NO-BREAK SPACE (character 1) is a format character"),
    ("a\u00adb", "U+00AD SOFT HYPHEN (character 2) is a format character"),
    ("\U0001f469\u200d\U0001f467", "U+200D ZERO WIDTH JOINER (character 2)"),
    ("a\U000e0041", "U+E0041 TAG LATIN CAPITAL LETTER A (character 2)"),
    ("a\tb", "U+0009 (character 2) is a control character"),
    ("a\nb", "U+000A (character 2) is a control character"),
    ("a\x1b[31m", "U+001B (character 2) is a control character"),
    ("a\u2028b", "U+2028 LINE SEPARATOR (character 2) is a control character"),
    ("a\u00a0b", "U+00A0 NO-BREAK SPACE (character 2) is not the usual blank"),
    ("A1\u3164", "U+3164 HANGUL FILLER (character 3) is invisible"),
    ("A1\u034f", "U+034F COMBINING GRAPHEME JOINER (character 3) is invisible"),
    ("A1\ufe0f", "U+FE0F VARIATION SELECTOR-16 (character 3) is invisible"),
    ("\u2800", "U+2800 BRAILLE PATTERN BLANK (character 1) is invisible"),
    ("\u0301a", "U+0301 COMBINING ACUTE ACCENT (character 1) is a mark without a letter"),
    ("e\u0301", "U+0301 COMBINING ACUTE ACCENT (character 2), after e, should be \u00e9"),
    ("Zoe\u0308 2", "U+0308 COMBINING DIAERESIS (character 4), after e, should be \u00eb"),
    ("\u212b", "U+212B ANGSTROM SIGN (character 1) should be \u00c5"),
    (
        "\u1112\u1161\u11ab",
        "U+1161 HANGUL JUNGSEONG A (character 2), after \u1112, should be \ud558",
    ),
    ("q\u0307\u0323", "U+0323 COMBINING DOT BELOW (character 3), after \u0307,"),
]
SEEN = [
    "A1",
    "fleet-001",
    "M 1",
    "\u00e9",
    "\u05e2\u05d1\u05e8\u05d9\u05ea",
    "\u7b2c\u4e00\u3000\u7ae0",
    "\u2764\ufe0f",
]
SEEN += [
    "1\ufe0f\u20e3",
    "\U0001f680",
    "\ud558",
    "'; DROP TABLE backlog; --",
    "%s {0}",
    "x" * LONGEST_NAME,
]
SEEN += ["\U0001f680" * LONGEST_NAME]


@pytest.mark.parametrize(("given", "said"), UNSEEN, ids=map(ascii, dict(UNSEEN)))
def test_what_is_not_seen_is_refused_by_its_name_and_place(given, said):
    with pytest.raises(UsageError) as refusal:
        values.name(given, "phase")
    assert said in str(refusal.value)
    assert str(refusal.value).startswith("phase must be ")


@pytest.mark.parametrize("given", SEEN, ids=ascii)
def test_what_is_seen_is_a_name_in_any_script(given):
    assert values.name(f" {given}\n") == given


# Every door through which a new name comes, by the command: the words, with NAME where it stands.
NEW = ("create", "--id", "N", "--title", "t")
BY_COMMAND = [
    ("create", "--id", "NAME", "--title", "t"),
    (*NEW, "--phase", "NAME"),
    (*NEW, "--role", "NAME"),
    (*NEW, "--depends-on", "NAME"),
    ("edit", "--id", "A", "--phase", "NAME"),
    ("edit", "--id", "A", "--role", "NAME"),
    ("edit", "--id", "A", "--depends-on", "NAME"),
    ("claim", "--owner", "NAME"),
    ("claim", "--owner", "NAME", "--id", "A"),
    ("work", "--owner", "NAME", "--once", "--", "true"),
    ("pause", "--phase", "NAME", "--reason", "r"),
    ("pause", "--owner", "NAME", "--reason", "r"),
    ("limit", "--phase", "NAME", "--max", "1"),
    ("limit", "--owner", "NAME", "--max", "1"),
]
BAD = [
    ("A1\u200b", "U+200B"),
    ("e\u0301", "U+0301"),
    ("\x1bA", "U+001B"),
    ("x" * 256, "must have at most 255 characters, not 256"),
]
bad = pytest.mark.parametrize(
    ("given", "said"), BAD, ids=["unseen", "decomposed", "control", "long"]
)


@bad
@pytest.mark.parametrize("words", BY_COMMAND, ids=" ".join)
def test_no_verb_makes_such_a_name(call, card, words, given, said):
    card("A")
    assert said in refused(call, 2, *(given if word == "NAME" else word for word in words))
    assert call("limits").out + call("paused").out == "(no limits)\n(not paused)\n"


@bad
@pytest.mark.parametrize("key", ["id", "phase", "role", "claimOwner", "dependsOn"])
def test_no_imported_line_does(call, tmp_path, key, given, said):
    claim = {"status": "claimed", "claimTtlSeconds": 9, "claimedAt": "2026-01-31T08:00:00Z"}
    more = claim if key == "claimOwner" else {}
    card = {"id": "A", "title": "t", **more, key: [given] if key == "dependsOn" else given}
    error = refused(call, 2, "import", lines(tmp_path, {"id": "B", "title": "t"}, card))
    assert error.startswith("line 2: ")
    assert said in error


@bad
@pytest.mark.parametrize("field", ["id", "phase", "role", "depends_on"])
@pytest.mark.parametrize("path", ["/cards/new/", "/admin/backlog/card/add/"])
def test_no_form_does(admin_client, store, path, field, given, said):
    fields = {"id": "N", "title": "t", "priority": "0", field: given}
    page = admin_client.post(path, fields)
    assert (page.status_code, said in unescape(page.text)) == (200, True)
    assert not Card.objects.exists()


@bad
def test_no_button_and_no_rule_of_a_page_does(admin_client, store, given, said):
    card = CardFactory(id="A")
    seen = f"ready {card.updated_at.isoformat()} A"
    page = admin_client.post("/cards/act/", {"action": "phase", "card": seen, "phase": given})
    assert said in unescape(page.text)
    for path, more in (("pause", {"reason": "r"}), ("limit", {"most": "1"})):
        page = admin_client.post(f"/control/{path}/", {"scope": "phase", "name": given, **more})
        assert (page.status_code, said in unescape(page.text)) == (200, True)
    assert Card.objects.get().phase is None


@bad
def test_no_verb_of_the_manager_does(store, given, said):
    CardFactory(id="A")
    for verb in (
        lambda: Card.objects.create(id=given, title="t"),
        lambda: Card.objects.create(id="B", title="t", phase=given),
        lambda: Card.objects.edit("A", role=given),
        lambda: Card.objects.edit("A", depends_on=[given]),
        lambda: Card.objects.claim(given),
    ):
        with pytest.raises(UsageError, match=said.replace("+", r"\+")):
            verb()


TEXTS = [
    ("--title", LONGEST_TEXT),
    ("--body", LONGEST_TEXT),
    ("--acceptance", LONGEST_TEXT),
    ("--idempotency-key", LONGEST_KEY),
]


@pytest.mark.parametrize(("option", "longest"), TEXTS)
def test_a_text_has_a_longest(call, option, longest):
    assert f"at most {longest} characters" in refused(call, 2, *NEW, option, "x" * (longest + 1))
    assert call(*NEW, option, "\U0001f680" * LONGEST_KEY).status == 0


@pytest.mark.parametrize("key", ["title", "body", "idempotencyKey"])
def test_a_text_of_an_imported_line_has_the_same(call, tmp_path, key):
    card = {"id": "A", "title": "t", key: "x" * (LONGEST_TEXT + 1)}
    assert "characters, not 4000001" in refused(call, 2, "import", lines(tmp_path, card))


def test_dependencies_have_a_longest_together(store):
    with pytest.raises(UsageError, match="dependencies must have 4000000 characters at most"):
        Card.objects.create(id="A", title="t", depends_on=[f"{n:0200}" for n in range(20_001)])


def test_a_browser_helps_with_the_longest(admin_client, store):
    page = admin_client.get("/cards/new/").text
    assert [page.count(f'maxlength="{n}"') for n in (LONGEST_NAME, LONGEST_KEY)] == [3, 1]
    assert admin_client.get("/control/").text.count(f'maxlength="{LONGEST_NAME}"') == 3


def test_a_key_that_is_too_long_is_said_in_the_same_words_on_a_form(admin_client, store):
    fields = {"id": "A", "title": "t", "priority": 0, "idempotency_key": "x" * (LONGEST_KEY + 1)}
    for path in ("/cards/new/", "/admin/backlog/card/add/"):
        page = admin_client.post(path, fields).text
        assert "Idempotency key must have at most 500 characters, not 501" in page


# Trimmed ------------------------------------------------------------------------------------------


def test_a_phase_and_a_role_are_trimmed_at_every_door(call, tmp_path, admin_client):
    call("create", "--id", "A", "--title", "t", "--phase", "M1 ", "--role", " r")
    call("import", lines(tmp_path, {"id": "B", "title": "t", "phase": " M1\n", "role": "r\t"}))
    admin_client.post("/cards/new/", {"id": "C", "title": "t", "priority": 0, "phase": " M1 "})
    call("create", "--id", "D", "--title", "t")
    call("edit", "--id", "D", "--phase", "\u00a0M1")
    assert set(Card.objects.values_list("phase", flat=True)) == {"M1"}
    assert len(call("list", "--phase", " M1", "--json").json) == 4
    assert (
        call("claim", "--owner", " w ", "--phase", "M1 ", "--role", "r ", "--json").json["id"]
        == "A"
    )


def test_a_blank_name_is_none(call, card):
    card("A", phase="M1", role="r")
    edited = call("edit", "--id", "A", "--phase", " ", "--role", "\t", "--json").json
    assert (edited["phase"], edited["role"]) == (None, None)


@pytest.mark.parametrize("scope", [("--phase", "M1 "), ("--owner", " ada")])
def test_a_rule_holds_back_whom_it_is_meant_for(call, card, scope):
    card("A", phase="M1")
    call("claim", "--owner", "ada")
    call("release", "--id", "A")
    assert call("pause", *scope, "--reason", "r").err == ""
    assert call("claim", "--owner", "ada", "--exit-code").status == 6
    assert call("paused", *scope).status == 6
    call("resume", *scope)
    assert call("limit", *scope, "--max", "0").err == ""
    assert call("claim", "--owner", "ada", "--exit-code").status == 7
    assert call("unlimit", *scope, "--json").json["name"] == scope[1].strip()
    assert call("claim", "--owner", "ada", "--exit-code").status == 0


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        (("--phase", "M7"), "there is no card of phase M7 now, so this holds nobody back yet"),
        (("--owner", "eve"), "nothing is known of worker eve now, so this holds nobody back yet"),
        (("--phase", "infra"), " holds nobody back yet; did you mean Infra-1?"),
        (("--owner", "Ada1"), " holds nobody back yet; did you mean ada-1?"),
    ],
)
def test_a_rule_about_nothing_says_so_and_names_what_is_like_it(call, card, scope, said):
    card("A", phase="Infra-1", claimed=True, owner="ada-1")
    for words in (("pause", *scope, "--reason", "r"), ("limit", *scope, "--max", "1", "--json")):
        ran = call(*words)
        assert (ran.status, ran.err.endswith(f"{said}\n")) == (0, True)
        assert scope[1] in ran.out


def test_blanks_are_no_name_of_the_fleet(admin_client, store):
    sent = {"scope": "fleet", "name": " ", "reason": "r"}
    assert admin_client.post("/control/pause/", sent).status_code == 302
    assert admin_client.post("/control/resume/", sent).status_code == 302
    assert Card.objects.claim("w").why == "empty"


def test_a_rule_about_nothing_says_so_on_its_page(admin_client, store):
    for path, more in (("pause", {"reason": "r"}), ("limit", {"most": "1"})):
        sent = admin_client.post(f"/control/{path}/", {"scope": "phase", "name": "M7", **more})
        assert any("no card of phase M7" in str(said) for said in get_messages(sent.wsgi_request))
    assert admin_client.get("/control/").text.count("holds nobody back yet") == 4


# What is called otherwise already -----------------------------------------------------------------

OLD = ["a,b", "A1\u200b", "\u200b", "\u202eA", "e\u0301", " A ", "a\nb", "a\x1bb"]
OLD += ["x" * 156 + "," * 99]
old = pytest.mark.parametrize("card_id", OLD, ids=ascii)


@pytest.fixture
def odd(session):
    """Makes a card as no verb does any more."""

    def make(card_id, **fields):
        row = {"id": card_id, "title": "old", **fields}
        columns, places = ", ".join(row), ", ".join(["%s"] * len(row))
        sql = f"INSERT INTO backlog ({columns}) VALUES ({places})"  # noqa: S608 (our own words)
        session.execute(sql, list(row.values()))

    return make


@old
def test_a_card_with_an_old_id_goes_its_way(call, odd, card, card_id):
    odd(card_id)
    card("B")
    it = ("--id", card_id)
    assert call("link", "--from", "B", "--to", card_id, "--json").json["dependsOn"] == [card_id]
    assert call("edit", *it, "--title", "new", "--json").json["title"] == "new"
    assert call("edit", "--id", "B", "--title", "new").status == 0
    assert call("claim", "--owner", "w", *it, "--json").json["id"] == card_id
    assert call("renew", *it, "--owner", "w", "--attempt", "1").status == 0
    for words in ("release", "block", "unblock", "complete", "reopen", "cancel", "unblock"):
        assert call(words, *it, "--json").json["id"] == card_id, words
    for words in ("show", "explain", "context", "history", "runs", "reclaim"):
        assert call(words, *it).status == 0, words
    assert call("unlink", "--from", "B", "--to", card_id, "--json").json["dependsOn"] == []
    assert call("delete", *it, "--json").json["id"] == card_id


@old
def test_a_create_that_repeats_the_key_of_an_old_card_gives_it(call, odd, card_id):
    odd(card_id, idempotency_key="k")
    again = call("create", "--id", card_id, "--title", "t", "--idempotency-key", "k", "--json")
    assert again.json["id"] == card_id


@pytest.mark.parametrize("card_id", ["a,b", "A1\u200b"], ids=ascii)
def test_a_create_of_an_old_id_is_a_duplicate(call, odd, card_id):
    odd(card_id)
    assert "already" in refused(call, 1, "create", "--id", card_id, "--title", "t")


@pytest.mark.both_tiers
@pytest.mark.parametrize("card_id", [each for each in OLD if each == each.strip()], ids=ascii)
def test_an_export_of_old_cards_updates_them(call, odd, card_id, tmp_path):
    odd(card_id)
    odd("B", depends_on=json.dumps([card_id]))
    file = lines(tmp_path, call("export").out)
    assert call("import", "--update", file, "--json").json["unchanged"] == 2


def test_a_comma_is_refused_with_the_way_to_rename_a_card(call, card):
    said = refused(call, 2, "create", "--id", "a,b", "--title", "t")
    assert "comma (character 2)" in said
    assert "docs/limits.md" in said


def test_an_old_card_is_renamed_by_way_of_a_file(call, odd, tmp_path):
    odd("a,b", idempotency_key="k", priority=7)
    odd("C", depends_on='["a,b"]')
    file = lines(tmp_path, call("export").out.replace('"a,b"', '"a-b"'))
    call("edit", "--id", "a,b", "--idempotency-key", "")
    assert call("import", "--update", file, "--json").json["created"] == 1
    assert call("delete", "--id", "a,b").status == 0
    renamed = call("show", "--id", "a-b", "--json").json
    assert (renamed["priority"], renamed["idempotencyKey"]) == (7, "k")
    assert call("show", "--id", "C", "--json").json["dependsOn"] == ["a-b"]


@pytest.mark.parametrize("phase", ["M1 ", "A1\u200b", "a\nb", " x"], ids=ascii)
def test_an_old_phase_is_found_and_ruled(call, odd, card, admin_client, phase):
    odd("A", phase=phase)
    card("B", phase=phase.strip() if phase != phase.strip() else "M9")
    assert [each["id"] for each in call("list", "--phase", phase, "--json").json] == ["A"]
    for page in ("/", "/cards/", reverse("admin:backlog_card_changelist")):
        shown = admin_client.get(page, {"phase": phase}).text
        assert ("/card/A/" in shown or "card/A/" in shown, "card/B/" in shown) == (True, False)
    assert call("limit", "--phase", phase, "--max", "0", "--json").json["name"] == phase
    assert call("claim", "--owner", "w", "--phase", phase, "--exit-code").status == 7
    call("unlimit", "--phase", phase)
    assert call("claim", "--owner", "w", "--phase", phase, "--json").json["id"] == "A"


@pytest.mark.parametrize("owner", [" ada ", "ada\u200b", "a\nb"], ids=ascii)
def test_an_old_owner_finishes_what_it_holds(call, session, odd, owner):
    odd("A")
    call("claim", "--owner", "w")
    session.execute("UPDATE backlog SET claim_owner = %s", (owner,))
    assert call("complete", "--id", "A", "--owner", owner, "--attempt", "2").status == 0


def test_an_old_rule_is_ended_by_its_name(call, session):
    for name in ("ada", "ada "):
        sql = """INSERT INTO backlog_rule (kind, scope, name, reason, actor)
            VALUES ('pause', 'owner', %s, 'r', 'o')"""
        session.execute(sql, (name,))
    for name in ("ada ", "ada"):
        assert call("resume", "--owner", "ada ", "--json").json["name"] == name


# Names that nobody typed --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["h\u00f6st\u200b" * 80, "a\nb", "\udcff", "\x1b[31m"], ids=ascii)
def test_an_account_of_any_name_may_act(call, monkeypatch, name):
    monkeypatch.delenv("BACKLOG_OWNER", raising=False)
    monkeypatch.setenv("LOGNAME", name)
    call(*NEW)
    (event,) = call("history", "--id", "N", "--json").json
    assert 0 < len(event["actor"]) <= 200
    assert event["actor"].isprintable()
