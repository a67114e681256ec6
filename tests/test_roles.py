"""Roles: the project's contracts, a fleet's own, and what a file that is none is told."""

import os

import pytest

from backlog.errors import ConfigurationError, NotFound
from backlog.models import Card
from fleet import roles as library
from fleet.verbs import workers
from tests.factories import AccountFactory

pytestmark = [pytest.mark.one_tier, pytest.mark.quick]

OWN = """---
class: translator
kind: execution
mandate: Turns the pages into other languages.
boundaries: [changes nothing that is not text]
persona: Reads aloud.
---
One page a card.
"""


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """The fleet's own roles: a directory without any yet."""
    monkeypatch.setenv("BACKLOG_ROLES_DIR", str(tmp_path))
    return tmp_path


def test_there_are_twelve_and_one_says_its_alias():
    assert len(library.roles()) == 12
    assert [each.name for each in library.roles() if each.name != each.role_class] == ["planner"]
    assert library.role("orchestrator") is library.role("planner")


def test_a_fleet_adds_its_own_and_replaces_the_projects(directory):
    (directory / "a.md").write_text(OWN)
    (directory / "b.md").write_text(OWN.replace("translator", "code"))
    assert len(library.roles()) == 13
    own = [each.name for each in library.roles() if each.is_own]
    assert own == ["code", "translator"]
    assert library.role("code").contract == "One page a card."


def test_a_file_that_changes_is_read_again(directory):
    (directory / "a.md").write_text(OWN)
    assert library.role("translator").persona == "Reads aloud."
    (directory / "a.md").write_text(OWN.replace("Reads aloud.", "Listens."))
    assert library.role("translator").persona == "Listens."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: a role begins with ---"),
        ("---\nclass: a\n", "line 1: a role begins with ---"),
        (OWN.replace("kind: execution\n", ""), "line 1: kind must be given"),
        (OWN.replace("execution", "worker"), "line 3: kind must be "),
        (OWN.replace("persona", "character"), "line 6: character is no key of a role"),
        (OWN.replace("[changes nothing that is not text]", "none"), "line 5: boundaries must be"),
        (OWN.replace("[changes nothing that is not text]", "[1]"), "line 5: a boundary must be"),
        (OWN.replace("translator", "12"), "line 2: class must be text"),
        (OWN.replace("translator", "a\u200bb"), "line 2: class must be "),
        (OWN.replace("translator", "a,b"), "line 2: class must not contain a comma"),
        (OWN.replace("kind:", "alias: a, b\nkind:"), "line 3: alias must not contain a comma"),
        (OWN.replace("kind:", "class:"), "line 3: class is given twice"),
        (OWN.replace("mandate: ", "mandate: {"), "line 5: "),
        ("---\n- a\n---\n", "line 2: class, kind, "),
        ("---\n? [a]\n: b\n---\n", "line 2: "),
        (OWN.replace("Turns the pages into other languages.", "2020-99-99"), "line 4: mandate "),
        (OWN.replace("Reads aloud.", "!!int aloud"), "line 6: persona must be text"),
        (OWN.replace("[changes nothing that is not text]", "&a [*a]"), "line 5: "),
        (OWN.replace("[changes nothing that is not text]", "[" * 9000), "line 1: "),
        (OWN.replace("aloud", "\x01"), "line 6: U+0001 "),
    ],
)
def test_a_file_that_is_no_role_is_told_where(directory, text, said):
    (directory / "a.md").write_text(text)
    with pytest.raises(ConfigurationError) as refusal:
        library.roles()
    assert str(refusal.value).startswith(f"{directory / 'a.md'}, {said}")


def test_what_cannot_be_read_is_named(directory):
    (directory / "a.md").write_bytes(b"---\n\xff")
    with pytest.raises(ConfigurationError, match=r"a\.md, line 2: this must be UTF-8"):
        library.roles()
    (directory / "a.md").write_text(OWN + "x" * 100_000)
    with pytest.raises(ConfigurationError, match=r"a\.md has more than 100000 bytes"):
        library.roles()
    (directory / "a.md").unlink()
    os.mkfifo(directory / "a.md")
    with pytest.raises(ConfigurationError, match=r"a\.md is no file"):
        library.roles()


