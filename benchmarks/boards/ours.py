"""This board."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Page

from backlog.session import PsycopgSession
from backlog.verbs import cards, claims, moves
from benchmarks.boards.board import CLICK, SCREEN, Board
from benchmarks.boards.cards import BLOCKED, BODY, DONE, EXPIRED, Card
from benchmarks.data import card_id
from benchmarks.server import Server, connect
from benchmarks.site import served

NAME: Final = "ours"


@contextmanager
def running(server: Server, given: Sequence[Card]) -> Iterator[Board]:
    url = server.backlog("boards")
    _fill(url, given)
    with served(url, "--no-sweep") as site:
        yield Board(NAME, site.address + "/", site.cpu, find, cookie=site.cookie)


def _fill(url: str, given: Sequence[Card]) -> None:
    with connect(url) as connection:
        session = PsycopgSession(connection)
        with connection.transaction():
            for card in given:
                needs = [] if card.needs is None else [card_id(card.needs)]
                cards.create(
                    session,
                    card_id(card.number),
                    card.title,
                    body=BODY,
                    phase=card.phase,
                    priority=card.priority,
                    depends_on=needs,
                )
        _move(session, given)
        connection.execute("VACUUM ANALYZE")


def _move(session: PsycopgSession, given: Sequence[Card]) -> None:
    for card in given:
        if card.worker is None:
            continue
        ttl = 1 if card.state == EXPIRED else 86_400
        claimed = claims.claim(session, card.worker, ttl, card_id=card_id(card.number)).card
        assert claimed, "it cannot be claimed"
        if card.state == BLOCKED:
            moves.block(session, claimed.id, reason="needs_input", note=card.question)
        elif card.state == DONE:
            moves.complete(session, claimed.id)


def find(page: Page) -> Iterator[str]:
    """The board cuts what is long, and so does the list; the doctor's page says all of it."""
    page.get_by_role("link", name="Doctor", exact=True).click()
    page.wait_for_url("**/doctor/")
    yield CLICK
    while page.evaluate("watch.scroll(document.querySelector('main').lastElementChild)"):
        yield SCREEN
