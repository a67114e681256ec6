"""The fields whose columns hold a rule by their type: the domains of `backlog/sql/domains.sql`.

What mypy wants of them, arguments of a generic class, Django's fields do not take at run time.
"""

from typing import Any

from django.db import models


class _InDomain:
    """A field whose column has the type `domain`."""

    domain: str

    def __init_subclass__(cls, domain: str, **others: Any) -> None:
        super().__init_subclass__(**others)
        cls.domain = domain

    def db_type(self, connection: Any) -> str:
        return self.domain


class LineField(_InDomain, models.TextField, domain="backlog_line"):  # type: ignore[type-arg]
    """Text that is not blank, up to `lifecycle.LONGEST_TEXT`."""


class NameField(_InDomain, models.TextField, domain="backlog_name"):  # type: ignore[type-arg]
    """The id of a card, or an owner: not blank, up to `lifecycle.LONGEST_NAME`."""

    def rel_db_type(self, connection: Any) -> str:
        """What refers to a card may have any text: the card need not exist."""
        return "text"


class LabelField(_InDomain, models.TextField, domain="backlog_label"):  # type: ignore[type-arg]
    """A phase or a role: up to `lifecycle.LONGEST_NAME`."""


class KeyField(_InDomain, models.TextField, domain="backlog_key"):  # type: ignore[type-arg]
    """An idempotency key: up to `lifecycle.LONGEST_KEY`."""


class FreeTextField(_InDomain, models.TextField, domain="backlog_text"):  # type: ignore[type-arg]
    """Whatever somebody writes, up to `lifecycle.LONGEST_TEXT`."""


class IdsField(_InDomain, models.JSONField, domain="backlog_ids"):
    """A list of names of cards, up to `lifecycle.LONGEST_JSON` as it is written."""


class DocumentField(_InDomain, models.JSONField, domain="backlog_document"):
    """JSON, up to `lifecycle.LONGEST_JSON` as it is written, numbers with all their zeros."""


class CountField(_InDomain, models.IntegerField, domain="backlog_count"):  # type: ignore[type-arg]
    """From 0 to `lifecycle.MOST_COUNTED`."""


class TokensField(_InDomain, models.BigIntegerField, domain="backlog_tokens"):  # type: ignore[type-arg]
    """Not negative."""


class CostField(_InDomain, models.DecimalField, domain="backlog_cost"):  # type: ignore[type-arg]
    """A number, not negative, as large as its column holds; not NaN."""


class BlockReasonField(_InDomain, models.TextField, domain="backlog_block_reason"):  # type: ignore[type-arg]
    """One of `lifecycle.BLOCK_REASONS`."""


class ResolutionField(_InDomain, models.TextField, domain="backlog_resolution"):  # type: ignore[type-arg]
    """One of `lifecycle.RESOLUTIONS`."""


class SecondsField(_InDomain, models.IntegerField, domain="backlog_seconds"):  # type: ignore[type-arg]
    """At least one."""


class TimestampField(_InDomain, models.DateTimeField, domain="backlog_timestamp"):  # type: ignore[type-arg]
    """Between the years 1000 and 9100."""


class WordsField(models.Field):  # type: ignore[type-arg]
    """The words of a text, for a search; nobody reads them."""

    def db_type(self, connection: Any) -> str:
        return "tsvector"
