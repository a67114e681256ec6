"""What browsers are served that others wrote is what its authors published, with their licence."""

import re

import pytest

from tools.vendor import SUMS, VENDOR, folder, packages, sums

pytestmark = pytest.mark.one_tier

PACKAGES = {folder(package["name"]): package for package in packages()}


def test_every_file_is_the_one_that_was_vendored():
    kept = (line.split("  ") for line in SUMS.read_text().splitlines())
    assert {name: digest for digest, name in kept} == sums()


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_has_its_licence_and_names_its_version(name):
    package = PACKAGES[name]
    assert re.fullmatch(r"[0-9]+[.][0-9]+[.][0-9]+", package["version"])
    assert "Permission" in (VENDOR / name / "LICENSE").read_text()


def test_nothing_is_there_that_no_package_brought():
    assert {path.name for path in VENDOR.iterdir()} == {*PACKAGES, SUMS.name}


def test_every_icon_that_a_page_shows_is_in_the_sprite():
    shown = {
        icon
        for path in (VENDOR.parents[3] / "templates").rglob("*.html")
        for icon in re.findall(r'{% icon "([a-z0-9-]+)" %}', path.read_text())
    }
    drawn = set(
        re.findall(r'<symbol id="([^"]+)"', (VENDOR / "lucide-static/icons.svg").read_text())
    )
    assert shown <= drawn
