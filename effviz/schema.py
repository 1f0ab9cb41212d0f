"""Validation of files that users write: a dataclass declares the type and rule of every field.

    @dataclass
    class Entry:
        name: Annotated[str, Pattern("[a-z]+", "lower-case letters")]
        crop_pct: Annotated[float, Range(0.05, 1)] = 0.875

`parse` builds the dataclass from parsed JSON or TOML with pydantic. It converts only whole floats to integers (224.0),
lists to tuples and strings to choices. `check` validates one that code built. An error is one sentence.
"""

import json
import re
import types
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema

from effviz.errors import SettingsError
from effviz.i18n import _

T = TypeVar("T")
SHOWN: Final = 60  # characters of a value in an error message
RULE: Final = "rule"  # pydantic's type of error for a broken rule
FIRST: Final = ("json_invalid", "unexpected_keyword_argument", "missing")  # types of errors to report before others


class Rule:
    """A constraint on a value besides its type; `str` says what is allowed."""

    def allows(self, value: Any) -> bool:
        """Whether the value keeps the rule."""
        raise NotImplementedError

    def __get_pydantic_core_schema__(self, kind: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        of_kind = core_schema.no_info_before_validator_function(_whole, handler(kind)) if kind is int else handler(kind)
        return core_schema.no_info_after_validator_function(self._checked, of_kind)

    def _checked(self, value: Any) -> Any:
        if not self.allows(value):
            raise PydanticCustomError(RULE, "{words}", {"words": str(self)})
        return value


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


@dataclass(frozen=True)
class Range(Rule):
    """A number from `low` to `high`; in a tuple, every number."""

    low: float
    high: float

    def allows(self, value: Any) -> bool:
        """Whether every number is in the range; NaN is not."""
        return all(self.low <= part <= self.high for part in (value if isinstance(value, tuple) else (value,)))

    def __str__(self) -> str:
        return _("{low:g} to {high:g}").format(low=self.low, high=self.high)


Count = Annotated[int, Range(1, 2**53)]  # a float holds every integer up to this one


@dataclass(frozen=True)
class Pattern(Rule):
    """A string that matches a regular expression as a whole."""

    expression: str
    words: str  # the same in words, marked for translation

    def allows(self, value: Any) -> bool:
        """Whether the string matches."""
        return re.fullmatch(self.expression, value, re.DOTALL) is not None

    def __str__(self) -> str:
        return _(self.words)


def parse(kind: type[T], rows: Any, where: str) -> T:
    """Build a dataclass from a table.

    Args:
        kind: the dataclass.
        rows: its values, as parsed from JSON or TOML.
        where: the name of the table in error messages.

    Raises:
        SettingsError: a key is missing or unknown, or a value has the wrong type or breaks a rule.
    """
    try:  # strict JSON takes lists as tuples and strings as choices; TOML's dates are neither strings nor numbers
        text = json.dumps(rows, default=lambda date: {"date": str(date)})
        made: T = _adapter(kind).validate_json(text, strict=True, extra="forbid")  # type: ignore[arg-type]
    except RecursionError as error:
        raise SettingsError(_invalid(where, _("its brackets are nested too deeply"))) from error
    except ValidationError as error:
        raise SettingsError(_sentence(kind, where, error.errors(include_url=False))) from error
    return made


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def check(instance: Any, where: str) -> None:
    """Check a dataclass that code built against the same rules; raises SettingsError if it breaks one."""
    hints = get_type_hints(type(instance), include_extras=True)
    for field in fields(instance):
        value, rules = getattr(instance, field.name), list(_rules(hints[field.name]))
        for rule in rules if value is not None else ():
            if not rule.allows(value):
                raise SettingsError(_refusal(f"{where}, {field.name}", value, str(rule)))
        if is_dataclass(value):
            check(value, f"{where}, {field.name}")


def _rules(hint: Any) -> Iterator[Rule]:
    if get_origin(hint) is Annotated:
        yield from get_args(hint)[1:]
    elif get_origin(hint) in (Union, types.UnionType):
        for part in get_args(hint):
            yield from _rules(part)


# pydantic's errors, as one sentence.


def _sentence(kind: Any, where: str, mistakes: list[ErrorDetails]) -> str:
    first = min(mistakes, key=lambda mistake: [*FIRST, mistake["type"]].index(mistake["type"]))
    if first["type"] == "json_invalid":
        return _invalid(where, first["msg"])
    place = first["loc"]
    if first["type"] in FIRST:
        *above, key = place
        table, where_above = _type_at(kind, above), _place(where, above)
        if first["type"] == "unexpected_keyword_argument":
            text = _("{where} has an unknown key {unknown!r}: the allowed keys are {known}. Remove or rename it.")
            return text.format(where=where_above, unknown=str(key)[:SHOWN], known=", ".join(_names(table)))
        if is_dataclass(table):
            missing = sorted(str(mistake["loc"][-1]) for mistake in mistakes if _is_missing_beside(mistake, place))
            text = _("{where} lacks {missing}: the required keys are {needed}. Add what is missing.")
            needed = ", ".join(sorted(_names(table, needed=True)))
            return text.format(where=where_above, missing=", ".join(missing), needed=needed)
        place = place[:-1]  # a list that is too short lacks its next number
    allowed = first["ctx"]["words"] if first["type"] == RULE else _allowed(_type_at(kind, place))
    return _refusal(_place(where, place), first["input"], allowed)


def _invalid(where: str, reason: str) -> str:
    return _("{where} contains invalid characters: {reason}. Correct them.").format(where=where, reason=reason)


def _is_missing_beside(mistake: ErrorDetails, place: tuple[int | str, ...]) -> bool:
    return mistake["type"] == "missing" and mistake["loc"][:-1] == place[:-1]


def _place(where: str, path: Any) -> str:
    return where + "".join(f"[{part}]" if isinstance(part, int) else f", {part}" for part in path)


def _type_at(kind: Any, path: Any) -> Any:
    """Return the type of the value at a path, without rules and without `None`."""
    for part in path:
        kind = get_type_hints(kind)[part] if isinstance(part, str) else get_args(kind)[0]
        kind = get_args(kind)[0] if get_origin(kind) in (Union, types.UnionType) else kind
    return kind


def _allowed(kind: Any) -> str:
    if is_dataclass(kind):
        return _("a table with the keys {names}").format(names=", ".join(_names(kind)))
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        return _("a list") if kinds[-1] is Ellipsis else _("a list of {count} values").format(count=len(kinds))
    return ", ".join(kind) if issubclass(kind, StrEnum) else _("a value of type {kind}").format(kind=kind.__name__)


def _names(kind: Any, needed: bool = False) -> list[str]:
    optional = {
        member.name for member in fields(kind) if member.default is not MISSING or member.default_factory is not MISSING
    }
    return [member.name for member in fields(kind) if not (needed and member.name in optional)]


def _refusal(where: str, value: Any, allowed: str) -> str:
    text = repr(value)
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
    return _("{where} is {value}. Allowed: {allowed}. Change it.").format(where=where, value=shown, allowed=allowed)
