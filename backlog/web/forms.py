"""Forms for cards: what the domain would refuse is an error of the form, in its words."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django import forms
from django.db import transaction
from django.db.models import QuerySet
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from backlog import settable, values
from backlog.errors import Refusal, Stale, StoreUnavailable
from backlog.lifecycle import (
    BLOCKED,
    CLAIMED,
    DEFAULT_BLOCK_REASON,
    GIVEN_REASONS,
    LONGEST_KEY,
    LONGEST_NAME,
    READY,
    REASON_IN_WORDS,
)
from backlog.models import Card
from backlog.records import Record
from backlog.session import as_refusal
from backlog.verbs import cards
from backlog.verbs.rights import UNGATE, allowed
from backlog.web.access import by_account
from backlog.web.labels import ShownForm, refuse
from backlog.web.notes import NoteField
from backlog.web.roundtrip import LineInput, as_sent, digest, ids_in, ids_text, with_ends_of

# What a browser can help with; what is too long all the same, the domain refuses in its words.
NAME = {"maxlength": LONGEST_NAME}

# Of each status that a dependency can be in and still be waited for.
SUGGESTIONS = 70


def suggestions() -> QuerySet[Card, tuple[str, str]]:
    """Id and title of open cards, the most urgent of each status: a range of an index each."""
    first, *others = (
        Card.objects.filter(status=status).order_by("-priority").values_list("pk", "title")
        for status in (READY, BLOCKED, CLAIMED)
    )
    return first[:SUGGESTIONS].union(*(other[:SUGGESTIONS] for other in others), all=True)


class IdsWidget(forms.Textarea):
    """The ids as text, and a field of the same name that suggests one more: it needs no script."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> str | None:
        given = data.getlist(name) if hasattr(data, "getlist") else [data.get(name) or ""]
        return "\n".join(part for part in given if part.strip()) if name in data else None

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """The text, the field, and what the field suggests."""
        known = f"{name}_suggestions"
        return format_html(
            '{} <input type="text" name="{}" list="{}" autocomplete="off" aria-label="{}"'
            ' placeholder="add an id"><datalist id="{}">{}</datalist>',
            super().render(name, value, attrs, renderer),
            name,
            known,
            "One more id",
            known,
            format_html_join(
                "",
                '<option value="{}">{}</option>',
                ((ids_text([card_id]), title) for card_id, title in suggestions()),
            ),
        )


