"""Puts the scripts that the pages take from npm into the tree, as they are published.

`make vendor` fetches them by name and version, keeps what is used of each with its licence, and
writes where each file is from and its checksum to `vendor.json` beside them. Nothing is built. To
take a newer version, change it here and run it again.
"""

import json
import subprocess
import tarfile
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

VENDOR: Final = Path(__file__).parent.parent / "backlog/static/backlog/vendor"
RECORD: Final = VENDOR / "vendor.json"


class Package(NamedTuple):
    """A package of npm, its version, and what is taken: a name here for each file of it."""

    name: str
    version: str
    files: dict[str, str]


PACKAGES: Final = (
    Package(
        "@dagrejs/dagre",
        "3.1.3",
        {"dagre.js": "dist/dagre.esm.js", "dagre.LICENSE": "dist/dagre.esm.js.LEGAL.txt"},
    ),
    Package(
        "idiomorph",
        "0.8.0",
        {"idiomorph.js": "dist/idiomorph.esm.js", "idiomorph.LICENSE": "LICENSE"},
    ),
)


def main() -> None:
    """Fetch every package, and write its files and the record of them."""
    VENDOR.mkdir(exist_ok=True)
    record = {}
    for package in PACKAGES:
        with TemporaryDirectory() as folder:
            record[package.name] = _fetched(package, Path(folder))
    RECORD.write_text(json.dumps(record, indent=2) + "\n")


def _fetched(package: Package, folder: Path) -> dict[str, Any]:
    wanted = f"{package.name}@{package.version}"
    command = ["npm", "pack", "--json", "--silent", "--pack-destination", str(folder), wanted]
    packed = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    (about,) = packed.values() if isinstance(packed, dict) else packed
    checksums = {}
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        for name, inside in package.files.items():
            content = _content(archive, inside)
            (VENDOR / name).write_bytes(content)
            checksums[name] = sha256(content).hexdigest()
        licence = json.loads(_content(archive, "package.json"))["license"]
    return {
        "version": package.version,
        "licence": licence,
        "integrity": about["integrity"],
        "sha256": checksums,
    }


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    opened = archive.extractfile(f"package/{name}")
    if opened is None:
        raise FileNotFoundError(name)
    return opened.read()


if __name__ == "__main__":
    main()
