"""The manager's verbs, given what no card could have: refused as the command refuses it."""

from datetime import datetime

import pytest

from backlog.errors import UsageError
from backlog.lifecycle import LONGEST_TEXT
from backlog.models import Card
from backlog.verbs.runs import Report

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]

TEXTS = [
    ("a\0b", "must not contain a NUL byte"),
    ("a\ud800b", "must be valid UTF-8 text"),
    (5, "must be text, not int"),
    (b"a", "must be text, not bytes"),
    (["a"], "must be text, not list"),
    (object(), "must be text, not object"),
]
KINDS = ["nul", "surrogate", "int", "bytes", "list", "object"]
of_every_kind = pytest.mark.parametrize(("value", "said"), TEXTS, ids=KINDS)


@pytest.fixture(autouse=True)
def card(store, transactional_db):
    Card.objects.create(id="A", title="t")
    Card.objects.claim("w", card_id="A")


def refused(verb, *args, **given):
    with pytest.raises(UsageError) as error:
        getattr(Card.objects, verb)(*args, **given)
    assert Card.objects.get(id="A").claim_owner == "w"
    return str(error.value)


@of_every_kind
@pytest.mark.parametrize("name", ["phase", "role", "card_id"])
def test_a_claim(value, said, name):
    assert refused("claim", "w", **{name: value}).startswith(f"{name.removeprefix('card_')} {said}")


@of_every_kind
def test_an_owner(value, said):
    assert refused("claim", value).startswith(f"owner {said}")
    for verb in ("complete", "block", "release", "renew"):
        assert refused(verb, "A", value).startswith(f"owner {said}")


BY_ID = ["complete", "block", "cancel", "unblock", "reopen", "release", "renew", "reclaim_card"]
BY_ID += ["edit", "delete_card", "explain_card"]


@of_every_kind
@pytest.mark.parametrize("verb", BY_ID)
def test_an_id(value, said, verb):
    assert refused(verb, value).startswith(f"id {said}")


@of_every_kind
def test_the_ids_of_a_link(value, said):
    for verb in ("link", "unlink"):
        assert refused(verb, "A", value).startswith(f"id {said}")
        assert refused(verb, value, "A").startswith(f"id {said}")
    for verb in ("delete_together", "unfinished_dependents"):
        assert refused(verb, [value]).startswith(f"id {said}")


@of_every_kind
@pytest.mark.parametrize("field", ["title", "body", "phase", "role", "idempotency_key"])
def test_a_field(value, said, field):
    for verb in ("edit", "create"):
        given = {"id": "B", "title": "t", field: value}
        args = ("A",) if verb == "edit" else ()
        wanted = {name: given[name] for name in given if verb == "create" or name == field}
        assert refused(verb, *args, **wanted).startswith(f"{field.replace('_', ' ')} {said}")


@pytest.mark.parametrize(
    ("verb", "given"),
    [
        ("claim", {"owner": "w", "ttl": "900"}),
        ("claim", {"owner": "w", "ttl": 1.5}),
        ("claim", {"owner": "w", "count": "1"}),
        ("claim", {"owner": "w", "count": True}),
        ("claim", {"owner": "w", "wait": "1"}),
        ("claim", {"owner": "w", "wait": -1}),
        ("complete", {"card_id": "A", "attempt": "1"}),
        ("complete", {"card_id": "A", "seen": "2026-01-01"}),
        ("complete", {"card_id": "A", "seen": datetime(2026, 1, 1)}),  # noqa: DTZ001 (that is it)
        ("edit", {"card_id": "A", "seen": 5}),
        ("reclaim_card", {"card_id": "A", "seen": 5}),
        ("block", {"card_id": "A", "reason": 5}),
        ("block", {"card_id": "A", "reason": ["other"]}),
        ("block", {"card_id": "A", "note": 5}),
        ("cancel", {"card_id": "A", "reason": "a\0"}),
        ("edit", {"card_id": "A", "acceptance": float("nan")}),
        ("edit", {"card_id": "A", "acceptance": object()}),
        ("edit", {"card_id": "A", "acceptance": ["a\0"]}),
        ("edit", {"card_id": "A", "acceptance": {"a": "\ud800"}}),
        ("edit", {"card_id": "A", "depends_on": "B"}),
        ("edit", {"card_id": "A", "depends_on": 5}),
        ("edit", {"card_id": "A", "depends_on": [5]}),
        ("edit", {"card_id": "A", "not_before": "tomorrow"}),
        ("edit", {"card_id": "A", "max_attempts": "3"}),
        ("edit", {"card_id": "A", "priority": 1.5}),
        ("delete_together", {"card_ids": "A"}),
        ("delete_together", {"card_ids": 5}),
        ("unfinished_dependents", {"card_ids": None}),
        ("link", {"card_id": "A", "dependency_id": None}),
        ("complete", {"card_id": "A", "report": Report(tokens="5")}),
        ("complete", {"card_id": "A", "report": Report(tokens=True)}),
        ("complete", {"card_id": "A", "report": Report(cost=0.25)}),
        ("complete", {"card_id": "A", "report": Report(outcome="done")}),
        ("complete", {"card_id": "A", "report": Report(outcome="\ud800")}),
    ],
)
def test_what_has_another_type(verb, given):
    refused(verb, **given)


HUGE = [10**5000, "x" * 1_000_000, ["x"] * 100_000]


@pytest.mark.parametrize("value", HUGE, ids=["digits", "text", "list"])
@pytest.mark.parametrize(
    ("verb", "name", "given"),
    [
        ("claim", "ttl", {"owner": "w"}),
        ("claim", "count", {"owner": "w"}),
        ("complete", "attempt", {"card_id": "A"}),
        ("edit", "priority", {"card_id": "A"}),
        ("edit", "max_attempts", {"card_id": "A"}),
        ("edit", "not_before", {"card_id": "A"}),
    ],
)
def test_what_is_too_long_to_be_repeated(verb, name, given, value):
    said = refused(verb, **given, **{name: value})
    assert said.startswith(f"{name.replace('max_', 'max ')} must be a")
    assert len(said) < 200


def test_a_reason_whose_note_would_be_too_long():
    said = refused("cancel", "A", reason="x" * LONGEST_TEXT)
    assert said.startswith(f"reason must have at most {LONGEST_TEXT - 11} characters")
