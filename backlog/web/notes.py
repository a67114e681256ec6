"""Forms for what an operator says."""

from typing import Any, Final

from django import forms

from backlog.lifecycle import LONGEST_KEY, LONGEST_NAME, WAITING_FOR_DROPPED
from backlog.values import INT_MAX
from backlog.web.roundtrip import as_sent

PASSED: Final = "passed"
FAILED: Final = "failed"


class NoteField(forms.CharField):
    """What somebody says, in lines that end as they do everywhere else."""

    widget = forms.Textarea(attrs={"rows": 3})

    def to_python(self, value: Any) -> str:
        return as_sent(super().to_python(value))


class AnswerForm(forms.Form):
    """What to say to a card that is blocked."""

    note = NoteField(label="Answer", help_text="Its next worker is given it.")


class VerdictForm(forms.Form):
    """What was seen of a criterion of a card."""

    criterion = forms.IntegerField(min_value=1, max_value=INT_MAX)
    verdict = forms.ChoiceField(choices=[(PASSED, "Passed"), (FAILED, "Failed")])
    evidence = NoteField(help_text="What shows it.")
    commit = forms.CharField(required=False, max_length=LONGEST_KEY)


class ChangesForm(forms.Form):
    """What is to change of a card in review."""

    note = NoteField(label="What is to change", help_text="Its next worker is given it.")


class CommentForm(forms.Form):
    """What to say about a card."""

    note = NoteField(label="Comment", help_text="For its history and its next worker.")


class DropForm(forms.Form):
    """Why a card will not be done, and what becomes of those that wait for it."""

    reason = forms.CharField(label="Reason to drop", help_text="Its history keeps it.")
    dependents = forms.ChoiceField(
        required=False,
        label="Cards that wait for it",
        choices=[("", "there are none"), *WAITING_FOR_DROPPED.items()],
    )
    duplicate_of = forms.CharField(
        required=False,
        empty_value=None,
        label="Duplicate of",
        widget=forms.TextInput({"maxlength": LONGEST_NAME}),
    )

    def clean_dependents(self) -> str | None:
        """What was chosen, if anything was."""
        return self.cleaned_data["dependents"] or None
