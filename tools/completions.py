"""Writes `completions/`, what shells complete of the command: `make completions`."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import shtab

from backlog.cli.parser import declared, grammar
from remote.command import VERBS

SCRIPTS = Path(__file__).resolve().parent.parent / "completions"
# Of each shell, the name that it looks for.
SHELLS = {"bash": "backlog.bash", "zsh": "_backlog", "fish": "backlog.fish"}


def script(shell: str) -> str:
    """What this shell reads, made from the parser."""
    parser = grammar("backlog", map(declared, VERBS.values()))
    for argument in _arguments(parser):
        if argument.metavar == "FILE":
            argument.complete = shtab.FILE
        if argument.option_strings and argument.choices:
            argument.help = (
                argument.dest
            )  # the help of the command names the words, and so do these
    return shtab.complete(parser, shell).rstrip() + "\n"


def _arguments(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from _arguments(each)
        else:
            yield action


if __name__ == "__main__":
    for shell, name in SHELLS.items():
        (SCRIPTS / name).write_text(script(shell))
