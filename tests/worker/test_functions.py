"""A worker of functions: what it gives them, and what comes of what they return and raise."""

import asyncio
import logging
import threading
from fractions import Fraction

import pytest

from backlog.errors import Refusal, UsageError
from backlog.verbs import cards, moves, runs
from backlog.worker import Blocked, GiveBack, Worker
from tests.worker import last_run, status_of, until

pytestmark = pytest.mark.one_tier


@pytest.fixture(params=["threads", "loop"])
def made(request):
    """The function as it is, or as a coroutine function."""

    def make(function):
        async def coroutine(job):
            return function(job)

        return function if request.param == "threads" else coroutine

    return make


def drain(function, **how):
    """Work until nothing is claimable."""
    return Worker(function, "w", until="drain", backoff=0, **how).run()


def test_what_a_function_returns_is_the_result_of_its_run(session, card, made):
    card("A", body="three small words", acceptance='{"n": 1.5}')
    assert drain(made(lambda job: [job.id, job.attempt, job.body, job.acceptance])) == "done"
    run = last_run(session, "A")
    assert (run.outcome, run.owner) == ("completed", "w")
    assert run.result == '["A", 1, "three small words", {"n": 1.5}]'


def test_what_it_says_of_itself_is_the_run_s(session, card):
    def work(job):
        job.summary, job.tokens, job.cost = "did it", 7, 0.25

    card("A")
    drain(work)
    run = last_run(session, "A")
    assert (run.summary, run.tokens, str(run.cost), run.result) == ("did it", 7, "0.250000", None)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ({1, 2}, "result: set is not JSON"),
        ([b"12"], "result: bytes is not JSON"),
        (float("nan"), "result: "),
        ("\ud800", "result: "),
    ],
    ids=["set", "bytes", "nan", "surrogate"],
)
def test_what_is_no_json_is_ignored_and_the_card_done(session, card, caplog, result, reason):
    card("A")
    drain(lambda job: result)
    assert (last_run(session, "A").outcome, last_run(session, "A").result) == ("completed", None)
    assert f'what=ignored card=A attempt=1 reason="{reason}' in caplog.text


def test_a_number_that_cannot_be_written_is_ignored_and_the_card_done(session, card, caplog):
    def work(job):
        job.cost = Fraction(10**400)

    card("A")
    drain(work)
    assert (status_of(session, "A"), last_run(session, "A").cost) == ("done", None)
    assert "what=ignored card=A attempt=1" in caplog.text


