"""What a page shows, as its URL says it."""

from collections.abc import Iterator
from typing import NamedTuple, Self

from django.http import HttpRequest, QueryDict
from django.urls import reverse

from backlog import values
from backlog.lifecycle import CELLS
from backlog.models import Card
from backlog.session import Session
from backlog.verbs import names
from backlog.web.navigation import LONGEST_SEARCH
from backlog.web.queries.filters import ALL, Filter

LAYOUTS = ("rows", "columns")
# What all lanes are, for who asks for it.
LANES = ("open", "folded")

# Parts of the filter that are on or off, in words.
_SWITCHES = {"stuck": "stuck only", "late": "late only", "archived": "archived"}


class Choice(NamedTuple):
    """The filter, the page (from 1) and the layout; `parameters` as the URL has them.

    `lanes`: whether all are open or folded; else each is as its activity has it. Of a search the
    beginning is looked for; `cut`: it was longer.
    """

    filter: Filter
    page: int
    layout: str
    parameters: QueryDict
    lanes: str | None = None
    cut: bool = False

    @classmethod
    def of(cls, request: HttpRequest) -> Self:
        """Read the URL. Raises `UsageError` for what cannot be chosen."""
        return cls.read(request.GET)

    @classmethod
    def read(cls, query: QueryDict) -> Self:
        """Read a query string. Raises `UsageError` for what cannot be chosen."""
        given, session = query.copy(), Card.objects.session()
        search = given.get("q", "").strip()
        if cut := len(search) > LONGEST_SEARCH:
            given["q"] = search[:LONGEST_SEARCH]
        cells = [values.one_of(each, "status", CELLS) for each in given.getlist("status") if each]
        layout = values.one_of(given.get("layout", "rows"), "layout", LAYOUTS)
        chosen = Filter(
            phases=_phases(session, given),
            cells=tuple(dict.fromkeys(cells)),
            owner=names.found(session, "claim_owner", given.get("owner", "")),
            text=values.text(given.get("q", "").strip(), "text"),
            in_review=given.get("review", "") not in ("", "0"),
            **{name: given.get(name, "") not in ("", "0") for name in _SWITCHES},
        )
        page = values.integer(given.get("page") or "1", "page", 1)
        asked = given.get("lanes", "")
        lanes = values.one_of(asked, "lanes", LANES) if asked else None
        return cls(chosen, page, layout, given, lanes, cut)

    def url(self, **changes: str | int | None) -> str:
        """The query string with these parameters instead; None leaves one out, and so the page."""
        query = self.parameters.copy()
        query.pop("page", None)
        for name, value in changes.items():
            query.pop(name, None)
            if value is not None:
                query[name] = str(value)
        return f"?{query.urlencode()}"

    def listed(self, **changes: str) -> str:
        """The list of the cards that are chosen, with these parameters instead."""
        return reverse("cards") + self.url(key=None, v=None, layout=None, lanes=None, **changes)

    @property
    def rest(self) -> str:
        """The filter but for phase and status, to continue a query string."""
        kept = QueryDict(mutable=True)
        for name in ("owner", "q", "stuck", "review", "late"):
            kept.setlist(name, list(filter(None, self.parameters.getlist(name))))
        return f"&{kept.urlencode()}" if any(kept.values()) else ""

    @property
    def columns(self) -> str:
        """This page with lanes as columns."""
        return self.url(layout="columns")

    @property
    def rows(self) -> str:
        """This page with lanes as rows."""
        return self.url(layout=None)

    @property
    def before(self) -> str:
        """The page before this one."""
        return self.url(page=self.page - 1)

    @property
    def after(self) -> str:
        """The page after this one."""
        return self.url(page=self.page + 1)

    @property
    def narrowed(self) -> bool:
        """Whether anything is filtered."""
        return self.filter != ALL

    @property
    def chips(self) -> Iterator[tuple[str, str]]:
        """Each part of the filter in words, with this page without it."""
        of = self.filter
        for phase in of.phases:
            rest = [each for each in of.phases if each != phase]
            # One that is empty would be an empty field: see `_phases`.
            query = self._with("phase", rest * 2 if rest == [""] else rest)
            yield (f"phase {phase}" if phase else "no phase"), query
        for cell in of.cells:
            yield cell, self._with("status", [each for each in of.cells if each != cell])
        others = {
            "owner": (of.owner, f"owner {of.owner}"),
            "q": (of.text, f"“{of.text}”"),
            "review": (of.in_review, "in review"),
            **{name: (getattr(of, name), words) for name, words in _SWITCHES.items()},
        }
        for name, (value, words) in others.items():
            if value:
                yield words, self._with(name, [])

    def _with(self, name: str, values: list[str]) -> str:
        query = self.parameters.copy()
        query.pop("page", None)
        query.setlist(name, values)
        return f"?{query.urlencode()}"

    def hidden(self, *names: str) -> Iterator[tuple[str, str]]:
        """Parameters that a filter form does not ask for and must carry."""
        return ((name, value) for name in names for value in self.parameters.getlist(name))


def _phases(session: Session, given: QueryDict) -> tuple[str, ...]:
    """The phases asked for. An empty field of the filter form asks for none; the link to the cards
    without a phase says so by `phase=&phase=`."""
    asked = [names.found(session, "phase", phase) for phase in given.getlist("phase")]
    return () if asked == [""] else tuple(dict.fromkeys(asked))
