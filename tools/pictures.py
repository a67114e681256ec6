"""Makes docs/pictures from the real sample: `.venv/bin/python tools/pictures.py`, with chromium.

A store of its own, a fleet at work on it, the site on a free port of this host.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

PROJECT = Path(__file__).resolve().parent.parent
PICTURES = PROJECT / "docs" / "pictures"
# Name, path, width, height, theme.
SHOTS = (
    ("board-light", "/", 1440, 900, "light"),
    ("board-dark", "/", 1440, 900, "dark"),
    ("board-phone", "/", 390, 844, "light"),
    ("card", "/card/bd-7xd7/", 1440, 900, "light"),
    ("doctor", "/doctor/", 1440, 900, "light"),
    ("fleet", "/fleet/?days=7", 1440, 1500, "dark"),
    ("admin", "/admin/backlog/card/", 1440, 900, "light"),
)

# A command begins as it does on any machine.
ANYWHERE = """here => document.querySelectorAll("code").forEach(
    each => (each.textContent = each.textContent.replace(here, "python manage.py")))"""


def backlog(*words: str) -> str:
    """Run the command; its output."""
    command = [sys.executable, "manage.py", "backlog", *words]
    return subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True).stdout


def a_fleet_at_work() -> None:
    """The sample, partly done, held, late and blocked."""
    backlog("import", "examples/beads-sample.jsonl")
    for number in range(4):
        card = backlog("claim", "--owner", f"agent-{number}").partition("\t")[0]
        said = ("--summary", "as asked", "--tokens", str(9_000 * (number + 2)), "--cost", "0.35")
        backlog("complete", "--id", card, "--owner", f"agent-{number}", *said)
    for number in range(7):
        backlog("claim", "--owner", f"agent-{number}", "--ttl", str(300 * (number + 1)))
    backlog("claim", "--owner", "agent-7", "--ttl", "1")
    stuck = backlog("claim", "--owner", "agent-8").partition("\t")[0]
    why = ("--reason", "needs_input", "--note", "which of the two formats is meant?")
    backlog("block", "--id", stuck, "--owner", "agent-8", *why)
    backlog("pause", "--owner", "agent-8", "--reason", "its machine is being replaced")
    backlog("limit", "--phase", "bug", "--max", "3")


def main() -> None:
    root = Path(tempfile.mkdtemp(prefix="backlog-pictures-"))
    os.environ |= {"BACKLOG_DATA_DIR": str(root), "BACKLOG_OWNER": "olga"}
    os.environ.pop("DATABASE_URL", None)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    serve = [sys.executable, "manage.py", "serve", "--bind", address]
    try:
        a_fleet_at_work()
        with subprocess.Popen(serve, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as site:
            said = ""
            while "Serving on" not in said:
                said += site.stdout.readline() if site.stdout else ""
            try:
                here = f"BACKLOG_DATA_DIR={root} {sys.executable} {PROJECT / 'manage.py'}"
                draw(f"http://{address}", re.findall(r"password (\S+)", said)[0], here)
            finally:
                site.terminate()
    finally:
        backlog("store", "stop")
        shutil.rmtree(root)


def draw(site: str, password: str, here: str) -> None:
    """Log in and save each picture; `here` is how a command begins on this machine."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-headless-shell"),
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        page = browser.new_page()
        page.goto(f"{site}/login/")
        page.fill("[name=username]", "operator")
        page.fill("[name=password]", password)
        page.click("button")
        state: Any = page.context.storage_state()
        for name, path, width, height, theme in SHOTS:
            context = browser.new_context(
                storage_state=state,
                viewport={"width": width, "height": height},
                color_scheme="dark" if theme == "dark" else "light",
            )
            shot = context.new_page()
            shot.goto(site + path)
            shot.wait_for_timeout(500)
            shot.evaluate(ANYWHERE, here)
            shot.screenshot(path=PICTURES / f"{name}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
