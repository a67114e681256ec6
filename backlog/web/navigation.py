"""What every page's template finds; and addresses, which end where a server's request line does."""

import re
import time
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, QueryDict
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from backlog.models import Card
from backlog.verbs import search
from backlog.web import beside, shell
from backlog.web.typed import typed

# Of each page the name of its URL, its label, and its icon.
PAGES = (
    ("board", "Board", "square-kanban"),
    ("cards", "Cards", "list"),
    ("fleet", "Fleet", "gauge"),
    ("activity", "Activity", "activity"),
    ("search", "Search", "search"),
    ("doctor", "Doctor", "stethoscope"),
    ("control", "Pause and limits", "pause"),
)

# gunicorn and nginx refuse more than 8,190 bytes with the method and the protocol. A phase and an
# owner of 255 characters each, and a search, are 7,900 at most.
LONGEST_ADDRESS: Final = 8_000
# As many characters are searched for.
LONGEST_SEARCH: Final = search.LONGEST


def listed() -> list[tuple[str, str, str]]:
    """As `PAGES`, with those of the other apps behind them."""
    return [*PAGES, *beside.listed()]


def in_sight() -> list[tuple[str, str, str]]:
    """Those of them that are not behind "More": of other apps those that say how much waits."""
    return [*PAGES, *beside.listed(counted=True)]


def pages(request: HttpRequest) -> dict[str, Any]:
    """`pages`: those of `PAGES`, and of other apps those where something waits, with how much;
    `more_pages`: their others; `now`: the site's clock, in milliseconds; `poll_seconds`: how often
    an open page asks whether it is up to date, and `patience_seconds`: when it gives an answer up;
    `login`: the address of the login that leads back here; `shell`: how a command begins in a
    shell; `typed`: what somebody wrote into a form that is not carried out; `waiting`: how much
    waits, by page, and on the `menu` in all. What takes work is worked out where it is shown."""
    counted = cache(lambda: beside.counts(Card.objects.session()))

    def login() -> str:
        back = urlencode({"next": request.get_full_path()}, safe="/")
        return reachable(f"{reverse('login')}?{back}")

    return {
        "pages": lambda: beside.labelled(in_sight(), counted()),
        "waiting": counted,
        "more_pages": beside.listed(counted=False),
        "now": int(time.time() * 1000),
        "poll_seconds": settings.BACKLOG_POLL_SECONDS,
        "patience_seconds": settings.BACKLOG_PATIENCE_SECONDS,
        "login": login,
        "shell": lambda: shell.of(request),
        "typed": lambda: typed(request),
    }


def way_back(request: HttpRequest, otherwise: str = "board") -> str:
    """Where the operator came from; only ever a page of this site, by its path."""
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    # Without its slash it would be the name of a page, or of none.
    return target if target.startswith("/") and safe else resolve_url(otherwise)


def reachable(address: str) -> str:
    """The address, if it can be asked for. Else what it leads on to is asked for without its query,
    or not at all: a `next` is encoded twice, and so up to 5/3 as long as where it was."""
    if len(address) <= LONGEST_ADDRESS:
        return address
    parts = urlsplit(address)
    query = QueryDict(parts.query, mutable=True)
    query["next"] = query.get("next", "").partition("?")[0]
    shorter = f"{parts.path}?{query.urlencode(safe='/')}"
    return shorter if len(shorter) <= LONGEST_ADDRESS else parts.path


def coded(text: str, special: str) -> str:
    """The text for a path, each character that the pattern finds as `_` and two hex digits."""
    return re.sub(special, lambda found: f"_{ord(found[0]):02X}", text)


def decoded(text: str, codes: str = "[0-9A-F]{2}") -> str:
    """The text again, of these codes."""
    return re.sub(f"_({codes})", lambda found: chr(int(found[1], 16)), text)
