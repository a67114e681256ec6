"""Rows that tests set up, and the store without any."""

from backlog.session import Session

# Row by row, for TRUNCATE makes every file anew (20 ms); what a large test left goes by it.
_EMPTY = """
DO $$ BEGIN
    IF pg_relation_size('backlog') + pg_relation_size('backlog_event') > 1000000 THEN
        TRUNCATE {tables};
    ELSE
        SET LOCAL session_replication_role = replica;
        {deletes};
    END IF;
END $$"""
_TABLES = ["backlog", "backlog_dependency", "backlog_deleted"]
_TABLES += ["backlog_event", "backlog_ended_run", "backlog_rule"]
EMPTY = _EMPTY.format(
    tables=", ".join(_TABLES), deletes="; ".join(map("DELETE FROM {}".format, _TABLES))
)


def empty(session: Session) -> None:
    """Remove every card, and what cards that are gone left."""
    session.execute(EMPTY)
