"""Who starts the fleet, and at random kills what it stands on."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

from backlog.errors import Busy, Refusal, StoreUnavailable
from backlog.session import PsycopgSession
from backlog.store import storage
from backlog.store.embedded import processes
from backlog.verbs import moves, rules
from tests.chaos import journal
from tests.chaos.children import AWAY
from tests.command import MANAGE, PROJECT

CLOCK = Path(__file__).parent / "clock"

# Takes up to a fifth of a second; one in ten fails, one in ten has bad luck: by the attempt's name.
COMMAND = """
n=$(printf %s "$BACKLOG_CARD_ID $BACKLOG_ATTEMPT" | cksum | cut -c 1-4)
sleep "0.0$((n % 20))"
case $((n % 10)) in 0) exit 1 ;; 1) exit 75 ;; esac"""

# Nothing is claimed, nothing can be, and nothing will be by itself.
STILL = """
    SELECT NOT EXISTS (SELECT FROM backlog WHERE status = 'claimed' OR claimable OR held)"""


class Place(NamedTuple):
    """A store, and how it comes back after its postmaster was killed."""

    env: dict[str, str]
    data: Path
    revive: Callable[[], Any]


class Child(NamedTuple):
    words: list[str]  # `{}` stands for the journal of an incarnation
    clock: int  # hours that it is wrong by


class Incarnation(NamedTuple):
    process: "subprocess.Popen[str]"
    said: Path


class Chaos:
    """The fleet, in one place, with its own chance and its journals in a directory."""

    def __init__(self, place: Place, seed: int, journals: Path) -> None:
        self._place, self._journals = place, journals
        self._chance = random.Random(seed)  # noqa: S311 (not a secret)
        self._running: dict[str, Incarnation] = {}
        self._children: dict[str, Child] = {}
        self._incarnations = 0
        self.deaths: list[str] = []  # of those that nobody killed
        self.strikes: list[str] = []

    # Children -------------------------------------------------------------------------------------

    def start(self, name: str, words: list[str], clock: int = 0) -> None:
        self._children[name] = Child(words, clock)
        self._spawn(name)

    def _spawn(self, name: str) -> None:
        child, self._incarnations = self._children[name], self._incarnations + 1
        path = self._journals / f"{name}-{self._incarnations}"
        words = [str(path.with_suffix(".jsonl")) if word == "{}" else word for word in child.words]
        env = {**self._place.env, "PYTHONPATH": str(CLOCK), "CHAOS_CLOCK_HOURS": str(child.clock)}
        # `work` writes its journal to stderr.
        said = path.with_suffix(".jsonl" if "--json" in words else ".err")
        with said.open("a") as err:
            process = subprocess.Popen(
                words, cwd=PROJECT, env=env, stdout=subprocess.DEVNULL, stderr=err, text=True
            )
        self._running[name] = Incarnation(process, said)

    def end(self, name: str) -> None:
        """Killed, and not started again."""
        process, said = self._running.pop(name)
        if process.poll() is not None and not self._found_no_store(process, said):
            self.deaths.append(f"{name} ended with {process.returncode}: {said.read_text()}")
        process.kill()
        process.wait(30)

    @staticmethod
    def _found_no_store(process: "subprocess.Popen[str]", said: Path) -> bool:
        """A command that begins while the store is away says so, and leaves it to its unit."""
        begun = any(word in said.read_text() for word in ('"what"', "trying again"))
        return process.returncode == StoreUnavailable.exit_status and not begun

    def _mind(self) -> None:
        """Start again whoever has ended, as a unit would."""
        for name, (process, _) in list(self._running.items()):
            if process.poll() is not None:
                self.end(name)
                self._spawn(name)

    def end_all(self) -> None:
        for name in list(self._running):
            self.end(name)

    # Strikes --------------------------------------------------------------------------------------

    def rage(self, seconds: float, is_enough: Callable[[], bool], patience: float) -> None:
        """One strike after the other, each of them at random, until it is enough."""
        ways = {
            self.kill_a_child: 8,
            self.kill_a_backend: 2,
            self.kill_the_postmaster: 1,
            self.cancel_a_card: 4,
            self.pause_for_a_moment: 2,
        }
        begun = time.monotonic()
        while (lasted := time.monotonic() - begun) < seconds or not is_enough():
            assert lasted < patience, "the fleet gets nothing done"
            time.sleep(self._chance.uniform(0.1, 0.6))
            (strike,) = self._chance.choices(list(ways), list(ways.values()))
            self.strikes.append(strike.__name__)
            strike()
            self._mind()

    def kill_a_child(self) -> None:
        name = self._chance.choice(sorted(self._running))
        self.end(name)
        self._spawn(name)

    def kill_a_backend(self) -> None:
        """Postgres then ends all the others too, and recovers."""
        server = processes.postmaster(self._place.data)
        pids = [pid for pid in processes.of(self._place.data) if server and pid != server.pid]
        if pids:
            with suppress(ProcessLookupError):
                os.kill(self._chance.choice(sorted(pids)), signal.SIGKILL)

    def kill_the_postmaster(self) -> None:
        server = processes.postmaster(self._place.data)
        if server:
            processes.end(server.pid, self._place.data, signal.SIGKILL, timeout=30)
            self._place.revive()

    def cancel_a_card(self) -> None:
        def cancel(session: PsycopgSession) -> None:
            sql = "SELECT id FROM backlog WHERE status = 'claimed' ORDER BY random() LIMIT 1"
            for (card_id,) in session.execute(sql).fetchall():
                moves.cancel(session, card_id)

        self.ask(cancel)

    def pause_for_a_moment(self) -> None:
        scope = self._chance.choice([("fleet", ""), ("phase", "M1"), ("owner", "w1")])
        self.ask(lambda session: rules.pause(session, *scope, "chaos"))
        time.sleep(0.3)
        self.ask(lambda session: rules.resume(session, *scope))

    def ask(self, verb: Callable[[PsycopgSession], Any]) -> Any:
        """Until there is an answer."""
        deadline = time.monotonic() + 120
        while True:
            try:
                with closing(storage.from_environment(self._place.env).connect()) as connection:
                    return verb(PsycopgSession(connection))
            except (Busy, *AWAY):
                if time.monotonic() > deadline:
                    raise
            except Refusal:
                return None
            time.sleep(0.1)

    # Peace ----------------------------------------------------------------------------------------

    def settle(self, patience: float) -> None:
        """Wait until the fleet has done whatever can be done."""
        deadline = time.monotonic() + patience
        while not self.ask(lambda session: session.execute(STILL).fetchone()[0]):
            assert time.monotonic() < deadline, "the fleet does not come to its end"
            self._mind()
            time.sleep(0.1)

    def acknowledged(self) -> list[dict[str, Any]]:
        return journal.read(sorted(self._journals.glob("*.jsonl")))

    def complaints(self) -> list[str]:
        """What children wrote that is no entry, but for a store that was away."""
        said = [path.read_text() for path in sorted(self._journals.glob("*.err"))]
        return self.deaths + [text for text in said if "Traceback" in text]


def fleet(chaos: Chaos, seed: int) -> None:
    """Workers of each kind, a creator and two sweepers; some have a wrong clock."""
    role = [sys.executable, "-m", "tests.chaos.children"]
    for number, clock in enumerate([0, 0, 5, -7]):
        name, how = f"w{number}", ("work", "work_in_batches")[number % 2]
        chaos.start(name, [*role, how, name, "{}", f"{seed} {name}"], clock)
    options = ["--json", "--ttl", "2", "--backoff", "1", "--grace", "1", "--concurrency", "2"]
    for number, clock in enumerate([9, -3]):
        name = f"command{number}"
        words = [*MANAGE, "backlog", "work", "--owner", name, *options, "--", "sh", "-c", COMMAND]
        chaos.start(name, words, clock)
    for number, clock in enumerate([3, 0]):
        name = f"function{number}"
        chaos.start(name, [*role, "call", name, "{}", f"{seed} {name}"], clock)
    chaos.start("creator", [*role, "create", "c", "{}", f"{seed} c"], 2)
    for number in range(2):
        chaos.start(f"sweeper{number}", [*MANAGE, "backlog", "sweep", "--every", "1"], number * 4)
