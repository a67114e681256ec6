"""The API behind the real server: clients that hang up, its end, its log."""

import http.client
import json
import os
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import pytest

from remote.verbs import tokens
from tests.serving import serving
from tests.worker import until

pytestmark = pytest.mark.one_tier


@pytest.fixture
def served(session, tmp_path):
    """A server of this store, its log, and clients of it that wait for a card: `served.wait()`."""
    _, shown = tokens.create(session, "w 1")
    log = tmp_path / "access.log"
    words = ("--no-sweep", "--workers", "1", "--access-log", str(log))
    looked = "SELECT last_used_at IS NOT NULL FROM remote_token"

    class Served:
        secret = shown.rpartition("_")[2]

        def lines(self) -> list[str]:
            return log.read_text().splitlines()

        def wait(self) -> http.client.HTTPConnection:
            host = urlsplit(self.url).netloc
            client = clients.enter_context(closing(http.client.HTTPConnection(host, timeout=60)))
            token = {"Authorization": f"Bearer {shown}"}
            client.request("POST", "/api/v1/claim?wait=50", b"{}", token)
            until(lambda: session.execute(looked).fetchone() == (True,))
            return client

    made = Served()
    with ExitStack() as clients, serving(os.environ, *words) as (made.process, made.url):
        yield made


def test_who_hung_up_gets_no_card_and_who_waits_does(served, card):
    gone, stays = served.wait(), served.wait()
    gone.close()
    until(lambda: len(served.lines()) == 1)
    card("A")
    assert json.loads(stays.getresponse().read())["claimOwner"] == "w 1"
    line = until(lambda: served.lines()[1:])[0]
    assert '"POST /api/v1/claim" 200' in line
    assert line.endswith(" worker=w 1")
    assert served.secret not in line


def test_a_server_that_ends_answers_who_waits(served):
    waits = served.wait()
    served.process.terminate()
    assert waits.getresponse().read() == b"null\n"
