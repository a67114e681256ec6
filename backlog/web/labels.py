"""Labels of forms as they are read: without the colon that Django puts behind them. And what is
refused, said of the field that it is about, by its label."""

import re
from typing import Any

from django.forms import BaseForm, BoundField, ModelForm
from django.forms.renderers import DjangoTemplates
from django.utils.safestring import SafeString

from backlog.errors import Refusal


class _Label(BoundField):
    def label_tag(
        self, contents: Any = None, attrs: Any = None, label_suffix: Any = None, tag: Any = None
    ) -> SafeString:
        """As Django's, whatever suffix is asked for."""
        return super().label_tag(contents, attrs, "", tag)


class Renderer(DjangoTemplates):
    """For the setting `FORM_RENDERER`: every form of the site, Django's own too."""

    bound_field_class = _Label


class ShownForm(ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """A form with fields that the admin only shows: those it labels by itself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})


def refuse(form: BaseForm, refusal: Refusal, **called: str) -> None:
    """Make the refusal an error of the form: of the field that its sentence begins with, as the
    domain calls it (`called`: names of fields by other words of it), else of the whole form."""
    said = str(refusal)
    for word, name in ({each: each for each in form.fields} | called).items():
        begins = re.match(rf"{re.escape(word)}\b|{re.escape(word.replace('_', ' '))}\b", said)
        if begins and name in form.fields:
            return form.add_error(name, f"{form[name].label}{said[begins.end() :]}")
    return form.add_error(None, said)
