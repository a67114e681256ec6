"""The parameters of a verb as a pydantic model, which checks the shape of a body and documents it.

The values themselves are checked by the command, which says what would be right.
"""

from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    create_model,
)
from pydantic_core import PydanticCustomError

from backlog.values import Digits
from remote.calls import Called, Parameter
from remote.words import MOST_SECONDS

_MOST_DIGITS: Final = 20
_NUMBER: Final = StrictInt | str  # "" where an edit takes it away
_MONEY: Final = Decimal | str
_TYPES: Final[dict[str, Any]] = {
    "maxAttempts": _NUMBER,
    "maxRuntime": _NUMBER,
    "projectedTokens": _NUMBER,
    "number": _NUMBER,
    "projectedCost": _MONEY,
    "cost": _MONEY,
    "acceptance": Any,
    "result": Any,
    "ids": str | list[str | dict[str, Any]],
    "file": str | list[Any],
}


def _countable(value: Any) -> Any:
    """Refuse what pydantic would take for a whole number: True as 1, which nobody means; and
    1e9999999, whose zeros it would write out for hours before it refuses them."""
    if isinstance(value, bool) or (isinstance(value, Decimal) and value.adjusted() > _MOST_DIGITS):
        raise PydanticCustomError("int_type", "a whole number")
    return value


def _whole(low: int, high: int) -> Any:
    """The type of whole numbers from `low` to `high`."""
    return Annotated[int, Field(ge=low, le=high), BeforeValidator(_countable)]


class Given(BaseModel):
    """The parameters of a verb, and no others."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    def values(self) -> dict[str, Any]:
        """What was given, as `remote.calls` takes it."""
        fields = type(self).model_fields
        return {
            fields[name].alias or name: _exact(getattr(self, name))
            for name in self.model_fields_set
        }


def of(called: Called) -> type[Given]:
    """The model of this verb's parameters."""
    fields: dict[str, Any] = {
        f"{parameter.name}_": (_type(parameter), _field(parameter))
        for parameter in called.parameters
    }
    if called.name == "claim":
        about = "seconds to wait for something to claim; ?wait= is the same"
        wait = Field(None, description=about, alias="wait")
        fields["wait_"] = (_whole(0, MOST_SECONDS) | None, wait)
    name = called.identifier.title().replace("_", "")
    return create_model(name, __base__=Given, **fields)


def _type(parameter: Parameter) -> Any:
    if parameter.name in _TYPES:
        kind = _TYPES[parameter.name]
    elif parameter.is_flag:
        kind = bool
    elif parameter.is_switch:
        kind = StrictBool | str
    elif parameter.is_list:
        kind = str | list[str]
    elif parameter.bounds is not None:
        kind = _whole(*parameter.bounds)
    else:
        kind = str
    return kind if parameter.is_required else kind | None


def _field(parameter: Parameter) -> Any:
    settings = parameter.settings
    how: dict[str, Any] = {"description": _help(parameter), "alias": parameter.name}
    if settings.get("choices"):
        how["json_schema_extra"] = {"enum": [*settings["choices"], None]}
    return Field(... if parameter.is_required else None, **how)


def _help(parameter: Parameter) -> str:
    if parameter.settings.get("env") == "BACKLOG_OWNER":
        return "the worker of the token, who need not be named"
    if parameter.is_fed:
        return "the content of the file, or a list of its lines as objects"
    default = str(parameter.settings.get("default"))
    return str(parameter.settings.get("help", "")).replace("%(default)s", default)


def _exact(value: Any) -> Any:
    """The value, with its decimals as they were written, so that JSON has the same digits again."""
    if isinstance(value, Decimal):
        return Digits(value)
    if isinstance(value, list):
        return [_exact(each) for each in value]
    if isinstance(value, dict):
        return {key: _exact(each) for key, each in value.items()}
    return value
