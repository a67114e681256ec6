"""What is wrong with the choice of a store."""

from backlog.errors import UsageError


class ConfigurationError(UsageError):
    """The environment does not name a store; the message says what would."""
