"""Search: cards by words of theirs, of their runs' summaries and of what was said of them.

Every word must be found, or be the beginning of one; the card's own texts are one place, each
summary and each note another. See docs/decisions/0022-search.md.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from backlog import values
from backlog.lifecycle import CELL_OF
from backlog.planner import indexed
from backlog.session import Session
from backlog.shown import flat

# As many characters are searched for; as many of a text are searched (`backlog_words` has the
# number too); as many of each place are ranked.
LONGEST: Final = 200
LONGEST_SEARCHED: Final = 100_000
MOST_RANKED: Final = 1_000
# Of so many cards a search makes the words itself, if no sweep has.
MOST_MADE: Final = 1_000

_BEFORE: Final = 60
_SNIPPET: Final = 240
_LOOKED_AT: Final = 50


class Hit(NamedTuple):
    """A card that was found; `found_in`: title, body, acceptance, summary (of `attempt`) or note.

    `snippet` is some of that text, on one line; of a title, the beginning of the body. `title` is
    as much of it as is searched.
    """

    id: str
    title: str
    phase: str | None
    cell: str
    found_in: str
    attempt: int | None
    snippet: str
    archived: bool


class Found(NamedTuple):
    """A page of hits, of `total`; `in_part`: there are more than are ranked; `to_come`: some cards
    are not looked through, before a sweep makes their words. `words` as they are sought.
    """

    hits: list[Hit]
    total: int
    in_part: bool
    to_come: bool
    words: tuple[str, ...]


_WORDS: Final = """
SELECT tsvector_to_array(backlog_words(word))
FROM unnest(%s::text[]) WITH ORDINALITY AS given (word, n) ORDER BY n"""

# Locked first: the statement after it sees the texts that were committed before.
_TO_MAKE: Final = """
SELECT card_id FROM backlog_search WHERE document IS NULL LIMIT %s FOR UPDATE SKIP LOCKED"""

_MAKE: Final = """
UPDATE backlog_search SET document = backlog_card_words(id, title, body, acceptance)
FROM backlog WHERE id = card_id AND card_id = ANY (%s)"""

# Parameters: the text twice, the query three times, the page. What has the same rank comes by id.
_FIND: Final = f"""
WITH found (place, card_id, rank, run, event) AS (
    SELECT 1, id, 'Infinity'::real, NULL::bigint, NULL::bigint FROM backlog WHERE id = %s
    UNION ALL (
        SELECT 2, card_id, CASE WHEN lower(card_id) = lower(%s) THEN 'Infinity'
            ELSE ts_rank(document, query) END, NULL, NULL FROM (
            SELECT card_id, document, query FROM backlog_search, CAST(%s AS tsquery) AS query
            WHERE document @@ query LIMIT {MOST_RANKED}) AS some_cards)
    UNION ALL (
        SELECT 3, card_id, 0, id, NULL FROM backlog_ended_run
        WHERE summary IS NOT NULL AND backlog_words(summary) @@ %s::tsquery LIMIT {MOST_RANKED})
    UNION ALL (
        SELECT 4, card_id, 0, NULL, id FROM backlog_event
        WHERE verb IN ('block', 'cancel', 'unblock', 'comment')
            AND backlog_words(note) @@ %s::tsquery LIMIT {MOST_RANKED})
), ranked AS (
    SELECT card_id, max(rank) AS rank, max(run) AS run, max(event) AS event,
        count(*) OVER () AS total
    FROM found WHERE EXISTS (SELECT FROM backlog WHERE id = card_id)
    GROUP BY card_id ORDER BY rank DESC, card_id LIMIT %s OFFSET %s
)
SELECT card.id, left(card.title, {LONGEST_SEARCHED}), card.phase, card.status, card.claimable,
    card.archived_at IS NOT NULL,
    left(card.body, {LONGEST_SEARCHED}), left(card.acceptance::text, {LONGEST_SEARCHED}),
    run.attempt, left(run.summary, {LONGEST_SEARCHED}), left(event.note, {LONGEST_SEARCHED}), total,
    EXISTS (SELECT FROM found GROUP BY place HAVING count(*) = {MOST_RANKED})
