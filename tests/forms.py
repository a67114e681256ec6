"""A form as a browser sends it: from the HTML of a page, by the rules of HTML."""

from html.parser import HTMLParser

Fields = dict[str, list[str]]


class _Reader(HTMLParser):
    """The fields of every form, as they are sent if nobody types."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Fields] = []
        self._area: str | None = None
        self._text = ""
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, kind = given.get("name"), given.get("type") or "text"
        if tag == "form":
            self.forms.append({})
        elif tag == "textarea":
            self._area, self._text = name, ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in given:
            self._send(self._select, given.get("value") or "")
        elif tag == "input" and name and "disabled" not in given:
            if kind in ("submit", "button") or (kind == "checkbox" and "checked" not in given):
                return
            value = given.get("value") or ""
            self._send(name, value if kind == "hidden" else value.replace("\n", ""))

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area:
            self._send(self._area, self._text.removeprefix("\n"))
            self._area = None

    def _send(self, name: str, value: str) -> None:
        if self.forms:
            self.forms[-1].setdefault(name, []).append(value.replace("\n", "\r\n"))


def sent(html: str, having: str) -> Fields:
    """The fields of the form that has a field of that name."""
    reader = _Reader()
    reader.feed(html.replace("\r\n", "\n").replace("\r", "\n"))
    reader.close()
    return next(form for form in reader.forms if having in form)
