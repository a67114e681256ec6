"""Whatever a tool is given: it is done, or refused in a sentence, and none is a defect."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remote.mcp.tools import offered
from tests.factories import CardFactory
from tests.remote.agents import ask, said

pytestmark = [pytest.mark.deep, pytest.mark.one_tier]

TOOLS = offered("full")
# What cards, workers and phases are called here, so that some calls are done; and what is odd.
ODD = ("", " ", "-", "--force", "@/etc/passwd", "a,b", "a\nb", "\0", "\u202e", "x" * 5000, "%s")
GOOD = ("A", "B", "ada", "M1", "1", "null", "[]", "2030-01-01T00:00Z", "0 9 * * 1", "merged", "on")
FILES = ("phases:\n- name: M1\n  cards: [{id: C, title: t}]\n", '{"id":"D","title":"t"}\n')
TEXT = st.sampled_from(ODD + GOOD + FILES)
VALUE = st.recursive(
    st.none() | st.booleans() | TEXT | st.integers() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=4,
)


@st.composite
def calls(draw: Any) -> tuple[str, dict[str, Any]]:
    """A call of any tool, with any of what it takes; `wait` would take its time."""
    name = draw(st.sampled_from([*TOOLS]))
    schema = TOOLS[name].tool.inputSchema
    required = dict.fromkeys(schema["required"], TEXT | VALUE)
    others = {*schema["properties"], "surplus"} - {*required, "wait"}
    optional = dict.fromkeys(sorted(others), VALUE)
    return name, draw(st.fixed_dictionaries(required, optional=optional))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(asked=st.lists(calls(), min_size=20, max_size=20))
def test_a_tool_does_what_it_is_told_or_says_what_is_wrong(session, asked):
    for card_id in ("A", "B"):
        if not session.rows("SELECT 1 FROM backlog WHERE id = %s", (card_id,)):
            CardFactory(session=session, id=card_id, phase="M1")
    for (name, values), result in zip(asked, ask(*asked), strict=True):
        assert "a defect, which the server's log tells" not in said(result), (name, values)
