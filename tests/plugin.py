"""A pytest plugin: each process of a test run has a store of its own, made and removed here.

BACKLOG_TEST_TIER chooses it. `embedded` (the default) is the embedded store in a temporary
directory; `server` a server that `DATABASE_URL` names: the distribution's, which is the oldest
supported, or else the wheel's. Under xdist every worker has one, and the process that hands out
the tests none.

Loaded before Django reads its settings, which read the environment.
"""

import gc
import os
import re
import shutil
import signal
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest
import xdist
from xdist.scheduler import LoadScopeScheduling

from tests.embedded.children import make_place, shared_place
from tests.servers import Server, distribution_programs, wheel_programs

TIER = os.environ.get("BACKLOG_TEST_TIER", "embedded")

# A run in the background ignores these, and so would every process that a test starts and stops.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

shared_place()  # here, so that the workers of xdist find it
_place = make_place()
_server: Server | None = None

_OF_THE_RUN: Final = ("BACKLOG_TEST_", "BACKLOG_CHAOS_", "BACKLOG_FAIL_ON_SKIP")


def is_of_the_shell(name: str) -> bool:
    """Whether a variable is a setting of whoever runs the tests, which no test is to read."""
    if name.startswith("BACKLOG_"):
        return not name.startswith(_OF_THE_RUN)
    return name in ("DATABASE_URL", "SECRET_KEY", "DEBUG")


for _name in filter(is_of_the_shell, list(os.environ)):
    del os.environ[_name]
os.environ["BACKLOG_DATA_DIR"] = str(_place / "store")
if TIER == "server":
    _server = Server(distribution_programs() or wheel_programs())
    os.environ["DATABASE_URL"] = _server.url
elif TIER != "embedded":
    raise pytest.UsageError("BACKLOG_TEST_TIER must be embedded or server")


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Three a core: most of the time, a test waits for a process. The quick ones wait for less."""
    return (2 if _is_quick(config) else 3) * len(os.sched_getaffinity(0))


def _is_quick(config: pytest.Config) -> bool:
    """Whether this is `make quick`."""
    return bool(config.option.markexpr == "quick")


# Modules whose fixtures take seconds and serve all their tests, or all those of one parameter.
_TOGETHER: Final = (
    "tests/cli/test_django.py",
    "tests/embedded/test_django.py",
    "tests/stores/test_settings.py",
    "tests/stores/test_store_verbs.py",
    "tests/stores/test_tls.py",
    "tests/stores/test_unreachable.py",
    "tests/test_access_log.py",
    "tests/test_addresses.py",
    "tests/test_limits.py",
    "tests/test_serving.py",
    "tests/test_slow_clients.py",
    "tests/test_upgraded_limits.py",
)
_BY_PARAMETER: Final = (
    "tests/stores/test_servers.py",
    "tests/test_plans.py",
    "tests/test_upgrades.py",
)


class Scheduler(LoadScopeScheduling):
    """Each test goes to whichever worker is free, and after it those that share its fixtures."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        if module in _BY_PARAMETER:
            return module + "".join(re.findall(r"\[([^-\]]*)", nodeid))
        return module if module in _TOGETHER else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduler:
    return Scheduler(config, log)


def pytest_report_header(config: pytest.Config) -> str:
    if config.getoption("numprocesses"):
        return f"store: {TIER}, one for each worker"
    return f"store: {TIER}, {_server.url.partition('@')[2] if _server else _place}"


def _is_left_out(*nearest_first: pytest.Mark) -> bool:
    """On the server: whether what has these marks cannot depend on the tier."""
    said = (mark.name for mark in nearest_first if mark.name in ("one_tier", "both_tiers"))
    return TIER == "server" and next(said, None) == "one_tier"


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> Any:
    """Make nothing of a test that is left out: its parameters are most of what collecting costs."""
    if name.startswith("test_"):
        own = getattr(obj, "pytestmark", ())
        return [] if _is_left_out(*own, *collector.iter_markers()) else None
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out single parameters, too."""
    once = {item for item in items if _is_left_out(*item.iter_markers())}
    if os.environ.get("BACKLOG_TEST_FACE"):
        from tests.face import is_left_out

        once |= {item for item in items if is_left_out(item.nodeid)}
    config.hook.pytest_deselected(items=list(once))
    items[:] = [item for item in items if item not in once]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """For `make quick`, import none of the many modules that have nothing quick."""
    if _is_quick(config) and collection_path.name.startswith("test_"):
        return "mark.quick" not in collection_path.read_text() or None
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """In a fresh checkout each worker compiles a part of all modules, and finds the others done."""
    given: dict[str, Any] = getattr(session.config, "workerinput", {})
    if not given or session.config.args != session.config.getini("testpaths"):
        return
    if _is_quick(session.config):
        return
    here = Path(__file__).parent
    modules = [
        ".".join(path.relative_to(here.parent).with_suffix("").parts)
        for path in sorted(here.rglob("test_*.py"))
    ]
    first = len(modules) * int(given["workerid"].removeprefix("gw")) // given["workercount"]
    for module in modules[first:] + modules[:first]:
        import_module(module)


def pytest_collection_finish() -> None:
    """What is here by now stays: the collector need not look at thousands of tests each time."""
    gc.collect()
    gc.freeze()


def pytest_sessionstart(session: pytest.Session) -> None:
    if _server and not xdist.is_xdist_controller(session):
        _server.start(used=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With BACKLOG_FAIL_ON_SKIP a skipped test fails the run: CI can run them all."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("BACKLOG_FAIL_ON_SKIP") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure() -> None:
    from backlog.store.embedded import Store

    if _server:
        _server.stop()
    Store(_place / "store").stop()
    shutil.rmtree(_place)
