"""What a form showed, and what of it came back: a form changes what somebody changed in it.

A browser alters text that nobody touched: it sends CRLF for every end of a line, and leaves them
out of a field of one line. Whether a field was changed is told by its text as a browser sends it,
never by the value that was cleaned from it.
"""

import json
import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, Final

from django import forms
from django.utils.safestring import SafeString

_END: Final = re.compile(r"\r\n?|\n")
# An id in quotes, as JSON has it, or what stands between commas and ends of lines.
_ID: Final = re.compile(r'[ \t]*("(?:[^"\\\n]|\\.)*")[ \t]*(?=[,\n]|\Z)|([^,\n]+)')


def as_sent(shown: Any) -> str:
    """The text as it comes back if nobody types, with one character for each end of a line."""
    return "" if shown is None else _END.sub("\n", str(shown))


def digest(shown: Any) -> str:
    """A few characters that stand for the text of a field."""
    return blake2b(as_sent(shown).encode(), digest_size=6).hexdigest()


def with_ends_of(before: Any, typed: str) -> str:
    """The typed text with the ends of lines that the text before had, if all were CRLF."""
    text = as_sent(typed)
    others = before.replace("\r\n", "") if isinstance(before, str) else before
    crlf = others != before and not _END.search(others)
    return text.replace("\n", "\r\n") if crlf else text


class LineInput(forms.TextInput):
    """A field of one line; of more for a text that has more, which a browser would put into one."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        if "\n" not in as_sent(value):
            return super().render(name, value, attrs, renderer)
        given = {**self.attrs, **(attrs or {}), "rows": 2, "size": False}
        return forms.Textarea(given).render(name, value, renderer=renderer)


def ids_text(ids: Iterable[str]) -> str:
    """Ids one a line; in quotes if it would be read as another id, or as several."""
    return "\n".join(
        each if ids_in(each) == [each] else json.dumps(each, ensure_ascii=False) for each in ids
    )


def ids_in(text: str) -> list[str]:
    """The ids in a text, separated by commas or ends of lines."""
    found = []
    for quoted, plain in _ID.findall(as_sent(text)):
        try:
            found.append(str(json.loads(quoted)) if quoted else plain.strip())
        except ValueError:
            found.append(quoted)
    return [each for each in found if each.strip()]
