"""backlog store: start, stop, status, path, psql, dump and restore."""

import pytest

from tests.command import On, empty_store, unavailable
from tests.servers import Server, distribution_programs, wheel_programs

pytestmark = pytest.mark.one_tier


@pytest.fixture(scope="module")
def root():
    with empty_store() as made:
        yield made


@pytest.fixture
def embedded(root):
    """The command on an embedded store with one card, A."""
    on = On(BACKLOG_DATA_DIR=str(root))
    for card_id in [card["id"] for card in on("list", "--json").json]:
        on("delete", "--id", card_id, "--force")
    on("create", "--id", "A", "--title", "t")
    return on


@pytest.fixture(scope="module")
def server():
    made = Server(distribution_programs() or wheel_programs()).start()
    yield On(DATABASE_URL=made.url)
    made.stop()


def test_start_and_stop_say_whether_they_did_it(embedded):
    assert embedded("store", "stop").out == "stopped\n"
    assert embedded("store", "stop").out == "not running\n"
    assert embedded("store", "start").out == "started\n"
    assert embedded("store", "start").out == "already running\n"
    assert embedded("store", "stop", "--json").json == {"stopped": True}
    assert embedded("store", "start", "--json").json == {"started": True}


def test_any_command_starts_a_stopped_store_and_finds_its_cards(embedded):
    embedded("store", "stop")
    assert embedded("claim", "--owner", "w", "--json").json["id"] == "A"


def test_status_of_a_store_before_and_after_its_first_use():
    with empty_store() as root:
        on = On(BACKLOG_DATA_DIR=str(root))
        assert on("store", "status", "--json").json["running"] is False
        assert on("store", "path").out == f"{root}\n"
        assert not root.exists()
        on("stats")
        status = on("store", "status", "--json").json
        assert (status["tier"], status["running"], status["path"]) == ("embedded", True, str(root))
        assert status["pid"] > 1
        assert "running: yes\n" in on("store", "status").out


def test_psql_runs_what_it_is_told(embedded):
    ran = embedded("store", "psql", "--", "-XAtc", "SELECT id, status FROM backlog")
    assert ran == (0, "A|ready\n", "")
    assert embedded("store", "psql", "--", "-XAtc", "nonsense").status == 1


def test_a_restored_archive_is_everything_as_it_was_and_works(embedded, tmp_path):
    archive = str(tmp_path / "archive")
    embedded("create", "--id", "B", "--title", "t", "--depends-on", "A", "--acceptance", "[1.10]")
    before = embedded("export").out
    assert embedded("store", "dump", archive).out == f"dumped to {archive}\n"
    for card_id in ("A", "B"):
        embedded("delete", "--id", card_id, "--force")
    assert embedded("store", "restore", archive).out == f"restored from {archive}\n"
    assert embedded("export").out == before
    embedded("claim", "--owner", "w")
    embedded("complete", "--id", "A")
    assert embedded("claim", "--owner", "w", "--json").json["id"] == "B"
    assert embedded("check").status == 0


def test_an_archive_restores_into_a_new_store(embedded, tmp_path):
    archive = str(tmp_path / "archive")
    embedded("store", "dump", archive)
    with empty_store() as root:
        other = On(BACKLOG_DATA_DIR=str(root))
        assert other("store", "restore", archive, "--json").json == {"restored": archive}
        assert other("export").out == embedded("export").out


def test_restore_replaces_cards_by_force_only(embedded, tmp_path):
    archive = str(tmp_path / "archive")
    embedded("store", "dump", archive)
    embedded("complete", "--id", "A")
    line = unavailable(embedded("store", "restore", archive), status=1)
    assert line == "the store holds 1 cards; --force replaces them by the archive's\n"
    assert embedded("store", "restore", archive, "--force").status == 0
    assert embedded("show", "--id", "A", "--json").json["status"] == "ready"


def test_dump_refuses_an_existing_file_and_touches_it_not(embedded, tmp_path):
    file = tmp_path / "archive"
    file.write_text("mine")
    line = unavailable(embedded("store", "dump", str(file)), status=2)
    assert line == f"{file} exists already; choose another name\n"
    assert file.read_text() == "mine"


def test_a_dump_that_cannot_be_written_leaves_nothing(embedded, tmp_path):
    unavailable(embedded("store", "dump", str(tmp_path / "none/archive")), status=1)
    assert list(tmp_path.iterdir()) == []


def test_a_restore_of_something_else_changes_nothing(embedded, tmp_path):
    (tmp_path / "text").write_text("no archive")
    before = embedded("export").out
    unavailable(embedded("store", "restore", str(tmp_path / "text"), "--force"), status=1)
    unavailable(embedded("store", "restore", str(tmp_path / "none")), status=2)
    assert embedded("export").out == before


@pytest.mark.parametrize("action", ["start", "stop", "path"])
def test_a_server_is_not_started_nor_stopped_from_here(server, action):
    line = unavailable(server("store", action), status=1)
    assert line.startswith("DATABASE_URL selects a server; this is for the embedded store")


def test_the_status_of_a_server_without_its_password(server):
    status = server("store", "status", "--json").json
    assert (status["tier"], status["running"]) == ("server", True)
    assert (status["database"], status["user"]) == ("backlog", "operator")


def test_psql_dump_and_restore_work_on_a_server(server, tmp_path):
    server("create", "--id", "A", "--title", "t")
    assert server("store", "psql", "--", "-XAtc", "SELECT id FROM backlog").out == "A\n"
    assert server("store", "dump", str(tmp_path / "archive")).status == 0
    server("delete", "--id", "A")
    assert server("store", "restore", str(tmp_path / "archive")).err == ""
    assert server("claim", "--owner", "w", "--json").json["id"] == "A"
    assert server("check").status == 0
