"""Questions to the server, and its answers: asked again where none came, and never done twice."""

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException, HTTPResponse, IncompleteRead
from ssl import SSLCertVerificationError, SSLError
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from backlog import errors
from backlog.errors import Busy, ClaimLost, Refusal, SchemaTooNew, StoreUnavailable, UsageError
from backlog.session import idle_pauses
from backlog.values import exact_json, name, parse_json
from remote import words
from remote.client import arriving
from remote.client.address import Address, Way

# How long a question without an answer is asked again: a server that restarts is back by then.
PATIENCE_SECONDS: Final = 10.0
# How long it may take to connect, through a proxy and TLS.
_REACHED_SECONDS: Final = 10.0
# How long until an answer must be whole; an import may take its time.
_SILENCE_SECONDS: Final = 300.0
_CHUNK: Final = 64 * 1024
# The most bytes of an answer, or of a line of one: whoever sends more is no backlog, or means harm.
_LONGEST: Final = 2**30
# What a gateway says without its server, and a server without its store.
_AWAY: Final = (502, 503, 504)
_MOST_STATUS: Final = 255

# How a whole reply begins. Its JSON is printed as it is written: to the last digit and blank.
_BEGIN: Final = re.compile(r'{"status":([0-9]{1,3}),"json":')
_BLANKS: Final = re.compile(r"[ \t\n\r]*")

_KNOWN: Final = {
    each.code: each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, Refusal)
}
# What reading an answer raises if it is not one of ours.
_OTHERS: Final = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
    *(RecursionError, MemoryError, UsageError),
)
_OF_STATUS: Final = {413: UsageError, 422: UsageError, 423: ClaimLost, 503: StoreUnavailable}


def _no_number(word: str) -> str:
    raise ValueError(f"{word} is not JSON")


# Numbers stay as they are written: Python converts no more than 4,300 digits.
_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_number)


class NotUnderstood(SchemaTooNew):
    """A backlog answers, and nothing that this command can read: it is of another version.

    Nobody asks again: what was asked for may have been done, and each further claim takes a card.
    """

    code = "store_unavailable"
    exit_status = 5


class Answer(NamedTuple):
    """What a verb answered: its exit status, its JSON, as it was written; the lines that say the
    same to people (None: the JSON is for them as well), a word on stderr. Or `lines` of JSON that
    are read as they come. `url`: whose answer it is."""

    status: int
    json: str
    text: list[str] | None
    note: str | None
    lines: Iterator[str] | None = None
    url: str = ""

    @property
    def document(self) -> Any:
        """The value of the JSON; its numbers as they are written (`values.Digits`)."""
        return parse_json(self.json)

    def read[T](self, how: Callable[[Any], T]) -> T:
        """What this makes of the document. Raises `NotUnderstood` where it can make nothing."""
        return self._understood(lambda: how(self.document))

    @property
    def each(self) -> list[str]:
        """Of an array each value, as it was written. Raises `NotUnderstood`."""
        return self._understood(lambda: list(_elements(self.json)))

    def _understood[T](self, read: Callable[[], T]) -> T:
        try:
            return read()
        except _OTHERS:
            raise NotUnderstood(
                f"{self.url} (BACKLOG_URL) answers what this command cannot read: both must be of"
                " one version of the backlog"
            ) from None


def _elements(array: str) -> Iterator[str]:
    """The values of a JSON array, as they are written. Raises `ValueError`."""
    if not array.startswith("["):
        raise ValueError
    at = _past_blanks(array, 1)
    while array[at] != "]":
        _, end = _DECODER.raw_decode(array, at)
        yield array[at:end]
        at = _past_blanks(array, end)
        if array[at] == ",":
            at = _past_blanks(array, at + 1)


def _past_blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at


