"""Style sheets and scripts while an upgrade replaces them under a server."""

import pytest

from fleet_backlog.serving.assets import AssetsMiddleware

pytestmark = [pytest.mark.one_tier, pytest.mark.quick]

BEFORE = b"a { color: red }"


@pytest.mark.parametrize("then", [b"a {}", BEFORE * 9, None], ids=["shorter", "longer", "gone"])
def test_a_file_that_is_replaced_is_served_as_it_was(tmp_path, settings, rf, then):
    sheet = tmp_path / "sheet.css"
    sheet.write_bytes(BEFORE)
    settings.STATICFILES_DIRS = [tmp_path]
    settings.WHITENOISE_AUTOREFRESH = False
    serve = AssetsMiddleware(lambda request: None)
    sheet.unlink()
    if then is not None:
        sheet.write_bytes(then)
    for headers in ({}, {"Range": "bytes=0-3"}):
        answer = serve(rf.get("/static/sheet.css", headers=headers))
        assert (answer.status_code, answer.content) == (200, BEFORE)
        assert answer.headers["Content-Length"] == str(len(BEFORE))
    assert serve(rf.head("/static/sheet.css")).content == b""
    same = serve(rf.get("/static/sheet.css", headers={"If-None-Match": answer.headers["ETag"]}))
    assert (same.status_code, same.content) == (304, b"")
