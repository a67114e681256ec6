"""The fleet's tables in Django's admin: workers are registered here, the others are only read."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern

from backlog import values
from backlog.errors import Refusal, UsageError
from backlog.fields import FreeTextField, LineField
from backlog.models import Card
from backlog.reading import ReadAdmin, column, quoted
from backlog.templatetags.backlog import line
from backlog.web.access import ADMINISTER
from backlog.web.queries.lines import start
from fleet import roles as library
from fleet.models import Decision, Escalation, Heartbeat, Proposal, Repeat, Signal, Worker
from fleet.verbs import workers


def _choices() -> list[tuple[str, str]]:
    try:
        return [(each.name, each.name) for each in library.roles()]
    except Refusal:  # `WorkerForm` says why
        return []


class WorkerForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Who it is, and what."""

    roles = forms.MultipleChoiceField(choices=_choices, widget=forms.CheckboxSelectMultiple)

    class Meta:
        model = Worker
        fields = ("name", "roles")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        try:
            library.roles()
        except Refusal as refusal:
            self.fields["roles"].help_text = f"None can be offered: {refusal}"

    def clean_name(self) -> str:
        try:
            return values.name(self.cleaned_data["name"], "name")
        except UsageError as refusal:
            raise forms.ValidationError(str(refusal)) from None


@admin.register(Worker)
class WorkerAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """For whoever may administer the backlog: the first operator is registered here, say."""

    form = WorkerForm
    list_display = ("name", "as_line", "registered_at")
    ordering = ("name",)
    search_fields = ("name",)
    list_per_page = 50

    def has_module_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(ADMINISTER)

    has_view_permission = has_change_permission = has_delete_permission = has_module_permission
    has_add_permission = has_module_permission

    as_line = column("roles", lambda worker: line(", ".join(worker.roles)))

    def get_urls(self) -> list[URLPattern]:
        return quoted(super().get_urls())

    def get_readonly_fields(self, request: HttpRequest, obj: Worker | None = None) -> Any:
        return () if obj is None else ("name", "registered_at")

    def save_model(self, request: HttpRequest, obj: Worker, form: Any, change: bool) -> None:
        workers.add(Card.objects.session(), obj.name, obj.roles)

    def delete_model(self, request: HttpRequest, obj: Worker) -> None:
        workers.remove(Card.objects.session(), obj.name)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Worker]) -> None:
        session = Card.objects.session()
        with session.transaction():
            for name in queryset.values_list("pk", flat=True):
                workers.remove(session, name)


class _ReadAdmin(ReadAdmin):
    """All columns, the newest first."""

    key = ("pk",)
    ordering = ("-pk",)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [field.name for field in self.opts.fields]

    get_readonly_fields = get_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        texts = [field.name for field in self.opts.fields if isinstance(field, _LONG)]
        begun = {f"{name}_start": start(name) for name in texts}
        return super().get_queryset(request).annotate(**begun).defer(*texts)  # type: ignore[no-any-return]  # untyped

    def get_list_display(self, request: HttpRequest) -> Any:
        return [
            "reason_line" if name == "reason" else name
            for name in self.get_fields(request)
            if name not in _TEXTS
        ]

    reason_line = column("reason", lambda row: line(row.reason_start))

    def get_search_fields(self, request: HttpRequest) -> Any:
        return ("card_id__exact",) if "card_id" in self.get_fields(request) else ()


# What a list has no room for; and what may be as long as a book.
_TEXTS = ("text", "evidence", "resolution", "why")
_LONG = (FreeTextField, LineField)

for _model in (Decision, Escalation, Heartbeat, Proposal, Repeat, Signal):
    admin.site.register(_model, _ReadAdmin)
