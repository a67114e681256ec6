"""Style sheets, scripts and fonts from memory: as they were when the process began.

WhiteNoise keeps a file's length and opens the file at each request. Where an upgrade replaces it
under a running server, the length is of one file and the content of another: a browser waits for
what does not come, or gets a part. The pages are those of before until a restart, too.
"""

from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware


class AssetsMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]  # (it has no types)
    """WhiteNoise's, with all that it serves, some 2 MB, kept."""

    def get_static_file(self, path: str, url: str, stat_cache: Any = None) -> Any:
        found = super().get_static_file(path, url, stat_cache)
        found.kept = {each: Path(each).read_bytes() for _, each, _ in found.alternatives}
        return found

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        """The whole file: a range of one so small is asked for by nobody."""
        asked = {name: value for name, value in request.META.items() if name != "HTTP_RANGE"}
        is_get = request.method == "GET"
        found = static_file.get_response("HEAD" if is_get else request.method, asked)
        path, _ = static_file.get_path_and_headers(asked)
        body = static_file.kept[path] if is_get and found.status == 200 else b""
        response = HttpResponse(body, status=found.status)
        del response["Content-Type"]
        for name, value in found.headers:
            response[name] = value
        return response
