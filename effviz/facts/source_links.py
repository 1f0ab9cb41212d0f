"""From what a `source` column says to where it can be read."""

import re
from collections.abc import Iterable
from typing import Final

from effviz.facts.timm_results import TIMM_URL

PAPER_URL: Final = "https://arxiv.org/abs/1905.11946"
OFFICIAL_CODE_URL: Final = "https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet"
GITHUB: Final = "https://github.com"
_STAMP: Final = re.compile(r"stamped (?:arXiv:1905\.11946)?(v\d)")
_PAPER: Final = re.compile(r"\b(?:1905\.11946|Table \d|Fig(?:ure|\.) ?\d|Eq\. \d|paper v\d|sec(?:tion|\.) \d)")
_PAPER_VERSION: Final = re.compile(r"\bpaper (v\d)")
_ISSUE: Final = re.compile(r"([\w.-]+/[\w.-]+)#(\d+)")
_FILE: Final = re.compile(r"([\w.-]+/[\w.-]+)@([0-9a-f]{7,40}) ([\w./-]+\.\w+)")


def credit(sources: Iterable[str]) -> str:
    """Who says what a figure shows, in one line for a slide, each once."""
    names = {
        PAPER_URL: "Tan and Le 2019, arXiv:1905.11946",
        TIMM_URL: "timm",
        f"{GITHUB}/tensorflow/tpu": "tensorflow/tpu",
    }
    found = [next((name for url, name in names.items() if link(of).startswith(url)), "EffViz") for of in sources]
    return "; ".join(dict.fromkeys(found))


def link(source: str) -> str:
    """The address of the first thing that a source names; "" for what was only computed or measured here.

    The paper goes first, by its own address and not that of the copy which was read; no version where the source names
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
