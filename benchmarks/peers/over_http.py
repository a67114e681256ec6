"""A worker elsewhere: completes what it holds and claims the next by one request of the API."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from typing import Any

from benchmarks.peers import ours

install, load = ours.install, ours.load


@contextmanager
def client(url: str, batch: int) -> Iterator[Callable[[], int]]:
    """`url` is the database's; the site and a token of it are in the environment."""
    assert batch == 1, "one by one alone"
    host = os.environ["BENCHMARK_SITE"].removeprefix("http://")
    headers = {
        "Authorization": f"Bearer {os.environ['BENCHMARK_TOKEN']}",
        "Content-Type": "application/json",
    }
    with closing(HTTPConnection(host, timeout=60)) as connection:

        def post(verb: str, **given: Any) -> Any:
            connection.request("POST", f"/api/v1/{verb}", json.dumps(given), headers)
            answer = connection.getresponse()
            said = answer.read()
            assert answer.status == 200, said
            return json.loads(said)

        card = post("claim")

        def cycle() -> int:
            nonlocal card
            done = post("complete", id=card["id"], attempt=card["attempts"], claimNext=True)
            card = done["claimed"]
            return 1

        yield cycle
