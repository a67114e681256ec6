"""What the code takes for granted of a connection, and so sets itself when it connects.

The server, the database, the role and libpq's environment can all say otherwise. A statement sets
what differs: start-up `options` would do, but poolers refuse them. What an operator limits on
purpose (time-outs, memory, read-only transactions, where tables go) is left; see `docs/deploy.md`.
"""

from typing import Any, Final

from backlog.errors import ConfigurationError

_PINS: Final = {
    # How values are written. psycopg takes times in ISO only, and numbers as they come.
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    # How statements and values are read.
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
    "array_nulls": "on",
    # What statements do: the triggers count under READ COMMITTED, a refusal is not the end of the
    # session, functions and views are ours.
    "default_transaction_isolation": "read committed",
    "exit_on_error": "off",
    "plpgsql.extra_errors": "none",
    "restrict_nonsystem_relation_kind": "",
    # To compile a claim takes longer than to run it.
    "jit": "off",
}

# An expression that pins what differs, and knows what this server has no name for. A search path
# may name the backlog's schema, and stays, unless it names none where a table could be; what was
# made in that of temporary tables, where it comes first, would be gone with the connection.
_VALUES: Final = ", ".join(f"('{name}', '{value}')" for name, value in _PINS.items())
_PIN: Final = f"""(
    SELECT count(set_config(name, value, false)) FROM (
        VALUES {_VALUES}
        UNION ALL SELECT 'search_path', CASE WHEN coalesce(current_schema(), '') IN
            ('', 'pg_catalog', 'information_schema') THEN 'public'
            ELSE coalesce(nullif(regexp_replace(
                current_setting('search_path'), '^"?pg_temp"?(, *|$)', ''), ''), 'public') END
    ) AS pin (name, value) WHERE current_setting(name, true) <> value
)"""  # noqa: S608 (our own words)
# What a SELECT gives, in this order, to a function of the same name.
PINNED: Final = f"{_PIN}, current_setting('session_replication_role')"


def check_pinned(count: int, replication_role: str) -> None:
    """Raise `ConfigurationError` where the database would not run the triggers."""
    if replication_role == "replica":
        raise ConfigurationError(
            "the database runs no triggers for this role, and so would not keep the cards right:"
            " ALTER ROLE … RESET session_replication_role (or ALTER DATABASE …)"
        )


def check_encoding(connection: Any) -> None:
    """Raise `ConfigurationError` where the database cannot hold every text; asks nobody."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding not in (None, "UTF8"):
        raise ConfigurationError(
            f'the database "{connection.info.dbname}" has the encoding {encoding}, and cards need'
            " UTF8: make another by createdb --template=template0 --encoding=UTF8 NAME, and name"
            " it in DATABASE_URL"
        )
