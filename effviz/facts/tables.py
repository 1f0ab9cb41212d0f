"""The published tables in this folder: one CSV each, with a `source` on every row."""

import csv
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

from effviz.errors import SettingsError
from effviz.i18n import _

T = TypeVar("T")
Row = dict[str, Any]  # by column
FOLDER = Path(__file__).parent
TABLES = tuple(sorted(file.stem for file in FOLDER.glob("*.csv")))


def rows(name: str) -> list[Row]:
    """Read a table as dicts by column, typed by column as int, float or text; gaps are nan or "".

    Raises:
        SettingsError: there is no table of this name; pick one of `TABLES`.
    """
    if name not in TABLES:
        text = _("There is no table of facts named {name!r}. Choose one of: {known}.")
        raise SettingsError(text.format(name=name, known=", ".join(TABLES)))
    with (FOLDER / f"{name}.csv").open(newline="", encoding="utf-8") as file:  # pandas takes half a second to load
        header, *lines = csv.reader(file)
    columns = (_typed(column) for column in zip(*lines, strict=True))
    return [dict(zip(header, line, strict=True)) for line in zip(*columns, strict=True)]


def _typed(column: Sequence[str]) -> Sequence[object]:
    for kind in (int, lambda text: float(text or math.nan)):
        try:
            return [kind(text) for text in column]
        except ValueError:
            continue
    return column


def record(kind: type[T], row: Row, **values: object) -> T:
    """Return a dataclass made from a row; fields not in `values` come from the columns of the same name."""
    same = {field.name: row[field.name] for field in fields(kind) if field.name not in values}  # type: ignore[arg-type]
    return kind(**same, **values)


def printed_number(value: object) -> float | None:
    """Parse a printed number or ratio ("8.7x"); None for a gap."""
    number = float(str(value).removesuffix("x") or math.nan)
    return None if math.isnan(number) else number


# From the text of a `source` column to its URL.

TIMM_URL: Final = "https://github.com/huggingface/pytorch-image-models/blob/aa4b5850/results/results-imagenet.csv"
PAPER_URL: Final = "https://arxiv.org/abs/1905.11946"
OFFICIAL_CODE_URL: Final = "https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet"
GITHUB: Final = "https://github.com"
_STAMP: Final = re.compile(r"stamped (?:arXiv:1905\.11946)?(v\d)")
_PAPER: Final = re.compile(r"\b(?:1905\.11946|Table \d|Fig(?:ure|\.) ?\d|Eq\. \d|paper v\d|sec(?:tion|\.) \d)")
_PAPER_VERSION: Final = re.compile(r"\bpaper (v\d)")
_ISSUE: Final = re.compile(r"([\w.-]+/[\w.-]+)#(\d+)")
_FILE: Final = re.compile(r"([\w.-]+/[\w.-]+)@([0-9a-f]{7,40}) ([\w./-]+\.\w+)")


def credit(sources: Iterable[str]) -> str:
    """Return the sources of a figure in one line for a slide, without duplicates."""
    names = {
        PAPER_URL: "Tan and Le 2019, arXiv:1905.11946",
        TIMM_URL: "timm",
        f"{GITHUB}/tensorflow/tpu": "tensorflow/tpu",
    }
    links = map(link, sources)
    credited = (next((name for url, name in names.items() if address.startswith(url)), "EffViz") for address in links)
    return "; ".join(dict.fromkeys(credited))


@lru_cache(maxsize=1024)
def link(source: str) -> str:
    """Return the URL of the first reference in a source; "" for what this project computed or measured itself.

    The paper comes first, with its own URL instead of that of the copy used, and without a version if the source names
    several.
    """
    if version := _STAMP.search(source) or _PAPER_VERSION.search(source):
        named = set(re.findall(r"\bv\d\b", source))
        return PAPER_URL + (version[1] if named <= {version[1]} else "")
    if _PAPER.search(source):
        return PAPER_URL
    if "pytorch-image-models@" in source:
        return TIMM_URL
    if file := _FILE.search(source):
        return f"{GITHUB}/{file[1]}/blob/{file[2]}/{file[3]}"
    if issue := _ISSUE.search(source):
        return f"{GITHUB}/{issue[1]}/issues/{issue[2]}"
    return OFFICIAL_CODE_URL if "official code" in source else ""
