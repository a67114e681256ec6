"""Forms for cards: what the domain would refuse is an error of the form, in its words."""

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.db import transaction

from backlog import values
from backlog.errors import Refusal, Stale
from backlog.lifecycle import BLOCK_REASONS, DEFAULT_BLOCK_REASON
from backlog.models import Card

if TYPE_CHECKING:
    CardModelForm = forms.ModelForm[Card]
else:
    CardModelForm = forms.ModelForm


class IdsField(forms.CharField):
    """Ids separated by commas or newlines; cleans to a list."""

    widget = forms.Textarea(attrs={"rows": 2})

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        try:
            return values.dependencies((value or "").replace("\n", ",").split(","))
        except Refusal as refusal:
            raise forms.ValidationError(str(refusal)) from None


class AcceptanceField(forms.CharField):
    """JSON, or criteria one a line; cleans to the JSON value."""

    widget = forms.Textarea(attrs={"rows": 4})

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return "\n".join(value)
        return value if value is None or isinstance(value, str) else values.json_text(value)

    def to_python(self, value: Any) -> Any:
        try:
            text = values.acceptance(value or "")
        except Refusal as refusal:
            raise forms.ValidationError(str(refusal)) from None
        return None if text is None else json.loads(text)


class CardForm(CardModelForm):
    """Add or change a card through the verbs; its state is changed by actions, not here."""

    depends_on = IdsField(required=False, help_text="Ids of the cards it waits for.")
    acceptance = AcceptanceField(required=False, help_text="One criterion a line, or JSON.")
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    # Whether the card had changed since the form was opened.
    stale = False

    class Meta:
        model = Card
        fields = (
            "id",
            "title",
            "body",
            "phase",
            "priority",
            "depends_on",
            "acceptance",
            "idempotency_key",
        )
        widgets = {
            "id": forms.TextInput,
            "title": forms.TextInput(attrs={"size": 80}),
            "phase": forms.TextInput,
            "idempotency_key": forms.TextInput,
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["seen"] = self.instance.updated_at.isoformat()

    def clean(self) -> dict[str, Any]:
        """Try the verb and undo it: whatever it refuses, the form refuses."""
        cleaned = super().clean() or {}
        if not self.errors:
            try:
                with transaction.atomic():
                    self.write()
                    transaction.set_rollback(True)
            except Refusal as refusal:
                self.stale = isinstance(refusal, Stale)
                self.add_error(None, str(refusal))
        return cleaned

    def write(self) -> Card:
        """Create the card, or edit what the form changed. Raises `Refusal`."""
        given = dict(self.cleaned_data)
        seen = given.pop("seen", "")
        for name in ("body", "phase", "idempotency_key"):
            given[name] = given.get(name) or None
        if not self.instance.pk:
            return Card.objects.create(**given)  # type: ignore[misc]  # checked by the verb
        changed = {name: given[name] for name in self.changed_data if name in values.FIELDS}
        return Card.objects.edit(
            self.instance.pk, seen=values.moment(seen, "seen") if seen else None, **changed
        )

    def _post_clean(self) -> None:
        """Nothing: the instance is the verb's to make, and the verb has validated."""


class BlockForm(forms.Form):
    """Why a card cannot go on."""

    reason = forms.ChoiceField(
        choices=[(reason, reason.replace("_", " ")) for reason in BLOCK_REASONS],
        initial=DEFAULT_BLOCK_REASON,
    )
    note = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 2}), help_text="What would unblock it."
    )


class PriorityForm(forms.Form):
    """Higher is sooner."""

    priority = forms.IntegerField(min_value=values.INT_MIN, max_value=values.INT_MAX)


class PhaseForm(forms.Form):
    """The lane; empty for none."""

    phase = forms.CharField(required=False, empty_value=None)


class DependencyForm(forms.Form):
    """Another card, by its id."""

    dependency = forms.CharField(label="Id of the card it waits for")
