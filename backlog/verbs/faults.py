"""What is wrong with the lines of an import: all of it counted, and told in one refusal."""

from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from operator import itemgetter
from typing import Final

from backlog.errors import Refusal, UsageError

# As many faults does an import that is refused tell, and a dry run.
FEW: Final = 10
MANY: Final = 100

_MOST_KEYS: Final = 20
_LONGEST_KEY: Final = 40

# What others call it: their key in small letters without separators.
_SYNONYMS: Final = {
    "acceptancecriteria": "acceptance",
    "blockedby": "dependsOn",
    "criteria": "acceptance",
    "dependencies": "dependsOn",
    "deps": "dependsOn",
    "description": "body",
    "lane": "phase",
    "milestone": "phase",
    "name": "title",
    "state": "status",
    "subject": "title",
    "summary": "title",
}


# A line, and an element of an array or 0; and what that place is called in a sentence.
At = tuple[int, int]
Where = Callable[[int, int], str]


def place(line: int, element: int) -> str:
    """Where something begins in the file, for a sentence."""
    return f"element {element} (line {line})" if element else f"line {line}"


class Faults:
    """Refusals, each with its line and element, in the order of these; the first `most` are kept.

    The one that was found first is the kind of them all. `where` says what a place is called.
    """

    def __init__(self, most: int, where: Where = place) -> None:
        self.most = most
        self.where = where
        self.count = 0
        self.kept: list[tuple[At, Refusal]] = []
        self._kind: type[Refusal] | None = None

    def add(self, at: At, refusal: Refusal) -> None:
        self.tell(at, type(refusal)(f"{self.where(*at)}: {refusal}"))

    def add_named(self, where: str, refusal: Refusal) -> None:
        """As `add`, of a place with a name of its own, behind all that was found before."""
        self.tell((self.count, 0), type(refusal)(f"{where}: {refusal}"))

    def tell(self, at: At, refusal: Refusal) -> None:
        """As `add`, of one that says where."""
        self.count += 1
        self._kind = self._kind or type(refusal)
        insort(self.kept, (at, refusal), key=itemgetter(0))
        del self.kept[self.most :]

    def extend(self, others: "Faults") -> None:
        self._kind = self._kind or others._kind
        for at, refusal in others.kept:
            self.tell(at, refusal)
        self.count += others.count - len(others.kept)

    @property
    def full(self) -> bool:
        return len(self.kept) == self.most

    def refuse(self) -> None:
        """Raise what is wrong, if anything is, as one refusal."""
        if self._kind is None:
            return
        said = [str(refusal) for _, refusal in self.kept]
        if self.count > len(said):
            hint = f" (--dry-run tells the first {MANY})" if self.most < MANY else ""
            said.append(f"and {self.count - len(said)} more{hint}")
        refusal = self._kind("; ".join(said))
        refusal.faults = tuple(said)
        raise refusal


class UnknownKeys:
    """Keys that no card has: how many lines give each, and where the first does."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._first: dict[str, At] = {}

    def add(self, keys: Iterable[str], line: int, element: int) -> None:
        for key in keys:
            self.counts[key] = self.counts.get(key, 0) + 1
            self._first.setdefault(key, (line, element))

    def report(self, faults: Faults, known: Sequence[str]) -> None:
        """All of them are one fault, where the first stands."""
        if not self.counts:
            return
        many, them = ("", "it") if len(self.counts) == 1 else ("s", "them")
        shown = list(self.counts)[:_MOST_KEYS]
        meant = [f"{name} for {_shorter(key)}" for key in shown if (name := likely(key, known))]
        hint = f"perhaps {', '.join(meant)}; " if meant else ""
        faults.add(
            self._first[shown[0]],
            UsageError(
                f"unknown key{many} {self._listed(self._fault)}; known are {', '.join(known)};"
                f" {hint}--ignore-unknown leaves {them} out"
            ),
        )

    def __str__(self) -> str:
        """Which they are, how often each."""
        return self._listed(lambda key: f"{_shorter(key)} ({self.counts[key]})") or "-"

    def _listed(self, told: Callable[[str], str]) -> str:
        shown = ", ".join(told(key) for key in list(self.counts)[:_MOST_KEYS])
        more = len(self.counts) - _MOST_KEYS
        return shown + (f" and {more} more" if more > 0 else "")

    def _fault(self, key: str) -> str:
        count, first = self.counts[key], self._first[key]
        things = ("element" if first[1] else "line") + ("s" if count > 1 else "")
        if len(self.counts) == 1:
            return _shorter(key) + (f" ({count} {things})" if count > 1 else "")
        return f"{_shorter(key)} ({count} {things}, the first is {place(*first)})"


def _shorter(key: str) -> str:
    return key if len(key) <= _LONGEST_KEY else f"{key[:_LONGEST_KEY]}…"


def likely(key: str, known: Sequence[str]) -> str | None:
    """The key that is probably meant by one that is written otherwise, or misspelt."""
    letters = {name.casefold(): name for name in known}
    plain = "".join(filter(str.isalnum, key[: 2 * _LONGEST_KEY])).casefold()
    near = [plain, *get_close_matches(plain, letters, 1, 0.8)]
    return _SYNONYMS.get(plain) or next((letters[n] for n in near if n in letters), None)
