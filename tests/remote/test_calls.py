"""The grammar of a verb, made once in a process: each call is read by it as its own caller's."""

import io
from concurrent.futures import ThreadPoolExecutor

import pytest

from backlog.cli.caller import CALLER, Caller
from backlog.cli.parser import parse
from backlog.errors import UsageError
from remote.calls import VERBS

pytestmark = [pytest.mark.one_tier, pytest.mark.quick]


def owner_of(environ):
    """Who claims, by the words `claim`, said by this caller."""
    token = CALLER.set(Caller(environ, io.BytesIO, has_files=False))
    try:
        return parse(["claim"], "backlog", VERBS).owner
    finally:
        CALLER.reset(token)


def test_each_caller_is_the_owner_of_its_own_call():
    assert [owner_of({"BACKLOG_OWNER": name}) for name in ("v", "w", "v")] == ["v", "w", "v"]
    with pytest.raises(UsageError, match="--owner"):
        owner_of({})
    with pytest.raises(UsageError, match="BACKLOG_OWNER"):
        owner_of({"BACKLOG_OWNER": " "})


def test_calls_at_once_do_not_hear_each_other():
    names = [f"w{number % 7}" for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda name: owner_of({"BACKLOG_OWNER": name}), names)) == names


def test_what_a_verb_says_of_itself_is_read_with_its_words():
    given = parse(["complete", "--id", "A"], "backlog", VERBS)
    assert (given.verb, given.deed, given.acting) == ("complete", "complete", "owner")
    given = parse(["plan", "apply", "-"], "backlog", VERBS)
    assert (given.verb, given.deed, given.acting) == ("plan", "plan apply", None)


def test_a_word_goes_before_what_the_environment_says():
    token = CALLER.set(Caller({"BACKLOG_OWNER": "w"}, io.BytesIO, has_files=False))
    try:
        assert parse(["claim", "--owner", "v"], "backlog", VERBS).owner == "v"
    finally:
        CALLER.reset(token)
