"""Whose migrations make the schema: this app, and what uses its tables and adds itself."""

from typing import Final

APPS: Final = {"backlog"}
