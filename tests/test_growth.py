"""Values that grow: numbers with all their zeros, counters near the end of their type."""

import json

import psycopg
import pytest
from django.db import DataError, connection

from backlog import settable, values
from backlog.errors import Refusal, UsageError
from backlog.lifecycle import MOST_COUNTED
from backlog.models import Card
from backlog.session import as_refusal
from backlog.verbs import cards, moves
from backlog.verbs.runs import Report
from backlog.verbs.transfer import import_cards
from tests.cli import lines, refused
from tests.command import unavailable
from tests.factories import CardFactory

NUMBERS = [
    "0", "-1", "12e3", "1.5", "-1.50e1", "1.25e1", "15e-3", "1e-20", "0.1e-3", "1.5e-9000",
    "1e131071", "-1.5e400", "0e-50", "1E+9", "00.0"[1:],
]  # fmt: skip
DOCUMENTS = [
    '"a\\n\\u0001\\u00e9🐟\\"x"',
    "[]",
    "{}",
    "[1, [2.50], true, null]",
    '{"a": {"b": ["c"]}}',
]


@pytest.mark.parametrize("text", NUMBERS + DOCUMENTS)
def test_a_document_is_never_written_longer_than_reckoned(text, session):
    (written,) = session.execute("SELECT char_length(%s::jsonb::text)", [text]).fetchone()
    reckoned = values.written_length(values.parse_json(text))
    assert written <= reckoned <= written + 2 * (1 + text.count(",") + text.count("{"))


GROWN = {
    "300 of them": json.dumps([1]).replace("1", ",".join(["1e131071"] * 300)),
    "12,000 of them": json.dumps([1]).replace("1", ",".join(["1e131071"] * 12_000)),
    "in an object": '{"a": {"b": [' + ",".join(["1.5e-16000"] * 300) + "]}}",
    "blanks between": f"[{','.join('1' * 1_340_000)}]",
}


@pytest.mark.deep
@pytest.mark.one_tier
@pytest.mark.parametrize("document", GROWN.values(), ids=GROWN)
@pytest.mark.parametrize("door", [values.acceptance, lambda text: values.document(text, "result")])
def test_what_would_be_written_too_long_is_refused_before_it_is_sent(door, document):
    with pytest.raises(UsageError, match="is longer than 4000000 characters, its numbers written"):
        door(document)


TOO_LONG = ["1e131072", "1e-16384", "[0.0e-16383]", "1e" + "9" * 5000, '{"a": -1.5e131072}']


@pytest.mark.one_tier
@pytest.mark.parametrize("document", TOO_LONG, ids=range(len(TOO_LONG)))
@pytest.mark.parametrize("door", [values.acceptance, lambda text: values.document(text, "result")])
def test_a_number_that_the_database_has_no_room_for_is_refused_before_it_is_sent(door, document):
    with pytest.raises(UsageError, match="number that is too long: 131072 digits before the point"):
        door(document)


@pytest.mark.parametrize("number", ["1e131071", "0.001e131074", "1e-16383", "1e-000000000001"])
def test_the_longest_number_is_kept(number, session):
    written = values.document(number, "result")
    assert session.execute("SELECT %s::jsonb = %s::jsonb", [written, number]).fetchone() == (True,)


@pytest.mark.one_tier
def test_it_is_refused_at_every_door_of_the_command(call, card, tmp_path):
    card("A")
    grown = GROWN["12,000 of them"]
    line = f'{{"id": "B", "title": "t", "acceptance": {grown}}}'
    for ran in (
        call("create", "--id", "B", "--title", "t", "--acceptance", grown),
        call("edit", "--id", "A", "--acceptance", grown),
        call("complete", "--id", "A", "--result", grown),
        call("block", "--id", "A", "--result", grown),
    ):
        assert "is longer than 4000000 characters" in unavailable(ran, status=2)
    assert [each["id"] for each in call("list", "--json").json] == ["A"]
    ran = call("import", lines(tmp_path, line))
    assert "line 1: acceptance is longer than 4000000 characters" in unavailable(ran, status=2)


