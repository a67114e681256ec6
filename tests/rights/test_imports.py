"""An import brings cards and edits them; what moves them takes a right of its own."""

import json

import pytest

from fleet.verbs import workers
from tests.cli import lines, refused

pytestmark = [pytest.mark.one_tier]


_CLAIM = {"claimOwner": "w", "claimTtlSeconds": 60, "claimedAt": "2026-01-01T00:00:00Z"}
_NO_CLAIM = dict.fromkeys(_CLAIM)


@pytest.mark.parametrize(
    ("card_id", "line"),
    [
        ("NEW", {"title": "t", "status": "done"}),
        ("NEW", {"title": "t", "status": "claimed", **_CLAIM}),
        ("FREE", {"status": "done"}),
        ("FREE", {"status": "blocked"}),
        ("HELD", {"status": "done", **_NO_CLAIM}),
        ("HELD", {"status": "claimed", **_CLAIM, "claimOwner": "other"}),
        ("DONE", {"status": "ready"}),
        ("DONE", {"archivedAt": "2026-01-01T00:00:00Z"}),
    ],
)
@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_an_import_moves_no_card_past_what_its_role_may(
    fleet, session, call, card, monkeypatch, tmp_path, card_id, line, more
):
    card("FREE")
    card("HELD", claimed=True)
    card("DONE", done=True)
    monkeypatch.setenv("LOGNAME", "decomposition")
    words = ("import", "--update", *more, lines(tmp_path, {"id": card_id, **line}))
    assert refused(call, 1, *words) == (
        f"only operator may import what moves cards: {card_id}; decomposition is decomposition\n"
    )
    workers.add(session, "decomposition", ["decomposition", "operator"])
    assert call(*words).status == 0


def test_an_import_of_what_is_not_moved_takes_the_right_to_import_alone(
    fleet, call, card, monkeypatch, tmp_path
):
    card("HELD", claimed=True)
    card("DONE", done=True)
    monkeypatch.setenv("LOGNAME", "decomposition")
    kept = [json.loads(line) for line in call("export").out.splitlines()]
    new = [{"id": "NEW", "title": "t"}, {"id": "B", "title": "t", "status": "blocked"}]
    more = [{"id": "HELD", "title": "other"}, {"id": "DONE", "body": "b"}, *new]
    for given in (kept, more):
        assert call("import", "--update", lines(tmp_path, *given)).status == 0
