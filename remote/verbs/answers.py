"""Answers that are kept: a call that is sent again with its idempotency key is not done again."""

from collections.abc import Callable
from typing import Final, NamedTuple

from backlog import values
from backlog.errors import Refusal, UsageError
from backlog.session import Session, transact
from remote.words import BEING_ANSWERED

KEPT_HOURS: Final = 24
LONGEST: Final = 2**24
LONGEST_KEY: Final = 255
_AT_ONCE: Final = 1000


class Answer(NamedTuple):
    """What a call was answered: of what type, and the text."""

    exit_status: int
    content_type: str
    body: str


class BeingAnswered(Refusal):
    """The same call came before, and is not done yet."""

    code = BEING_ANSWERED


def once(
    session: Session,
    token_key: str,
    key: str,
    asked: bytes,
    do: Callable[[], Answer],
    *,
    keeps: Callable[[Answer], bool] = lambda answer: True,
    hides: Callable[[str], str] = lambda body: body,
) -> Answer:
    """What `do` answers, or did when the same was `asked` with this key before.

    What it does and what it answered are one transaction: either both are there or none is. What
    is refused did nothing, so it is not kept; nor is what `keeps` says is none yet, nor what
    `hides` takes out of it: a secret, which is told once.
    Raises `UsageError` where something else was asked with the key, `BeingAnswered`.
    """
    values.line(key, "Idempotency-Key", LONGEST_KEY)

    def work() -> Answer:
        lock = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 7461))"
        if not session.rows(lock, (f"{token_key} {key}",))[0][0]:
            raise BeingAnswered(f"the call with the key {key} is still being answered; try again")
        kept = session.rows(_KEPT, (token_key, key))
        if kept:
            before, *answer = kept[0]
            if bytes(before) != asked:
                raise UsageError(
                    f"another call was made with the key {key}: a new one takes another"
                )
            return Answer._make(answer)
        made = do()
        if len(made.body) > LONGEST:
            raise UsageError("the answer is too long to be kept: ask for fewer cards at once")
        if keeps(made):
            session.execute(_KEEP, (token_key, key, asked, *made._replace(body=hides(made.body))))
        return made

    return transact(session, work)


_KEPT: Final = """
SELECT asked, exit_status, content_type, body FROM remote_answer
WHERE token_key = %s AND idempotency_key = %s"""
_KEEP: Final = """
INSERT INTO remote_answer (token_key, idempotency_key, asked, exit_status, content_type, body)
VALUES (%s, %s, %s, %s, %s, %s)"""


def forget(session: Session) -> list[str]:
    """Delete answers of more than a day ago, a thousand at a time; as a chore, nothing to tell."""
    sql = f"""
        DELETE FROM remote_answer WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM remote_answer
            WHERE at < statement_timestamp() - interval '{KEPT_HOURS} hours'
            ORDER BY at LIMIT {_AT_ONCE} FOR UPDATE SKIP LOCKED))"""
    while session.execute(sql).rowcount == _AT_ONCE:
        pass
    return []
