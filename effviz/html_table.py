"""A table as HTML, in which a notebook shows results."""

from collections.abc import Iterable, Sequence
from html import escape


class Markup(str):
    """HTML that was made here, whose texts are escaped already."""

    __slots__ = ()


def html_table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """Return a table; everything in it is escaped but what is `Markup`."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return Markup(
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _cell(content: str) -> str:
    return f"<td>{content if isinstance(content, Markup) else escape(content)}</td>"
