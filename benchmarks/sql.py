"""SQL alone: the statements of a claim and a completion beside bare ones, both by pgbench."""

import random
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from psycopg import Connection

from backlog.session import PsycopgSession
from backlog.store.embedded import binaries
from backlog.verbs import claims, moves
from benchmarks import data
from benchmarks.report import Aim, Figure, in_pairs, number_of, per_second, progress, show
from benchmarks.server import Server, connect

_CLIENTS: Final = (1, 8, 16)
_THREADS: Final = 2
_OWNER, _TTL = "worker", 900
_AIMS: Final = {"claims": Aim(0.8, at_least=True), "cycles": Aim(0.65, at_least=True)}
_MOST_A_SECOND: Final = 20_000

# For each of claims and cycles: our script, and the bare one.
Scripts = dict[str, tuple[str, str]]


class _Recorder(PsycopgSession):
    """A session that keeps what the verbs send."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.sent: list[tuple[str, Sequence[Any]]] = []

    def rows(self, sql: str, params: Sequence[Any] = (), run: Any = None) -> list[Any]:
        self.sent.append((sql, params))
        return super().rows(sql, params, run)


def run(server: Server, quick: bool) -> None:
    rounds, seconds = (3, 1.0) if quick else (5, 4.0)
    program = shutil.which("pgbench", path=binaries.find()) or shutil.which("pgbench")
    if program is None:
        print("\n## SQL alone\n\nNot measured: there is no pgbench.")
        return
    order = random.Random(1)
    url = server.backlog("statements")
    with connect(url) as connection, TemporaryDirectory() as place:
        file = Path(place) / "script.sql"
        figures = []
        for what, pair in _scripts(connection).items():
            for clients in _CLIENTS:
                rates: list[list[float]] = [[], []]
                for number in range(rounds):
                    progress(f"{what}, {number_of(clients)}, round {number + 1} of {rounds}")
                    data.fill(connection, int(_MOST_A_SECOND * seconds))
                    data.fill_bare(connection)
                    for which in order.sample((0, 1), 2):
                        file.write_text(pair[which])
                        rates[which].append(_rate(program, url, file, clients, seconds))
                figures.append(_figure(what, clients, *rates))
    show(
        "SQL alone",
        figures,
        "pgbench sends the statements that `claim` and `complete` send, prepared, in turn with the "
        "same ones on a table without triggers, constraints and dependencies. Medians of "
        f"{rounds} rounds of {seconds:g} s, and the spread over the rounds.",
    )


def _scripts(connection: Connection) -> Scripts:
    data.fill(connection, 100)
    session = _Recorder(connection)
    card = claims.claim(session, _OWNER, _TTL).card
    assert card
    moves.complete(session, card.id, _OWNER, card.attempts, texts=False)
    variables = {
        _OWNER: ":owner",
        _TTL: ":ttl",
        card.id: ":id",
        card.attempts: ":attempts",
        "": "''",
    }
    ours = [_script(*sent, variables) for sent in session.sent]
    bare = [
        _script(data.CLAIM_BARE, (_OWNER, _TTL), variables),
        _script(data.FINISH_BARE, (card.id,), variables),
    ]
    return {
        "claims": (f"{ours[0]};", f"{bare[0]};"),
        # \gset: the columns of the row become variables.
        "cycles": tuple(f"{claim} \\gset\n{finish};" for claim, finish in (ours, bare)),
    }


def _script(sql: str, params: Sequence[Any], variables: Mapping[Any, str]) -> str:
    """The statement as pgbench wants it, with variables for parameters."""
    texts = [text.replace("%%", "%") for text in sql.strip().split("%s")]
    given = [variables[value] for value in params]
    return "".join(a + b for a, b in zip(texts, [*given, ""], strict=True))


def _rate(program: str, url: str, file: Path, clients: int, seconds: float) -> float:
    """Transactions a second."""
    how = ("--no-vacuum", "--protocol=prepared", f"--file={file}", f"--time={seconds:.0f}")
    many = (f"--client={clients}", f"--jobs={min(clients, _THREADS)}")
    given = (f"--define=owner={_OWNER}", f"--define=ttl={_TTL}")
    done = subprocess.run(
        [program, *how, *many, *given, url], check=True, capture_output=True, text=True
    )
    found = re.search(r"tps = ([\d.]+) \(without initial connection time\)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1])


def _figure(what: str, clients: int, ours: list[float], bare: list[float]) -> Figure:
    return in_pairs(f"{what}, {number_of(clients)}", per_second, ours, bare, _AIMS[what])
