"""What other apps show on the backlog's pages. An app's configuration names it:

`pages`: those that the navigation lists, as `navigation.PAGES`;
`counts`: of such a page where a function of a session is that says how many things wait there;
`on_board`: parts of the board by their ids: where a function of a session is that reads what the
part says, and the template that says it;
`on_card`: where a function of a request and a card's id is that gives HTML.
"""

from functools import cache
from hashlib import blake2b
from typing import Any, NamedTuple

from django.apps import apps
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString

from backlog.session import Session


class Part(NamedTuple):
    """A part of a page that is swapped by itself: its id, its template, and what that says."""

    key: str
    template: str
    value: Any

    @property
    def signature(self) -> str:
        """Another one whenever it says something else."""
        return blake2b(repr(self.value).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    def html(self, request: HttpRequest | None = None) -> SafeString:
        """The template says `part.value`, and has the id and the signature of `part`."""
        return render_to_string(self.template, {"part": self}, request)


def listed(*, counted: bool | None = None) -> list[tuple[str, str, str]]:
    """The pages of the other apps; those that have counts, or have none."""
    pages = [page for each in apps.get_app_configs() for page in getattr(each, "pages", ())]
    counts = _named("counts")
    return [page for page in pages if counted in (None, page[0] in counts)]


def labelled(
    pages: list[tuple[str, str, str]], waiting: dict[str, Part]
) -> list[tuple[str, str | SafeString, str]]:
    """The pages, to the label of one what is `waiting` there."""

    def shown(name: str, label: str) -> str | SafeString:
        part = waiting.get(name)
        return label if part is None else format_html("{} {}", label, part.html())

    return [(name, shown(name, label), icon) for name, label, icon in pages]


def counts(session: Session) -> dict[str, Part]:
    """By the name of a page how many things wait there; and `menu`: on all of them, for where the
    pages are behind a button."""
    numbers = {page: import_string(at)(session) for page, at in _named("counts").items()}
    numbers["menu"] = sum(numbers.values())
    return {
        page: Part(f"count-{page}", "backlog/_count.html", number)
        for page, number in numbers.items()
    }


def of_board(session: Session) -> tuple[Part, ...]:
    """What others show on the board."""
    shown = _named("on_board").items()
    return tuple(Part(key, template, import_string(at)(session)) for key, (at, template) in shown)


def of_card(request: HttpRequest, card_id: str) -> SafeString:
    """What others show on the page of this card."""
    places = [each.on_card for each in apps.get_app_configs() if hasattr(each, "on_card")]
    return format_html_join("", "{}", ((import_string(at)(request, card_id),) for at in places))


@cache
def _named(what: str) -> dict[str, Any]:
    configs = apps.get_app_configs()
    return {name: at for each in configs for name, at in getattr(each, what, {}).items()}
