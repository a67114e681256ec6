"""The environment's variables as settings want them."""

from typing import Any, Final

import environ

from backlog.shown import flat, line

_OFF: Final = ("false", "off", "no", "n", "0")
_WORDS: Final = {bool: "on or off", int: "a whole number", float: "a number"}


class Environment(environ.Env):  # type: ignore[misc]  # (it has no types)
    """django-environ's, but a word that it does not understand is refused, and never just off.

    An empty variable says nothing. `SystemExit`, with a line that says what would be right.
    """

    def get_value(self, var: str, cast: Any = None, *args: Any, **kwargs: Any) -> Any:
        said = self.ENVIRON.get(var, "").strip()
        if not said and "default" in kwargs:
            return kwargs["default"]
        try:
            if cast in (int, float):  # the library leaves out what is no digit
                return cast(said)
            if cast is not bool or said.lower() in (*self.BOOLEAN_TRUE_STRINGS, *_OFF):
                return super().get_value(var, cast, *args, **kwargs)
        except ValueError:
            pass
        raise SystemExit(line(f"{var} must be {_WORDS[cast]}, not {flat(said, 60)}"))
