"""Tokens: who may call over the wire, as which worker, and how far that goes."""

import json
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from secrets import token_hex
from typing import Any, Final, NamedTuple

from backlog import values
from backlog.errors import NotFound, StoreUnavailable
from backlog.session import ACTOR, Session, in_transaction
from remote.scopes import SCOPES, WORK
from remote.words import MOST_DAYS

# What scanners for secrets know it by: flb_[0-9a-f]{16}_[0-9a-f]{64}
PREFIX: Final = "flb"
_KEY_BYTES: Final = 8
_SECRET_BYTES: Final = 32
MOST_NAMES: Final = 50

_COLUMNS: Final = (
    "key, worker, scope, phases::text, roles::text, created_at, created_by, expires_at,"
    " revoked_at, last_used_at"
)
# A row also for a key that is not there, as long to read and to compare: which keys there are is
# told by no clock.
_SHOWN: Final = """
SELECT coalesce(key, ''), coalesce(worker, ''), coalesce(scope, ''), coalesce(phases::text, '[]'),
    coalesce(roles::text, '[]'), coalesce(created_at, now()), coalesce(created_by, ''), expires_at,
    revoked_at, last_used_at, coalesce(digest, decode(repeat('00', 32), 'hex')),
    key IS NOT NULL AND revoked_at IS NULL
        AND (expires_at IS NULL OR expires_at > statement_timestamp()),
    last_used_at IS NULL OR last_used_at < statement_timestamp() - interval '1 minute',
    current_setting('transaction_read_only') = 'on'
FROM (SELECT) AS always LEFT JOIN remote_token ON key = %s"""


class Token(NamedTuple):
    """Whoever shows it acts as `worker`; limited to these phases and roles, if there are any."""

    key: str
    worker: str
    scope: str
    phases: list[str]
    roles: list[str]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@in_transaction
def create(
    session: Session,
    worker: str,
    scope: str = WORK,
    phases: Sequence[str] = (),
    roles: Sequence[str] = (),
    expires_in: int | None = None,
) -> tuple[Token, str]:
    """A new token, and what its worker is to send, which is not kept. `expires_in`: days.

    Raises `UsageError`.
    """
    key, secret = token_hex(_KEY_BYTES), token_hex(_SECRET_BYTES)
    if expires_in is not None:
        values.between(expires_in, "expires in", 1, MOST_DAYS)
    sql = f"""
        INSERT INTO remote_token
            (key, digest, worker, scope, phases, roles, created_by, expires_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, statement_timestamp() + %s * interval '1 day')
        RETURNING {_COLUMNS}"""
    row = session.execute(
        sql,
        (
            key,
            _digest(secret),
            values.name(worker, "NAME"),
            values.one_of(scope, "scope", SCOPES),
            json.dumps(names(phases, "phases")),
            json.dumps(names(roles, "roles")),
            ACTOR.get(),
            expires_in,
        ),
    ).fetchone()
    return _token(row), f"{PREFIX}_{key}_{secret}"


def names(given: Sequence[str], what: str) -> list[str]:
    """The names that a token is limited to, each once. Raises `UsageError`."""
    named = list(dict.fromkeys(values.name(each, what) for each in given))
    values.between(len(named), f"the number of {what}", 0, MOST_NAMES)
    return named


def tokens(session: Session) -> list[Token]:
    """All there are, those that are over too: by worker, the oldest first."""
    sql = f"SELECT {_COLUMNS} FROM remote_token ORDER BY worker, created_at, key"
    return [_token(row) for row in session.execute(sql).fetchall()]


def keys(session: Session) -> frozenset[str]:
    """Of the tokens that may let somebody in."""
    sql = "SELECT key FROM remote_token WHERE revoked_at IS NULL"
    return frozenset(key for (key,) in session.rows(sql, ()))


@in_transaction
def revoke(session: Session, key: str) -> Token:
    """Nobody is let in by it any more; the token. Raises `NotFound`."""
    sql = f"""
        UPDATE remote_token SET revoked_at = coalesce(revoked_at, statement_timestamp())
        WHERE key = %s RETURNING {_COLUMNS}"""
    row = session.execute(sql, (key_of(key),)).fetchone()
    if row is None:
        raise NotFound(f"there is no token {key_of(key)}; `token list` names those there are")
    return _token(row)


def key_of(shown: str) -> str:
    """The key alone, also where the whole token is given, whose secret nobody is to repeat."""
    prefix, _, rest = shown.partition("_")
    return rest.partition("_")[0] if prefix == PREFIX and rest else shown


def found(session: Session, shown: str) -> Token | None:
    """The token that somebody shows, if it is one and not over. Notes its use, once a minute.

    Raises `StoreUnavailable` where nothing can be written: it is a standby by now, or read-only.
    """
    prefix, _, rest = shown.partition("_")
    key, _, secret = rest.partition("_")
    if prefix != PREFIX or not key.isalnum() or not secret.isalnum() or not shown.isascii():
        return None
    ((*columns, digest, is_valid, is_stale, is_read_only),) = session.rows(_SHOWN, (key,))
    if is_read_only:
        raise StoreUnavailable("the database cannot be used: it is a standby or read-only")
    if not compare_digest(bytes(digest), _digest(secret)) or not is_valid:
        return None
    if is_stale:
        session.execute(
            "UPDATE remote_token SET last_used_at = statement_timestamp() WHERE key = %s", (key,)
        )
    return _token(columns)


def _digest(secret: str) -> bytes:
    # 256 random bits cannot be guessed from a quick digest either.
    return sha256(secret.encode()).digest()


def _token(row: Any) -> Token:
    token = Token._make(row)
    return token._replace(phases=json.loads(row[3]), roles=json.loads(row[4]))