class IdsField(forms.CharField):
    """Ids one a line, or separated by commas; cleans to a list."""

    widget = IdsWidget(attrs={"rows": 2})

    def prepare_value(self, value: Any) -> Any:
        return ids_text(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        try:
            return values.dependencies(ids_in(value or ""))
        except Refusal as refusal:
            raise forms.ValidationError(str(refusal)) from None


class AcceptanceField(forms.CharField):
    """JSON, or criteria one a line.

    JSON text goes in and comes out, never what Python makes of it: numbers keep every digit.
    """

    widget = forms.Textarea(attrs={"rows": 4})

    def prepare_value(self, value: Any) -> Any:
        """A list of criteria as lines, if these lines mean that list; else the text itself."""
        try:
            criteria = values.parse_json(value)
            lines = "\n".join(criteria) if type(criteria) is list else ""
            same = lines and values.acceptance(as_sent(lines)) == values.json_text(criteria)
        except (TypeError, ValueError, Refusal):
            return value
        return lines if same else value

    def to_python(self, value: Any) -> str | None:
        try:
            return values.acceptance(value or "")
        except Refusal as refusal:
            raise forms.ValidationError(str(refusal)) from None


class MomentField(forms.Field):
    """A time in UTC, to the second, as browsers ask for it; typed, it may carry an offset."""

    widget = forms.TextInput(attrs={"type": "datetime-local", "step": 1})

    def __init__(self, what: str, **how: Any) -> None:
        super().__init__(**how)
        self.what = what  # in a refusal

    def prepare_value(self, value: Any) -> Any:
        """The time as the browser's field has it; text as it was typed."""
        if not isinstance(value, datetime):
            return value
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")

    def to_python(self, value: Any) -> datetime | None:
        text = (value or "").strip()
        with suppress(ValueError):
            local = datetime.fromisoformat(text)
            text = f"{local.isoformat()}Z" if local.tzinfo is None else text
        try:
            return values.moment(text, self.what) if text else None
        except Refusal as refusal:
            raise forms.ValidationError(str(refusal)) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether it is another second than was shown: a browser leaves out seconds of 0."""
        try:
            return self.to_python(self.prepare_value(initial)) != self.to_python(data)
        except forms.ValidationError:
            return True


class CardForm(ShownForm):
    """Add or change a card through the verbs; its state is changed by actions, not here."""

    depends_on = IdsField(
        required=False,
        help_text="Ids of the cards it waits for, one a line; in quotes if a comma is part of it.",
    )
    acceptance = AcceptanceField(required=False, help_text="One criterion a line, or JSON.")
    max_attempts = forms.IntegerField(
        required=False,
        widget=forms.NumberInput(attrs={"min": 0}),
        help_text="Claims before it is blocked, not ready, again. Empty: the default; 0: no cap.",
    )
    not_before = MomentField(
        "not before",
        required=False,
        label="Not before (UTC)",
        help_text="No worker claims it earlier. Empty: at once.",
    )
    due = MomentField(
        "due", required=False, label="Due (UTC)", help_text="It is late, unless it is done by then."
    )
    # Of a card that exists, the `updated_at` that the form shows.
    seen = forms.CharField(
        required=False,
        widget=forms.HiddenInput,
        error_messages={"required": "open the form again: it does not say which card it shows"},
    )
    # Of each of its fields, the digest of the text that the form shows.
    shown = forms.CharField(required=False, widget=forms.HiddenInput)

    # Whether the card had changed since the form was opened.
    stale = False
    # Of a form that `again` made: the label of each field, and what the card has in it.
    current: Sequence[tuple[str, Any]] = ()

    field_order = (
        "id",
        "title",
        "body",
        "phase",
        "priority",
        "role",
        "depends_on",
        "acceptance",
        "draft",
        "not_before",
        "due",
        "max_attempts",
        "max_runtime",
        "gated",
        "projected_tokens",
        "projected_cost",
        "idempotency_key",
    )

    class Media:
        js = (forms.Script("backlog/form.js", type="module"),)

    class Meta:
        model = Card
        fields = ("id", *settable.FIELDS)
        # Its text is asked for below: Python loses digits of a number, or refuses to read it. (Not
        # by leaving it out of `fields`: the admin has fields of its own, and heeds this.)
        exclude = ("acceptance",)
        field_classes = {"body": partial(forms.CharField, strip=False)}
        widgets = {
            "id": forms.TextInput(NAME),
            "title": LineInput(attrs={"size": 80}),
            "phase": LineInput(NAME),
            "role": LineInput(NAME),
            "idempotency_key": LineInput({"maxlength": LONGEST_KEY}),
        }
        help_texts = {
            "role": "Who can work on it: a claim may ask for cards of one role.",
            "draft": "No worker claims it before it is published.",
            "gated": "It is done only when somebody else has seen each of its criteria pass.",
            "max_runtime": "Seconds that an attempt may take. Empty: as many as it renews for.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():  # `form.js` puts back what was typed, and over what
            field.widget.attrs.setdefault("autocomplete", "off")
        if self.instance.pk:
            criteria = Card.objects.with_acceptance_text().only("id").get(pk=self.instance.pk)
            self.initial["acceptance"] = criteria.acceptance_text
            self.initial["seen"] = self.instance.updated_at.isoformat()
            self.fields["seen"].required = True
            digests = {
                name: digest(self._text(name)) for name in settable.FIELDS if name in self.fields
            }
            self.initial["shown"] = " ".join(map("=".join, digests.items()))

    def _text(self, name: str) -> Any:
        """What the field shows of the card."""
        return self.fields[name].prepare_value(self.initial.get(name))

    @cached_property
    def changed_data(self) -> list[str]:
        """What somebody changed: what came back is not what the form showed."""
        changed: list[str] = super().changed_data
        if not self.instance.pk:
            return changed
        shown = dict(
            part.split("=", 1) for part in (self["shown"].data or "").split() if "=" in part
        )
        return [name for name in changed if self._touched(name, shown.get(name))]

    def _touched(self, name: str, shown: str | None) -> bool:
        """Whether other text came back than was shown; a form that does not say shows the card."""
        return digest(self[name].data) != (shown or digest(self._text(name)))

    def _clean_fields(self) -> None:
        """What a card has, and nobody changed, is asked nothing: it may be older than a rule."""
        super()._clean_fields()  # type: ignore[misc]  # not in the stubs
        for name in settable.FIELDS:
            if self.instance.pk and name not in self.changed_data:
                self.errors.pop(name, None)
            elif isinstance(typed := self.cleaned_data.get(name), str):
                self.cleaned_data[name] = with_ends_of(self.initial.get(name), typed)

    def clean(self) -> dict[str, Any]:
        """Try the verb and undo it: whatever it refuses, the form refuses."""
        cleaned = super().clean() or {}
        if not self.errors:
            with self.refusals_as_errors(), transaction.atomic():
                self.write()
                transaction.set_rollback(True)
        return cleaned

    @contextmanager
    def refusals_as_errors(self) -> Iterator[None]:
        """What the domain refuses within is an error of the form."""
        try:
            yield
        except Exception as error:
            refusal = as_refusal(error)
            if refusal is None or isinstance(refusal, StoreUnavailable):
                raise
            self.stale = isinstance(refusal, Stale)
            refuse(self, refusal)

    @property
    def ungates(self) -> bool:
        """Whether what was typed takes the card's gate away."""
        gone = not self.cleaned_data["gated"]
        return bool(self.instance.pk) and "gated" in self.changed_data and gone

    @contextmanager
    def allowed(self, verb: str, *ids: str) -> Iterator[None]:
        """Inside it the account may do the verb, and take a gate away where that was typed. Raises
        `NotAllowed`."""
        session = Card.objects.session()
        ungates = allowed(session, by_account(UNGATE, *ids)) if self.ungates else nullcontext()
        with allowed(session, by_account(verb, *ids)), ungates:
            yield

    def write(self) -> Record:
        """Create the card, or edit what the form changed. Raises `Refusal`."""
        given = {name: self.cleaned_data[name] for name in settable.FIELDS if name in self.fields}
        for name in ("body", "phase", "role", "idempotency_key"):
            given[name] = given[name] or None
        session = Card.objects.session()
        if not self.instance.pk:
            return cards.create(session, self.cleaned_data["id"], given.pop("title"), **given)
        changed = {name: given[name] for name in self.changed_data if name in settable.FIELDS}
        seen = values.moment(self.cleaned_data["seen"], "seen")
        return cards.edit(session, self.instance.pk, seen=seen, **changed)

    def again(self, fresh: Card) -> "CardForm":
        """What was typed, in a form for the card as it is now; a field that differs says so.

        Sent again it is an edit of that card, which has then been seen.
        """
        form, current = CardForm(instance=fresh), []
        for name, field in form.fields.items():
            if name not in settable.FIELDS:
                continue
            typed, shown = self[name].data, form._text(name)
            current.append((str(self[name].label), shown))
            if name in self.changed_data and digest(typed) != digest(shown):
                form.initial[name] = typed
                field.help_text = format_html(
                    '{} <strong>The card has now:</strong> <span class="now">{}</span>',
                    field.help_text,
                    "nothing" if shown in (None, "") else shown,
                )
        form.current = current
        return form

    def _post_clean(self) -> None:
        """Nothing: the instance is the verb's to make, and the verb has validated."""


class BlockForm(forms.Form):
    """Why a card cannot go on."""

    reason = forms.ChoiceField(
        choices=[(each, REASON_IN_WORDS[each]) for each in GIVEN_REASONS],
        initial=DEFAULT_BLOCK_REASON,
    )
    note = NoteField(required=False, help_text="What would unblock it.")


class CancelForm(forms.Form):
    """Why nobody is to work on the card any more."""

    reason = forms.CharField(
        required=False,
        empty_value=None,
        label="Reason to cancel",
        help_text="Its worker is told, and its history keeps it.",
    )


class PriorityForm(forms.Form):
    """Higher is sooner."""

    priority = forms.IntegerField(min_value=values.INT_MIN, max_value=values.INT_MAX)


class PhaseForm(forms.Form):
    """The lane; empty for none."""

    phase = forms.CharField(required=False, empty_value=None, widget=forms.TextInput(NAME))


class DependencyForm(forms.Form):
    """Another card, by its id."""

    # Exactly: an old id may begin with a blank.
    dependency = forms.CharField(label="Id of the card it waits for", strip=False)