FROM ranked JOIN backlog AS card ON card.id = ranked.card_id
LEFT JOIN backlog_ended_run AS run ON run.card_id = card.id AND run.id = ranked.run
LEFT JOIN backlog_event AS event ON event.card_id = card.id AND event.id = ranked.event
ORDER BY rank DESC, card.id"""


def search(session: Session, text: str, limit: int = 20, page: int = 1) -> Found:
    """The cards that the words lead to, the best first; first of all the one of that id, in
    small letters or capitals.

    A page of `limit`, from 1. Of a word that very many have, some cards only: `in_part`. Raises
    `UsageError` for a text that is blank or longer than `LONGEST`.
    """
    values.line(text, "text", LONGEST)
    to_come = make_words(session) == MOST_MADE
    words, query = _query(session, text)
    with indexed(session):
        sought = (*[text.strip()] * 2, *[query] * 3, limit, (page - 1) * limit)
        rows = session.execute(_FIND, sought).fetchall()
    hits = [_hit(words, *row[:11]) for row in rows]
    total, in_part = rows[0][11:] if rows else (0, False)
    return Found(hits, total, in_part, to_come, words)


def make_words(session: Session) -> int:
    """Make the words of `MOST_MADE` cards that have none yet; of how many there were some to make.

    What others make at this moment is left to them.
    """
    with indexed(session):
        ids = [row[0] for row in session.execute(_TO_MAKE, (MOST_MADE,))]
        return session.execute(_MAKE, (ids,)).rowcount if ids else 0


def marked(text: str, words: tuple[str, ...]) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is (the beginning of) one of the words."""
    pieces, end = [], 0
    for found in _places(words, text):
        pieces += [(text[end : found.start()], False), (found[0], True)]
        end = found.end()
    return [piece for piece in [*pieces, (text[end:], False)] if piece[0]]


def _query(session: Session, text: str) -> tuple[tuple[str, ...], str]:
    """The words as the database sees them, and what is asked of it."""
    # Under locale C, PostgreSQL takes capitals for small letters only in ASCII.
    ways = [
        list(dict.fromkeys((each, each.lower(), each.title(), each.upper())))
        if not each.isascii()
        else [each]
        for each in text.split()
    ]
    rows = iter(session.execute(_WORDS, ([way for each in ways for way in each],)).fetchall())
    read = [[next(rows)[0] for _ in each] for each in ways]
    words = tuple(dict.fromkeys(word for each in read for word in each[0]))
    alternatives = [" | ".join(filter(None, map(_all_of, each))) for each in read]
    return words, " & ".join(f"({each})" for each in alternatives if each)


def _all_of(words: list[str]) -> str:
    quoted = (word.replace("\\", "\\\\").replace("'", "''") for word in words)
    return " & ".join(f"'{word}':*" for word in quoted)


def _hit(words: tuple[str, ...], *row: Any) -> Hit:
    """Of a row of `_FIND`, without its last two columns."""
    card_id, title, phase, status, claimable, archived, body, acceptance, attempt, *said = row
    found = (f"{card_id} {title}", body, acceptance, *said)
    names = ("title", "body", "acceptance", "summary", "note")
    texts = {name: text or "" for name, text in zip(names, found, strict=True)}
    where = max(texts, key=lambda name: _number(words, texts[name]))  # of equals the first
    shown = texts["body" if where == "title" else where]
    cell = CELL_OF[status, claimable]
    run = attempt if where == "summary" else None
    return Hit(card_id, title, phase, cell, where, run, _snippet(words, shown), archived)


def _number(words: tuple[str, ...], text: str) -> int:
    """How many of the words the text has."""
    return len({found[0].lower() for found in _places(words, text)})


def _snippet(words: tuple[str, ...], text: str) -> str:
    """What stands in the text where the most of the words are together, on one line."""
    places = list(islice(_places(words, text), _LOOKED_AT))

    def together(first: re.Match[str]) -> int:
        near = range(first.start(), first.start() + _SNIPPET - _BEFORE)
        return len({each[0].lower() for each in places if each.start() in near})

    start = max(places, key=together).start() - _BEFORE if places else 0
    if start <= 0:
        return flat(text[: 4 * _SNIPPET], _SNIPPET)
    return "…" + flat(text[start : start + 4 * _SNIPPET], _SNIPPET).partition(" ")[2]


def _places(words: tuple[str, ...], text: str) -> Iterator[re.Match[str]]:
    """Where a word of the text begins with one of these."""
    if not words:
        return iter(())
    either: Any = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    return re.finditer(rf"(?<![^\W_])(?:{either})", text, re.IGNORECASE)
