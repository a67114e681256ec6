"""The HTTP API: what the command answers, as HTTP."""

import json

import pytest

from backlog.verbs import moves
from remote import scopes
from remote.calls import verbs

pytestmark = [pytest.mark.one_tier, pytest.mark.quick]


def error(response):
    return response.status_code, response.json()["error"]["code"]


def raw(api, verb, body, kind="application/json", **headers):
    return api._client.post(f"/api/v1/{verb}", body, content_type=kind, headers=headers)


def test_a_claim_and_its_end_are_the_token_s_worker_s(api, card, row):
    card("A", phase="M1")
    taken = api("claim", {"ttl": 60}).json()
    assert (taken["id"], taken["claimOwner"], taken["claimTtlSeconds"]) == ("A", "w", 60)
    done = api("complete", {"id": "A", "attempt": 1, "result": {"n": 1.10}})
    assert (done.status_code, done["Backlog-Exit-Status"]) == (200, "0")
    assert row("status") == ("done",)


def test_an_answer_is_what_the_command_prints(api, card, call):
    card("A", acceptance='{"n": 1.10}', body="two\nlines")
    assert api.get("show", id="A").content.decode() == call("show", "--id", "A", "--json").out
    assert api("claim", {"phase": "M9"}).content == b"null\n"


@pytest.mark.parametrize(("form", "lines"), [("", None), ("; form=text", ["(none)"])])
def test_the_whole_reply_has_the_status_and_lines_for_people(api, form, lines):
    accept = {"Accept": f"application/vnd.backlog.reply+json{form}"}
    reply = api("claim", {"exitCode": True}, accept)
    assert reply.json() == {"status": 3, "json": None, "text": lines, "note": None}
    assert reply["Backlog-Exit-Status"] == "3"


@pytest.mark.parametrize(
    ("verb", "given", "status", "code"),
    [
        ("show", {"id": "B"}, 404, "not_found"),
        ("show", {}, 422, "usage"),
        ("show", {"id": "A", "x": 1}, 422, "usage"),
        ("show", {"id": 5}, 422, "usage"),
        ("claim", {"ttl": 0}, 422, "usage"),
        ("claim", [], 422, "usage"),
        ("create", {"id": "B", "title": "\ud800"}, 422, "usage"),
        ("complete", {"id": "A", "attempt": 2}, 423, "claim_lost"),
        ("create", {"id": "A", "title": "again"}, 409, "duplicate_id"),
        ("edit", {"id": "A", "title": "t"}, 403, "not_allowed"),
        ("store/start", {}, 404, "not_found"),
        ("token/create", {"name": "w"}, 404, "not_found"),
    ],
)
def test_a_refusal_has_a_status_and_the_command_s_words(api, claimed, verb, given, status, code):
    assert error(api(verb, given)) == (status, code)


HALVES = (r'{"id": "\ud800"}', r'{"\ud800": 1}', r'{"ids": ["\ud800"]}')


@pytest.mark.parametrize("body", ["{", '{"ttl": NaN}', "[" * 100_000, *HALVES], ids=range(6))
def test_json_that_is_none_and_half_a_character_are_refused(api, body):
    assert error(raw(api, "show", body)) == (422, "usage")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('{"id": "A", "id": "B", "title": "t"}', "id"),
        ('{"id": "A", "title": "t", "acceptance": [{"x": 1, "y": 2, "x": 1}]}', "x"),
        (r'{"id": "A", "title": "t", "acceptance": {"\u0065": 1, "e": 2}}', "e"),
    ],
)
def test_of_a_name_that_stands_twice_nobody_guesses_which_was_meant(api, body, name):
    refused = raw(api, "create", body)
    assert error(refused) == (422, "usage")
    assert refused.json()["error"]["message"] == (
        f"the body must have each name once in an object: {name} is there twice"
    )


@pytest.mark.parametrize("kind", ["application/json", "application/vnd.x+json", ""])
def test_json_may_be_said_to_be_json_or_nothing(api, kind):
    assert raw(api, "claim", "{}", kind, **{"Content-Encoding": "identity"}).status_code == 200


