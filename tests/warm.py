"""`manage.py` in a process forked from one that has imported already what its commands import.

Nine tenths of what a command costs is the start of Python and the imports; here they are paid for
once. What runs is a process still, with words, an environment, a directory, streams and an exit
status of its own, and the code that is on disk when the tests begin.

It cannot show what a start shows: what Python makes of its variables and the locale, that each
module imports what it needs and no more, what the interpreter's end says. A test of that, or of a
signal, a pipe or a terminal, starts a real one (`On.start`, `MANAGE`), as most of cli/test_process,
test_imports, test_serve and worker/ do.
"""

import atexit
import gc
import os
import pickle
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final

# With what these import, it is all that can be imported before the environment is known.
_IMPORTED: Final = (
    "backlog.schema",
    "backlog.verbs.transfer",
    "psycopg",
    "django.contrib.admin",
    "django.core.management.commands.migrate",
    "django.db.backends.postgresql.base",
    "django.test.signals",
    # Of the site.
    "django.core.handlers.wsgi",
    "environ",
    "gunicorn.app.base",
    "gunicorn.workers.gthread",
    "prometheus_client",
    "pydantic",
    "pydantic.deprecated.class_validators",
    "remote.command",
    "urllib.request",
    "whitenoise.middleware",
)
# What Python, the C library and the loader read at a start and never again.
_AT_A_START: Final = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC", "TZ")
_ENVIRON: Final = dict(os.environ)


def fits(env: Mapping[str, str]) -> bool:
    """Whether an interpreter that runs already can still be given this environment."""
    return _read_at_a_start(env) == _read_at_a_start(_ENVIRON)


def _read_at_a_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(_AT_A_START)}


def run(argv: Sequence[str], env: Mapping[str, str], stdin: str) -> tuple[int, str, str]:
    """Run `argv`, which begins with manage.py, to its end: the exit status, and what it wrote."""
    ended, ending = os.pipe()
    with ExitStack() as stack:
        end = stack.enter_context(os.fdopen(ended, "rb"))
        request = stack.enter_context(TemporaryFile())
        given, out, err = (stack.enter_context(TemporaryFile("w+")) for _ in range(3))
        pickle.dump((list(argv), dict(env), str(Path.cwd())), request)
        given.write(stdin)
        files = [_rewound(file).fileno() for file in (request, given, out, err)]
        socket.send_fds(_parent(), [b"1"], [*files, ending])
        os.close(ending)
        assert select.select([end], [], [], 120)[0], f"{argv} goes on and on"
        return int(end.read()), _rewound(out).read(), _rewound(err).read()


def _rewound(file: IO[Any]) -> IO[Any]:
    file.seek(0)
    return file


@cache
def _parent() -> socket.socket:
    """Where the process listens that is forked; it ends with this one."""
    ours, its = socket.socketpair()
    words = [sys.executable, "-m", "tests.warm", str(its.fileno())]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    process = subprocess.Popen(
        words, **quiet, cwd=Path(__file__).parent.parent, env=_ENVIRON, pass_fds=[its.fileno()]
    )
    its.close()
    atexit.register(process.wait)
    atexit.register(ours.close)  # before the wait
    return ours


def _commands(requests: socket.socket) -> list[str]:
    """Fork for each request. Returns in the process that is to be the command: its words."""
    for name in _IMPORTED:
        import_module(name)
    for module in (Path(__file__).parents[1] / "backlog" / "cli").glob("*.py"):
        import_module(f"backlog.cli.{module.stem}")
    gc.freeze()  # else each collection in a child copies every page
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
    while files := socket.recv_fds(requests, 1, 5)[1]:
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if (command := os.fork()) == 0:
                return _become_the_command(*files)
            status = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
            os.write(files[-1], str(status).encode())
            os._exit(0)
        for file in files:
            os.close(file)
    sys.exit()


def _become_the_command(request: int, *streams: int) -> list[str]:
    with os.fdopen(request, "rb") as file:
        argv, env, directory = pickle.load(file)  # noqa: S301 (our own words)
    for number, stream in enumerate(streams[:3]):
        os.dup2(stream, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(env)
    return argv


if __name__ == "__main__":
    sys.argv[:] = _commands(socket.socket(fileno=int(sys.argv[1])))
    sys.path[0] = str(Path(sys.argv[0]).parent)
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            raise
        # Python would now take apart, for longer than the command took, all that was imported.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code or 0)
