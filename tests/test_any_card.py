"""Whatever a card holds: no verb and no page fails for it but with a sentence, none for the others.

Cards come by `import`, which refuses some, and by SQL, past every check but the database's own.
"""

import io
import json
import random
from contextlib import redirect_stderr, redirect_stdout, suppress
from itertools import count
from string import ascii_letters, digits
from typing import Any

import psycopg
import pytest
from django.contrib.admin.utils import quote
from django.urls import reverse
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from backlog.cli.main import main
from backlog.lifecycle import BLOCK_REASONS, LONGEST_KEY, LONGEST_NAME, MOST_COUNTED, STATUSES
from backlog.values import INT_MAX, INT_MIN
from tests.budget import seconds
from tests.factories import CardFactory, empty

pytestmark = [pytest.mark.deep, pytest.mark.one_tier, pytest.mark.django_db(transaction=True)]

# At the limits and a step beyond; wide, odd, of another direction, or markup of some kind.
ODD = st.sampled_from(
    ["A", " padded ", "a,b", "a\tb", "x\nstatus: done", "\x1b[31mred", "\u202etxet", "\u200b"]
    + ["\ufeff", "é", "e\u0301", "😀", ".", "..", "a/b", "%0A", "<script>", "'; --", "{}"]
    + [char * length for char in "x😀" for length in (LONGEST_NAME, LONGEST_NAME + 1)]
    + ["k" * LONGEST_KEY, "k" * (LONGEST_KEY + 1), "r" * 20_000, "[a][b]" * 5_000, "a|" * 3_000]
    + ["\\", "_2F", "$(reboot)"]
)  # fmt: skip
# Nothing makes it shorter, so an index has no room for it.
LONG = "".join(random.Random(1).choices(ascii_letters + digits, k=6000))  # noqa: S311 (no secret)
TEXT = ODD | st.just(LONG) | st.text(max_size=50)
NUMBER = st.sampled_from([0, 1, -1, 10, MOST_COUNTED, MOST_COUNTED + 1, INT_MAX, INT_MIN])
YEARS = ("0999", "1000", "1970", "2026", "2999", "8999", "9000", "9999")
TIME = st.sampled_from(
    [f"{year}-01-01T00:00:00.000001Z" for year in YEARS] + ["infinity", "-infinity"]
)
HUGE = "1e131071"  # a number: as PostgreSQL writes it, 131 KB
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | st.just(HUGE) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
IDS = st.lists(TEXT, max_size=4)
CLAIM = st.fixed_dictionaries(
    {"claimOwner": TEXT, "claimTtlSeconds": NUMBER, "claimedAt": TIME, "status": st.just("claimed")}
)
CARD = st.fixed_dictionaries(
    {"id": TEXT, "title": TEXT},
    optional={
        **dict.fromkeys(("body", "phase", "role", "idempotencyKey"), TEXT),
        **dict.fromkeys(("blockNote", "answer"), TEXT),
        **dict.fromkeys(("priority", "attempts", "maxAttempts", "blockCount"), NUMBER),
        **dict.fromkeys(("createdAt", "notBefore"), TIME),
        "dependsOn": IDS,
        "acceptance": JSON,
        "status": st.sampled_from(STATUSES),
        "blockReason": st.sampled_from(BLOCK_REASONS),
    },
)
ODD_CARD = st.builds(lambda card, claim: {**card, **claim}, CARD, st.just({}) | CLAIM)

# Verbs that are about all cards, and how they may end; those about one are tried with its id.
OF_ALL = {
    "list": {0},
    "list --ready-only": {0},
    "list --json": {0},
    "stats": {0},
    "tail": {0},
    "export": {0},
    "export --events": {0},
    "export --runs": {0},
    "paused": {0},
    "limits": {0},
    "sweep": {0},
    "reclaim": {0},
    "check": {0, 1},
    "doctor": {0, 1},
    "doctor --json": {0, 1},
}
OF_ONE = (
    *("show", "history", "runs", "output", "context", "explain"),
    *("claim --owner odd", "renew --owner odd"),
    *("release --owner odd", "block --reason other --note odd", "unblock", "cancel", "complete"),
    *("reopen", "edit --priority 3", "link --to plain", "unlink --to plain", "reclaim"),
    *("show --json", "context --json", "comment --note odd", "delete --force"),
)
PAGES = (
    *("board", "cards", "fleet", "no_phase", "activity", "doctor", "control"),
    "admin:backlog_card_changelist",
)
OF_ITS_OWN = ("card", "output", "edit")

