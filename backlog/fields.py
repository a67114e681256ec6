"""The fields whose columns hold a rule by their type: the domains of `backlog/sql/domains.sql`.

What mypy wants of them, arguments of a generic class, Django's fields do not take at run time.
"""

from typing import Any

from django.db import models


class _InDomain:
    """A field whose column has the type `domain`."""

    domain: str

    def db_type(self, connection: Any) -> str:
        """The column's type in the database."""
        return self.domain


class LineField(_InDomain, models.TextField):  # type: ignore[type-arg]
    """Text that is not blank, up to `lifecycle.LONGEST_TEXT`."""

    domain = "backlog_line"


class NameField(_InDomain, models.TextField):  # type: ignore[type-arg]
    """The id of a card, or an owner: not blank, up to `lifecycle.LONGEST_NAME`."""

    domain = "backlog_name"

    def rel_db_type(self, connection: Any) -> str:
        """What refers to a card may have any text: the card need not exist."""
        return "text"


class LabelField(_InDomain, models.TextField):  # type: ignore[type-arg]
    """A phase or a role: up to `lifecycle.LONGEST_NAME`."""

    domain = "backlog_label"


class KeyField(_InDomain, models.TextField):  # type: ignore[type-arg]
    """An idempotency key: up to `lifecycle.LONGEST_KEY`."""

    domain = "backlog_key"


class FreeTextField(_InDomain, models.TextField):  # type: ignore[type-arg]
    """Whatever somebody writes, up to `lifecycle.LONGEST_TEXT`."""

    domain = "backlog_text"


class IdsField(_InDomain, models.JSONField):
    """A list of names of cards, up to `lifecycle.LONGEST_JSON` as it is written."""

    domain = "backlog_ids"


class DocumentField(_InDomain, models.JSONField):
    """JSON, up to `lifecycle.LONGEST_JSON` as it is written, numbers with all their zeros."""

    domain = "backlog_document"


class CountField(_InDomain, models.IntegerField):  # type: ignore[type-arg]
    """From 0 to `lifecycle.MOST_COUNTED`."""

    domain = "backlog_count"


class TokensField(_InDomain, models.BigIntegerField):  # type: ignore[type-arg]
    """Not negative."""

    domain = "backlog_tokens"


class CostField(_InDomain, models.DecimalField):  # type: ignore[type-arg]
    """A number, not negative, as large as its column holds; not NaN."""

    domain = "backlog_cost"


class BlockReasonField(_InDomain, models.TextField):  # type: ignore[type-arg]
    """One of `lifecycle.BLOCK_REASONS`."""

    domain = "backlog_block_reason"


class ResolutionField(_InDomain, models.TextField):  # type: ignore[type-arg]
    """One of `lifecycle.RESOLUTIONS`."""

    domain = "backlog_resolution"


class SecondsField(_InDomain, models.IntegerField):  # type: ignore[type-arg]
    """At least one."""

    domain = "backlog_seconds"


class TimestampField(_InDomain, models.DateTimeField):  # type: ignore[type-arg]
    """Between the years 1000 and 9100."""

    domain = "backlog_timestamp"


class WordsField(models.Field):  # type: ignore[type-arg]
    """The words of a text, for a search; nobody reads them."""

    def db_type(self, connection: Any) -> str:
        """The column's type in the database."""
        return "tsvector"
