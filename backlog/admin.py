"""Cards in Django's admin: shown from the table, changed through the verbs."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from backlog.errors import Refusal
from backlog.forms import CardForm
from backlog.models import Card

if TYPE_CHECKING:
    CardModelAdmin = admin.ModelAdmin[Card]
else:
    CardModelAdmin = admin.ModelAdmin


def _action(verb: str, description: str, act: Callable[[str], Any]) -> Any:
    """An action that does one verb on each selected card and tells what became of each."""

    @admin.action(description=description, permissions=["change"])
    def run(admin_: "CardAdmin", request: HttpRequest, selected: QuerySet[Card]) -> None:
        for card_id in selected.values_list("pk", flat=True):
            try:
                act(card_id)
            except Refusal as refusal:
                admin_.message_user(request, str(refusal), messages.ERROR)
            else:
                admin_.message_user(request, f"{verb}: {card_id}", messages.SUCCESS)

    run.__name__ = verb
    return run


@admin.register(Card)
class CardAdmin(CardModelAdmin):
    """State is changed by the actions, everything else by the form."""

    form = CardForm
    list_display = ("id", "title", "phase", "priority", "state", "claim_owner", "attempts")
    list_filter = ("status", "claimable")
    search_fields = ("id", "title", "claim_owner")
    ordering = ("-priority", "created_at", "id")
    list_per_page = 50
    show_full_result_count = False
    readonly_fields = (
        "state",
        "claim_owner",
        "claim_ttl_seconds",
        "claimed_at",
        "claim_expires_at",
        "attempts",
        "open_dependencies",
        "created_at",
        "updated_at",
    )
    fieldsets = (
        (None, {"fields": ("id", "title", "body", "phase", "priority", "seen")}),
        ("Dependencies and criteria", {"fields": ("depends_on", "acceptance")}),
        ("Written by the backlog itself", {"fields": readonly_fields}),
        ("More", {"fields": ("idempotency_key",), "classes": ["collapse"]}),
    )
    actions = (
        _action("complete", "Complete", Card.objects.complete),
        _action("block", "Block", Card.objects.block),
        _action("unblock", "Unblock", Card.objects.unblock),
        _action("reopen", "Reopen", Card.objects.reopen),
        _action("release", "Release the claim", Card.objects.release),
    )

    @admin.display(description="state", ordering="status")
    def state(self, card: Card) -> str:
        """The status, or what it amounts to: claimable, waiting on how many."""
        if card.status != "ready":
            return card.status
        return "claimable" if card.claimable else f"waiting on {card.open_dependencies}"

    def get_readonly_fields(self, request: HttpRequest, obj: Card | None = None) -> Any:
        return self.readonly_fields if obj is None else ("id", *self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: Card, form: Any, change: bool) -> None:
        written = form.write()
        obj.__dict__.update(written.__dict__)

    def get_deleted_objects(self, objs: Iterable[Card], request: HttpRequest) -> Any:
        """Cards that others wait for are protected, as the verb would refuse them."""
        cards = list(objs)
        waiting = Card.objects.unfinished_dependents([card.pk for card in cards])
        protected = [f"{card_id} waits for {needed}" for card_id, needed in waiting]
        return [str(card) for card in cards], {"cards": len(cards)}, set(), protected

    def delete_model(self, request: HttpRequest, obj: Card) -> None:
        Card.objects.delete_card(obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Card]) -> None:
        Card.objects.delete_together(list(queryset.values_list("pk", flat=True)))
