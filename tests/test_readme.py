"""The README names what there is: every command, every page, and files that exist."""

import re
from pathlib import Path

import typer

from effviz import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_command_is_in_the_readme() -> None:
    commands = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]
    assert {"app", "models", "scale", "plan", "solve", "cam", "fetch", "calibrate", "bench"} <= set(commands)
    missing = [name for name in commands if f"effviz {name}" not in README]
    assert not missing


def test_every_page_is_in_the_readme_with_a_screenshot() -> None:
    titles = re.findall(r'title=_\("([^"]+)"\), icon', (ROOT / "app.py").read_text(encoding="utf-8"))
    assert len(titles) >= 3
    for title in set(titles) - {"Glossary"}:
        assert f"**{title}**" in README
        assert f"![{title}:" in README


def test_every_file_that_the_readme_links_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if not link.startswith("http")]
    assert links
    missing = [link for link in links if not (ROOT / link).exists()]
    assert not missing


def test_both_commands_of_the_makefile_are_in_the_readme() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in ("app", "test"):
        assert re.search(rf"^{command}:", makefile, re.MULTILINE)
        assert f"make {command}" in README
