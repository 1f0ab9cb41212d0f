"""One HTML page that needs nothing else: no network, no server, no other file.

Whatever goes in is escaped here and nowhere else: names of photos may hold anything. The page's own policy forbids it
to load from elsewhere, so that even a mistake here could not.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from effviz.plots.style import config
from effviz.words import SOURCE, language

POLICY: Final = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c1c1c; --soft: #5c5c5c; --line: #d9d9d9; --paper: #fff; --best: #fdeadd; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececec; --soft: #a8a8a8; --line: #3c3c3c; --paper: #15171c; --best: #4a2a12; }
}
body { margin: 0 auto; padding: 1rem; max-width: 76rem; font: 16px/1.5 system-ui, sans-serif;
  color: var(--ink); background: var(--paper); overflow-wrap: anywhere; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); } p { max-width: 48rem; }
.wide { overflow-x: auto; } .wide:focus-visible { outline: 2px solid #0072b2; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.875rem; overflow-wrap: normal; }
caption { text-align: left; color: var(--soft); padding: 0.5rem 0; }
caption span { display: block; position: sticky; left: 0; max-width: min(48rem, calc(100vw - 2rem)); }
th, td { padding: 0.25rem 0.75rem 0.25rem 0.25rem; text-align: right; white-space: nowrap; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { padding-left: 0; min-width: 8rem; text-align: left; white-space: normal;
  overflow-wrap: anywhere; }
td small { display: block; color: var(--soft); } td.best { background: var(--best); font-weight: 600; }
summary { cursor: pointer; padding: 0.5rem 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(18rem, 30%), 1fr)); gap: 0.5rem; }
.tiles + h3, h3 { margin: 1.5rem 0 0.5rem; } figure { margin: 0; font-size: 0.875rem; }
figure img { display: block; width: 100%; height: auto; } figcaption small { display: block; color: var(--soft); }
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A cell of a table: what it says, and in small letters below it how sure that is."""

    text: str
    note: str = ""
    best: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """A picture in the page itself, and what it shows."""

    picture: bytes  # JPEG
    alt: str
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Html:
    """Text that is HTML already."""

    text: str


def heading(text: str) -> Html:
    """A section begins."""
    return Html(f"<h2>{escape(text)}</h2>")


def paragraph(text: str) -> Html:
    """A few sentences."""
    return Html(f"<p>{escape(text)}</p>")


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[Entry]]) -> Html:
    """A table that scrolls by itself where the window is narrow; the first column says what a row is."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return Html(
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption><span>{escape(caption)}</span></caption><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def tiles(title: str, pictures: Sequence[Tile]) -> Html:
    """Pictures side by side under a small heading."""
    return Html(f'<h3>{escape(title)}</h3><div class="tiles">{"".join(map(_tile, pictures))}</div>')


def folded(title: str, content: Html) -> Html:
    """Something long that opens on demand."""
    return Html(f"<details><summary>{escape(title)}</summary>{content.text}</details>")


def chart(figure: go.Figure, name: str) -> Html:
    """A figure; `name` is its place in the page and the name of its download."""
    options = config(name) | {"responsive": True}
    return Html(figure.to_html(config=options, include_plotlyjs=False, full_html=False, div_id=name))


def page(title: str, parts: Sequence[Html]) -> str:
    """Bring the parts together; the same parts give the same page."""
    body = "\n".join(part.text for part in parts)
    return (
        f'<!doctype html>\n<html lang="{escape(language.get() or SOURCE)}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n<script>{get_plotlyjs()}</script>\n</head>\n"
        f"<body>\n<main>\n<h1>{escape(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _tile(tile: Tile) -> str:
    data = base64.b64encode(tile.picture).decode()
    note = f"<small>{escape(tile.note)}</small>" if tile.note else ""
    return (
        f'<figure><img src="data:image/jpeg;base64,{data}" alt="{escape(tile.alt)}">'
        f"<figcaption><bdi>{escape(tile.text)}</bdi>{note}</figcaption></figure>"
    )


def _cell(entry: Entry) -> str:
    note = f"<small>{escape(entry.note)}</small>" if entry.note else ""
    mark = ' class="best"' if entry.best else ""
    return f"<td{mark}><bdi>{escape(entry.text)}</bdi>{note}</td>"
