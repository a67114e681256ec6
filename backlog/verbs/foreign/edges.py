"""Which edges of a backlog become dependencies: those whose other end exists, without a cycle."""

from collections.abc import Iterator, Sequence

from backlog.session import Session
from backlog.shown import flat
from backlog.verbs.foreign.items import Item, Report


def settle(session: Session, items: Sequence[Item], ids: dict[str, str], report: Report) -> None:
    """Make ids of the keys in `waits`, by `ids`, and drop what would wait for ever: an edge to a
    card that is neither there nor in the store, and one that closes a cycle. The body keeps both.
    """
    away = {key for item in items for key in item.waits if key not in ids}
    rows = session.execute("SELECT id FROM backlog WHERE id = ANY (%s)", (_possible(away),))
    stored = {row[0] for row in rows}
    for item in items:
        for key in dict.fromkeys(item.waits):
            if key not in ids and key not in stored:
                item.tell("Waited for, and is not here", key)
                report.left_out("dependency on a card that is nowhere", _edge(item.id, key))
        kept = (ids.get(key, key) for key in item.waits if key in ids or key in stored)
        item.waits = list(dict.fromkeys(kept))
    for item, dependency in list(_closing({item.id: item for item in items})):
        item.waits.remove(dependency)
        item.tell("Waited for, in a circle", dependency)
        report.left_out("dependency that closes a cycle", _edge(item.id, dependency))


def _closing(items: dict[str, Item]) -> Iterator[tuple[Item, str]]:
    """The edges that lead back to a card on the way to them, each once: without them, no cycle."""
    done: set[str] = set()
    for start in items:
        if start in done:
            continue
        way = {start: iter(items[start].waits)}
        while way:
            here = next(reversed(way))
            for dependency in way[here]:
                if dependency in way:
                    yield items[here], dependency
                elif dependency in items and dependency not in done:
                    way[dependency] = iter(items[dependency].waits)
                    break
            else:
                done.add(here)
                del way[here]


def _possible(keys: set[str]) -> list[str]:
    """What may be an id at all: the database would not even look for the others."""
    return sorted(key for key in keys if "\0" not in key and key.isprintable())


def _edge(one: str, other: str) -> str:
    return f"{flat(one, 60)} → {flat(other, 60)}"
