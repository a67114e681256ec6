"""A browser on a served backlog."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import expect

from backlog.models import Card
from backlog.verbs.output import Printed, keep
from tests.factories import AccountFactory, CardFactory

# The first is the same engine without the windows: a third of the time.
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM = next(filter(None, map(shutil.which, PROGRAMS)), None)

# Playwright runs an event loop in this thread; Django would refuse the ORM beside it.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

# On a machine that does much else an answer takes seconds, and a page that took long to come is not
# asked for again at once.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="session", autouse=True)
def chromium() -> None:
    if CHROMIUM is None:
        pytest.skip("no chromium on the PATH: the distribution has it")


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """The distribution's browser, which calls nobody."""
    quiet = ("no-first-run", "background-networking", "component-update", "sync", "quic", "gpu")
    return {
        "executable_path": CHROMIUM,
        "args": [
            "--no-sandbox",
            "--disable-dev-shm-usage",
            *(f"--disable-{what}" for what in quiet[1:]),
            "--no-first-run",
        ],
    }


@pytest.fixture(autouse=True)
def busy_board(store: None, transactional_db: None, settings: Any) -> None:
    """One card in each cell, and what makes a board busy."""
    settings.BACKLOG_POLL_SECONDS = 0.3
    for card_id, state in (
        ("ready-1", {}),
        ("ready-2", {}),
        ("held", {"claimed": True, "owner": "worker-1"}),
        ("late", {"expired": True, "owner": "worker-2"}),
        ("stopped", {"blocked": True, "reason": "needs_input", "note": "which one?"}),
        ("over", {"done": True}),
    ):
        CardFactory(id=card_id, title=f"About {card_id}", phase="M1", body="Some *text*.", **state)
    colours = "".join(
        f"\x1b[{code}mcolour {code}\x1b[0m\n" for code in (*range(30, 48), 1, 2, 7, 90)
    )
    keep(Card.objects.session(), "held", 1, "worker-1", Printed(colours.encode(), 0, ended=False))
    CardFactory(id="waits", title="Waits", phase="M2", depends_on=["ready-1", "stopped"])


@pytest.fixture
def complaints(page: Any) -> Iterator[list[str]]:
    """What the console said; a test that uses it fails if that is anything."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    yield said
    assert said == []


@pytest.fixture
def log_in(live_server: Any) -> Any:
    """Gives a browser context the session of an operator: `log_in(context)`."""

    def give(context: Any) -> None:
        client = Client()
        client.force_login(AccountFactory(superuser=True, username="olga"))
        value = client.cookies[settings.SESSION_COOKIE_NAME].value
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": value, "url": live_server.url}
        context.add_cookies([cookie])

    return give


@pytest.fixture
def plain(browser: Any, log_in: Any) -> Iterator[Any]:
    """The page of an operator whose browser runs no JavaScript."""
    context = browser.new_context(java_script_enabled=False)
    log_in(context)
    yield context.new_page()
    context.close()


@pytest.fixture
def board(complaints: list[str], operator: Any, live_server: Any) -> Any:
    """The page of an operator who looks at the board, and whose console is silent."""
    operator.goto(live_server.url + "/")
    return operator


@pytest.fixture
def operator(page: Any, log_in: Any) -> Any:
    """The page of an operator who is logged in."""
    log_in(page.context)
    return page
