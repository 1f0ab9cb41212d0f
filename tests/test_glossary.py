"""`docs/glossary.md` matches the package, and the package uses one name for each concept."""

import ast
import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "effviz").rglob("*.py"))
TERMS, RETIRED = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").split("## Retired words")
MOST_SHARED_STEMS = 10


def rows(text: str) -> list[list[str]]:
    """Return the rows of a Markdown table without its two header lines."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"][2:]


def test_every_file_of_the_glossary_exists() -> None:
    table = rows(TERMS)
    assert len(table) >= 50
    for term, _, place in table:
        paths = re.findall(r"effviz/[\w/]+\.py", place)
        assert paths, f"{term} has no file"
        assert [path for path in paths if not (ROOT / path).is_file()] == []


def test_no_module_bears_a_retired_name() -> None:
    retired = {name for old, _ in rows(RETIRED) for name in re.findall(r"`(\w+)`", old)}
    assert len(retired) >= 30
    modules = {part for file in FILES for part in file.relative_to(ROOT).with_suffix("").parts}
    assert "job_queue" in modules
    assert sorted(retired & modules) == []


def test_a_public_class_is_defined_in_one_module_only() -> None:
    places: dict[str, list[str]] = {}
    for file in FILES:
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(str(file.relative_to(ROOT)))
    assert len(places) > 100
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_few_modules_share_a_file_name() -> None:
    stems = Counter(file.stem for file in FILES if not file.stem.startswith("__"))
    shared = sorted(stem for stem, count in stems.items() if count > 1)
    assert len(shared) <= MOST_SHARED_STEMS, shared
