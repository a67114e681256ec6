"""The schema: made by whoever comes first, refused when it is newer, left alone otherwise."""

import pytest

from tests.command import On, empty_store

FUTURE = (
    "INSERT INTO django_migrations (app, name, applied) VALUES ('backlog', '9999_future', now())"
)


@pytest.mark.deep
@pytest.mark.one_tier
def test_sixteen_first_uses_of_a_directory_at_once_make_one_store():
    with empty_store() as root:
        on = On(BACKLOG_DATA_DIR=str(root))
        ended = on.race(*(("create", "--id", f"c{n}", "--title", "t") for n in range(16)))
        assert [(ran.err, ran.status) for ran in ended] == [("", 0)] * 16
        assert on("stats", "--json").json["total"] == 16
        assert on("check").status == 0


@pytest.fixture
def future(session):
    """A store that a newer release has upgraded."""
    session.execute(FUTURE)
    yield
    session.execute("DELETE FROM django_migrations WHERE name = '9999_future'")


@pytest.mark.parametrize("words", ["stats", "claim --owner w", "create --id A --title t"])
def test_a_schema_newer_than_the_code_is_refused(call, future, words):
    ran = call(*words.split())
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("the store's schema 9999_future is newer than this code's ")
    assert ran.err.endswith(": upgrade the code\n")
    assert '"code":"schema_too_new"' in call(*words.split(), "--json").err


def test_migrations_of_other_apps_do_not_matter(call, session):
    session.execute(FUTURE.replace("'backlog'", "'zoo'"))
    assert call("stats").status == 0
    session.execute("DELETE FROM django_migrations WHERE app = 'zoo'")
