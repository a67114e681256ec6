"""A store that is not there, or goes: one line, exit 5 (2 for the configuration), no secret."""

import os
import socket
import subprocess
from contextlib import closing

import psycopg
import pytest

from backlog.store import storage
from tests.command import On, Ran, unavailable
from tests.servers import wheel_programs
from tests.worker import until

pytestmark = pytest.mark.one_tier

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


@pytest.mark.parametrize(
    ("host", "said"),
    [("127.0.0.1:1", "Connection refused"), ("nowhere.invalid", "nowhere.invalid")],
    ids=["closed port", "unknown host"],
)
def test_a_server_that_is_not_there(host, said):
    on = On(DATABASE_URL=f"postgresql://operator:s3cret@{host}/backlog")
    assert said in unavailable(on("stats"), "s3cret")
    line = unavailable(on("claim", "--owner", "w", "--json"), "s3cret")
    assert line.startswith('{"error":{"code":"store_unavailable","message":"')


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{password}", "wr0ng", "password authentication failed"),
        ("/backlog", "/nothing", 'database "nothing" does not exist'),
        ("operator", "nobody", "password authentication failed"),
    ],
)
def test_a_server_that_does_not_let_us_in(server, old, new, said):
    url = server.url.replace(old.format(password=server.password), new)
    assert said in unavailable(On(DATABASE_URL=url)("stats"), server.password, "wr0ng")


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:s3cret@h/db",
        "sqlite:///s3cret",
        "u:s3cret@h/db",
        "host=h password=s3cret",
        "postgresql://u:s3cret%zz@h/db",
        "postgresql://u:s3cret@h/db?nonsense=s3cret",
        "postgresql://u:s3cret@[::1/db",
        "postgresql://u:first@s3cret@h/db",
        "postgresql://u:s3cret/last@h/db",
        "postgresql://u:s3cret@h/db?sslmode",
    ],
)
@pytest.mark.parametrize("words", [["stats"], ["store", "status"], ["store", "dump", "x"]])
def test_a_url_that_names_no_server_is_a_mistake_of_the_configuration(url, words):
    line = unavailable(On(DATABASE_URL=url)(*words), "s3cret", status=2)
    assert line.startswith("DATABASE_URL ")


@pytest.mark.parametrize(("url", "given"), [("mysql://h/db", ", not mysql"), ("h/db", "")])
def test_a_url_of_something_else_is_told_how_one_begins(url, given):
    line = unavailable(On(DATABASE_URL=url)("stats"), status=2)
    assert line == f"DATABASE_URL must begin with postgres:// or postgresql://{given}\n"


def test_an_empty_url_is_none(store_root):
    assert On(DATABASE_URL=" ", BACKLOG_DATA_DIR=str(store_root))("list").out == "(no cards)\n"


def test_a_file_in_place_of_the_directory(tmp_path):
    (tmp_path / "file").touch()
    line = unavailable(On(BACKLOG_DATA_DIR=str(tmp_path / "file"))("stats"))
    assert line == f"{tmp_path}/file is not a directory; set BACKLOG_DATA_DIR to one.\n"
    unavailable(On(BACKLOG_DATA_DIR=str(tmp_path / "file/store"))("stats"))


@pytest.mark.parametrize(
    ("directory", "status", "said"),
    [
        ("~nobody-of-this-name/store", 2, "BACKLOG_DATA_DIR"),
        ("/proc/fleet-backlog", 5, "/proc/fleet-backlog"),
        ("/proc/version/store", 5, "/proc/version/store"),
    ],
)
def test_a_place_where_no_directory_can_be_made(directory, status, said):
    assert said in unavailable(On(BACKLOG_DATA_DIR=directory)("stats"), status=status)


def test_a_server_that_is_stopped_and_comes_back(server):
    on = On(DATABASE_URL=server.url)
    on("create", "--id", "kept", "--title", "t")
    server.pause()
    unavailable(on("claim", "--owner", "w"), server.password)
    server.resume()
    assert on("claim", "--owner", "w", "--json").json["id"] == "kept"
    on("delete", "--id", "kept")


def test_a_server_that_is_stopped_while_a_command_waits(server):
    on = On(DATABASE_URL=server.url)
    on("create", "--id", "A", "--title", "t")
    with closing(psycopg.connect(server.url)) as holder:
        holder.execute("SELECT FROM backlog FOR UPDATE")
        with on.start("complete", "--id", "A") as waiting:
            with psycopg.connect(server.url, autocommit=True) as watcher:
                until(lambda: watcher.execute(WAITING).fetchone() != (0,), "that it waits")
            server.pause()
            out, err = waiting.communicate(timeout=30)
    server.resume()
    unavailable(Ran(waiting.returncode, out, err))
    assert on("show", "--id", "A", "--json").json["status"] == "ready"
    on("delete", "--id", "A")


def test_an_embedded_server_that_is_killed_comes_back_with_every_card(store_root):
    on = On(BACKLOG_DATA_DIR=str(store_root))
    on("create", "--id", "A", "--title", "t")
    os.kill(on("store", "status", "--json").json["pid"], 9)
    assert on("claim", "--owner", "w", "--json").json["id"] == "A"


@pytest.mark.parametrize(("given", "age"), [({}, 60), ({"CONN_MAX_AGE": "7"}, 7)])
def test_django_keeps_connections_for_as_long_as_it_is_told(given, age):
    code = "from fleet_backlog.settings import DATABASES as d; print(d['default']['CONN_MAX_AGE'])"
    with On(DATABASE_URL="postgresql://u@h/db", **given).python(code) as process:
        assert process.communicate()[0] == f"{age}\n"


def test_the_url_is_psql_s_as_well(server):
    with_options = storage.Server(server.url + "?application_name=mine&options=-cwork_mem%3D8MB")
    ran = subprocess.run(
        [wheel_programs() / "psql", "-XAtc", "SHOW application_name", "-c", "SHOW work_mem"],
        env=with_options.client_env(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "mine\n8MB\n"


def test_a_server_that_goes_without_a_word_is_noticed_within_a_minute(server):
    with (
        closing(storage.Server(server.url).connect()) as opened,
        socket.socket(fileno=os.dup(opened.fileno())) as connection,
    ):
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
        unacknowledged = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert (told, unacknowledged) == (20, 40_000)
