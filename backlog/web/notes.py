"""Forms for what an operator says."""

from typing import Any

from django import forms

from backlog.web.roundtrip import as_sent


class NoteField(forms.CharField):
    """What somebody says, in lines that end as they do everywhere else."""

    widget = forms.Textarea(attrs={"rows": 3})

    def to_python(self, value: Any) -> str:
        return as_sent(super().to_python(value))


class AnswerForm(forms.Form):
    """What to say to a card that is blocked."""

    note = NoteField(label="Answer", help_text="Its next worker is given it.")


class CommentForm(forms.Form):
    """What to say about a card."""

    note = NoteField(label="Comment", help_text="For its history and its next worker.")
