"""What the doctor finds, and its ways out as somebody follows them."""

import json
import shlex

from backlog.verbs.doctor import everything
from tests.command import Ran


def findings(session):
    """What the doctor finds, as `{id or scope: finding}`."""
    return {each.id or f"{each.scope}:{each.name}": each for each in everything(session)}


def link_raw(session, card_id, *needs):
    """Make a card wait for others without asking anybody: no check of cycles."""
    sql = "UPDATE backlog SET depends_on = %s WHERE id = %s"
    session.execute(sql, (json.dumps(needs), card_id))


def follow(call, way_out: str) -> Ran:
    """Run a way out, as the shell would."""
    program, *words = shlex.split(way_out)
    assert program == "backlog"
    assert "--force" not in words
    return call(*words)
