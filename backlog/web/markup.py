"""What people and workers wrote, as HTML that is safe to show, and never more than a page bears.

Whoever writes a card decides how much its page would be: a table's header how wide each of its
rows is, one address how long every link to it is. So a part of a page has `Room`: so many bytes
of HTML, and so many steps of the parser, which are what its time is made of. What does not fit is
shown as it was written, and what of that does not fit is left out; both are said.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from backlog.templatetags.backlog import line, whole

# Longer texts are shown as they are, without a look at them.
LONGEST = 100_000
# Of a text that is folded, as much of its line, and of all of it.
LONGEST_LINE: Final = 80
LONGEST_FOLDED: Final = 10_000

_TAGS = {
    *("p", "br", "hr", "blockquote", "pre", "code", "em", "strong", "s", "a", "ul", "ol", "li"),
    *("h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td", "input"),
}
_ATTRIBUTES = {
    "a": {"href", "title"},
    "ol": {"start"},
    "input": {"type", "disabled", "checked", "aria-label"},  # only `_tasks` makes any
}
# At the beginning of an item, as GitHub reads it; and what it is then.
_TASK: Final = re.compile(r"\[([ xX])\]\s")
_ITEM: Final = ["list_item_open", "paragraph_open"]
_BOX: Final = '<input type="checkbox" disabled{} aria-label="{}"> '

# The page has headings of its own above.
_ABOVE = 2

# Of a token beside what it says: its tags; a link's `rel` is the longest.
_TOKEN_BYTES: Final = 12
_LINK_BYTES: Final = 60
# Of an item of a list, or of what is said about a text.
_FRAME_BYTES: Final = 300
# A cell of a table is three tokens, and its text is parsed by itself.
_CELL_STEPS: Final = 3

_AS_IT_IS: Final = "Too much to show as Markdown: this is the text as it was written."
_CUT: Final = "The first {shown:,} characters of it; the verb <code>show --json</code> has all."


@dataclass
class Room:
    """What a part of a page may still take; ordinary text needs a hundredth of it.

    The first `size` are bytes of HTML. A step is a place in the text at which the parser tries its
    rules: five to twenty microseconds.
    """

    size: int = 300_000
    steps: int = 20_000

    def spend(self, html: str) -> SafeString:
        """The HTML, which is safe, and no longer than there is room."""
        self.size -= len(html.encode())
        return mark_safe(html)  # noqa: S308 (every caller has just escaped or sanitised it)


class _TooMuch(Exception):
    pass


def markdown(text: str, room: Room | None = None, *, item: bool = False) -> SafeString:
    """The text as HTML: no scripts, no styles, no images, links to http, https and mailto only.

    `item`: it is to be the item of a list."""
    room = room or Room()
    html = _rendered(text, room, item) if len(text) <= LONGEST else None
    if html is not None and len(html.encode()) <= room.size:
        return room.spend(html)
    return plain(text, room, _AS_IT_IS)


def items(texts: list[str], room: Room) -> tuple[list[SafeString], int]:
    """Each text as HTML while there is room, and how many more there are."""
    shown = []
    for text in texts:
        if room.size <= _FRAME_BYTES:
            break
        room.size -= len("<li></li>\n")
        shown.append(markdown(text, room, item=True))
    return shown, len(texts) - len(shown)


def plain(text: str, room: Room, note: str = "", *, more: bool = False) -> SafeString:
    """The text as it is, or as much of it as there is room for; `more`: there is more than this."""
    start = _start(text, room.size - _FRAME_BYTES)
    if more or len(start) < len(text):
        note = f"{note} {_CUT.format(shown=len(start))}".strip()
    said = f'<p class="quiet">{note}</p>' if note else ""
    return room.spend(f"{said}<pre>{escape(start)}</pre>")


def short(text: str | None, room: Room, most: int) -> SafeString:
    """The beginning of a text, within a line; its ids in one piece, if there is room for that."""
    shown = line(text, most)
    kept = whole(shown)
    if len(kept.encode()) <= room.size:
        return room.spend(kept)
    cut = _start(shown, room.size)
    return room.spend(escape(shown if cut == shown else f"{cut}…"))


class Folded(NamedTuple):
    """A text, and of one that takes more than a line that line: what is to be opened says it."""

    whole: SafeString
    first: SafeString | None = None


def folded(text: str | None, room: Room, most: int = LONGEST_FOLDED) -> Folded | None:
    """So many characters of a text for one of many rows; None without any."""
    if not text:
        return None
    is_long = len(text) > LONGEST_LINE or "\n" in text.strip()
    first = short(text.split("\n")[0], room, LONGEST_LINE) if is_long else None
    return Folded(short(text, room, most), first)


def _start(text: str, size: int) -> str:
    """As much of the beginning as is no more than so many bytes of HTML."""
    start = text[: max(size, 0)]
    while (needed := len(escape(start).encode())) > size and start:
        start = start[: len(start) * size // needed]
    return start


def _rendered(text: str, room: Room, item: bool) -> str | None:
    """As sanitised HTML; None if it would take too much."""
    try:
        tokens = _MARKDOWN.parse(text, {"room": room, "item": item})
    except _TooMuch:
        return None
    if sum(map(_size, _all(tokens))) > room.size:
        return None
    _deepen(tokens)
    html = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )


def _all(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield from token.children or (token,)


def _size(token: Token) -> int:
    """About as many bytes as it will be, and never far less: before any of them are made."""
    attributes = sum(len(str(value)) for value in token.attrs.values())
    return _TOKEN_BYTES + len(token.content) + attributes + _LINK_BYTES * (token.tag == "a")


def _take(room: Room, steps: int) -> None:
    if steps > room.steps:
        raise _TooMuch
    room.steps -= steps


def _step(state: Any, *_: Any) -> bool:
    """A rule that matches nothing, and is asked first wherever the parser looks."""
    _take(state.env["room"], 1)
    return False


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """As Markdown's rule, which makes a cell of every row for every column of the header."""
    if silent or not table(state, start, end, True):
        return silent and table(state, start, end, True)
    rows = next((line for line in range(start, end) if state.isEmpty(line)), end) - start
    columns = 1 + state.src.count("|", state.bMarks[start], state.eMarks[start])
    _take(state.env["room"], _CELL_STEPS * rows * columns)
    return table(state, start, end, False)


