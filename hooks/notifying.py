"""Chat and mail by apprise (the extra `chat`), in a process of its own.

Apprise connects by many libraries, none of which can be told which addresses are allowed. So an
audit hook watches all that the interpreter does, and has a process that does nothing else. That can
also be ended when it takes too long, and no sweep imports apprise.
"""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from backlog.errors import Refusal, UsageError
from hooks import addresses
from hooks.post import Answer

SECONDS: Final = 30
# Events of the interpreter: a program is started, which no notification needs; something is called.
_PROGRAMS: Final = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork")
_CALLS: Final = ("socket.connect", "socket.sendto", "socket.sendmsg")

_INSTALL: Final = "notifications need apprise: pip install 'fleet-backlog[chat]'"


def check(url: str) -> None:
    """Raise `UsageError` for a URL that apprise cannot read, `Refusal` if it is not installed."""
    try:
        import apprise
    except ModuleNotFoundError:
        raise Refusal(_INSTALL) from None
    logging.getLogger("apprise").disabled = True  # it would log the URL
    _forget_files()
    if apprise.Apprise.instantiate(url, suppress_exceptions=True) is None:
        kind = url.partition(":")[0] if "://" in url else "it"
        raise UsageError(f"apprise cannot read this URL; what {kind} takes is in its documentation")


def _forget_files() -> None:
    """Have apprise read no file of this machine: a URL may name one, as a template say."""
    import apprise

    manager: Any = apprise.AttachmentManager  # without types
    files = manager()
    if "file" in files:
        files.remove("file")


def notify(url: str, title: str, text: str) -> Answer:
    """Tell whoever the URL names; what came of it. Raises `UsageError` if the environment says
    neither on nor off."""
    said = {"url": url, "title": title, "text": text, "private": addresses.private()}
    path = os.pathsep.join(filter(None, sys.path))
    try:
        ran = subprocess.run(  # noqa: S603 (no shell, our own words; what is secret is fed)
            [sys.executable, "-P", "-m", __name__],
            input=json.dumps(said).encode(),
            env={**os.environ, "PYTHONPATH": path, "NO_PROXY": "*", "no_proxy": "*"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(None, f"no answer within {SECONDS} seconds")
    return Answer(None, _ENDS.get(ran.returncode, "apprise ended before it was done"))


_SENT, _NOT_SENT, _NOT_THERE, _REFUSED = range(10, 14)
_ENDS: Final = {
    _SENT: None,
    _NOT_SENT: "apprise could not deliver it",
    _NOT_THERE: _INSTALL,
    _REFUSED: f"it leads to no public address ({addresses.PRIVATE}=on allows it)",
}


def _watch(private: bool, refused: Callable[[], Any], event: str, args: tuple[Any, ...]) -> None:
    """For `sys.addaudithook`: lets nothing start a program, nor connect to an address that is not
    public, unless it may be `private`."""
    if event in _PROGRAMS:
        raise PermissionError(event)
    if event in _CALLS and not private:
        address = args[1]
        try:
            addresses.refuse(str(address[0]) if isinstance(address, tuple) else "")
        except addresses.Forbidden:
            refused()
            raise


def _main() -> int:
    said = json.load(sys.stdin)
    try:
        import apprise
    except ModuleNotFoundError:
        return _NOT_THERE
    _forget_files()
    seen: list[bool] = []
    sys.addaudithook(partial(_watch, said["private"], lambda: seen.append(True)))
    teller = apprise.Apprise()
    sent = teller.add(said["url"]) and teller.notify(body=said["text"], title=said["title"])
    return _SENT if sent else _REFUSED if seen else _NOT_SENT


if __name__ == "__main__":
    sys.exit(_main())
