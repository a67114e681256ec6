"""explain and check."""

import pytest

pytestmark = [pytest.mark.quick, pytest.mark.one_tier]


@pytest.fixture
def tangled(card):
    """A card that waits for one dependency of every kind, and one that is done."""
    card("open")
    card("held", claimed=True)
    card("stuck", blocked=True)
    card("over", done=True)
    card("A", needs=["open", "missing", "held", "stuck", "over"])


@pytest.mark.both_tiers
def test_explain_names_what_a_card_waits_for_by_kind(call, tangled):
    assert call("explain", "--id", "A", "--json").out == (
        '{"id":"A","status":"ready","claimable":false,'
        '"unfinished":["open","held"],"blocked":["stuck"],"missing":["missing"],'
        '"notBefore":null,"paused":[],"atLimit":[],"blockReason":null,"blockNote":null,'
        '"draft":false,"spent":[],"openCriteria":[]}\n'
    )
    assert call("explain", "--id", "A").out == (
        "A: waiting\nunfinished: open, held\nblocked: stuck\nmissing: missing\n"
    )


@pytest.mark.parametrize("status", ["ready", "claimed", "done"])
def test_explain_of_a_card_that_waits_for_nothing_tells_its_status(call, card, status):
    card("A", status=status)
    claimable = status == "ready"
    assert call("explain", "--id", "A").out == f"A: {'claimable' if claimable else status}\n"
    answer = call("explain", "--id", "A", "--json").json
    assert (answer["status"], answer["claimable"]) == (status, claimable)


def test_explain_says_why_a_card_is_blocked(call, card):
    card("A", blocked=True, reason="needs_input", note="which\ngrammar?")
    assert call("explain", "--id", "A").out == (
        "A: blocked\nblocked for: needs_input (which grammar?)\n"
    )
    answer = call("explain", "--id", "A", "--json").json
    assert (answer["blockReason"], answer["blockNote"]) == ("needs_input", "which\ngrammar?")


def test_explain_agrees_with_list_and_claim(call, tangled):
    claimable = [card["id"] for card in call("list", "--ready-only", "--json").json]
    everything = [card["id"] for card in call("list", "--json").json]
    explained = [
        card_id for card_id in everything
        if call("explain", "--id", card_id, "--json").json["claimable"]
    ]  # fmt: skip
    assert explained == claimable == ["open"]


def test_check_of_a_sound_store(call, tangled):
    assert call("check") == (0, "5 cards, 0 differences\n", "")
    nothing = {"counts": [], "edges": [], "claims": [], "words": [], "limits": []}
    assert call("check", "--json").json == {"ok": True, "cards": 5, **nothing}


KEYS = {
    "counts": ("id", "openDependencies", "recounted"),
    "edges": ("id", "dependency", "edge"),
    "claims": ("id", "claim"),
}
COUNT = "UPDATE backlog SET open_dependencies = 0 WHERE id = 'A'"
STATUS = "UPDATE backlog SET status = 'done' WHERE id = 'open'"
EDGES = """DELETE FROM backlog_dependency WHERE dependency_id = 'held';
    INSERT INTO backlog_dependency VALUES ('open', 'over')"""
UNTOLD = "UPDATE backlog SET has_dependents = false WHERE id = 'held'"
CLAIMS = """UPDATE backlog SET held = true, not_before = '2999-01-01Z' WHERE id = 'A';
    UPDATE backlog SET claim_expires_at = '2999-01-01Z' WHERE id = 'held'"""
NEVER = "held back, and nothing lets it go"
OTHERWISE = "expires at another time than its claim says"


@pytest.mark.both_tiers
@pytest.mark.parametrize(
    ("sql", "what", "found", "said"),
    [
        (COUNT, "counts", [("A", 0, 4)], "A: counts 0 open dependencies, has 4\n"),
        (STATUS, "counts", [("A", 4, 3)], "A: counts 4 open dependencies, has 3\n"),
        (
            EDGES,
            "edges",
            [("A", "held", "missing"), ("open", "over", "stray")],
            "A: missing edge to held\nopen: stray edge to over\n",
        ),
        (UNTOLD, "edges", [("A", "held", "untold")], "A: untold edge to held\n"),
        (CLAIMS, "claims", [("A", NEVER), ("held", OTHERWISE)], f"A: {NEVER}\nheld: {OTHERWISE}\n"),
    ],
    ids=["count", "status", "edges", "untold", "claims"],
)
def test_check_reports_what_no_trigger_saw_and_changes_nothing(
    session, call, tangled, sql, what, found, said
):
    session.execute(f"SET session_replication_role = replica; {sql}")
    ran = call("check", "--json")
    assert (ran.status, ran.json["ok"]) == (1, False)
    assert ran.json[what] == [dict(zip(KEYS[what], each, strict=True)) for each in found]
    assert call("check") == (1, f"{said}5 cards, {len(found)} differences\n", "")