def _tasks(state: StateCore) -> None:
    """Makes a box of the `[ ]` or `[x]` that an item of a list begins with."""
    before = ["list_item_open"] if state.env["item"] else []
    for token in state.tokens:
        first = token.children[0] if token.children else None
        if first and before == _ITEM and (task := _TASK.match(first.content)):
            done = task[1] != " "
            box = _BOX.format(" checked" if done else "", "done" if done else "to do")
            first.content = first.content[task.end() :]
            token.children = [Token("html_inline", "", 0, content=box), *(token.children or ())]
        before = [*before[-1:], token.type]


def _parser() -> MarkdownIt:
    # Raw HTML stays text. No images: they would be fetched from elsewhere. What is nested deeper
    # is text: lists in quotes in lists, on each of whose lines every level is tried.
    options = {"html": False, "linkify": False, "maxNesting": 20}
    parser = MarkdownIt("js-default", options).disable("image")
    parser.inline.ruler.before("text", "step", _step)
    everywhere = ["paragraph", "reference", "blockquote", "list"]
    parser.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    parser.core.ruler.push("tasks", _tasks)
    parser.block.ruler.before("table", "step", _step, {"alt": everywhere})
    return parser


_MARKDOWN: Final = _parser()


def _deepen(tokens: list[Token]) -> None:
    """Put the headings below those of the page, each at most one level below the one before."""
    open_levels: list[str] = []
    for token in tokens:
        if token.type == "heading_open":
            while open_levels and open_levels[-1] >= token.tag:
                open_levels.pop()
            open_levels.append(token.tag)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(_ABOVE + len(open_levels), 6)}"
