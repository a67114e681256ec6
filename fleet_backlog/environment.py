"""The environment's variables as settings want them."""

import re
from collections.abc import Sequence
from typing import Any, Final

import environ

from backlog import switches
from backlog.errors import ConfigurationError, UsageError
from backlog.shown import flat, line
from backlog.store import storage
from fleet_backlog.networks import Network, networks

_WORDS: Final = {
    int: "a whole number, 0 or more",
    float: "a number of seconds above 0, a day at most",
}
_LONGEST: Final = 86_400.0
_SHORTEST_SECRET: Final = 16
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]+)+")


class Environment(environ.Env):  # type: ignore[misc]  # (it has no types)
    """django-environ's, but a word that it does not understand is refused, and never just off.

    An empty variable says nothing. `SystemExit`, with a line that says what would be right.
    """

    def one_of(self, var: str, words: Sequence[str]) -> str:
        """One of these words; the first, if nothing is said."""
        said = str(self.str(var, default="")).strip() or words[0]
        if said not in words:
            raise SystemExit(line(f"{var} must be {' or '.join(words)}, not {flat(said, 60)}"))
        return said

    def secret(self, var: str) -> str:
        """What nobody guesses; empty, if nothing is said."""
        said = str(self.str(var, default=""))
        if said and len(said) < _SHORTEST_SECRET:
            least = f"{_SHORTEST_SECRET} characters at least"
            raise SystemExit(
                f"{var} must have {least}: openssl rand -hex {_SHORTEST_SECRET} makes one"
            )
        return said

    def path_prefix(self, var: str) -> str:
        """What comes before every path of the site; empty, if nothing is said."""
        said = str(self.str(var, default=""))
        if said and not _PREFIX.fullmatch(said):
            right = "a path such as /backlog, without a slash at its end"
            raise SystemExit(line(f"{var} must be {right}, not {flat(said, 60)}"))
        return said

    def networks(self, var: str) -> list[Network]:
        """Addresses and networks; none, if nothing is said."""
        try:
            return networks(self.str(var, default=""), var)
        except ConfigurationError as error:
            raise SystemExit(line(str(error))) from None

    def get_value(self, var: str, cast: Any = None, *args: Any, **kwargs: Any) -> Any:
        said = self.ENVIRON.get(var, "").strip()
        if not said and "default" in kwargs:
            return kwargs["default"]
        try:
            if cast is int and int(said) >= 0:  # the library leaves out what is no digit
                return int(said)
            if cast is float and 0 < float(said) <= _LONGEST:
                return float(said)
            if cast is bool:
                return switches.read(said, var)
            if cast not in _WORDS:
                return super().get_value(var, cast, *args, **kwargs)
        except UsageError as error:
            raise SystemExit(line(str(error))) from None
        except ValueError:
            pass
        raise SystemExit(line(f"{var} must be {_WORDS[cast]}, not {flat(said, 60)}"))


def databases(env: Environment) -> dict[str, dict[str, Any]]:
    """Django's DATABASES: the store, and `replica` where pages are read from one.

    `SystemExit`, with a line that says what would be right.
    """
    try:
        found = {"default": storage.from_environment().django_database()}
        if replica := storage.replica_from_environment():
            found["replica"] = replica
    except UsageError as error:
        raise SystemExit(line(str(error))) from None
    for entry in found.values():
        entry["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
    # A replica has none: to that look, what cannot be written to is broken.
    found["default"]["CONN_HEALTH_CHECKS"] = True
    return found
