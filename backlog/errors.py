"""Every refusal of the backlog: its code, its exit status, its HTTP status, one sentence.

A face catches `Refusal` in one place and shows `str(refusal)`; nothing has changed then.
"""

from typing import ClassVar


class Refusal(Exception):
    """The verb did nothing; the message says what was wrong and what would be right."""

    code: ClassVar[str] = "refused"
    exit_status: ClassVar[int] = 1
    http_status: ClassVar[int] = 409
    faults: tuple[str, ...] = ()  # each by itself, where the message tells several


class UsageError(Refusal):
    """A value that no card could ever have, or a command that cannot be read."""

    code = "usage"
    exit_status = 2
    http_status = 400


class ConfigurationError(UsageError):
    """The environment does not say what it must; the message says what would."""


class NotFound(Refusal):
    code = "not_found"
    http_status = 404


class DuplicateId(Refusal):
    code = "duplicate_id"


class DuplicateKey(Refusal):
    code = "duplicate_idempotency_key"


class Cycle(Refusal):
    """A link that would make a card wait for itself, directly or through others."""

    code = "cycle"


class NotAllowed(Refusal):
    """Somebody else may do this."""

    code = "not_allowed"
    http_status = 403


class NotRegistered(NotAllowed):
    """Whoever acts is not known, so nothing says what they may do."""

    code = "not_registered"


class WrongState(Refusal):
    code = "wrong_state"


class NotAccepted(Refusal):
    """The card is gated, and not all of its criteria have passed."""

    code = "not_accepted"


class Stale(Refusal):
    """The card has changed since the caller looked at it."""

    code = "stale"


class HasDependents(Refusal):
    code = "has_dependents"


class Busy(Refusal):
    """Other transactions held every row this verb needed for as long as it may wait."""

    code = "busy"
    http_status = 503


class SchemaTooNew(Refusal):
    code = "schema_too_new"
    http_status = 503


class NotUpgraded(Refusal):
    """A row of an earlier store is what no row may be; the store is as it was."""

    code = "not_upgraded"


class ClaimLost(Refusal):
    """The caller names a claim that it does not hold (any more)."""

    code = "claim_lost"
    exit_status = 4


class Cancelled(ClaimLost):
    """The caller's attempt was cancelled: the command that works on it must end."""

    code = "cancelled"


class StoreUnavailable(Refusal):
    code = "store_unavailable"
    exit_status = 5
    http_status = 503
