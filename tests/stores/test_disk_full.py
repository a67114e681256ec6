"""A full disk: one line, no loss, and work again once there is space."""

import json
import os
import shutil
import subprocess

import pytest

from tests.command import On, empty_store

pytestmark = [pytest.mark.one_tier, pytest.mark.deep]


@pytest.fixture
def small_disk():
    """A directory of 150 MB for a store."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it mounts a file system")
    with empty_store() as root:
        root.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=150m,mode=755", "tmpfs", str(root)]
        if subprocess.run(mount, check=False).returncode:
            pytest.skip("needs a root that may mount")
        on = On(BACKLOG_DATA_DIR=str(root / "store"))
        yield root, on
        on("store", "stop")
        subprocess.run(["umount", str(root)], check=True)


def test_a_full_disk_refuses_in_one_line_and_loses_nothing(small_disk):
    root, on = small_disk
    on("create", "--id", "first", "--title", "t")
    ballast = root / "ballast"
    with ballast.open("wb") as file:
        left = shutil.disk_usage(root).free
        file.write(b"\0" * max(left - 24 * 2**20, 0))
    acknowledged = fill(on)
    ballast.unlink()
    found = {card["id"] for card in on("list", "--json").json}
    assert acknowledged | {"first"} <= found
    assert on("claim", "--owner", "w", "--json").json["id"] == "first"
    assert on("check").status == 0


def fill(on):
    """Import large cards until the disk is full; the ids that were acknowledged."""
    acknowledged = set()
    for n in range(60):
        card = {"id": f"c{n}", "title": "t", "body": os.urandom(500_000).hex()}
        ran = on("import", "-", stdin=json.dumps(card) + "\n")
        if ran.status:
            assert (ran.out, ran.err.count("\n")) == ("", 1), ran
            assert ran.status == 5
            return acknowledged
        acknowledged.add(f"c{n}")
    pytest.fail("the disk never was full")