@pytest.mark.parametrize(
    "kind", ["text/xml", "multipart/form-data; boundary=x", "application/yaml"]
)
def test_what_is_said_to_be_no_json_is_not_read_as_json(api, kind):
    assert error(raw(api, "claim", "{}", kind)) == (415, "unsupported_media_type")


def test_what_is_said_to_be_packed_is_not_read_as_it_is(api):
    refused = raw(api, "claim", "{}", **{"Content-Encoding": "gzip"})
    assert error(refused) == (415, "unsupported_media_type")
    assert "not with Content-Encoding: gzip" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("verb", "given"),
    [
        ("claim", '"ttl": %s'),
        ("list", '"limit": %s'),
        ("import", '"file": [{"id": "A", "title": "t", "priority": %s}]'),
    ],
)
def test_a_number_with_a_million_zeros_is_not_written_out(caller, verb, given):
    api = caller("o", "operate")
    assert error(raw(api, verb, f"{{{given % '1e999999999'}}}")) == (422, "usage")


def test_a_body_in_chunks_is_refused_and_not_left_out(api, card, row):
    card("A")
    assert error(api("claim", {}, {"Transfer-Encoding": "chunked"})) == (411, "length_required")
    assert row("status") == ("ready",)


@pytest.mark.parametrize(
    ("verb", "given", "message"),
    [
        ("claim", [], "the body must be a JSON object"),
        ("claim", {"ttl": True}, "ttl must be a whole number"),
        (
            "claim",
            {"ttl": "x", "tll": 1},
            "ttl must be a whole number; claim takes no tll; it takes owner, ttl, id, phase, role,"
            " count, exitCode, wait",
        ),
        ("claim", {"ttl": 0}, "ttl must be 1 or more"),
        ("claim", {"exitCode": "maybe"}, "exitCode must be true or false"),
        ("create", {"id": 5}, "id must be a string; title is missing"),
        ("complete", {"ids": [1]}, "ids must be a string; ids.0 must be a string or an object"),
    ],
)
def test_what_is_wrong_with_a_body_is_said_in_words(api, verb, given, message):
    assert api(verb, given).json()["error"]["message"] == message


@pytest.mark.parametrize(
    ("verb", "given", "message"),
    [
        ("show", {}, "id is missing"),
        ("show", {"id": "A", "x": "1"}, "show takes no x; it takes id"),
        ("show", {"id": ["A", "B"]}, "id is given twice"),
        ("list", {"limit": "x"}, "limit must be a whole number"),
    ],
)
def test_what_is_wrong_with_a_query_names_it(api, verb, given, message):
    assert api.get(verb, **given).json()["error"]["message"] == message


def test_what_a_get_would_pass_over_or_read_as_another_text_is_refused(api):
    there = api._client.generic("GET", "/api/v1/list", b'{"limit": 1}')
    assert "has no body" in there.json()["error"]["message"]
    broken = api._client.get("/api/v1/show?id=%ff")
    assert broken.json()["error"]["message"] == "the address must be text in UTF-8"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("claim?wait=0", 200),
        ("claim?wiat=5", 422),
        ("claim?ttl=5", 422),
        ("claim?wait=0&wait=5", 422),
    ],
)
def test_a_name_in_the_address_of_a_post_is_not_passed_over(api, path, status):
    assert api(path, {}).status_code == status


def test_what_changes_something_is_never_done_by_get(api):
    response = api.get("claim")
    assert (*error(response), response["Allow"]) == (405, "method_not_allowed", "POST")


def test_a_head_is_a_get_without_its_body(api, card):
    card("A")
    for path in ("list", "show?id=A", "openapi.json", "show?id=none", "claim"):
        got, headed = (ask(f"/api/v1/{path}") for ask in (api._client.get, api._client.head))
        assert (headed.status_code, headed.content) == (got.status_code, b"")
        assert headed["Content-Length"] == str(len(got.content))
        assert headed.get("ETag") == got.get("ETag")
    export = api._client.head("/api/v1/export")
    assert (export.status_code, export["Content-Type"]) == (200, "application/x-ndjson")
    assert "Content-Length" not in export