class Wire:
    """A connection to the server, for one thread; opened when it is needed, and anew when it broke.

    A question that meets no answer is asked again for `patience` seconds; one that is not here
    after `silence` seconds, nobody waits for any more.
    """

    def __init__(
        self,
        address: Address,
        patience: float = PATIENCE_SECONDS,
        silence: float = _SILENCE_SECONDS,
    ) -> None:
        self._address, self._patience, self._silence = address, patience, silence
        self._way: Way | None = None
        # Whose token it is, once anything was answered; None: the server does not say.
        self.worker: str | None = None

    def ask(
        self, verb: str, given: Mapping[str, Any], *, reads: bool = False, as_json: bool = True
    ) -> Answer:
        """What the verb of this name (`plan/apply`) answers, given values of JSON; as lines for
        people, unless `as_json`.

        One that does not only read (`reads`) has a key of its own: however often it is sent, it is
        done once. Raises `Refusal`, as the verb does, and `StoreUnavailable` where nobody answers.
        """
        headers = {
            "Authorization": f"Bearer {self._address.token}",
            "Accept": f"{words.REPLY if as_json else words.FOR_PEOPLE}, {words.LINES}",
            "Content-Type": words.JSON,
        }
        if not reads:
            headers["Idempotency-Key"] = os.urandom(16).hex()
        body = exact_json(dict(given)).encode()
        over: float | None = None
        for pause in idle_pauses():
            found, asked_for = self._try(verb, body, headers)
            if isinstance(found, Answer):
                return found
            pause = max(pause, asked_for)
            over = over or time.monotonic() + self._patience
            if time.monotonic() + pause >= over:
                raise found
            time.sleep(pause)
        raise AssertionError  # the pauses never end

    def close(self) -> None:
        if self._way is not None:
            self._way.connection.close()
            self._way = None

    def _try(
        self, verb: str, body: bytes, headers: dict[str, str]
    ) -> tuple[Answer | Refusal, float]:
        """The answer; or why there is none yet, and how many seconds the server says to wait.
        Raises `Refusal` where another try would not help."""
        try:
            response = self._response(verb, body, headers)
            self.worker = _named(response.getheader(words.WORKER))
            kind = response.getheader("Content-Type") or ""
            if verb in words.STREAMED and response.status == 200 and kind.startswith(words.LINES):
                return Answer(0, "null", None, None, self._lines(response)), 0
            content = self._whole(response)
        except (OSError, HTTPException, UnicodeError) as error:  # UnicodeError: of a host's name
            self.close()
            away = self._away(error)
            if isinstance(error, SSLCertVerificationError) or _is_no_tls(error):
                raise away from None
            return away, 0
        if response.status == 200:
            return self._answer(response, content), 0
        refusal = self._refusal(response, content)
        may_pass = response.status in _AWAY and isinstance(refusal, StoreUnavailable | Busy)
        if refusal.code == words.BEING_ANSWERED:
            refusal = StoreUnavailable(str(refusal))  # for whoever asks again: no answer yet
        elif refusal.code == words.TOO_MANY or not may_pass:
            raise refusal
        said = response.getheader("Retry-After") or ""
        return refusal, float(said) if said.isascii() and said.isdigit() else 0

    def _response(self, verb: str, body: bytes, headers: dict[str, str]) -> arriving.Answer:
        if self._way is not None:
            try:
                return self._sent(self._way, verb, body, headers)
            except ConnectionError:
                self.close()  # the server did, while nothing was asked
        self._way = self._address.way(min(_REACHED_SECONDS, self._silence))
        connection = self._way.connection
        connection.connect()
        connection.timeout = self._silence  # of one that opens by itself, after `close`
        return self._sent(self._way, verb, body, headers)

    def _sent(self, way: Way, verb: str, body: bytes, headers: dict[str, str]) -> arriving.Answer:
        if way.connection.sock is not None:  # which has what the last answer left of its time
            way.connection.sock.settimeout(self._silence)
        way.connection.request("POST", way.path + verb, body, {**headers, **way.headers})
        response = way.connection.getresponse()
        assert isinstance(response, arriving.Answer)  # noqa: S101 (the way makes no other)
        return response

    def _whole(self, response: HTTPResponse) -> bytes:
        """The body of the answer. Raises `StoreUnavailable` if it is too long or takes too long."""
        whole = bytearray()
        with response:  # nobody else would close what is not read to its end
            while len(whole) + (response.length or 0) <= _LONGEST:
                piece = response.read1(_CHUNK)
                whole += piece
                if response.length == 0 or (response.length is None and not piece):
                    return bytes(whole)
                if not piece:
                    raise IncompleteRead(bytes(whole))
        self.close()
        raise self._no_backlog(response)

    def _answer(self, response: HTTPResponse, content: bytes) -> Answer:
        try:
            whole = content.decode()
            begin = _BEGIN.match(whole)
            if begin is None:
                raise ValueError
            _, end = _DECODER.raw_decode(whole, begin.end())
            rest = json.loads("{" + whole[end + 1 :])
            written, text, note = whole[begin.end() : end], rest["text"], rest["note"]
            strings = all(isinstance(each, str) for each in (*(text or ()), note or ""))
            if not strings or not isinstance(text, list | None) or int(begin[1]) > _MOST_STATUS:
                raise ValueError
            return Answer(int(begin[1]), written, text, note, url=self._address.url)
        except _OTHERS:
            raise self._no_backlog(response) from None

    def _lines(self, response: arriving.Answer) -> Iterator[str]:
        begun = bytearray()
        try:
            with response:
                while piece := response.read(_CHUNK):
                    rest, *lines = piece.split(b"\n")
                    begun += rest
                    if len(begun) > _LONGEST:
                        raise ValueError
                    for line in lines:
                        yield begun.decode()
                        begun = bytearray(line)
                    response.go_on()  # whoever reads the lines may take their time
                if begun:
                    yield begun.decode()
        except (OSError, HTTPException) as error:
            self.close()
            raise self._away(error) from None
        except ValueError:  # no text, or without an end
            self.close()
            raise self._no_backlog(response) from None

    def _refusal(self, response: HTTPResponse, content: bytes) -> Refusal:
        """What the server refuses; or that it is no backlog."""
        try:
            error = json.loads(content)["error"]
            code, message = str(error["code"]), str(error["message"])
        except _OTHERS:
            return self._no_backlog(response)
        code, message = self._harmless(code), self._harmless(message)
        if code in _KNOWN:
            return _KNOWN[code](message)
        kind = _OF_STATUS.get(response.status, Refusal)
        told: Refusal = type("Told", (kind,), {"code": code})(message)
        return told

    def _no_backlog(self, response: HTTPResponse) -> StoreUnavailable:
        led = response.getheader("Location") if 300 <= response.status < 400 else None
        hint = f"it leads to {led}" if led else "is it the address of a backlog?"
        answered = f"{response.status} {response.reason}".strip()
        said = self._harmless(f"answers {answered}: {hint}")
        return StoreUnavailable(f"{self._address.url} (BACKLOG_URL) {said}")

    def _away(self, error: Exception) -> StoreUnavailable:
        reason = getattr(error, "verify_message", None) or getattr(error, "strerror", None) or error
        if isinstance(error, IncompleteRead):
            reason = "the answer broke off"
        elif isinstance(error, TimeoutError):  # which names a line of C where it is TLS's
            reason = "timed out"
        elif _is_no_tls(error):
            reason = "it speaks no TLS; is it http://…?"
        said = self._harmless(f"cannot be reached: {reason}")
        return StoreUnavailable(f"{self._address.url} (BACKLOG_URL) {said}")

    def _harmless(self, said: str) -> str:
        """What the server says, for a sentence: text, and not the token, which it may say back."""
        whole = said.encode("utf-8", "backslashreplace").decode()
        return whole.replace(self._address.token, "(the token)")


def _is_no_tls(error: Exception) -> bool:
    return isinstance(error, SSLError) and error.reason == "WRONG_VERSION_NUMBER"


def _named(worker: str | None) -> str | None:
    """The worker that a header names; None if it names none."""
    try:
        return name(unquote(worker, errors="strict")) if worker else None
    except (UnicodeError, UsageError):
        return None