# The time has come for what is held back; no trigger sees it.
LATER = """
SET session_replication_role = replica;
UPDATE backlog SET not_before = now() - interval '1 second' WHERE held;
UPDATE backlog_rule SET due = now() - interval '1 second' WHERE due > now();
RESET session_replication_role"""

numbers = count()


def ran(*words: str) -> tuple[int, str]:
    """The exit status and the answer of a command; where it is refused, in one line."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(words)
    assert status in (0, 1, 2, 4), (words, status, err.getvalue())  # 4: another's claim
    assert err.getvalue().count("\n") <= 1, (words, err.getvalue())
    assert status == 0 or out.getvalue() or err.getvalue(), words
    return status, out.getvalue()


def written(session: Any, card: dict[str, Any]) -> str | None:
    """Insert the row past every check but the database's; the id, unless it is refused."""
    names = {"dependsOn": "depends_on", "idempotencyKey": "idempotency_key"}
    row = {names.get(key, _column(key)): value for key, value in card.items()}
    for name in ("depends_on", "acceptance"):
        if name in row:
            row[name] = as_json(row[name])
    columns, places = ", ".join(row), ", ".join(["%s"] * len(row))
    with suppress(psycopg.Error, UnicodeError, ValueError):
        session.execute(f"INSERT INTO backlog ({columns}) VALUES ({places})", [*row.values()])  # noqa: S608
        return str(card["id"])
    return None


def as_json(document: Any) -> str:
    return json.dumps(document).replace(f'"{HUGE}"', HUGE)


def _column(key: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in key)


def everything_is_served(client: Any, card_id: str) -> None:
    """Every verb and page; only those of the one card may refuse."""
    for verb, ends in OF_ALL.items():
        status, _ = ran(*verb.split())
        assert status in ends, (verb, status)
    for page in PAGES:
        assert client.get(reverse(page)).status_code == 200, page
    urls = [reverse(page, args=[card_id]) for page in OF_ITS_OWN]
    for url in (*urls, reverse("admin:backlog_card_change", args=[quote(card_id)])):
        assert client.get(url).status_code in (200, 302, 400, 404), url


def plain_work_goes_on() -> None:
    """Another card is claimed and completed, though the odd one is there."""
    plain = f"plain-{next(numbers)}"
    assert ran("create", "--id", plain, "--title", "t")[0] == 0
    assert ran("claim", "--id", plain, "--owner", "w", "--json")[1] != "null\n"
    assert ran("complete", "--id", plain, "--owner", "w", "--attempt", "1")[0] == 0
    assert ran("claim", "--owner", "w")[0] == 0


@settings(
    max_examples=int(seconds(bounded=12, full=200)),
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    deadline=None,
    database=None,
)
@given(card=ODD_CARD, past_the_door=st.booleans())
@example({"id": "P", "title": "x", "priority": 99, "attempts": INT_MAX}, True)
@example({"id": "P", "title": "x", "role": LONG, "notBefore": "2999-01-01T00:00:00Z"}, True)
@example({"id": "P", "title": "x", "acceptance": [HUGE] * 300}, False)
@example({"id": "P", "title": "t" * 2_000_000}, False)
@example({"id": "P", "title": "x", "body": ("a|" * 181 + "\n") * 3 + "a\n" * 362}, False)
def test_none_but_the_odd_card_may_fail(
    session: Any, admin_client: Any, tmp_path: Any, card: dict[str, Any], past_the_door: bool
) -> None:
    empty(session)
    CardFactory(session=session, id="plain")
    card_id: str | None = card["id"].strip()
    if past_the_door:
        card_id = written(session, card)
    else:
        file = tmp_path / "card.json"
        file.write_text(as_json(card))
        card_id = card_id if ran("import", str(file))[0] == 0 else None
    if card_id is None:
        return
    session.execute(LATER)
    plain_work_goes_on()
    everything_is_served(admin_client, card_id)
    for verb in OF_ONE:
        name, *options = verb.split()
        key = "--from" if name in ("link", "unlink") else "--id"
        with suppress(SystemExit):
            ran(name, f"{key}={card_id}", *options)
        if name in ("claim", "release", "reopen"):
            plain_work_goes_on()
    everything_is_served(admin_client, card_id)
