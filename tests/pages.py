"""What a page says to whoever reads it."""

import re
from html import unescape
from typing import Any


def text(page: Any) -> str:
    """The words of an answer of Django's client, on one line."""
    return " ".join(unescape(re.sub("<[^>]*>", " ", page.text)).split())