@pytest.mark.parametrize(
    ("error", "status", "summary", "reason"),
    [
        (ValueError("no such\nfile"), "failed", "ValueError: no such file", None),
        (SystemExit(3), "failed", "SystemExit: 3", None),
        (GiveBack("busy", delay=60), "released", "GiveBack: busy", None),
        (Blocked("capability", "a GPU"), "blocked", "Blocked: a GPU", "capability"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_a_function_raises_says_what_becomes_of_its_card(
    session, card, made, error, status, summary, reason
):
    def work(job):
        raise error

    card("A")
    assert Worker(made(work), "w", until="once", backoff=60).run() == "failed"
    now, run = cards.show(session, "A"), last_run(session, "A")
    assert (run.outcome, run.summary, now.block_reason) == (status, summary, reason)
    assert (now.not_before is None) == (now.status == "blocked")


def test_what_is_given_back_does_not_count_and_what_fails_is_logged(session, card, caplog):
    def work(job):
        if job.attempt < 3:
            raise GiveBack
        raise ValueError("no")

    card("A", max_attempts=1)
    drain(work)
    assert [run.outcome for run in runs.runs(session, "A")] == ["released", "released", "failed"]
    assert cards.show(session, "A").block_reason == "attempts_exhausted"
    assert [r.exc_info[0] for r in caplog.records if r.levelno == logging.ERROR] == [ValueError]


def test_a_coroutine_that_nobody_would_await_is_a_failure(session, card):
    async def work(job): ...

    coroutines = []

    def forgotten(job):
        coroutines.append(work(job))
        return coroutines[-1]

    card("A")
    Worker(forgotten, "w", until="once").run()
    coroutines[0].close()
    assert "make the function `async def`" in last_run(session, "A").summary


def test_a_generator_has_done_nothing_and_is_a_failure(session, card, made):
    def work(job):
        yield

    card("A")
    assert Worker(made(work), "w", until="once").run() == "failed"
    assert "return, do not yield" in last_run(session, "A").summary


def test_an_async_generator_has_done_nothing_and_is_a_failure(session, card):
    async def work(job):
        yield

    card("A")
    assert Worker(work, "w", until="once").run() == "failed"
    assert "return, do not yield" in last_run(session, "A").summary


# How many, in which order -------------------------------------------------------------------------


@pytest.mark.parametrize("prefetch", [None, 0, 7])
def test_what_its_own_work_makes_claimable_follows(card, made, prefetch):
    card("C", needs=["B"])
    card("B", needs=["A"])
    card("A")
    done = []
    drain(made(lambda job: done.append(job.id)), prefetch=prefetch)
    assert done == ["A", "B", "C"]


def test_four_cards_are_worked_on_at_once(session, card):
    for n in range(4):
        card(f"c{n}")
    together = threading.Barrier(4)
    drain(lambda job: together.wait(30) and None, concurrency=4)
    assert {status_of(session, f"c{n}") for n in range(4)} == {"done"}


def test_four_coroutines_run_at_once(session, card):
    for n in range(4):
        card(f"c{n}")
    together: list[asyncio.Barrier] = []

    async def work(job):
        together.append(together[0] if together else asyncio.Barrier(4))
        await together[0].wait()

    drain(work, concurrency=4)
    assert {status_of(session, f"c{n}") for n in range(4)} == {"done"}


def test_a_higher_priority_waits_for_no_more_than_what_is_ahead(card):
    for n in range(4):
        card(f"c{n}")
    done = []

    def work(job):
        if job.id == "c0":
            card("urgent", priority=9)
        done.append(job.id)

    drain(work, prefetch=1)
    assert done == ["c0", "c1", "urgent", "c2", "c3"]


@pytest.mark.parametrize(("claimed", "ended"), [(True, "empty"), (False, "done")])
def test_once_takes_one_card_and_says_why_there_was_none(session, card, claimed, ended):
    card("A", claimed=claimed, owner="other")
    card("B", needs=["A"])
    assert Worker(lambda job: None, "w", until="once", prefetch=5).run() == ended
    assert status_of(session, "B") == "ready"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"owner": " "}, "owner must not be blank"),
        ({"ttl": 0}, "ttl must be a whole number between 1"),
        ({"until": "tomorrow"}, "until must be one of forever, drain, once"),
        ({"concurrency": 0}, "concurrency must be a whole number between 1 and 1000"),
        ({"concurrency": 2, "until": "once"}, "concurrency must be"),
        ({"prefetch": 1000}, "prefetch must be a whole number between 0 and 999"),
        ({"phase": " "}, "phase must not be blank"),
        ({"function": "print"}, "say which function"),
        ({"function": lambda: None}, "must take one argument, the job: too many positional"),
        ({"function": lambda job, card: None}, "must take one argument, the job: missing"),
    ],
)
def test_a_mistake_is_told_before_anything_is_claimed(how, said):
    with pytest.raises(UsageError, match=said):
        Worker(**{"function": print, "owner": "w", **how})


# Ended from elsewhere -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "why"), [(moves.cancel, "cancelled"), (moves.reclaim_card, "lost")]
)
def test_a_function_hears_that_its_claim_is_gone_and_nothing_is_written(session, card, verb, why):
    def work(job):
        verb(session, "A")
        assert job.ended.wait(30)
        heard.append(job.why)
        return "too late"

    heard: list[str] = []
    card("A")
    assert Worker(work, "w", until="once", ttl=1).run() == "failed"
    assert heard == [why]
    assert last_run(session, "A").outcome in ("cancelled", "released")


