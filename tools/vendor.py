"""Brings what browsers are served that others wrote, as tools/vendor.toml names it: `make vendor`.

Each package is fetched by npm, compared with its checksum, and its files are put into a folder of
its name, with its licence. SHA256SUMS holds them to what they are.
"""

import base64
import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
VENDOR = HERE.parent / "backlog/static/backlog/vendor"
SUMS = VENDOR / "SHA256SUMS"


def packages() -> list[dict[str, Any]]:
    """What is vendored: of each package its name, version, integrity, files, and icons if any."""
    named: list[dict[str, Any]] = tomllib.loads((HERE / "vendor.toml").read_text())["package"]
    return named


def sums() -> dict[str, str]:
    """The SHA-256 of every vendored file, in hex, by its path in the folder."""
    files = sorted(path for path in VENDOR.rglob("*") if path.is_file() and path != SUMS)
    return {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def folder(name: str) -> str:
    """Where a package's files are: `@scope/name` is in `name`."""
    return name.rpartition("/")[2]


def fetch(package: dict[str, Any], into: Path) -> Path:
    """The package, unpacked; a ValueError if it is not the one that was meant."""
    wanted = f"{package['name']}@{package['version']}"
    pack = ["npm", "pack", "--silent", "--pack-destination", into, wanted]
    name = subprocess.run(pack, check=True, capture_output=True, text=True).stdout.split()[-1]
    archive = into / name
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != package["integrity"]:
        raise ValueError(f"{wanted} is not what tools/vendor.toml says: sha512-{digest}")
    with tarfile.open(archive) as opened:
        opened.extractall(into / archive.stem, filter="data")
    return into / archive.stem / "package"


def sprite(root: Path, icons: list[str]) -> str:
    """One SVG with a symbol for each of these icons, by its name."""
    symbols = []
    for icon in icons:
        drawn = (root / "icons" / f"{icon}.svg").read_text()
        shapes = " ".join(re.findall(r"<(?!svg|/|!)[^>]+/>", drawn))
        symbols.append(f'<symbol id="{icon}" viewBox="0 0 24 24">{shapes}</symbol>')
    body = "\n".join(symbols)
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{body}\n</svg>\n'


def main() -> None:
    shutil.rmtree(VENDOR, ignore_errors=True)
    for package in packages():
        target = VENDOR / folder(package["name"])
        target.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as scratch:
            root = fetch(package, Path(scratch))
            for name in package["files"]:
                shutil.copyfile(root / name, target / Path(name).name)
            if "icons" in package:
                (target / "icons.svg").write_text(sprite(root, package["icons"]))
    SUMS.write_text("".join(f"{digest}  {name}\n" for name, digest in sums().items()))


if __name__ == "__main__":
    main()
