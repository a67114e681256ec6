"""Requests that say their texts are written otherwise than in UTF-8, which nothing here is."""

import codecs
import json
from collections.abc import Iterable
from typing import Any, Final

from django.utils.http import parse_header_parameters

from fleet_backlog.serving.proxies import Application

_SAID: Final = {
    "code": "unsupported_media_type",
    "message": "Content-Type cannot be read, or names another charset: all texts must be UTF-8",
}
_BODY: Final = f"{json.dumps({'error': _SAID})}\n".encode()


class InUtf8:
    """A WSGI application that is asked nothing else.

    Django believes whatever charset a request names, of its address as well, and fails where that
    is none of texts.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        said = environ.get("CONTENT_TYPE", "")
        if ";" not in said or _is_utf_8(said):
            return self._application(environ, start_response)
        kind, length = ("Content-Type", "application/json"), ("Content-Length", str(len(_BODY)))
        start_response("415 Unsupported Media Type", [kind, length])
        return [_BODY]


def _is_utf_8(content_type: str) -> bool:
    try:
        _, parameters = parse_header_parameters(content_type)
        return codecs.lookup(parameters.get("charset", "utf-8")).name == "utf-8"
    except (LookupError, ValueError):
        return False
