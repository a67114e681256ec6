"""What keeps PostgreSQL's planner from plans that are good only while its statistics are right.

Statistics come from whenever somebody looked last: a table that was empty then may hold a million
rows now. Each function says in SQL that a shortcut is not to be taken, and why.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from backlog.session import Session


def unindexed(text_column: str) -> str:
    """The column, in a form that no index serves; its value is the same.

    For a condition on the status beside one on the id: with statistics from a time when hardly any
    card had that status, an index on it would be read instead of the primary key.
    """
    return f"({text_column} || '')"


def is_true_unindexed(boolean_column: str) -> str:
    """That the column, which is never NULL, is true; no partial index on its truth serves it.

    For a claim by id, which would else read the whole queue's index for the one card.
    """
    return f"{boolean_column} IS NOT FALSE"


def few(*arrays: str) -> str:
    """The elements of arrays in a FROM clause, side by side, which the planner takes for ten.

    It would count those of a parameter, and multiply them by what it believes of another table; a
    plan that looks so expensive reads that table whole, or is compiled.
    """
    return f"unnest({', '.join(f'(SELECT {array})' for array in arrays)})"


def row_by_row(lateral: str) -> str:
    """The SELECT of a LATERAL join, run once for each row before it, by its index.

    Joined as a whole, the planner may rather read all of the table at every step of a walk.
    """
    return f"{lateral} OFFSET 0"


def by_itself(select: str) -> str:
    """The SELECT in a FROM clause, computed as it stands and not merged into the joins around it.

    For rows that a function makes of each row: merged, the planner may join another table to each
    row's few, one after the other, and so read all of it for each.
    """
    return f"{select} OFFSET 0"


@contextmanager
def _without(session: Session, way: str) -> Iterator[None]:
    """A transaction in which the planner takes this way only where there is no other.

    A plan without it may look so expensive that PostgreSQL would compile it, which takes longer
    than it runs; so compiling is switched off as well.
    """
    with session.transaction():
        for name in (way, "jit"):
            session.execute(f"SET LOCAL {name} = off")
        yield
        for name in (way, "jit"):
            session.execute(f"SET LOCAL {name} TO DEFAULT")


def no_nested_loops(session: Session) -> AbstractContextManager[None]:
    """A transaction whose statements join much of one table with much of another.

    With old statistics the planner would compare each row with each.
    """
    return _without(session, "enable_nestloop")


def indexed(session: Session) -> AbstractContextManager[None]:
    """A transaction whose statement is about few rows, whatever the statistics say of it, or finds
    in an index all that it asks for.

    The planner does not know how rare a word is before it looks, and would read a table whole;
    and where processors are to spare it reads a table rather than an index of a quarter its size,
    at the cost of what others have in memory.
    """
    return _without(session, "enable_seqscan")
