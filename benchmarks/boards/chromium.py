"""A browser that opens a board as somebody does who has never been there, and what that takes."""

import gzip
import os
import shutil
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from benchmarks.boards.board import Board
from benchmarks.boards.cards import BLOCKED, EXPIRED, RUNNING, Card
from benchmarks.site import session_cpu

_PROGRAMS: Final = ("chromium-headless-shell", "chromium", "chromium-browser")
_QUIET: Final = (
    "dev-shm-usage",
    "background-networking",
    "component-update",
    "sync",
    "quic",
    "gpu",
)
_OPTIONS: Final = ("no-sandbox", "no-first-run", *(f"disable-{what}" for what in _QUIET))
_WATCH: Final = Path(__file__).with_name("watch.js")
_SCREEN: Final = {"width": 1440, "height": 900}
_PATIENCE_MS: Final = 120_000
_FIRST_PAINT: Final = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def program() -> str | None:
    """The distribution's browser; None if there is none."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


class Visit(NamedTuple):
    """What opening a board took: bytes, seconds, numbers."""

    received: int
    gzipped: int
    requests: int
    painted: float
    drawn: float
    browser: float
    script: float
    server: float
    elements: int
    shift: float


class Found(NamedTuple):
    """What is on the first screen, and which presses it took to read every question."""

    cards: int
    running: int
    stuck: int
    questions: int
    steps: list[str]
    all_read: bool


@contextmanager
def launched() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program(), args=[f"--{option}" for option in _OPTIONS]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def _opened(browser: Browser, board: Board) -> Iterator[tuple[BrowserContext, Page]]:
    """A page of a profile of its own: nothing is cached, nothing remembered."""
    context = browser.new_context(viewport=_SCREEN)
    context.set_default_timeout(_PATIENCE_MS)
    context.add_init_script(path=_WATCH)
    if board.cookie:
        name, _, value = board.cookie.partition("=")
        context.add_cookies([{"name": name, "value": value, "url": board.address}])
    try:
        yield context, context.new_page()
    finally:
        context.close()


def visits(browser: Browser, board: Board) -> tuple[Visit, Visit]:
    """The board opened for the first time, and once more."""
    with _opened(browser, board) as (context, page):
        first = _visit(browser, context, page, board)
        page.goto("about:blank")
        return first, _visit(browser, context, page, board)


def _visit(browser: Browser, context: BrowserContext, page: Page, board: Board) -> Visit:
    devtools = context.new_cdp_session(page)
    traffic = _Traffic(devtools)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    system = browser.new_browser_cdp_session()
    processes = system.send("SystemInfo.getProcessInfo")["processInfo"]
    leader = os.getsid(next(each["id"] for each in processes if each["type"] == "browser"))
    used, served = session_cpu(leader), board.cpu()
    page.goto(board.address, wait_until="commit")
    page.evaluate("watch.drawn")
    used, served = session_cpu(leader) - used, board.cpu() - served
    metrics = {
        each["name"]: each["value"] for each in devtools.send("Performance.getMetrics")["metrics"]
    }
    painted, drawn, shift, elements = page.evaluate(
        f"[{_FIRST_PAINT}, watch.last, watch.shift, document.getElementsByTagName('*').length]"
    )
    received, gzipped, requests = traffic.counted()
    devtools.detach()
    system.detach()
    return Visit(
        received=received,
        gzipped=gzipped,
        requests=requests,
        painted=painted / 1000,
        drawn=drawn / 1000,
        browser=used,
        script=metrics["ScriptDuration"],
        server=served,
        elements=elements,
        shift=shift,
    )


class _Traffic:
    """Everything that a page is sent, by HTTP and by WebSocket."""

    def __init__(self, devtools: CDPSession) -> None:
        self._devtools = devtools
        self._sizes: dict[str, int] = {}
        self._cached: set[str] = set()
        self._frames = 0
        devtools.on(
            "Network.requestServedFromCache", lambda said: self._cached.add(said["requestId"])
        )
        devtools.on("Network.loadingFinished", self._finished)
        devtools.on("Network.webSocketFrameReceived", self._framed)
        devtools.send("Network.enable")

    def _finished(self, said: dict[str, Any]) -> None:
        self._sizes[said["requestId"]] = int(said["encodedDataLength"])

    def _framed(self, said: dict[str, Any]) -> None:
        self._frames += len(said["response"]["payloadData"])

    def counted(self) -> tuple[int, int, int]:
        """Bytes as they came, bytes if a proxy in front compressed them, requests."""
        sizes = {
            each: size for each, size in self._sizes.items() if each not in self._cached and size
        }
        gzipped = sum(min(size, self._gzipped(each)) for each, size in sizes.items())
        return sum(sizes.values()) + self._frames, gzipped + self._frames, len(sizes)

    def _gzipped(self, request: str) -> int:
        answer = self._devtools.send("Network.getResponseBody", {"requestId": request})
        body = answer["body"]
        return len(gzip.compress(b64decode(body) if answer["base64Encoded"] else body.encode(), 6))


def found(browser: Browser, board: Board, given: Sequence[Card]) -> Found:
    """Look at the first screen, then press what it takes."""
    asked = [card.question for card in given if card.question]
    stuck = [card.title for card in given if card.state in (BLOCKED, EXPIRED)]
    running = [card.title for card in given if card.state == RUNNING]
    with _opened(browser, board) as (_, page):
        page.goto(board.address, wait_until="commit")
        page.evaluate("watch.drawn")

        def seen(texts: Sequence[str]) -> set[str]:
            return set(page.evaluate("(texts) => watch.seen(texts)", texts))

        cards = seen([card.title for card in given])
        read = seen(asked)
        first, steps = len(read), []
        for step in board.find(page):
            steps.append(step)
            page.evaluate("watch.settled()")
            read |= seen(asked)
            if len(read) == len(asked):
                break
        return Found(
            cards=len(cards),
            running=len(cards & set(running)),
            stuck=len(cards & set(stuck)),
            questions=first,
            steps=steps,
            all_read=len(read) == len(asked),
        )