def test_a_wrong_method_says_which_are_right_and_is_no_news_for_the_log(api, caplog):
    for path, allowed in (("list", "GET, HEAD, POST"), ("openapi.json", "GET, HEAD")):
        response = api._client.put(f"/api/v1/{path}")
        assert error(response) == (405, "method_not_allowed")
        assert response["Allow"] == allowed
        assert response.json()["error"]["message"] == f"{allowed} only"
    assert caplog.text == ""


@pytest.mark.parametrize(("name", "verb"), [("owner", "claim"), ("by", "verify")])
def test_a_body_names_nobody_else(api, claimed, name, verb):
    given = {"id": "A", "criterion": 1, "evidence": "e", "pass": True} if name == "by" else {}
    assert error(api(verb, {**given, name: "v"})) == (403, "not_allowed")


def test_an_operator_s_hand_completes_what_another_holds(caller, claimed, row):
    assert error(caller("olga", "work")("complete", {"id": "A", "owner": None}))[0] == 423
    assert error(caller("olga", "operate")("complete", {"id": "A"}))[0] == 423
    assert caller("olga", "operate")("complete", {"id": "A", "owner": None}).status_code == 200
    assert row("status") == ("done",)


def test_a_file_is_its_content_and_a_list_its_lines(caller):
    olga = caller("olga", "operate")
    assert olga("import", {"file": [{"id": "A", "title": "t", "projectedCost": 1.10}]}).json()
    plan = "phases: [{name: M1, cards: [{id: B, title: t}]}]"
    assert olga("plan/apply", {"file": plan}).json()["created"] == ["B"]
    assert [json.loads(line)["id"] for line in _lines(olga.get("export"))] == ["A", "B"]


def _lines(response):
    assert response["Content-Type"] == "application/x-ndjson"
    return b"".join(response.streaming_content).splitlines()


def test_each_of_many_has_an_outcome_of_its_own(caller, card):
    w = caller()
    for name in "AB":
        card(name, claimed=True)
    said = w("complete", {"ids": [{"id": "A", "attempt": 1}, {"id": "B", "attempt": 9}]})
    done, lost = said.json()
    assert (done["card"]["status"], lost["error"]["code"]) == ("done", "claim_lost")
    assert (said.status_code, said["Backlog-Exit-Status"]) == (200, "4")


def test_lines_for_people_have_no_next_page(api, card):
    card("A")
    people = {"Accept": "application/vnd.backlog.reply+json; form=text"}
    page = api.get("list", people, limit=1)
    assert (page.status_code, len(page.json()["text"]), page.get("Link")) == (200, 1, None)


def test_a_page_of_a_list_leads_to_the_next(api, card):
    for name in "ABC":
        card(name)
    page, seen = api.get("list", limit=2), []
    while "Link" in page:
        seen += [each["id"] for each in page.json()]
        page = api._client.get(page["Link"].partition(">")[0].lstrip("<"))
    assert [*seen, *(each["id"] for each in page.json())] == ["A", "B", "C"]


def test_what_has_not_changed_is_not_sent_again(api, card, session):
    card("A")
    seen = {"If-None-Match": api.get("show", id="A")["ETag"]}
    assert api.get("show", seen, id="A").status_code == 304
    moves.block(session, "A")
    assert api.get("show", seen, id="A").json()["status"] == "blocked"


def test_every_verb_has_a_scope():
    assert sorted(scopes.NEEDED) == sorted(called.name for called in verbs())


@pytest.mark.parametrize("scope", scopes.SCOPES)
def test_a_scope_holds_those_below_it(caller, scope):
    w = caller("w", scope)
    below = scopes.SCOPES[: scopes.SCOPES.index(scope) + 1]
    said = {
        needed: w(verb).status_code
        for verb, needed in [("limits", "read"), ("claim", "work"), ("reclaim", "operate")]
    }
    assert said == {each: 200 if each in below else 403 for each in scopes.SCOPES}
