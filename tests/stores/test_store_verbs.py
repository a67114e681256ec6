"""backlog store: start, stop, status, path, psql, dump and restore."""

import pytest

from tests.command import On, empty_store, unavailable

pytestmark = pytest.mark.one_tier


@pytest.fixture
def on_store(store_root):
    """The command on an embedded store with one card, A."""
    on = On(BACKLOG_DATA_DIR=str(store_root))
    on("create", "--id", "A", "--title", "t")
    return on


@pytest.fixture
def on_server(server):
    return On(DATABASE_URL=server.url)


def test_start_and_stop_say_whether_they_did_it(on_store):
    assert on_store("store", "stop").out == "stopped\n"
    assert on_store("store", "stop").out == "not running\n"
    assert on_store("store", "start").out == "started\n"
    assert on_store("store", "start").out == "already running\n"
    assert on_store("store", "stop", "--json").json == {"stopped": True}
    assert on_store("store", "start", "--json").json == {"started": True}


def test_any_command_starts_a_stopped_store_and_finds_its_cards(on_store):
    on_store("store", "stop")
    assert on_store("claim", "--owner", "w", "--json").json["id"] == "A"


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


def test_psql_runs_what_it_is_told(on_store):
    ran = on_store("store", "psql", "--", "-XAtc", "SELECT id, status FROM backlog")
    assert ran == (0, "A|ready\n", "")
    assert on_store("store", "psql", "--", "-XAtc", "nonsense").status == 1


def test_a_restored_archive_is_everything_as_it_was_and_works(on_store, tmp_path):
    archive = str(tmp_path / "archive")
    on_store("create", "--id", "B", "--title", "t", "--depends-on", "A", "--acceptance", "[1.10]")
    before = on_store("export").out
    assert on_store("store", "dump", archive).out == f"dumped to {archive}\n"
    for card_id in ("A", "B"):
        on_store("delete", "--id", card_id, "--force")
    assert on_store("store", "restore", archive).out == f"restored from {archive}\n"
    assert on_store("export").out == before
    on_store("claim", "--owner", "w")
    on_store("complete", "--id", "A")
    assert on_store("claim", "--owner", "w", "--json").json["id"] == "B"
    assert on_store("check").status == 0


def test_an_archive_restores_into_a_new_store(on_store, tmp_path):
    archive = str(tmp_path / "archive")
    on_store("store", "dump", archive)
    with empty_store() as root:
        other = On(BACKLOG_DATA_DIR=str(root))
        assert other("store", "restore", archive, "--json").json == {"restored": archive}
        assert other("export").out == on_store("export").out


def test_restore_replaces_cards_by_force_only(on_store, tmp_path):
    archive = str(tmp_path / "archive")
    on_store("store", "dump", archive)
    on_store("complete", "--id", "A")
    line = unavailable(on_store("store", "restore", archive), status=1)
    assert line == "the store holds 1 cards; --force replaces them by the archive's\n"
    assert on_store("store", "restore", archive, "--force").status == 0
    assert on_store("show", "--id", "A", "--json").json["status"] == "ready"


def test_dump_refuses_an_existing_file_and_touches_it_not(on_store, tmp_path):
    file = tmp_path / "archive"
    file.write_text("mine")
    line = unavailable(on_store("store", "dump", str(file)), status=2)
    assert line == f"{file} exists already; choose another name\n"
    assert file.read_text() == "mine"


def test_a_dump_to_a_directory_that_is_missing_is_wrong_usage_and_leaves_nothing(
    on_store, tmp_path
):
    line = unavailable(on_store("store", "dump", str(tmp_path / "none/archive")), status=2)
    assert line == f"cannot write {tmp_path}/none/archive: there is no directory {tmp_path}/none\n"
    assert list(tmp_path.iterdir()) == []


def test_a_restore_of_something_else_changes_nothing(on_store, tmp_path):
    (tmp_path / "text").write_text("no archive")
    before = on_store("export").out
    unavailable(on_store("store", "restore", str(tmp_path / "text"), "--force"), status=1)
    unavailable(on_store("store", "restore", str(tmp_path / "none")), status=2)
    assert on_store("export").out == before


@pytest.mark.parametrize("action", ["start", "stop", "path"])
def test_a_server_is_not_started_nor_stopped_from_here(on_server, action):
    line = unavailable(on_server("store", action), status=1)
    assert line.startswith("DATABASE_URL selects a server; this is for the embedded store")


def test_the_status_of_a_server_without_its_password(on_server):
    status = on_server("store", "status", "--json").json
    assert (status["tier"], status["running"]) == ("server", True)
    assert (status["database"], status["user"]) == ("backlog", "operator")


def test_psql_dump_and_restore_work_on_a_server(on_server, tmp_path):
    on_server("create", "--id", "A", "--title", "t")
    assert on_server("store", "psql", "--", "-XAtc", "SELECT id FROM backlog").out == "A\n"
    assert on_server("store", "dump", str(tmp_path / "archive")).status == 0
    on_server("delete", "--id", "A")
    assert on_server("store", "restore", str(tmp_path / "archive")).err == ""
    assert on_server("claim", "--owner", "w", "--json").json["id"] == "A"
    assert on_server("check").status == 0
