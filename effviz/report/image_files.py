"""A labelled grid of pictures as one PNG: one row per photo, one column per model."""

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from effviz.explain.data_types import Bytes

CELL_PX: Final = 360  # width of a column
GAP_PX: Final = 12
TEXT_PX: Final = 15
LINE_PX: Final = 22
INK: Final = (30, 30, 30)
PAPER: Final = (255, 255, 255)
FIRST_CJK: Final = "\u2e80"
# Font files that Pillow finds in the system's font folders, with the index of the Taiwanese face:
# Debian's fonts-noto-cjk, Google's, Windows, macOS.
CJK_FONTS: Final = (("NotoSansCJK-Regular.ttc", 3), ("NotoSansTC-Regular.otf", 0), ("msjh.ttc", 0), ("PingFang.ttc", 0))


@dataclass(frozen=True, slots=True, eq=False)
class GridPicture:
    """A picture with the lines of text below it."""

    picture: Bytes  # (H, W, 3)
    lines: tuple[str, ...] = ()  # "ring-tailed lemur 97.1 %"


GridRow = tuple[str, Sequence[GridPicture]]  # a label, and one cell per column


def grid_png(
    columns: Sequence[str], rows: Sequence[GridRow], footer: str = "", texts: Mapping[str, str] | None = None
) -> bytes:
    """Draw the grid, with `texts` as the file's metadata by keyword; the same grid gives the same bytes."""
    for label, cells in rows:
        if len(cells) != len(columns):
            raise ValueError(f"row {label!r} has {len(cells)} cells for {len(columns)} columns")
    width = GAP_PX + len(columns) * (CELL_PX + GAP_PX)
    drawn = [_row(label, cells, width) for label, cells in rows]
    height = 2 * GAP_PX + LINE_PX * (2 if footer else 1) + sum(row.height for row in drawn)
    canvas = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(canvas)
    for column, label in enumerate(columns):
        _write(pen, (_left(column), GAP_PX), label)
    top = GAP_PX + LINE_PX
    for row in drawn:
        canvas.paste(row, (0, top))
        top += row.height
    _write(pen, (GAP_PX, top + GAP_PX // 2), footer, width - 2 * GAP_PX)
    metadata = PngImagePlugin.PngInfo()
    for keyword, text in (texts or {}).items():
        metadata.add_itxt(keyword, text)
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG", pnginfo=metadata)
    return buffer.getvalue()


def _row(label: str, cells: Sequence[GridPicture], width: int) -> Image.Image:
    pictures = [_fitted(cell.picture) for cell in cells]
    end = LINE_PX + max((picture.height for picture in pictures), default=0)
    lines = max((len(cell.lines) for cell in cells), default=0)
    row = Image.new("RGB", (width, end + LINE_PX * lines + GAP_PX), PAPER)
    pen = ImageDraw.Draw(row)
    _write(pen, (GAP_PX, 0), label, width - 2 * GAP_PX)
    for column, (cell, picture) in enumerate(zip(cells, pictures, strict=True)):
        row.paste(picture, (_left(column), LINE_PX))
        for number, line in enumerate(cell.lines):
            _write(pen, (_left(column), end + GAP_PX // 2 + number * LINE_PX), line)
    return row


def _left(column: int) -> int:
    return GAP_PX + column * (CELL_PX + GAP_PX)


def _fitted(picture: Bytes) -> Image.Image:
    image = Image.fromarray(picture)
    height = max(1, round(image.height * CELL_PX / image.width))
    return image.resize((CELL_PX, height), Image.Resampling.LANCZOS)


def _write(pen: ImageDraw.ImageDraw, at: tuple[int, int], text: str, width: int = CELL_PX) -> None:
    """Write one line of text, truncated with an ellipsis if it does not fit."""
    text = " ".join(text.split())  # a file name may contain line breaks
    font = _cjk_font() if any(letter >= FIRST_CJK for letter in text) else _font()
    shown = text
    while shown and pen.textlength(shown, font) > width:
        text = text[:-1]
        shown = f"{text}…"
    pen.text(at, shown, INK, font)


@cache
def _font() -> ImageFont.FreeTypeFont:
    """Return DejaVu Sans, which comes with matplotlib (a dependency of grad-cam) and has Greek and Cyrillic letters."""
    import matplotlib as mpl  # imported here: a grid is drawn only on request

    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), TEXT_PX, layout_engine=ImageFont.Layout.BASIC)


@cache
def _cjk_font() -> ImageFont.FreeTypeFont:
    """Return a system font with Chinese characters in their Taiwanese forms, or DejaVu, which draws boxes instead."""
    for name, face in CJK_FONTS:
        with contextlib.suppress(OSError):  # not on this system
            return ImageFont.truetype(name, TEXT_PX, index=face, layout_engine=ImageFont.Layout.BASIC)
    return _font()