def test_a_coroutine_whose_claim_is_gone_is_cancelled(session, card):
    async def work(job):
        try:
            moves.cancel(session, "A")
            await asyncio.sleep(60)
        finally:
            heard.append(job.why)

    heard: list[str] = []
    card("A")
    Worker(work, "w", until="once", ttl=1).run()
    assert (heard, last_run(session, "A").outcome) == (["cancelled"], "cancelled")


def test_a_stop_gives_back_what_has_not_begun_and_waits_for_the_rest(session, card, made):
    for n in range(4):
        card(f"c{n}", max_attempts=1)
    worker = None

    def work(job):
        until(lambda: status_of(session, "c2") == "claimed")
        worker.stop()
        until(lambda: status_of(session, "c2") == "ready")

    worker = Worker(made(work), "w", prefetch=2)
    assert worker.run() == "done"
    assert [status_of(session, f"c{n}") for n in range(4)] == ["done", "ready", "ready", "ready"]
    run = last_run(session, "c2")
    assert (run.outcome, run.summary) == ("released", "the worker was stopped")


def test_what_stands_ahead_for_too_long_is_given_back_and_not_taken_again(session, card, made):
    """A sweep would end it as failed, though no function has begun it."""
    card("A")
    card("B", max_runtime=1, max_attempts=1)
    card("C")

    def work(job):
        if job.id == "A":
            until(lambda: status_of(session, "B") == "ready")

    Worker(made(work), "w", until="drain").run()
    told = [(each.outcome, each.summary) for each in runs.runs(session, "B")]
    assert told == [("released", "no function was free"), ("completed", None)]


def test_after_the_grace_the_function_is_told_and_its_card_given_back(session, card):
    def work(job):
        worker.stop()
        assert job.ended.wait(30)
        return job.why

    card("A", max_attempts=1)
    worker = Worker(work, "w", grace=0)
    assert worker.run() == "done"
    assert (status_of(session, "A"), last_run(session, "A").result) == ("ready", None)


def test_an_exit_that_ends_the_loop_ends_the_worker(session, card):
    async def leave():
        raise SystemExit(3)

    async def work(job):
        await asyncio.create_task(leave())

    card("A")
    card("B")
    with pytest.raises(SystemExit, match="3"):
        Worker(work, "w", backoff=0).run()
    assert [status_of(session, each) for each in "AB"] == ["ready", "ready"]


@pytest.mark.parametrize("started", range(4))
def test_a_worker_that_gets_no_more_threads_ends_as_a_whole(session, card, monkeypatch, started):
    def start(thread):
        if thread in threads[started:]:
            raise RuntimeError("can't start new thread")
        begin(thread)

    def make(*args, **kwargs):
        threads.append(thread(*args, **kwargs))
        return threads[-1]

    threads: list[threading.Thread] = []
    thread, begin = threading.Thread, threading.Thread.start
    monkeypatch.setattr(threading, "Thread", make)
    monkeypatch.setattr(thread, "start", start)
    card("A")
    with pytest.raises(Refusal, match="ask for less concurrency"):
        Worker(lambda job: job.ended.wait(30), "w", concurrency=4, grace=0).run()
    for each in threads[:started]:
        each.join(30)  # the last of them has told its end, and is about to come to it
    assert (status_of(session, "A"), any(each.is_alive() for each in threads)) == ("ready", False)


def test_a_worker_that_has_run_is_refused_another_run(session):
    worker = Worker(lambda job: None, "w", until="drain")
    worker.run()
    with pytest.raises(UsageError, match="a worker runs once"):
        worker.run()


def test_a_worker_may_run_on_any_thread(session, card):
    card("A")
    worker = Worker(lambda job: worker.stop(), "w")
    thread = threading.Thread(target=worker.run)
    thread.start()
    thread.join(30)
    assert (thread.is_alive(), status_of(session, "A")) == (False, "done")
