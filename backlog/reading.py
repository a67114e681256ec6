"""What the admin only shows: events, runs and verdicts of cards, pauses and limits."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import wraps
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.utils import quote, unquote
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest
from django.urls import URLPattern, path, register_converter, reverse
from django.urls.converters import PathConverter
from django.utils.html import format_html
from django.utils.safestring import SafeString

from backlog import changelist
from backlog.lifecycle import BLOCKED, CLAIMED, DONE, READY
from backlog.models import Card, Event, Rule, Run, Verdict
from backlog.templatetags.backlog import LINE, amount, duration, line, whole
from backlog.verbs import names
from backlog.web.access import VIEW
from backlog.web.labels import ShownForm
from backlog.web.navigation import coded, decoded
from backlog.web.queries import activity, lines


class QuotedId(PathConverter):
    """An id as the admin quotes it, and what else a URL would not keep of it.

    Browsers take `.` and `..` for folders, and Python drops tabs. The admin writes `_` as `_5F`, so
    these codes are nobody's name.
    """

    def to_python(self, value: str) -> str:
        return decoded(value, "2E|09|0D")

    def to_url(self, value: str) -> str:
        return coded(value, r"\." if value in (".", "..") else r"[\t\r]")


register_converter(QuotedId, "quoted")


def quoted(urls: Iterable[URLPattern]) -> list[URLPattern]:
    """Stock, but for ids that a URL would not keep, and for those that the database cannot."""
    return [
        path(str(url.pattern).replace("<path:", "<quoted:"), _possible(url.callback), name=url.name)
        if url.name
        else url
        for url in urls
    ]


def _possible(view: Any) -> Any:
    @wraps(view)
    def run(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if "\0" in kwargs.get("object_id", ""):
            raise Http404("no row has a NUL byte")
        return view(request, *args, **kwargs)

    return run


def _link(text: str, page: str, *args: str, **query: str) -> SafeString:
    """To a page of the admin."""
    url = reverse(f"admin:backlog_{page}", args=args)
    return format_html(
        '<a href="{}">{}</a>', f"{url}?{urlencode(query)}" if query else url, whole(line(text))
    )


def column(title: str, show: Callable[[Any], Any], ordering: str | None = None) -> Any:
    """A column of a list, or a field of a page: what `show` makes of the row."""

    @admin.display(description=title, ordering=ordering)
    def shown(self: Any, row: Any) -> Any:
        return show(row)

    return shown


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def dot(tone: str, word: str) -> SafeString:
    """A state, as on the pages: the dot of its colour, then its name."""
    return format_html('<span class="state {}">{}</span>', tone, word)


class ReadAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """Rows that are only read, by whoever may view cards: a list, and a page for each row.

    `key` names the fields that tell a row, the one that may be any text last.
    """

    key: ClassVar[tuple[str, ...]] = ("id", "card_id")
    form = ShownForm
    actions = None
    paginator = changelist.BoundedPaginator
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    ordering: ClassVar[Any] = ("-id",)
    search_fields: ClassVar[Any] = ("card_id__exact",)
    change_form_template = "admin/backlog/read.html"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(VIEW)

    def _nobody_has(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_add_permission = has_change_permission = has_delete_permission = _nobody_has

    def get_urls(self) -> list[URLPattern]:
        pages = ("_changelist", "_change")
        return quoted(url for url in super().get_urls() if str(url.name).endswith(pages))

    def get_changelist(
        self, request: HttpRequest, **kwargs: Any
    ) -> type[changelist.ReadChangeList]:
        return changelist.ReadChangeList

    def address(self, row: Model) -> str:
        """What stands for the row in the address of its page."""
        return quote("-".join(str(getattr(row, name)) for name in self.key))

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        parts = unquote(object_id).split("-", len(self.key) - 1)
        if len(parts) < len(self.key):
            return None
        try:
            found = self.get_queryset(request).filter(**dict(zip(self.key, parts, strict=True)))
            return found.first()
        except ValueError:  # an id that is no number
            return None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """All of one card, or else the newest: a table of millions is not sorted for one page."""
        if not search_term or not self.get_search_fields(request):
            return self.newest(queryset), False
        card_id = names.found(Card.objects.session(), "id", search_term, "card")
        return queryset.filter(card_id=card_id), False

    def newest(self, queryset: Any) -> QuerySet[Any]:
        """What is shown if no card is named."""
        return queryset  # type: ignore[no-any-return]  # untyped

    when = column("when", lambda row: moment(row.at))
    card_link = column("card", lambda row: _link(row.card_id, "card_change", quote(row.card_id)))

    @admin.display(description="more of the card")
    def beside(self, row: Any) -> str:
        """To all events and runs of the card."""
        pages = (("its events", "event_changelist"), ("its runs", "run_changelist"))
        links = [_link(text, page, q=row.card_id) for text, page in pages]
        return format_html("{}, {}", *links)


class EventAdmin(ReadAdmin):
    """What happened to cards, the newest first."""

    list_display = ("when", "verb", "card_link", "who_line", "became", "attempt", "note_line")
    list_filter = (changelist.VerbFilter, changelist.ActorFilter)
    search_help_text = f"The id of a card. Without one: of the last {activity.RECENT:,} events."
    fields = readonly_fields = (
        *("when", "verb", "card_link", "beside", "actor", "from_status", "became"),
        *("attempt", "note"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return lines.events(super().get_queryset(request))  # type: ignore[no-any-return]  # untyped

    def newest(self, queryset: Any) -> QuerySet[Event]:
        return activity.recent(queryset)

    who_line = column("who", lambda event: whole(line(event.who)))
    became = column(
        "became", lambda event: event.to_status and dot(event.to_status, event.to_status)
    )
    note_line = column("note", lambda event: line(event.said))


# The board's colours: what went well, what goes on, and what an operator may want to know.
_TONES: Final = {"completed": DONE, "blocked": BLOCKED, "failed": BLOCKED, "expired": BLOCKED}


class RunAdmin(ReadAdmin):
    """Attempts at cards, those at work first, then the newest."""

    list_display = (
        *("started", "card_link", "attempt", "owner_line", "how", "took_line", "summed_up"),
    )
    list_filter = (changelist.OutcomeFilter, changelist.OwnerFilter)
    search_help_text = (
        f"The id of a card. Without one: of the cards of the last {activity.RECENT:,} events."
    )
    fields = readonly_fields = (
        *("started", "card_link", "beside", "attempt", "owner", "how", "took_line"),
        *("summary", "result_text", "tokens_line", "cost_line"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        return lines.runs(super().get_queryset(request), LINE, LINE)  # type: ignore[no-any-return]  # untyped

    def newest(self, queryset: Any) -> QuerySet[Run]:
        return activity.recent_runs(queryset)

    started = column("started", lambda run: moment(run.started_at))
    owner_line = column("worker", lambda run: whole(line(run.owner)))
    took_line = column("took", lambda run: duration(run.took))
    summed_up = column("summary", lambda run: line(run.said))
    tokens_line = column("tokens", lambda run: amount(run.tokens))
    cost_line = column("cost, in your currency", lambda run: amount(run.cost))

    @admin.display(description="outcome")
    def how(self, run: Run) -> str:
        if run.outcome is None:
            return dot(CLAIMED, "at work")
        return dot(_TONES.get(run.outcome, READY), run.outcome)

    @admin.display(description="result")
    def result_text(self, run: Run) -> str | None:
        """Whole, and as text: Python would round its numbers."""
        of_run = Run.objects.filter(card_id=run.card_id, id=run.id)
        whole: str | None = of_run.values_list(lines.text("result"), flat=True).first()
        return whole


class RuleAdmin(ReadAdmin):
    """Pauses, limits, budgets and gates; what holds a single card back stands with the card."""

    key = ("kind", "scope", "name")
    list_display = ("kind", "scope", "about", "most", "reason_line", "actor", "since_when")
    ordering = key
    search_fields = ()
    fields = readonly_fields = (
        *("kind", "scope", "about", "most", "reason", "actor", "since_when"),
        *("tokens", "cost", "spent_tokens", "spent_cost"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rule]:
        return super().get_queryset(request).exclude(kind="hold")

    @admin.display(description="name")
    def about(self, rule: Rule) -> str | None:
        """To the cards of the phase, or to those that the worker holds."""
        if rule.scope in ("phase", "review"):
            return _link(rule.name, "card_changelist", phase=rule.name)
        held = {"claim_owner": rule.name, "claim_expires_at__isnull": "0"}
        if rule.scope == "owner":
            return _link(rule.name, "card_changelist", **held)
        return line(rule.name) if rule.name else None

    reason_line = column("reason", lambda rule: line(rule.reason))
    since_when = column("since", lambda rule: moment(rule.since))


class VerdictAdmin(ReadAdmin):
    """What was seen of the criteria of a card, every verdict that ever was, the newest first."""

    list_display = ("when", "criterion", "how", "card_link", "actor", "attempt", "evidence_line")
    search_help_text = "The id of a card."
    fields = readonly_fields = (
        *("when", "criterion", "how", "card_link", "beside", "actor", "attempt"),
        *("commit", "evidence"),
    )

    def newest(self, queryset: Any) -> QuerySet[Verdict]:
        return queryset.none()  # type: ignore[no-any-return]  # untyped

    evidence_line = column("evidence", lambda verdict: line(verdict.evidence))

    @admin.display(description="verdict")
    def how(self, verdict: Verdict) -> str:
        if verdict.criterion is None:
            return "from here on all are judged anew"
        return dot(READY, "passed") if verdict.passed else dot(BLOCKED, "failed")


# Not by `admin.register`, which takes no model with a composite key: its forms could not save one.
# These save nothing.
_ADMINS = ((Event, EventAdmin), (Run, RunAdmin), (Rule, RuleAdmin), (Verdict, VerdictAdmin))
for _model, _admin in _ADMINS:
    admin.site._registry[_model] = _admin(_model, admin.site)
