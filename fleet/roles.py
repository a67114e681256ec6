"""The roles of a fleet: a contract each, a Markdown file with what is fixed of it in front.

The project brings twelve in `contracts/`. A fleet adds its own from the directory that
`BACKLOG_ROLES_DIR` names, one file each; one of the same name takes the place of the project's.
"""

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG
from typing import Any, Final, NamedTuple

from backlog import values
from backlog.errors import ConfigurationError, NotFound, UsageError
from fleet.marked import Fault, Marked, at, plain, sentence
from fleet.words import RIGHTS

DIRECTORY: Final = "BACKLOG_ROLES_DIR"
KINDS: Final = ("front-office", "execution", "gate", "meta")
_MAY: Final = {"execution": ("claim", "claim-any")}

_CONTRACTS: Final = Path(__file__).with_name("contracts")
_NEEDED: Final = ("class", "kind", "mandate", "boundaries", "persona")
_FENCE: Final = "---"
# Of a fleet's own: every page of roles reads all of them.
_MOST_FILES: Final = 200
_MOST_BYTES: Final = 100_000


class Role(NamedTuple):
    """A contract. Cards and workers say its `name`: the alias of its class, if it has one."""

    name: str
    role_class: str
    kind: str
    mandate: str
    boundaries: tuple[str, ...]
    persona: str
    contract: str  # Markdown
    is_own: bool  # the fleet's, not the project's
    may: tuple[str, ...] | None  # of `words.RIGHTS`; None: it does not say


def roles() -> list[Role]:
    """Every role, by name: the fleet's own, and those of the project's that they do not replace.

    Raises `ConfigurationError`, which names file and line.
    """
    found = _roles_of(_CONTRACTS, is_own=False)
    if own := os.environ.get(DIRECTORY):
        for name, role in _roles_of(Path(own), is_own=True).items():
            may = role.may
            if may is None:  # what the one may that it replaces, or what its kind needs
                may = found[name].may if name in found else _MAY.get(role.kind, ())
            found[name] = role._replace(may=may)
    return sorted(found.values())


def role(name: str) -> Role:
    """The role of that name, or of that class. Raises `NotFound`, `ConfigurationError`."""
    known = roles()
    called = {each.role_class: each for each in known} | {each.name: each for each in known}
    if name in called:
        return called[name]
    from difflib import get_close_matches  # who is found needs none

    near = get_close_matches(name, [each.name for each in known], 1)
    advice = f"did you mean {near[0]}?" if near else "`roles` lists those there are"
    raise NotFound(f'there is no role "{name}"; {advice}')


def called(name: str) -> str | None:
    """What cards and workers say for the role of that name, or of that class; None: there is none.
    Raises `ConfigurationError`."""
    known = roles()
    said = {each.role_class: each.name for each in known} | {each.name: each.name for each in known}
    return said.get(name)


def granted(names: Iterable[str]) -> set[str]:
    """The rights that the roles of these names have together. Raises `ConfigurationError`."""
    named = set(names)
    return {right for each in roles() if each.name in named for right in each.may or ()}


def _roles_of(directory: Path, is_own: bool) -> dict[str, Role]:
    try:
        paths = sorted(each for each in directory.iterdir() if each.name.endswith(".md"))
    except OSError as error:
        right = f"{DIRECTORY} must name a directory that can be read"
        raise ConfigurationError(f"{right}; {directory}: {error.strerror}") from None
    if len(paths) > _MOST_FILES:
        raise ConfigurationError(f"{directory} has more than {_MOST_FILES} roles")
    found: dict[str, Role] = {}
    places: dict[str, Path] = {}
    for path in paths:
        read = _read(path, is_own)
        if read.name in places:
            raise ConfigurationError(f"{path}: {places[read.name]} has the role {read.name}")
        found[read.name], places[read.name] = read, path
    return found


def _read(path: Path, is_own: bool) -> Role:
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):  # a pipe would never end
            raise ConfigurationError(f"{path} is no file")
        if status.st_size > _MOST_BYTES:
            raise ConfigurationError(f"{path} has more than {_MOST_BYTES} bytes")
        return _as_it_was(path, is_own, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{path}, line {line}: this must be UTF-8") from None
    except Fault as fault:
        raise ConfigurationError(f"{path}, line {fault.line}: {fault}") from None


@lru_cache(maxsize=2 * _MOST_FILES)
def _as_it_was(path: Path, is_own: bool, *_when: int) -> Role:
    """The role in a file that has not changed since."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    if lines[:1] != [_FENCE] or _FENCE not in lines[1:]:
        raise Fault(1, f"a role begins with {_FENCE}, what is fixed of it, and {_FENCE} again")
    end = lines.index(_FENCE, 1)
    said = _fixed("\n".join(lines[1:end]))
    contract = "\n".join(lines[end + 1 :]).strip()
    name = said.get("alias") or said["class"]
    texts = (said["mandate"], tuple(said["boundaries"]), said["persona"], contract)
    may = tuple(said["may"]) if "may" in said else None
    return Role(name, said["class"], said["kind"], *texts, is_own, may)


def _fixed(front: str) -> dict[str, Any]:
    """What stands in front of a contract, each value checked. Raises `Fault`."""
    marked = Marked(2)  # the fence is the first
    said: dict[str, Any] = {}
    for key, value, line in marked.pairs(marked.mapping(front, ", ".join(_NEEDED))):
        with at(line):
            said[key] = _checked(key, plain(value))
    if missing := [key for key in _NEEDED if key not in said]:
        raise Fault(1, f"{' and '.join(missing)} must be given")
    return said


def _checked(key: str, value: object) -> object:
    if key == "boundaries":
        if not isinstance(value, list) or not value:
            raise UsageError("boundaries must be a list of what the role does not do")
        return [sentence(each, "a boundary") for each in value]
    if key == "may":
        if not isinstance(value, list):
            raise UsageError(f"may must be a list of rights: {', '.join(RIGHTS)}")
        return [values.one_of(sentence(each, "a right"), "a right", RIGHTS) for each in value]
    if key not in (*_NEEDED, "alias"):
        raise UsageError(f"{key} is no key of a role: {', '.join(_NEEDED)}, alias, may")
    said = sentence(value, key)
    if key == "kind":
        return values.one_of(said, key, KINDS)
    return _name(said, key) if key in ("class", "alias") else said


def _name(value: str, what: str) -> str:
    if "," in values.name(value, what):
        raise UsageError(f"{what} must not contain a comma, where lists of roles are split")
    return values.name(value, what)
