"""How values are written on a page."""

import html
import re
import shlex
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, Final
from zlib import crc32

from django import template
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from backlog import lifecycle
from backlog.lifecycle import FLEET, LONGEST_NAME
from backlog.models import Card, Event
from backlog.verbs import search
from backlog.verbs.budgets import written
from backlog.verbs.rules import Limit, Pause

register = template.Library()

# As many characters of a text are shown where it is one of many, and as many ids are named.
LINE: Final = 200
IDS: Final = 20
# As long a word is kept in one piece.
WORD: Final = 40

# As many hues has tokens.css.
_HUES: Final = 12

# An id of these characters stands in a path as it is.
_PLAIN: Final = re.compile(r"[A-Za-z0-9-]+")

_GRAPH_ROW: Final = """
<tr data-needs="{needs}" data-state="{state}"{critical}{here}>
  <td class="number">{rank}</td>
  <th scope="row"><a href="{url}">{name}</a> {title}</th>
  <td><span class="state {state}">{state}</span></td>
  <td>{waits_for}</td>
</tr>"""

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def put(template: str, **values: object) -> SafeString:
    """The template with these values, escaped unless they are safe already: as `format_html`, in a
    quarter of its time, which goes into asking of each value whether it is a promise."""
    for name, value in values.items():
        if type(value) is not SafeString and type(value) is not int:
            values[name] = html.escape(str(value))
    return SafeString(template.format_map(values))


@register.filter
def duration(time: float | timedelta | None) -> str:
    """Seconds, say, in the largest unit that holds them, one decimal; nothing for None."""
    if time is None:
        return ""
    seconds = time.total_seconds() if isinstance(time, timedelta) else time
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{max(seconds, 0):.1f} s"


@register.simple_tag
def time(moment: datetime, kind: str, before: str = "", *, seconds: bool = False) -> SafeString:
    """A moment in UTC, with a word before it, if the page's script does not say it better.

    `kind`: `ago` (how long ago), `for` (the same, as a length), `left` (how long until then), `due`
    (either).
    """
    shown = f"{moment.day} {moment:%b %Y %H:%M}"
    shown += f"{moment::%S}" if seconds else ""
    return format_html(
        '<time class="{}" datetime="{}">{}{}</time>', kind, moment.isoformat(), before, shown
    )


@register.filter
def left(moment: datetime) -> int:
    """Seconds until then, by the site's clock; 0 from then on."""
    return max(0, int((moment - datetime.now(UTC)).total_seconds()))


@register.filter
def amount(number: int | Decimal | None) -> str:
    """Every digit that says something, in groups of three; nothing for None."""
    return "" if number is None else f"{Decimal(number).normalize():,f}"


@register.filter
def digits(number: int | Decimal | str | None) -> str:
    """The number as a field of a form has it; nothing for None, or of what is not there."""
    return "" if number is None or isinstance(number, str) else written(number)


@register.filter
def counted(number: int) -> str:
    """A count in groups of three, or as it says itself: `1,000+` of one that was not ended."""
    return f"{number:,}" if type(number) is int else str(number)


@register.filter
def scope(rule: Pause | Limit) -> str:
    """Whom a pause or a limit is about."""
    if rule.scope == FLEET:
        return "the fleet"
    return f"{_SCOPES.get(rule.scope, rule.scope)} {line(rule.name)}"


_WITHOUT_PAGE: Final = ("role", "webhook")
_SCOPES: Final = {"owner": "worker", "review": "what is in review of phase"}


@register.filter
def why_blocked(card: Any) -> str:
    """In plain words, with the note."""
    reason = lifecycle.REASON_IN_WORDS.get(card.block_reason or "")
    return lifecycle.why_blocked(reason, card.block_note)


# A reason, and what was said of it or done with it.
_REASON: Final = re.compile(r"([a-z_]*)(: )?(.*)", re.DOTALL)


@register.filter
def said(event: Event) -> str:
    """The note of an event, as `lines.events` reads it; a block's reason as pages say it."""
    note: str = getattr(event, "said", None) or ""
    reason, colon, more = _REASON.fullmatch(note).groups()  # type: ignore[union-attr]  # it is one
    moved = event.to_status == lifecycle.BLOCKED != event.from_status
    in_words = lifecycle.REASON_IN_WORDS.get(reason) if moved else None
    if in_words is None:
        return note
    return lifecycle.why_blocked(in_words, more) if colon else f"{in_words}{more}"


