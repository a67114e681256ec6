"""The command over HTTP: words in, an exit status out."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, NoReturn

import backlog
from backlog.cli.main import answer, ready, told
from backlog.cli.options import Options
from backlog.cli.reply import Reply, kept
from backlog.errors import WrongState
from backlog.shown import say
from remote import scopes
from remote.calls import is_called
from remote.client import said
from remote.client.address import Address, site
from remote.client.wire import Answer, Wire
from remote.words import OF_LINES


def run(argv: Sequence[str] | None, prog: str, verbs: Mapping[str, str]) -> NoReturn:
    """Run the process's own words, or `argv`, and exit; `verbs` as `parser.VERBS`."""
    ready()
    sys.exit(main(sys.argv[1:] if argv is None else argv, prog, verbs))


def main(argv: Sequence[str], prog: str, verbs: Mapping[str, str]) -> int:
    """Run one verb on the server that the environment names; its exit status."""
    return told(argv, lambda: _act(argv, prog, verbs))


def _act(argv: Sequence[str], prog: str, verbs: Mapping[str, str]) -> int:
    if list(argv) == ["--version"]:
        say(sys.stdout, [_version()])
        return 0
    options, words = said.read(argv, prog, verbs)
    if options.verb == "mcp":  # it asks the server by itself, tool by tool
        return answer(options.run(options), options)
    _refuse_of_the_host(options)
    address = Address.of()
    if options.verb == "work":
        from remote.client.worker import work

        return answer(work(options, address), options)
    with closing(Wire(address)) as wire:
        called = said.called(options, verbs)
        given = said.given(called, options, words)
        return answer(_reply(wire, called.name, given, options, address), options)


def _version() -> str:
    """And which server it talks to: that is not seen else where DATABASE_URL is set as well.

    No token is asked for, since none is sent."""
    instead = ", not of DATABASE_URL" if os.environ.get("DATABASE_URL", "").strip() else ""
    return f"fleet-backlog {backlog.__version__}, of {site()} (BACKLOG_URL){instead}"


def _refuse_of_the_host(options: Options) -> None:
    """What is done where the database is, and nowhere else."""
    word = options.deed if options.verb != "work" and not is_called(options.verb) else None
    if getattr(options, "every", None) is not None and options.verb == "sweep":
        word = "sweep --every"
    if getattr(options, "pass_database", False):
        word = "--pass-database"
    if word is not None:
        raise WrongState(
            f"{word} is of the host with the database: run it there, without BACKLOG_URL,"
            " which names a server elsewhere"
        )


def _reply(
    wire: Wire, verb: str, given: Mapping[str, Any], options: Options, address: Address
) -> Reply:
    follows = verb == "output" or getattr(options, "follow", False)
    if not follows and not (verb == "claim" and options.wait):
        found = wire.ask(verb, given, reads=scopes.only_reads(verb), as_json=options.json)
        return reply(verb, found)
    from remote.client import following  # most commands start without

    if verb == "claim":
        return reply(verb, following.claim(wire, given, options))
    how = following.output if verb == "output" else following.tail
    return how(wire, options, address)


def reply(verb: str, found: Answer) -> Reply:
    """The verb's reply, as its answer has it. Raises `NotUnderstood`."""
    if found.lines is not None:
        return Reply((f"{line}\n" for line in kept(found.lines)), None)
    values = found.each if verb in OF_LINES and found.text is None else [found.json]
    return Reply([f"{value}\n" for value in values], found.text, found.status, found.note)
