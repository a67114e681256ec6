"""Signals: what was noticed on looking back at a card, with its evidence; counted by kind."""

import pytest

from backlog.models import Card
from fleet.verbs import signals as verbs
from tests.factories import CardFactory

pytestmark = [pytest.mark.one_tier, pytest.mark.quick]

SIGNAL = ("signal", "--id", "A", "--kind", "defect", "--text", "it broke", "--evidence")


@pytest.mark.both_tiers
def test_a_signal_keeps_its_evidence(call, card, tmp_path):
    card("A")
    (tmp_path / "log").write_text("line 1\nline 2\n")
    made = call(*SIGNAL, f"@{tmp_path / 'log'}", "--owner", "w", "--json").json
    assert (made["cardId"], made["kind"], made["actor"]) == ("A", "defect", "w")
    assert made["evidence"] == "line 1\nline 2\n"
    assert call(*SIGNAL, "run 17").out.startswith("A\t[defect]\t")


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        ("@nowhere", "--evidence cannot be read from nowhere: No such file"),
        ("@", "--evidence needs the name of a file after the @"),
        ("@image", "must be a file of UTF-8 text"),
        ("@empty", "the file empty must not be blank"),
        (" ", "--evidence must not be blank"),
    ],
)
def test_what_is_no_evidence_is_refused(call, card, tmp_path, monkeypatch, evidence, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "image").write_bytes(b"\xff\xd8")
    (tmp_path / "empty").touch()
    card("A")
    ran = call(*SIGNAL, evidence)
    assert (ran.status, said in ran.err, ran.err.count("\n")) == (2, True, 1)
    assert call("signals", "--json").json["signals"] == []


def test_one_about_no_card_or_of_no_kind_is_refused(call):
    assert call(*SIGNAL, "run 17").err == "there is no card A\n"
    ran = call("signals", "--kind", "hunch")
    assert (ran.status, "--kind must be one of defect, tooling" in ran.err) == (2, True)


def test_they_are_listed_and_counted_by_kind_card_and_time(call, session, card):
    for card_id, kind in (("A", "skill"), ("A", "defect"), ("B", "skill")):
        if kind == "skill":
            card(card_id)
        verbs.signal(session, card_id, kind, f"{kind} of {card_id}", "shown")
    found = call("signals", "--kind", "skill", "--json").json
    assert found["counts"] == {"defect": 1, "tooling": 0, "friction": 0, "skill": 2}
    assert [each["text"] for each in found["signals"]] == ["skill of A", "skill of B"]
    lines = call("signals", "--id", "A").out.splitlines()
    assert lines[0] == "defect=1 tooling=0 friction=0 skill=1"
    assert len(lines) == 3
    assert call("signals", "--since", "2999-01-01T00:00Z", "--json").json["signals"] == []


@pytest.mark.django_db(transaction=True)
def test_the_pages_list_them_of_a_kind_or_of_a_card(admin_client, store):
    CardFactory(id="A")
    verbs.signal(Card.objects.session(), "A", "skill", "knows <b>no</b> SQL", "x" * 5000, "w")
    for url in ("/signals/", "/signals/?kind=skill", "/card/A/"):
        assert "knows &lt;b&gt;no&lt;/b&gt; SQL" in admin_client.get(url).text
    assert "knows" not in admin_client.get("/signals/?kind=defect").text
    assert admin_client.get("/signals/?kind=hunch").status_code == 400
