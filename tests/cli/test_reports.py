"""explain and check."""

import pytest

pytestmark = pytest.mark.quick


@pytest.fixture
def tangled(card):
    """A card that waits for one dependency of every kind, and one that is done."""
    card("open")
    card("held", claimed=True)
    card("stuck", blocked=True)
    card("over", done=True)
    card("A", needs=["open", "missing", "held", "stuck", "over"])


def test_explain_names_what_a_card_waits_for_by_kind(call, tangled):
    assert call("explain", "--id", "A", "--json").out == (
        '{"id":"A","status":"ready","claimable":false,'
        '"unfinished":["open","held"],"blocked":["stuck"],"missing":["missing"],'
        '"notBefore":null,"paused":[],"atLimit":[]}\n'
    )


def test_explain_for_people(call, tangled):
    assert call("explain", "--id", "A").out == (
        "A: waiting\nunfinished: open, held\nblocked: stuck\nmissing: missing\n"
    )


def test_explain_of_a_claimable_card(call, card):
    card("A")
    assert call("explain", "--id", "A").out == "A: claimable\n"
    assert call("explain", "--id", "A", "--json").json["claimable"] is True


@pytest.mark.parametrize("status", ["claimed", "blocked", "done"])
def test_explain_of_a_card_that_is_not_ready_tells_its_status(call, card, status):
    card("A", status=status)
    assert call("explain", "--id", "A").out == f"A: {status}\n"
    answer = call("explain", "--id", "A", "--json").json
    assert (answer["status"], answer["claimable"]) == (status, False)


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
    nothing = {"counts": [], "edges": [], "claims": []}
    assert call("check", "--json").json == {"ok": True, "cards": 5, **nothing}


@pytest.fixture
def damage(session):
    """Runs a statement that no trigger sees."""

    def run(sql):
        session.execute("SET session_replication_role = replica")
        session.execute(sql)
        session.execute("RESET session_replication_role")

    return run


def test_check_reports_a_wrong_count(call, tangled, damage):
    damage("UPDATE backlog SET open_dependencies = 0 WHERE id = 'A'")
    ran = call("check", "--json")
    assert ran.status == 1
    assert ran.json["counts"] == [{"id": "A", "openDependencies": 0, "recounted": 4}]
    assert call("check").out == (
        "A: counts 0 open dependencies, has 4\n5 cards, 1 differences\n"
    )  # fmt: skip


def test_check_reports_a_status_changed_behind_the_triggers(call, tangled, damage):
    damage("UPDATE backlog SET status = 'done' WHERE id = 'open'")
    assert call("check", "--json").json["counts"][0]["recounted"] == 3


def test_check_reports_missing_and_stray_edges(call, tangled, damage):
    damage("DELETE FROM backlog_dependency WHERE dependency_id = 'held'")
    damage("INSERT INTO backlog_dependency VALUES ('open', 'over')")
    ran = call("check", "--json")
    assert (ran.status, ran.json["ok"]) == (1, False)
    assert ran.json["edges"] == [
        {"id": "A", "dependency": "held", "edge": "missing"},
        {"id": "open", "dependency": "over", "edge": "stray"},
    ]
    assert call("check").out.startswith("A: missing edge to held\nopen: stray edge to over\n")


def test_check_reports_what_a_claim_can_not_be(call, tangled, damage):
    damage("UPDATE backlog SET held = true, not_before = '2999-01-01Z' WHERE id = 'A'")
    damage("UPDATE backlog SET claim_expires_at = '2999-01-01Z' WHERE id = 'held'")
    ran = call("check", "--json")
    assert (ran.status, ran.json["ok"]) == (1, False)
    assert ran.json["claims"] == [
        {"id": "A", "claim": "held back, and nothing lets it go"},
        {"id": "held", "claim": "expires at another time than its claim says"},
    ]
    assert call("check").out.endswith("\n5 cards, 2 differences\n")


def test_check_changes_nothing(call, tangled, damage):
    damage("UPDATE backlog SET open_dependencies = 0 WHERE id = 'A'")
    assert call("check").status == call("check").status == 1