@register.filter
def line(value: Any, most: int = LINE) -> str:
    """The text, or its beginning and an ellipsis; nothing for None."""
    text = "" if value is None else str(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


@register.filter
@lru_cache(maxsize=64)
def press(button: Any) -> SafeString:
    """A button of the toolbar, with what it asks: the same whoever presses it."""
    return render_to_string("backlog/_press.html", {"button": button})


@register.simple_tag
@lru_cache(maxsize=64)
def icon(name: str) -> SafeString:
    """An icon of the sprite, beside words that say the same."""
    sprite = static("backlog/vendor/lucide-static/icons.svg")
    shape = '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>'
    return format_html(shape, sprite, name)


@register.filter
@lru_cache(maxsize=512)
def worker(name: str) -> SafeString:
    """A worker's name, after its initials on a hue of its own: the link to its page."""
    parts = re.findall(r"[^\W_]+", name) or ["?"]
    initials = parts[0][0] + (parts[-1][0] if len(parts) > 1 else "")
    hue = crc32(name.encode("utf-8", "surrogatepass")) % _HUES
    avatar = '<span class="avatar hue{}" aria-hidden="true">{}</span>{}'
    shown = format_html(avatar, hue, initials.upper(), line(name, 60))
    return _linked("worker", "worker", name, shown)


@register.filter
def who(name: str) -> SafeString:
    """Whoever did something, a worker or not: the link to what is known of them."""
    return _linked("who", "worker", name, whole(line(name)))


@register.filter
@lru_cache(maxsize=512)
def phase(name: str | None, without: str = "") -> SafeString:
    """A phase's name, or the words for none: the link to its page."""
    return _linked("of-phase", "phase", name, whole(line(without if name is None else name, 60)))


def _linked(style: str, page: str, name: str | None, shown: SafeString) -> SafeString:
    # A longer one is of an earlier version, and here perhaps cut.
    if name is not None and len(name) > LONGEST_NAME:
        return format_html('<span class="{}">{}</span>', style, shown)
    url = reverse("no_phase") if name is None else reverse(page, args=[name])
    # A worker's is cut itself, at its end; others by what they stand in, which goes by their words.
    way = SafeString(' dir="auto"' if style == "worker" else "")
    return format_html('<a class="{}" href="{}"{}>{}</a>', style, url, way, shown)


@register.filter
def card_url(card_id: str) -> SafeString | str:
    """The address of a card's page, in a tenth of the time that `url` takes."""
    if _PLAIN.fullmatch(card_id):
        return SafeString(f"{_cards()}{card_id}/")
    return reverse("card", args=[card_id])


@cache
def _cards() -> str:
    return reverse("card", args=["0"]).removesuffix("0/")


@register.filter
def scope_link(rule: Pause | Limit) -> SafeString:
    """As `scope`, with the link to the page of the phase or the worker."""
    if rule.scope == FLEET:
        return SafeString("the fleet")
    shown = who(rule.name) if rule.scope == "owner" else phase(rule.name)
    if rule.scope in _WITHOUT_PAGE:
        shown = whole(line(rule.name, 60))
    return format_html("{} {}", _SCOPES.get(rule.scope, rule.scope), shown)


@register.filter
def whole(text: Any) -> SafeString:
    """The text, its words with a hyphen in one piece: a browser would end a line within an id, or
    within the `--` of an option. What is longer than a line of a phone may break, as it must."""
    if "-" not in str(text):
        return SafeString(html.escape(str(text)))
    return SafeString("".join(map(_kept, re.split(r"(\s+)", str(text)))))


def _kept(word: str) -> str:
    shown = html.escape(word)
    return f'<span class="whole">{shown}</span>' if "-" in word and len(word) <= WORD else shown


@register.filter
def id_option(card_id: str) -> str:
    """The option that names the card, as a shell takes it."""
    return f"--id={shlex.quote(card_id)}"


@register.filter
def without_program(way_out: str) -> str:
    """A finding's way out, from its verb on: a page says how the program is called (`shell`)."""
    return way_out.removeprefix("backlog")


@register.filter
def ids(given: Sequence[str]) -> str:
    """The first of these ids, and how many more there are."""
    more = f" and {len(given) - IDS:,} more" if len(given) > IDS else ""
    return ", ".join(given[:IDS]) + more


@register.filter
def marked(text: str, words: tuple[str, ...]) -> SafeString:
    """The text, with what a search for these words found in it marked."""
    pieces = (
        format_html("<mark>{}</mark>", piece) if found else escape(piece)
        for piece, found in search.marked(text, words)
    )
    return mark_safe("".join(pieces))  # noqa: S308 (each is escaped)


@register.simple_tag
def graph_rows(nodes: Iterable[Any], chain: Iterable[Card], here: str) -> SafeString:
    """The rows of a table of cards by rank, which a script draws; there may be a hundred. Those of
    the `chain` are critical, the card whose page it is, is `here`."""
    critical = {card.pk for card in chain or ()}
    rows = (
        put(
            _GRAPH_ROW,
            needs=" ".join(str(needed.number) for needed in node.needs),
            state=node.card.state,
            critical=" data-critical" if node.card.pk in critical else "",
            here=SafeString(' aria-current="true"' if node.card.pk == here else ""),
            rank=node.rank,
            url=card_url(node.card.pk),
            name=whole(node.card.pk),
            title=line(node.card.title),
            waits_for=SafeString(", ".join(whole(needed.card.pk) for needed in node.needs)),
        )
        for node in nodes
    )
    return SafeString("".join(rows))
