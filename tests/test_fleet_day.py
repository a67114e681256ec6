"""A fleet by its rules, from the plan to the last card: each command of it is a process."""

import os
from typing import Any

import pytest

from tests.command import On, Ran

pytestmark = [pytest.mark.both_tiers]

CREW = {
    "dora": "decomposition",
    "carl": "code",
    "cleo": "code",
    "dan": "documentation",
    "rita": "review",
    "tess": "site-tester",
    "gina": "merge-gate",
    "olga": "operator",
    "stan": "session-review",
}

PLAN = """
phases:
- name: build
  cards:
  - {id: parser, title: Write the parser, role: code, acceptance: [tests pass, it reads the sample],
     projectedCost: 0.5}
  - {id: printer, title: Write the printer, role: code, dependsOn: [parser],
     acceptance: [tests pass, it prints the sample], projectedCost: 0.5}
cards:
- {id: manual, title: Write the manual, role: documentation, dependsOn: [printer]}
"""


CLAIM = ("claim", "--owner", "carl", "--role", "code", "--exit-code")
MERGE = ("decide", "--verdict", "merged", "--reason", "all has passed", "--owner", "gina")


class Fleet:
    """The crew at work: `fleet("rita", "verify", …)` is a command as Rita's account runs it."""

    def __init__(self) -> None:
        self.env = {**os.environ, "BACKLOG_ENFORCE_ROLES": "on"}

    def run(self, who: str, *words: str, stdin: str = "") -> Ran:
        return On(**{**self.env, "LOGNAME": who})(*words, "--json", stdin=stdin)

    def __call__(self, who: str, *words: str, stdin: str = "") -> Any:
        ran = self.run(who, *words, stdin=stdin)
        assert (ran.status, ran.err) == (0, ""), (who, words, ran)
        return ran.json

    def refused(self, who: str, *words: str) -> str:
        ran = self.run(who, *words)
        assert (ran.status, ran.out) == (1, ""), (who, words, ran)
        return ran.err

    def work(self, who: str, role: str, cost: str = "0") -> Any:
        """Claim for a role and finish, or say that there was nothing."""
        card = self(who, "claim", "--owner", who, "--role", role)
        if card is None:
            return None
        held = ("--id", card["id"], "--owner", who, "--attempt", str(card["attempts"]))
        return self(who, "complete", *held, "--cost", cost)

    def judge(self, who: str, card: str, criterion: int) -> None:
        seen = ("--criterion", str(criterion), "--pass", "--evidence", "seen", "--by", who)
        self(who, "verify", "--id", card, *seen)

    def status(self, card: str) -> str:
        return str(self("olga", "show", "--id", card)["status"])


@pytest.fixture
def fleet(store: None) -> Fleet:
    made = Fleet()
    made("olga", "worker", "add", "olga", "--roles", "operator")
    for name, role in CREW.items():
        made("olga", "worker", "add", name, "--roles", role)
    return made


def test_a_fleet_goes_from_the_plan_to_the_last_card(fleet: Fleet) -> None:
    _plan(fleet)
    _review(fleet)
    _decide(fleet)
    _spend(fleet)
    _end(fleet)


def _plan(fleet: Fleet) -> None:
    """It is applied, and only its role publishes it."""
    fleet("dora", "plan", "apply", "-", stdin=PLAN)
    fleet("olga", "gate", "--phase", "build")
    fleet("olga", "budget", "--phase", "build", "--cost", "1")
    assert fleet.work("carl", "code") is None  # drafts
    assert "only decomposition may plan publish" in fleet.refused("carl", "plan", "publish")
    fleet("dora", "plan", "publish")


def _review(fleet: Fleet) -> None:
    """Work goes by role, and into review; others than its worker judge it."""
    assert fleet.work("dan", "documentation") is None  # what it waits for is not done
    done = fleet.work("carl", "code", "0.60")
    assert (done["id"], done["blockReason"]) == ("parser", "in_review")
    assert fleet.work("cleo", "code") is None
    mine = ("verify", "--id", "parser", "--criterion", "1", "--pass", "--evidence", "m")
    mine += ("--by", "carl")
    assert "may verify" in fleet.refused("carl", *mine)
    fleet.judge("rita", "parser", 1)
    assert "have not passed" in fleet.refused("gina", "complete", "--id", "parser")
    fleet(
        "tess", "request-changes", "--id", "parser", "--reason", "the sample fails", "--by", "tess"
    )
    assert "the sample fails" in On(**fleet.env)("context", "--id", "parser").out
    assert fleet.work("cleo", "code", "0.50")["id"] == "parser"
    fleet.judge("tess", "parser", 2)


def _decide(fleet: Fleet) -> None:
    """The gate alone does, and completes; not while the fleet is paused, which an operator does."""
    assert "only operator may pause" in fleet.refused("gina", "pause", "--reason", "mine")
    fleet("olga", "pause", "--reason", "release")
    held = fleet.run("gina", *MERGE, "--id", "parser")
    assert (held.status, held.json["verdict"]) == (6, "held")
    fleet("olga", "resume")
    assert fleet("gina", *MERGE, "--id", "parser")["verdict"] == "merged"
    assert "only merge-gate may complete" in fleet.refused("cleo", "complete", "--id", "parser")
    fleet("gina", "complete", "--id", "parser")


def _spend(fleet: Fleet) -> None:
    """Nothing of the phase is claimed once its budget is spent, until it is raised."""
    assert fleet.run("carl", *CLAIM).status == 8
    asked = str(fleet("carl", "escalate", "--reason", "all is spent", "--owner", "carl")["id"])
    fleet("olga", "budget", "--phase", "build", "--cost", "3")
    fleet("olga", "ack", "--escalation", asked)
    fleet("olga", "resolve", "--escalation", asked, "--note", "raised to 3")
    assert fleet.work("carl", "code", "0.30")["id"] == "printer"
    fleet.judge("rita", "printer", 1)
    fleet.judge("tess", "printer", 2)
    fleet("gina", *MERGE, "--id", "printer")
    fleet("gina", "complete", "--id", "printer")


def _end(fleet: Fleet) -> None:
    """What waited for all of it, a look back, and what is left to say."""
    assert fleet.work("dan", "documentation")["status"] == "done"
    said = ("--kind", "tooling", "--text", "the sample came late", "--evidence", "attempt 1")
    fleet("stan", "signal", "--id", "parser", *said, "--owner", "stan")
    assert fleet("olga", "stats")["counts"] == {"ready": 0, "claimed": 0, "blocked": 0, "done": 3}
    (budget,) = fleet("olga", "budgets")
    assert (float(budget["spentCost"]), budget["state"]) == (1.4, "ok")
    assert fleet("olga", "escalations") == []
    assert [On(**fleet.env)(verb).status for verb in ("doctor", "check")] == [0, 0]
    verdicts = [each["verdict"] for each in fleet("olga", "decisions")]
    assert sorted(verdicts) == ["held", "merged", "merged"]
