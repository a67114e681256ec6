"""Refusals in the names of a call: `id`, where the command says `--id`.

Verbs and the grammar name the command's options, whoever calls. What a sentence quotes, a value or
a command to type, stays as it is.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from backlog.errors import Refusal
from remote.calls import Called

_QUOTED: Final = r'"(?:[^"\\]|\\.)*"|`[^`]*`'
_HELP: Final = re.compile(r" \(try [^()]* --help\)$")


@contextmanager
def by_names(called: Called) -> Iterator[None]:
    """Inside it a `Refusal` of this verb is told in the names of its parameters."""
    try:
        yield
    except Refusal as refusal:
        refusal.args = (in_names(called, str(refusal)),)
        refusal.faults = tuple(in_names(called, each) for each in refusal.faults)
        raise


def in_names(called: Called, sentence: str) -> str:
    """The sentence, with the names of the parameters in place of the options of the verb."""
    names = {"--ids -": "ids"}  # a list of objects, here
    for parameter in called.parameters:
        word = parameter.word
        positional = not word.startswith("-")
        names[str(parameter.settings.get("metavar", word)) if positional else word] = parameter.name
    longest_first = sorted(map(re.escape, names), key=len, reverse=True)
    found = re.compile(rf"{_QUOTED}|(?<![\w-])(?:{'|'.join(longest_first)})(?![\w-])")
    return found.sub(lambda word: names.get(word[0], word[0]), _HELP.sub("", sentence))
