"""Markdown as HTML that is safe to show, whoever wrote it."""

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

# Raw HTML stays text. No images: they would be fetched from elsewhere.
_MARKDOWN = MarkdownIt("js-default", {"html": False, "linkify": False}).disable("image")

_TAGS = {
    *("p", "br", "hr", "blockquote", "pre", "code", "em", "strong", "s", "a", "ul", "ol", "li"),
    *("h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}

# The page has headings of its own above.
_DEEPER = {f"h{level}": f"h{min(level + 2, 6)}" for level in range(1, 7)}


def markdown(text: str) -> SafeString:
    """The text as HTML: no scripts, no styles, no images, links to http, https and mailto only."""
    tokens = _MARKDOWN.parse(text)
    for token in tokens:
        token.tag = _DEEPER.get(token.tag, token.tag)
    html = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    clean = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(clean)  # noqa: S308 (it has just been sanitised)
