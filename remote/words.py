"""The words of calls, which both ends of the wire know: no SQL, no Django."""

from typing import Final

# Types of content. A reply is what the command prints, JSON and lines, and how it ends; the one for
# people has their lines in place of the JSON.
JSON: Final = "application/json"
REPLY: Final = "application/vnd.backlog.reply+json"
FOR_PEOPLE: Final = f"{REPLY}; form=text"
LINES: Final = "application/x-ndjson"

# Headers of an answer: how the command would end; the worker of the token, percent-encoded.
EXIT_STATUS: Final = "Backlog-Exit-Status"
WORKER: Final = "Backlog-Worker"

# Codes of refusals: an earlier try of the same call is still at work; no more claims can wait.
BEING_ANSWERED: Final = "being_answered"
TOO_MANY: Final = "too_many"

# Verbs whose JSON is a value a line; and those of any length, which are never a reply, nor kept in
# memory.
OF_LINES: Final = ("export", "tail")
STREAMED: Final = ("export",)

# How long a claim may wait, and a token last.
MOST_SECONDS: Final = 60
MOST_DAYS: Final = 3650
