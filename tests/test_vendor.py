"""The scripts that are not ours are those that the record names."""

import json
from hashlib import sha256

import pytest

from tools.vendor import PACKAGES, RECORD, VENDOR

RECORDED = json.loads(RECORD.read_text())


def test_every_file_is_as_it_was_published():
    recorded = {name: sha for about in RECORDED.values() for name, sha in about["sha256"].items()}
    files = [path for path in VENDOR.iterdir() if path != RECORD]
    assert {path.name: sha256(path.read_bytes()).hexdigest() for path in files} == recorded


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_the_record_is_of_what_would_be_fetched(package):
    about = RECORDED[package.name]
    assert (about["version"], about["sha256"].keys()) == (package.version, package.files.keys())
    assert about["licence"]
    assert any(name.endswith("LICENSE") for name in package.files)
