"""What somebody typed into a form that is not carried out: it is shown again."""

from typing import Final

from django.http import HttpRequest

# What a form carries that nobody typed or chose,
PLUMBING: Final = ("csrfmiddlewaretoken", "next", "action", "seen", "shown", "confirmed", "kept")
# and what says what it is about.
_ABOUT: Final = (
    "card",
    "cards",
    "one",
    "matching",
    "undo",
    "number",
    "escalation",
    "page",
    "query",
)

Fields = list[tuple[str, str]]


def fields(request: HttpRequest) -> Fields:
    """The form as it was sent, without its token; passwords are typed again."""
    return [
        (name, value)
        for name, sent in request.POST.lists()
        for value in sent
        if "password" not in name and name != "csrfmiddlewaretoken"
    ]


def typed(request: HttpRequest) -> Fields:
    """Of these what somebody typed or chose."""
    return [
        (name, value)
        for name, value in fields(request)
        if value and name not in (*PLUMBING, *_ABOUT) and not name.startswith("_")
    ]
