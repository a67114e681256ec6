"""The API's document, against the code and against what is answered."""

import re

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode, checks

from fleet_backlog.wsgi import application
from remote import scopes
from remote.api import waiting
from remote.calls import verbs
from remote.verbs import tokens
from tests.budget import BUDGET
from tests.command import PROJECT

pytestmark = pytest.mark.one_tier

EXAMPLES = {"bounded": 1, "full": 50}[BUDGET]
checks.load_all_checks()
# Not what refuses wrong data: a header that a case leaves out to be wrong is put in again.
CHECKS = checks.CHECKS.get_by_names(
    [
        *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
        *("response_headers_conformance", "response_schema_conformance"),
    ]
)


def test_every_verb_that_can_be_called_has_an_operation_and_only_those(client):
    document = client.get("/api/v1/openapi.json").json()
    reads = {each.name for each in verbs() if scopes.only_reads(each.name)}
    assert document["openapi"] == "3.1.0"
    assert {
        path.removeprefix("/api/v1/"): sorted(operations)
        for path, operations in document["paths"].items()
    } == {each.name: ["get", "post"] if each.name in reads else ["post"] for each in verbs()}


def test_the_page_has_the_verbs_of_each_scope():
    page = (PROJECT / "docs" / "api.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (`.*) \|$", page, re.M)
    told = {verb: scope for scope, named in rows for verb in re.findall(r"`([^`]+)`", named)}
    assert told == scopes.NEEDED


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.django_db(transaction=True)
def test_whatever_is_sent_is_answered_as_the_document_says(session, mode, monkeypatch):
    monkeypatch.setattr(waiting.ROOM.ended, "wait", lambda seconds: True)  # none waits
    _, shown = tokens.create(session, "w", "operate")
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def answers(case):
            case.call_and_validate(headers={"Authorization": f"Bearer {shown}"}, checks=CHECKS)

        answers()