COUNTERS = ["attempts", "blockCount", "maxAttempts"]


@pytest.mark.one_tier
@pytest.mark.parametrize("counter", COUNTERS)
def test_a_counter_near_the_end_of_its_type_is_refused_in_a_line(counter, command):
    line = f'{{"id":"P","title":"x","priority":99,"{counter}":2147483647}}'
    ran = command("import", "-", stdin=line)
    said = f"line 1: {counter} must be between 0 and {MOST_COUNTED}, not "
    assert unavailable(ran, status=2).startswith(said)


@pytest.mark.one_tier
def test_a_bound_on_a_count_is_one_that_can_be_counted_to(call, card):
    card("A")
    for words in (
        ["edit", "--id", "A", "--max-attempts", "2147483647"],
        ["create", "--id", "B", "--title", "t", "--max-attempts", "2147483647"],
        ["limit", "--phase", "M1", "--max", "2147483647"],
    ):
        assert f"must be between 0 and {MOST_COUNTED}" in unavailable(call(*words), status=2)
    with pytest.raises(UsageError, match=f"between 0 and {MOST_COUNTED}"):
        settable.checked({"max_attempts": MOST_COUNTED + 1})


def test_a_card_at_the_end_of_its_attempts_stops_nobody_and_is_named(command):
    line = '{"id":"P","title":"x","priority":99,"attempts":2000000000,"maxAttempts":0}'
    assert command("import", "-", stdin=line).status == 0
    assert command("create", "--id", "Q", "--title", "t").status == 0
    ids = [command("claim", "--owner", "w", "--json").json["id"] for _ in range(2)]
    assert ids == ["P", "Q"]
    said = "beyond\tP\tattempts has come to 2000000000, near the end of what can be counted"
    assert command("doctor").out == f"{said}\tbacklog show --id P\n"
    assert command("check").status == 1


# Of a table without our types; no column of ours can hold it.
UNREADABLE = "SELECT '-infinity'::timestamptz"


def test_a_value_that_nobody_can_read_is_said_to_be_one(session):
    with pytest.raises(psycopg.DataError) as raised:
        session.execute(UNREADABLE).fetchone()
    refusal = as_refusal(raised.value)
    assert (type(refusal), refusal.exit_status, refusal.http_status) == (Refusal, 1, 409)
    assert str(refusal).startswith("the database holds a value that cannot be read: timestamp too")


@pytest.mark.django_db
def test_so_it_is_on_a_page():
    with connection.cursor() as cursor:
        cursor.execute(UNREADABLE)
        with pytest.raises(DataError) as raised:
            cursor.fetchone()
    assert type(as_refusal(raised.value)) is Refusal


def test_a_sum_beyond_its_type_is_said_to_be_one(session):
    with pytest.raises(psycopg.DataError) as raised:
        session.execute("SELECT 2147483647 + 1")
    assert as_refusal(raised.value).exit_status == 2


LARGE = "[" + ",".join(["1e131071", "-1.5e-16000", "1" * 5000] * 20) + "]"
PAGES = ["/", "/cards/", "/fleet/", "/activity/", "/doctor/", "/card/A/", "/card/A/edit/"]
PAGES += ["/phase/"]


@pytest.mark.django_db
def test_the_largest_numbers_there_may_be_are_shown_on_every_page(store, admin_client):
    for card_id in ("A", "B"):  # whose tokens add up to more than their type holds
        CardFactory(id=card_id, acceptance=LARGE)
        report = Report(result=LARGE, tokens=values.BIGINT_MAX, cost="99999999999999")
        Card.objects.complete(card_id, report=report)
    for page in [*PAGES, "/admin/backlog/card/", "/admin/backlog/card/A/change/"]:
        assert admin_client.get(page).status_code == 200, page


