"""Labels of forms as they are read: without the colon that Django puts behind them."""

from typing import Any

from django.forms import BoundField, ModelForm
from django.forms.renderers import DjangoTemplates
from django.utils.safestring import SafeString


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
