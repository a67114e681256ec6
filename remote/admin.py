"""Tokens in Django's admin: made, and revoked; the secret is shown once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.shortcuts import render

from backlog import values
from backlog.errors import Refusal, UsageError
from backlog.models import Card
from backlog.templatetags.backlog import line
from backlog.web.access import ADMINISTER
from remote.models import Token
from remote.verbs import tokens
from remote.words import MOST_DAYS


@contextmanager
def _told_by_the_form() -> Iterator[None]:
    """What a value is refused for stands at its field."""
    try:
        yield
    except UsageError as refusal:
        raise forms.ValidationError(str(refusal)) from None


class _Names(forms.CharField):
    """Names at commas, of what a token is limited to."""

    def __init__(self, what: str, help_text: str) -> None:
        super().__init__(required=False, help_text=help_text)
        self._what = what

    def clean(self, value: Any) -> list[str]:
        given = super().clean(value)
        with _told_by_the_form():
            named = [each.strip() for each in given.split(",")] if given else []
            return tokens.names(named, self._what)


class TokenForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Whose it is, and how far it goes."""

    phases = _Names("phases", "Cards of these phases only: M1,M2. Empty: of any.")
    roles = _Names(
        "roles", "Cards for these roles, and those for none: code,review. Empty: for any."
    )
    expires_in = forms.IntegerField(
        required=False, min_value=1, max_value=MOST_DAYS, label="Days until it is over"
    )

    class Meta:
        model = Token
        fields = ("worker", "scope")

    def clean_worker(self) -> str:
        with _told_by_the_form():
            return values.name(self.cleaned_data["worker"], "worker")


@admin.register(Token)
class TokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """For whoever may administer the backlog. A token is never changed: another one is made."""

    form = TokenForm
    list_display = ("key", "whose", "scope", "limits", "expires_at", "revoked_at", "last_used_at")
    list_filter = ("scope",)
    ordering = ("worker", "created_at")
    search_fields = ("worker", "key")
    list_per_page = 50
    actions = ("revoke",)

    def has_module_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(ADMINISTER)

    has_view_permission = has_module_permission

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_delete_permission = has_change_permission

    @admin.display(description="worker", ordering="worker")
    def whose(self, token: Token) -> str:
        return line(token.worker)

    @admin.display(description="limited to")
    def limits(self, token: Token) -> str:
        return line(", ".join([*token.phases, *token.roles]) or "-")

    def get_fields(self, request: HttpRequest, obj: Token | None = None) -> Any:
        if obj is None:
            return ("worker", "scope", "phases", "roles", "expires_in")
        return [each.name for each in self.opts.fields if each.name != "digest"]

    def save_model(self, request: HttpRequest, obj: Token, form: Any, change: bool) -> None:
        given = form.cleaned_data
        how = {name: given[name] for name in ("phases", "roles", "expires_in")}
        made, obj.shown = tokens.create(Card.objects.session(), obj.worker, obj.scope, **how)  # type: ignore[attr-defined]  # for the answer alone
        obj.pk = made.key

    def response_add(self, request: HttpRequest, obj: Token, post_url_continue: Any = None) -> Any:
        """The page that shows it: a message would be kept in the session."""
        context = {
            **self.admin_site.each_context(request),
            "title": "A token was made",
            "token": obj,
            "shown": obj.shown,  # type: ignore[attr-defined]  # `save_model` set it
        }
        page = render(request, "admin/remote/token_made.html", context)
        page["Cache-Control"] = "no-store"
        return page

    @admin.action(description="Revoke", permissions=["view"])
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        session = Card.objects.session()
        for key in queryset.values_list("pk", flat=True):
            try:
                tokens.revoke(session, key)
            except Refusal as refusal:
                messages.error(request, str(refusal))
        messages.success(request, "Nobody is let in by them any more.")
