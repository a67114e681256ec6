"""What every page's template finds: the pages of the navigation."""

from typing import Any

from django.http import HttpRequest

PAGES = (
    ("board", "Board"),
    ("cards", "Cards"),
    ("fleet", "Fleet"),
    ("activity", "Activity"),
    ("doctor", "Doctor"),
    ("control", "Pause and limits"),
)


def pages(request: HttpRequest) -> dict[str, Any]:
    """`pages`: pairs of URL name and label."""
    return {"pages": PAGES}
