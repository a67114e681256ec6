"""A setting that is not understood is refused, and never taken for off."""

import pytest

from fleet_backlog.environment import Environment
from tests.command import manage, storeless

pytestmark = [pytest.mark.one_tier, pytest.mark.quick]


@pytest.mark.parametrize(
    ("said", "means"),
    [("on", True), ("True", True), (" 1 ", True), ("off", False), ("No", False), ("", None)],
)
def test_a_switch_is_on_or_off(monkeypatch, said, means):
    monkeypatch.setitem(Environment.ENVIRON, "HTTPS", said)
    assert Environment().bool("HTTPS", default=None) is means


@pytest.mark.parametrize(
    ("cast", "said", "refused"),
    [
        ("bool", "jein", "X must be on or off, not jein"),
        ("bool", "2", "X must be on or off, not 2"),
        ("int", "x", "X must be a whole number, not x"),
        ("int", "1.5", "X must be a whole number, not 1.5"),
        ("float", "\x1b[1m", r"X must be a number, not \x1b[1m"),
    ],
)
def test_what_is_not_understood_is_refused(monkeypatch, cast, said, refused):
    monkeypatch.setitem(Environment.ENVIRON, "X", said)
    with pytest.raises(SystemExit) as refusal:
        getattr(Environment(), cast)("X", default=None)
    assert refusal.value.code == refused


def test_a_process_says_it_in_a_line():
    env = {**storeless(), "HTTPS": "jein"}
    assert manage(env, "check") == (1, "", "HTTPS must be on or off, not jein\n")