ENDS = [
    '{"id":"A","title":"t","status":"claimed","claimOwner":"w","claimTtlSeconds":2147483647,'
    '"claimedAt":"9000-01-01T00:00:00Z","createdAt":"9000-01-01T00:00:00Z"}',
    '{"id":"A","title":"t","notBefore":"9000-01-01T00:00:00Z","createdAt":"1000-01-01T00:00:00Z"}',
    '{"id":"A","title":"t","status":"claimed","claimOwner":"w","claimTtlSeconds":2147483647,'
    '"claimedAt":"1000-01-01T00:00:00Z","createdAt":"1000-01-01T00:00:00Z"}',
]
VERBS = [["list"], ["stats"], ["export"], ["doctor"], ["check"], ["sweep"], ["runs", "--id", "A"]]


@pytest.mark.parametrize("line", ENDS, ids=["a claim to come", "held back", "a claim of old"])
@pytest.mark.django_db
def test_times_at_their_ends_are_read_by_every_page_and_verb(line, call, session, admin_client):
    import_cards(session, [line.encode()])
    for page in [*PAGES, "/admin/backlog/card/", "/admin/backlog/card/A/change/"]:
        assert admin_client.get(page).status_code == 200, page
    assert [call(*words).err for words in VERBS] == [""] * len(VERBS)
    ran = call("renew", "--id", "A", "--ttl", "2147483647", "--json")
    assert ran.status == 0 or "it is ready" in ran.err
    assert call("complete", "--id", "A").status == 0


# Quotes, commas and blanks around them count: that is what the database holds.
MANY_IDS = [f"{n:0246}" for n in range(16_001)]


@pytest.mark.one_tier
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verb", ["edit", "create", "link"])
def test_dependencies_are_measured_as_they_are_kept(store, verb, past_triggers):
    CardFactory(id="A")
    many = MANY_IDS
    if verb == "link":
        CardFactory(id=many[-1])
        past_triggers(f"UPDATE backlog SET depends_on = '{json.dumps(many[:-1])}' WHERE id = 'A'")  # noqa: S608 (our own words)
    given = {"edit": {"depends_on": many}, "create": {"title": "t", "depends_on": many}}.get(verb)
    args = {"edit": ("A",), "create": (), "link": ("A", many[-1])}[verb]
    with pytest.raises(UsageError, match="written as JSON, not 4000250"):
        getattr(Card.objects, verb)(
            *args, **(given or {}), **({"id": "B"} if verb == "create" else {})
        )


@pytest.mark.one_tier
def test_dependencies_of_an_imported_line_are_so_too(call, tmp_path):
    card = {"id": "A", "title": "t", "dependsOn": MANY_IDS}
    assert "written as JSON, not 4000250" in refused(call, 2, "import", lines(tmp_path, card))


# Who only moves a card ---------------------------------------------------------------------------


MOVES = {verb.__name__: verb for verb in (moves.complete, moves.block, moves.release, moves.renew)}


@pytest.mark.parametrize("verb", MOVES.values(), ids=MOVES)
@pytest.mark.parametrize("seen", ["as expected", "moved already"])
def test_who_only_moves_a_card_is_sent_none_of_its_texts(verb, seen, session, card):
    card("A", claimed=True, body="b", acceptance='["c"]')
    if seen == "moved already" and verb in (moves.complete, moves.block):
        verb(session, "A")
    moved = verb(session, "A", texts=False)
    whole = cards.show(session, "A")
    assert (moved.body, moved.acceptance) == (None, None)
    assert (whole.body, whole.acceptance) == ("b", '["c"]')
    assert moved == whole._replace(body=None, acceptance=None)


@pytest.mark.one_tier
@pytest.mark.parametrize("verb", MOVES)
def test_its_line_is_the_same_and_its_json_whole(verb, call, card):
    for card_id in ("A", "B"):
        card(card_id, claimed=True, title="t", body="b", acceptance='["c"]')
    line = call(verb, "--id", "A").out
    answer = call(verb, "--id", "B", "--json").json
    assert (answer["body"], answer["acceptance"]) == ("b", ["c"])
    assert line == f"A\t[{answer['status']}]\tp=0\tphase=-\tdeps=-\tt\n"
