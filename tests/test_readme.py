"""The README fits one screen, and the documents cover every command and page, and link only existing files."""

import re
from pathlib import Path

import pytest
import typer

from effviz import cli

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "README.zh-TW.md", *sorted(DOCS.glob("*.md"))]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_the_readme_is_one_screen() -> None:
    lines = read(ROOT / "README.md").splitlines()
    assert len(lines) <= 40
    assert sum("![" in line for line in lines) == 1  # picture


def test_every_command_is_documented() -> None:
    commands = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]
    assert {"app", "models", "scale", "plan", "solve", "cam", "fetch", "calibrate", "bench"} <= set(commands)
    said = read(DOCS / "commands.md") + read(DOCS / "install.md")
    assert [name for name in commands if f"effviz {name}" not in said] == []


def test_every_page_is_documented_with_a_screenshot() -> None:
    titles = re.findall(r'title=_\("([^"]+)"\), icon', read(ROOT / "app.py"))
    assert len(titles) >= 3
    said = read(DOCS / "pages.md")
    for title in titles:
        assert f"**{title}**" in said
        assert f"![{title}:" in said or title == "Glossary"  # a page of text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name if page.parent == ROOT else f"docs/{page.name}")
def test_every_file_that_a_document_links_is_there(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", read(page)) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_index_of_the_documents_names_each_of_them() -> None:
    named = set(re.findall(r"\]\(([\w-]+\.md)\)", read(DOCS / "README.md")))
    assert named == {page.name for page in DOCS.glob("*.md")} - {"README.md"}


def test_both_commands_of_the_makefile_are_in_each_readme() -> None:
    makefile = read(ROOT / "Makefile")
    for command in ("app", "test"):
        assert re.search(rf"^{command}:", makefile, re.MULTILINE)
        assert all(f"make {command}" in read(page) for page in PAGES[:2])
