"""The API behind the real server: clients that hang up, its end, its log."""

import http.client
import json
import os
import re
from urllib.parse import urlsplit

import pytest

from remote.verbs import tokens
from tests.serving import serving
from tests.worker import until

pytestmark = pytest.mark.one_tier

_LOOKED = "SELECT last_used_at IS NOT NULL FROM remote_token"


@pytest.fixture
def served(session, tmp_path):
    """Connections to a server of this store, which wait for a card: `served.wait()`; its log."""
    _, shown = tokens.create(session, "w 1")

    class Served:
        log = tmp_path / "access.log"
        secret = shown.rpartition("_")[2]

        def wait(self) -> http.client.HTTPConnection:
            opened = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
            opened.request(
                "POST", "/api/v1/claim?wait=50", b"{}", {"Authorization": f"Bearer {shown}"}
            )
            # It has looked at the token, and so begins to wait.
            until(lambda: session.execute(_LOOKED).fetchone() == (True,))
            return opened

    made = Served()
    with serving(os.environ, "--no-sweep", "--workers", "1", "--access-log", str(made.log)) as (
        made.process,
        made.url,
    ):
        yield made


def test_who_hung_up_gets_no_card_and_who_waits_does(served, card):
    gone, stays = served.wait(), served.wait()
    gone.close()
    until(lambda: served.log.read_text().count("/claim") == 1)
    card("A")
    assert json.loads(stays.getresponse().read())["claimOwner"] == "w 1"
    line = until(
        lambda: re.search(
            r'.*"POST /api/v1/claim" 200 .* worker=w 1$', served.log.read_text(), re.M
        )
    )
    assert line
    assert served.secret not in served.log.read_text()


def test_a_server_that_ends_answers_who_waits(served):
    waits = served.wait()
    served.process.terminate()
    assert waits.getresponse().read() == b"null\n"
