"""Where a process of ours stands is anybody's directory: nothing is imported from there."""

import os
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from backlog.store.embedded import Store
from tests.command import MANAGE, PROJECT, On, empty_store
from tests.serving import serving
from tests.worker import until

pytestmark = [pytest.mark.one_tier, pytest.mark.deep]

EXPIRED = """INSERT INTO backlog (id, title, status, claim_owner, claim_ttl_seconds, claimed_at)
    VALUES ('A', 'A', 'claimed', 'w', 1, '2020-01-01Z')"""


@pytest.fixture
def planted(tmp_path):
    """A directory with a module of every name, each of which says that it was imported."""
    names = {
        *sys.stdlib_module_names,
        *packages_distributions(),
        "backlog",
        "fleet",
        "fleet_backlog",
        "hooks",
    }
    code = f"open({str(tmp_path / 'imported')!r}, 'a').write(__name__ + '\\n')\n"
    for name in (*names, "sitecustomize", "usercustomize", "gunicorn.conf"):
        (tmp_path / f"{name}.py").write_text(code)
    (tmp_path / "fleet_backlog").mkdir()
    (tmp_path / "fleet_backlog/sweeping.py").write_text(code)
    yield tmp_path
    assert not (tmp_path / "imported").exists(), (tmp_path / "imported").read_text()


@pytest.mark.parametrize(
    "words",
    [
        ("create", "--id", "A", "--title", "t"),
        ("work", "--owner", "w", "--drain", "--", sys.executable, "-I", "-c", ""),
        ("sweep",),
        ("context", "--id", "A"),
        ("store", "dump", "archive"),
        ("store", "psql", "--", "-c", "SELECT 1"),
        ("store", "status"),
    ],
)
def test_a_command_imports_nothing_from_where_it_stands(planted, store_root, words):
    on = On(BACKLOG_DATA_DIR=str(store_root))
    on("create", "--id", "A", "--title", "t")
    assert on(*words, cwd=planted).err.count("Traceback") == 0


def test_the_first_use_makes_the_schema_without_them(planted):
    with empty_store() as root:
        assert On(BACKLOG_DATA_DIR=str(root))("list", cwd=planted) == (0, "(no cards)\n", "")


def test_serve_and_its_sweeps_import_nothing_from_where_they_stand(planted, store_root):
    env = {**os.environ, "BACKLOG_DATA_DIR": str(store_root), "SWEEP_SECONDS": "1"}
    with serving(env, cwd=planted), Store(store_root).connect(autocommit=True) as connection:
        connection.execute(EXPIRED)
        left = "SELECT 1 FROM backlog WHERE status = 'claimed'"
        until(lambda: not connection.execute(left).fetchone(), "a sweep")


@pytest.mark.parametrize("words", [["check"], ["migrate", "--check"], ["showmigrations"]])
def test_management_commands_import_nothing_from_where_they_stand(planted, store_root, words):
    env = {**os.environ, "BACKLOG_DATA_DIR": str(store_root)}
    subprocess.run([*MANAGE, *words], env=env, cwd=planted, check=True, capture_output=True)


def test_the_search_for_an_interpreter_imports_nothing_from_where_it_stands(planted):
    (planted / ".python-version").write_text("3.13")
    env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run([PROJECT / "tools/find-python"], env=env, cwd=planted, check=True)
