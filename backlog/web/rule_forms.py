"""Forms of what holds claims back: pauses, limits, budgets."""

from collections.abc import Sequence

from django import forms

from backlog.lifecycle import FLEET
from backlog.web.forms import NAME

SCOPES: Sequence[tuple[str, str]] = (
    (FLEET, "the whole fleet"),
    ("phase", "a phase"),
    ("owner", "a worker"),
)
LIMITED: Sequence[tuple[str, str]] = (
    *SCOPES,
    ("role", "cards for a role"),
    ("review", "a phase, while its cards are in review"),
)


class PauseForm(forms.Form):
    """Whose claims to stop, and why."""

    scope = forms.ChoiceField(label="Pause", choices=SCOPES)
    name = forms.CharField(
        required=False,
        label="Name",
        strip=False,
        widget=forms.TextInput(NAME),
        help_text="Of the phase or the worker; empty for the fleet.",
    )
    reason = forms.CharField(help_text="Everybody sees it until it is resumed.")


class LimitForm(forms.Form):
    """How much of the fleet, a phase, a worker or a role may be claimed at once."""

    scope = forms.ChoiceField(label="Limit", choices=LIMITED, initial="phase")
    name = forms.CharField(
        required=False,
        label="Name",
        strip=False,
        widget=forms.TextInput(NAME),
        help_text="Of the phase, the worker or the role; empty for the fleet.",
    )
    most = forms.IntegerField(
        label="Claims at once, or cards in review",
        widget=forms.NumberInput(attrs={"min": 0}),
        help_text="What is claimed stays claimed. 0: no claims at all.",
    )


class BudgetForm(forms.Form):
    """What the runs of a phase may take; empty: no bound."""

    phase = forms.CharField(strip=False, widget=forms.TextInput(NAME))
    tokens = forms.IntegerField(required=False, widget=forms.NumberInput(attrs={"min": 0}))
    cost = forms.DecimalField(
        required=False,
        widget=forms.NumberInput(attrs={"min": 0, "step": "any"}),
        help_text="In your currency. What its runs have taken so far counts.",
    )

    def clean(self) -> None:
        """Of one of both at least."""
        if not self.errors and self.cleaned_data["tokens"] is self.cleaned_data["cost"] is None:
            raise forms.ValidationError("A budget is of tokens, of cost, or of both.")
