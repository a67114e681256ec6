"""The primary is killed in the middle of claims, and its replica promoted."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from threading import Event

import psycopg
import pytest

from backlog.session import PsycopgSession
from backlog.store.storage import Server as Store
from backlog.verbs import claims, moves
from backlog.worker.link import Away, Link
from tests.command import On
from tests.replicas import Replica, several, synchronous
from tests.servers import Server, distribution_programs, wheel_programs
from tests.worker import until

pytestmark = [pytest.mark.one_tier, pytest.mark.deep]

CARDS = 2_000
CLAIMERS = 4


@pytest.fixture
def pair():
    """A server, and a replica that has every commit before it is acknowledged."""
    primary = Server(distribution_programs() or wheel_programs()).start()
    On(**primary.env)("stats")
    with psycopg.connect(primary.url) as opened:
        made = "INSERT INTO backlog (id, title) SELECT 'c' || n, 't' FROM generate_series(1, %s) n"
        opened.execute(made, (CARDS,))
    replica = Replica(primary).start()
    synchronous(primary)
    yield primary, replica
    replica.stop()
    primary.stop()


@contextmanager
def session_on(url):
    with Store(url).connect() as opened:
        yield PsycopgSession(opened)


def drain(url, owner, over, taken):
    """Claim and complete until told that it is over; every answer is noted."""
    link = Link(lambda: session_on(url), lambda *_, **__: None)
    while not over.is_set():
        with suppress(Away):
            card = link.ask(lambda session: claims.claim(session, owner)).card
            if card is None:
                return
            taken.append((card.id, card.attempts, owner))
            link.ask(partial(moves.complete, card_id=card.id))
    link.close()


def test_every_claim_that_was_acknowledged_is_there_and_workers_go_on(pair):
    primary, replica = pair
    url, over, taken = several(primary, replica), Event(), []
    worker = On(DATABASE_URL=url).start("work", "--owner", "command", "--", "true")
    with ThreadPoolExecutor(CLAIMERS) as pool:
        for n in range(CLAIMERS):
            pool.submit(drain, url, f"w{n}", over, taken)
        until(lambda: len(taken) > 50, "the first claims")
        primary.kill()
        acknowledged = list(taken)
        replica.promote()
        until(lambda: len(taken) > len(acknowledged) + 50, "the claims after it")
        over.set()
    with psycopg.connect(replica.url, autocommit=True) as asked:
        claimed = "SELECT FROM backlog_event WHERE card_id = %s AND attempt = %s AND verb = 'claim'"
        by_command = "SELECT count(*) FROM backlog_ended_run WHERE owner = 'command'"
        (before,) = asked.execute(by_command).fetchone()
        until(lambda: asked.execute(by_command).fetchone()[0] > before, "the command's next card")
        worker.terminate()
        worker.communicate(timeout=60)
        lost = [one for one in taken if asked.execute(claimed, one[:2]).fetchone() is None]
    assert (lost, len({one[:2] for one in taken})) == ([], len(taken))
    assert On(DATABASE_URL=url)("check").status == 0