@pytest.mark.parametrize("name", ["a.md", "nowhere", "x" * 300])
def test_what_is_no_directory_is_named(directory, monkeypatch, name):
    (directory / "a.md").write_text(OWN)
    monkeypatch.setenv("BACKLOG_ROLES_DIR", str(directory / name))
    with pytest.raises(ConfigurationError, match="BACKLOG_ROLES_DIR must name a directory"):
        library.roles()


def test_a_mark_of_the_order_of_bytes_is_no_part_of_a_file(directory):
    (directory / "a.md").write_text(OWN, encoding="utf-8-sig")
    assert library.role("translator").is_own


def test_two_files_of_one_role_are_refused(directory):
    for name in ("a.md", "b.md"):
        (directory / name).write_text(OWN)
    with pytest.raises(ConfigurationError, match=r"b\.md: .*a\.md has the role translator"):
        library.roles()


def test_who_is_not_there_is_said_with_who_is_meant():
    with pytest.raises(NotFound, match="did you mean code"):
        library.role("coder")
    with pytest.raises(NotFound, match="`roles` lists"):
        library.role("zzz")


def test_the_verbs_answer_the_same_as_text_and_as_json(call):
    found = call("roles", "--json").json
    names = [line.partition("\t")[0] for line in call("roles").out.splitlines()]
    assert names == [each["name"] for each in found]
    whole = call("role", "orchestrator", "--json").json
    assert (whole["name"], whole["class"]) == ("planner", "orchestrator")
    assert (whole["kind"], whole["own"]) == ("front-office", False)
    assert whole["contract"].splitlines()[-1] in call("role", "planner").out


def test_a_mistake_of_the_fleets_is_wrong_usage(call, directory):
    (directory / "a.md").write_text("")
    for words in (["roles"], ["role", "code"]):
        ran = call(*words)
        assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1)


@pytest.mark.django_db(transaction=True)
def test_the_pages_lead_to_each_other(admin_client, store, directory):
    (directory / "a.md").write_text(OWN.replace("translator", "a/b <i>"))
    page = admin_client.get("/roles/")
    assert "this fleet" in page.text
    assert 'aria-current="page"' in page.text
    assert 'href="/roles/a_2Fb%20%3Ci%3E/"' in page.text
    assert "One page a card." in admin_client.get("/roles/a_2Fb%20%3Ci%3E/").text
    workers.add(Card.objects.session(), "ada", ["code", "a/b <i>"])
    assert 'href="/worker/ada/"' in admin_client.get("/roles/code/").text
    page = admin_client.get("/roles/nobody/")
    assert (page.status_code, "There is no role" in page.text) == (404, True)


@pytest.mark.django_db(transaction=True)
def test_a_broken_file_is_told_to_staff_alone(admin_client, viewer, store, directory):
    (directory / "a.md").write_text("")
    for who, is_told in ((admin_client, True), (viewer, False)):
        for path in ("/roles/", "/roles/code/"):
            page = who.get(path)
            assert (page.status_code, "a.md, line 1" in page.text) == (503, is_told)
    assert "a.md, line 1" in admin_client.get("/admin/fleet/worker/add/").text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("staff", [True, False])
def test_a_broken_file_that_a_form_needs_is_told_to_staff_alone(
    client, store, directory, monkeypatch, staff
):
    monkeypatch.setenv("BACKLOG_ENFORCE_ROLES", "on")
    (directory / "a.md").write_text("")
    client.force_login(AccountFactory(operator=True, is_staff=staff))
    page = client.post("/control/pause/", {"scope": "fleet", "reason": "my words"})
    assert (page.status_code, "a.md, line 1" in page.text) == (503, staff)
    assert "my words" in page.text
