"""Cards in Django's admin: shown from the table, changed through the verbs.

What is only shown beside them is in `backlog.reading`, and registered with this module.
"""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME, ActionForm
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.safestring import SafeString

from backlog import changelist
from backlog.lifecycle import BLOCKED, CANCELLED, READY, REASON_IN_WORDS, is_cancelled
from backlog.models import Card
from backlog.reading import column, dot, quoted
from backlog.templatetags.backlog import IDS, ids, line
from backlog.verbs.rights import allowed
from backlog.web.access import by_account
from backlog.web.buttons import BUTTONS, LINKS, PUBLISH, Button, offered
from backlog.web.forms import CardForm
from backlog.web.queries import lines
from backlog.web.seen import Seen
from backlog.web.views.buttons import ask

EVENTS = 500
# As many cards as one action takes: an operator who means more has not seen what.
MANY = 1_000
# Links are edited in the form; deleting is the admin's own, with its page of what goes along.
_ELSEWHERE = (*LINKS, PUBLISH, "delete")


class FreshActionForm(ActionForm):
    """Stock, but a browser restores nothing of it: the rows below may be others by then."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["action"].label = "Action"  # Django's has a colon of its own
        for field in self.fields.values():
            field.widget.attrs["autocomplete"] = "off"


def _admin_action(button: Button) -> Callable[..., HttpResponse | None]:
    """The button for what is selected: at once, or by way of the page that asks."""

    @admin.action(description=button.label, permissions=["change"])
    def run(
        admin_: "CardAdmin", request: HttpRequest, selected: QuerySet[Card]
    ) -> HttpResponse | None:
        cards = _seen(request, selected)
        if button.form is not None or button.asks(cards):
            form = button.form() if button.form else None
            return ask(request, button, cards, form, request.get_full_path())
        _tell(request, button, cards)
        return None

    run.__name__ = button.name
    return run


def _seen(request: HttpRequest, selected: QuerySet[Card]) -> list[Seen]:
    """The cards as the page of the list showed them; those of its other pages as they are."""
    shown = {seen.card_id: seen for seen in map(Seen.parse, request.POST.getlist("seen"))}
    cards = map(Seen.of, selected.only("status", "updated_at"))
    return [shown.get(card.card_id, card) for card in cards]


def _tell(request: HttpRequest, button: Button, cards: list[Seen]) -> None:
    """Press it, and say what became of each card: of those it was done to, in one message."""
    outcomes = [button.press(seen, {}) for seen in cards]
    refusals = [outcome.refusal for outcome in outcomes if outcome.refusal]
    for refusal in refusals[:IDS]:
        messages.error(request, line(refusal))
    if len(refusals) > IDS:
        messages.error(request, f"{len(refusals) - IDS} more were refused.")
    if done := [outcome.card_id for outcome in outcomes if not outcome.refusal]:
        messages.success(request, f"{button.did.format(ids(done))}.")


@admin.register(Card)
class CardAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """State is changed by the actions, everything else by the form."""

    form = CardForm
    action_form = FreshActionForm
    paginator = changelist.BoundedPaginator
    list_display = ("id", "title_line", "phase", "priority", "state", "owner_line", "attempts")
    list_filter = (
        "status",
        changelist.StateFilter,
        changelist.BlockReasonFilter,
        changelist.PhaseFilter,
        changelist.RoleFilter,
    )
    search_fields = ("id", "title", "claim_owner", "=phase")
    date_hierarchy = "created_at"
    ordering = ("-priority", "created_at", "id")
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # they would count the table once a filter
    change_form_template = "admin/backlog/card/change_form.html"
    object_history_template = "admin/backlog/card/object_history.html"
    readonly_fields = (
        *("state", "claim_owner", "claim_ttl_seconds", "claimed_at", "claim_expires_at"),
        *("attempts", "open_dependencies", "reason", "block_note", "block_count", "answer"),
        *("status_changed_at", "created_at", "updated_at"),
    )
    fieldsets = (
        (None, {"fields": ("id", "title", "body", "phase", "priority", "seen", "shown")}),
        (
            "Who claims it, and when",
            {"fields": ("role", "draft", "not_before", "due", "max_attempts", "max_runtime")},
        ),
        ("What it takes", {"fields": ("gated", "projected_tokens", "projected_cost")}),
        ("Dependencies and criteria", {"fields": ("depends_on", "acceptance")}),
        ("Written by the backlog itself", {"fields": readonly_fields}),
        ("More", {"fields": ("idempotency_key",), "classes": ["collapse"]}),
    )
    actions = tuple(
        _admin_action(button) for button in BUTTONS.values() if button.name not in _ELSEWHERE
    )

    title_line = column("title", lambda card: line(card.title), "title")
    owner_line = column("claim owner", lambda card: line(card.claim_owner), "claim_owner")

    @admin.display(description="state", ordering="status")
    def state(self, card: Card) -> str:
        """The status, or what it amounts to: claimable, waiting on how many, why blocked."""
        if card.status == READY:
            if card.claimable:
                return dot("ready", "claimable")
            if card.draft:
                return dot("waiting", "draft")
            if card.held and not card.open_dependencies:
                return dot("waiting", f"held back until {card.not_before:%Y-%m-%d %H:%M} UTC")
            return dot("waiting", f"waiting on {card.open_dependencies}")
        if card.status == BLOCKED:
            if is_cancelled(card.begun):  # type: ignore[attr-defined]  # of `get_queryset`
                return dot("blocked", CANCELLED)
            return dot("blocked", f"blocked: {self.reason(card)}")
        return dot(card.status, "expired" if card.expired else card.status)

    @admin.display(description="block reason")
    def reason(self, card: Card) -> str:
        return REASON_IN_WORDS.get(card.block_reason or "", "")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Card]:
        # The form asks for the criteria's text; nothing here reads them.
        cards = super().get_queryset(request).defer("acceptance")
        cards = cards.annotate(begun=Left("block_note", len(f"{CANCELLED}: ")))
        return cards.with_expired()  # type: ignore[no-any-return]  # the manager's

    def get_urls(self) -> list[URLPattern]:
        return quoted(super().get_urls())

    def get_changelist(
        self, request: HttpRequest, **kwargs: Any
    ) -> type[changelist.CardChangeList]:
        return changelist.CardChangeList

    def action_checkbox(self, obj: Card) -> SafeString:
        """With what is shown of the card: one that has changed since is not acted on."""
        return format_html(
            '<input type="checkbox" name="{}" value="{}" class="action-select" autocomplete="off"'
            ' aria-label="Select this object for an action - {}">'
            '<input type="hidden" name="seen" value="{}">',
            ACTION_CHECKBOX_NAME,
            obj.pk,
            obj,
            Seen.of(obj),
        )

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Card], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Of what is selected; not of a whole table that nobody has looked at."""
        everything = request.POST.get("select_across") not in (None, "", "0")
        if everything and queryset.values("pk")[: MANY + 1].count() > MANY:
            messages.error(request, f"More than {MANY:,} cards: filter the list first.")
            return redirect(request.get_full_path())
        return super().response_action(request, queryset, *args, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Card | None = None) -> Any:
        return self.readonly_fields if obj is None else ("id", *self.readonly_fields)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **how: Any
    ) -> HttpResponse:
        """With the buttons that the card's status allows."""
        if (obj := how["obj"]) is not None:
            context["seen"] = str(Seen.of(obj))
            context["buttons"] = offered(request, obj.status, without=_ELSEWHERE)
            context["about"] = urlencode({"q": obj.pk})
        return super().render_change_form(request, context, *args, **how)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What the database kept of every change, whoever made it."""
        card = self.get_object(request, object_id)
        events = lines.events(card.events.newest_first())[:EVENTS] if card else []
        return super().history_view(request, object_id, {**(extra_context or {}), "events": events})

    def save_model(self, request: HttpRequest, obj: Card, form: Any, change: bool) -> None:
        with form.allowed("edit", obj.pk) if change else form.allowed("create"):
            written = form.write()
        obj.pk, obj.title = written.id, written.title  # the card of that idempotency key, maybe

    def get_deleted_objects(self, objs: Iterable[Card], request: HttpRequest) -> Any:
        """Cards that others wait for are protected, as the verb would refuse them."""
        cards = list(objs)
        waiting = Card.objects.unfinished_dependents([card.pk for card in cards])
        protected = [f"{card_id} waits for {needed}" for card_id, needed in waiting[:IDS]]
        if len(waiting) > IDS:
            protected.append(f"and {len(waiting) - IDS} more")
        return [str(card) for card in cards], {"cards": len(cards)}, set(), protected

    def delete_model(self, request: HttpRequest, obj: Card) -> None:
        self._delete(obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Card]) -> None:
        self._delete(*queryset.values_list("pk", flat=True))

    def _delete(self, *ids: str) -> None:
        with allowed(Card.objects.session(), by_account("delete")):
            Card.objects.delete_together(ids)
