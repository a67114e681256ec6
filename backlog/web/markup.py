"""Markdown as HTML that is safe to show, whoever wrote it."""

import nh3
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

# Raw HTML stays text. No images: they would be fetched from elsewhere. The nesting bounds the time.
_MARKDOWN = MarkdownIt("js-default", {"html": False, "linkify": False, "maxNesting": 20}).disable(
    "image"
)

# Longer texts are shown as they are: a page must not wait for them.
LONGEST = 100_000

_TAGS = {
    *("p", "br", "hr", "blockquote", "pre", "code", "em", "strong", "s", "a", "ul", "ol", "li"),
    *("h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}

# The page has headings of its own above.
_ABOVE = 2


def markdown(text: str) -> SafeString:
    """The text as HTML: no scripts, no styles, no images, links to http, https and mailto only."""
    if len(text) > LONGEST:
        return format_html("<pre>{}</pre>", text)
    tokens = _MARKDOWN.parse(text)
    _deepen(tokens)
    html = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(clean)  # noqa: S308 (it has just been sanitised)


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
