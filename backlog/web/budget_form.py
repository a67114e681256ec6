"""The form of a budget."""

from django import forms

from backlog.web.forms import NAME


class BudgetForm(forms.Form):
    """What the runs of a phase may take; empty: no bound."""

    phase = forms.CharField(strip=False, widget=forms.TextInput(NAME))
    tokens = forms.IntegerField(required=False, widget=forms.NumberInput(attrs={"min": 0}))
    cost = forms.DecimalField(
        required=False,
        widget=forms.NumberInput(attrs={"min": 0, "step": "any"}),
        help_text="In your currency. What its runs have taken so far counts.",
    )
