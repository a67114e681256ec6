"""`roles`, `role`: who is who in the fleet."""

from typing import TYPE_CHECKING, Any

from backlog import values
from backlog.cli.options import Options, verb, word
from backlog.cli.reply import Reply, document
from backlog.records import row

if TYPE_CHECKING:
    from fleet.roles import Role


@verb("roles", "who is who in the fleet: every role, and what it is for", on_session=False)
def roles(options: Options) -> Reply:
    from fleet import roles as library

    found = library.roles()
    return document([_facts(each) for each in found], map(_line, found))


@verb(
    "role",
    "the contract of one role",
    word("name", values.name, "its name, or its class"),
    on_session=False,
)
def role(options: Options) -> Reply:
    from fleet import roles as library

    found = library.role(options.name)
    return document({**_facts(found), "contract": found.contract}, _lines(found))


def _facts(role: "Role") -> dict[str, Any]:
    return {
        "name": role.name,
        "class": role.role_class,
        "kind": role.kind,
        "mandate": role.mandate,
        "boundaries": list(role.boundaries),
        "persona": role.persona,
        "own": role.is_own,
        "may": list(role.may or ()),
    }


def _line(role: "Role") -> str:
    return row(role.name, f"[{role.kind}]", f"class={role.role_class}", role.mandate)


def _lines(role: "Role") -> list[str]:
    return [
        _line(role),
        "",
        role.persona,
        "",
        "Boundaries:",
        *(f"- {each}" for each in role.boundaries),
        "",
        *role.contract.splitlines(),
    ]
