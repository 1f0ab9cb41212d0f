"""What a file that somebody wrote must hold, as a dataclass whose fields say their types and ranges.

    @dataclass
    class Entry:
        name: Annotated[str, Pattern(r"[a-z]+")]
        crop_pct: Annotated[float, Range(0.05, 1)] = 0.875

`parse` makes one from what JSON or TOML gave, `check` looks at one that code made. Types are `str`, `bool`, `int`,
`float`, enumerations, `X | None`, tuples, and other such dataclasses; only whole numbers are converted, to `float`.
"""

import math
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from effviz.errors import SettingsError
from effviz.i18n import _

T = TypeVar("T")
SHOWN = 60  # characters of a value in a sentence


class Range(NamedTuple):
    """A number from `low` to `high`; for each of several, where the type is a tuple."""

    low: float
    high: float

    def allows(self, value: Any) -> bool:
        """Whether it is one; not-a-number is none."""
        return all(self.low <= part <= self.high for part in (value if isinstance(value, tuple) else (value,)))

    def __str__(self) -> str:
        return _("{low:g} to {high:g}").format(low=self.low, high=self.high)


class Pattern(NamedTuple):
    """A text that all of this regular expression fits."""

    expression: str
    words: str  # the same for people, marked for translation

    def allows(self, value: Any) -> bool:
        """Whether it is one."""
        return re.fullmatch(self.expression, value, re.DOTALL) is not None

    def __str__(self) -> str:
        return _(self.words)


def parse(kind: type[T], rows: Any, where: str) -> T:
    """Make a dataclass of a table.

    Args:
        kind: the dataclass.
        rows: what JSON or TOML gave for it.
        where: what a sentence about a mistake names first.

    Raises:
        SettingsError: a key is missing or unknown, or a value is of another type or out of its range.
    """
    if not isinstance(rows, Mapping):
        raise _refusal(where, rows, _("a table of {names}").format(names=", ".join(_names(kind))))
    if unknown := sorted(str(key) for key in rows.keys() - set(_names(kind))):
        text = _("{where} has the unknown key {unknown!r}: {known} are allowed. Remove or rename it.")
        raise SettingsError(text.format(where=where, unknown=unknown[0][:SHOWN], known=", ".join(_names(kind))))
    needed = {field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING}  # type: ignore[arg-type]
    if missing := sorted(needed - rows.keys()):
        text = _("{where} lacks {missing}: it needs {needed}. Add it.")
        raise SettingsError(text.format(where=where, missing=", ".join(missing), needed=", ".join(sorted(needed))))
    hints = get_type_hints(kind, include_extras=True)
    return kind(**{name: _value(hints[name], value, f"{where}, {name}") for name, value in rows.items()})


def check(instance: Any, where: str) -> None:
    """See that a dataclass that code made keeps to the same ranges; raises SettingsError where it does not."""
    hints = get_type_hints(type(instance), include_extras=True)
    for field in fields(instance):
        value, rules = getattr(instance, field.name), list(_rules(hints[field.name]))
        for rule in rules if value is not None else ():
            if not rule.allows(value):
                raise _refusal(f"{where}, {field.name}", value, str(rule))
        if is_dataclass(value):
            check(value, f"{where}, {field.name}")


def _names(kind: Any) -> list[str]:
    return [field.name for field in fields(kind)]


def _rules(hint: Any) -> Iterator[Any]:
    if get_origin(hint) is Annotated:
        yield from get_args(hint)[1:]
    elif get_origin(hint) in (Union, types.UnionType):
        for part in get_args(hint):
            yield from _rules(part)


def _value(hint: Any, value: Any, where: str) -> Any:
    """Return a value as its type wants it, after it was found to be one."""
    if get_origin(hint) is Annotated:
        kind, *rules = get_args(hint)
        converted = _value(kind, value, where)
        for rule in rules:
            if not rule.allows(converted):
                raise _refusal(where, value, str(rule))
        return converted
    if get_origin(hint) in (Union, types.UnionType):
        parts = [part for part in get_args(hint) if part is not type(None)]
        return None if value is None else _value(parts[0], value, where)
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), value, where)
    if is_dataclass(hint):
        return parse(hint, value, where)  # type: ignore[arg-type]
    return _plain(hint, value, where)


def _tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    many = kinds[-1] is Ellipsis
    if not isinstance(value, list | tuple) or not (many or len(value) == len(kinds)):
        raise _refusal(where, value, _("a list") if many else _("a list of {count}").format(count=len(kinds)))
    pairs = zip([kinds[0]] * len(value) if many else kinds, value, strict=True)
    return tuple(_value(kind, part, f"{where}[{position}]") for position, (kind, part) in enumerate(pairs))


def _plain(kind: Any, value: Any, where: str) -> Any:
    if issubclass(kind, StrEnum):
        if value in list(kind):
            return kind(value)
        raise _refusal(where, value, ", ".join(kind))
    if kind in (int, float) and _is_number(value, kind):
        return kind(value)
    if kind in (str, bool) and type(value) is kind:
        return value
    raise _refusal(where, value, _("a value of {kind}").format(kind=kind.__name__))


def _is_number(value: Any, kind: type) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if isinstance(value, int):
        return abs(value) < 2**53  # beyond, a float has other digits
    return math.isfinite(value) and (kind is float or value == int(value))


def _refusal(where: str, value: Any, allowed: str) -> SettingsError:
    text = repr(value)
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
    sentence = _("{where} is {value}: {allowed} is allowed. Change it.")
    return SettingsError(sentence.format(where=where, value=shown, allowed=allowed))
