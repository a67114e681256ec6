"""Refusals over the wire speak of what a call is made of, and not of the command's options."""

import pytest

from remote.calls import verbs
from remote.naming import in_names

pytestmark = [pytest.mark.one_tier, pytest.mark.quick]

CALLED = {called.name: called for called in verbs()}


@pytest.mark.parametrize(
    ("verb", "sentence", "told"),
    [
        ("claim", '--ttl must be a number, not "--id"', 'ttl must be a number, not "--id"'),
        ("claim", r'--ttl: "\"--id" and --id', r'ttl: "\"--id" and id'),
        ("complete", "--claim-next needs the --owner", "claimNext needs the owner"),
        ("complete", "with --ids -, each line has its own", "with ids, each line has its own"),
        ("show", "required: --id (try backlog show --help)", "required: id"),
        ("search", "TEXT must not be blank", "text must not be blank"),
        ("show", "`unblock --id A` and --idle, --phase", "`unblock --id A` and --idle, --phase"),
    ],
)
def test_the_options_of_the_verb_become_names_and_what_is_quoted_stays(verb, sentence, told):
    assert in_names(CALLED[verb], sentence) == told


@pytest.mark.parametrize(
    ("verb", "given", "message"),
    [
        ("complete", {"id": "A", "phase": "M"}, "ttl, phase and role are about the next"),
        ("claim", {"id": "A", "count": 2}, "id names the card: leave out phase, role, count and"),
        ("complete", {"id": "A", "ids": ["B"]}, "argument id"),
        ("renew", {}, "one of the arguments id ids is required"),
    ],
)
def test_the_api_and_the_tools_name_a_field_and_the_command_its_option(
    api, claimed, call, verb, given, message
):
    told = api(verb, given).json()["error"]["message"]
    assert told.startswith(message)
    as_command = {"Accept": "application/vnd.backlog.reply+json"}
    assert "--" in api(verb, given, as_command).json()["error"]["message"]


def test_a_limited_token_is_told_the_name_as_well(caller):
    limited = caller("w", "operate", phases=["M1"])
    assert "say id, or take" in limited("reclaim", {}).json()["error"]["message"]
