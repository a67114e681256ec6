"""What is wrong with the choice of a store."""


class ConfigurationError(Exception):
    """The environment does not name a store; the message says what would."""
