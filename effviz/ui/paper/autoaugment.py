"""AutoAugment applied to a sample or to the visitor's own photo: seven draws, reproducible by seed."""

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from effviz import optional_packages
from effviz.explain import sample_photos
from effviz.explain.data_types import Photo
from effviz.explain.images import display, encode_jpeg
from effviz.i18n import _, lazy_gettext
from effviz.report.image_files import GridPicture, grid_png
from effviz.ui import cache, glossary, inputs, outputs, photo_shelf
from effviz.ui.components import jpeg_address
from effviz.ui.guard import guard
from effviz.ui.paper.exhibit import save
from effviz.ui.photo_shelf import ShelfUse

if TYPE_CHECKING:
    from effviz.train.batches import AugmentedPicture, PolicyOperation

SAMPLE, SEED, OWN = "sample", "seed", "recipe-photo"
DRAWS, ACROSS, LONGEST_PX = 7, 4, 360
MOST_SEED = 9_999
AUGMENT_CODE = "https://github.com/tensorflow/tpu/blob/master/models/official/efficientnet/autoaugment.py"

# timm's name of an operation -> a description of its effect; {level} is the strength.
WORDS = {
    "AutoContrast": lazy_gettext("contrast stretched"),
    "Color": lazy_gettext("colour × {level:.2g}"),
    "Equalize": lazy_gettext("histogram equalised"),
    "Invert": lazy_gettext("inverted"),
    "Posterize": lazy_gettext("{level:.0f} bits per colour channel"),
    "Rotate": lazy_gettext("rotated by {level:.0f}°"),
    "ShearX": lazy_gettext("sheared horizontally by {level:.0%}"),
    "ShearY": lazy_gettext("sheared vertically by {level:.0%}"),
    "Solarize": lazy_gettext("values ≥ {level:.0f} inverted"),
    "SolarizeAdd": lazy_gettext("dark parts brightened by {level:.0f}"),
    "TranslateYRel": lazy_gettext("shifted by {level:.0%} of its height"),
}


def show() -> None:
    """Draw this part, with the photo picker first so that it is visible while the operations load."""
    text = _(
        "During training, each use of an image applies one of 25 pairs of operations, chosen at random; each operation "
        "has its own probability. The label stays the same, so the network learns what does **not** matter."
    )
    st.markdown(text, help=glossary.tip("autoaugment"))
    photo = _photo()
    seed = _seed()
    if photo is None:
        return
    with st.spinner(_("Loading the operations…")):
        optional_packages.require(*optional_packages.TORCH)
        from effviz.train.batches import draw  # imports torch, which takes seconds
    plain = display(photo, LONGEST_PX)
    pictures = [draw(plain, seed * DRAWS + number) for number in range(DRAWS)]
    tiles = [GridPicture(plain, (_("original"),)), *(GridPicture(one.picture, (told(one.steps),)) for one in pictures)]
    _show_tiles(tiles)
    _files(photo.name, seed, tiles, pictures)
    outputs.sources((_("paper, section 5.2"), outputs.PAPER), (_("official code: autoaugment.py"), AUGMENT_CODE))
    text = _(
        "These draws use policy v0 of the official code with timm's operations. Training also crops and flips images "
        "at random, which is omitted here."
    )
    st.caption(text)


def _photo() -> Photo | None:
    """Return the chosen sample or visitor's photo, or None if it cannot be read now."""
    left, right = st.columns(2, gap="large")
    with right:
        photo_shelf.show(OWN, ShelfUse(1, _chosen_own, _choose_own))
    own = {_own_name(photo.sha256): photo for photo in photo_shelf.shelf().photos.values() if photo.thumbnail}
    titles = {sample.name: _(sample.title) for sample in sample_photos.samples()}
    titles |= {name: photo.name for name, photo in own.items()}
    with left:
        name = inputs.choose_listed(_("Photo"), titles, SAMPLE, next(iter(titles)))
    if name not in own:
        return cache.sample(name)
    read: list[Photo] = []
    with guard():
        read.append(photo_shelf.choose_photo(own[name]).open())
    return read[0] if read else None


def _own_name(sha256: str) -> str:
    """Return the name of a visitor's photo in the list and in the address; no sample has such a name."""
    return f"own-{sha256[:12]}"


def _chosen_own() -> tuple[str, ...]:
    chosen = st.session_state.get(inputs.widget_key(SAMPLE))
    return tuple(sha256 for sha256 in photo_shelf.shelf().photos if _own_name(sha256) == chosen)


def _choose_own(digests: object) -> None:
    """Select the photo that the browser reports as chosen, or the first sample."""
    chosen = [sha256 for sha256 in photo_shelf.shelf().photos if isinstance(digests, list) and sha256 in digests]
    names = [_own_name(sha256) for sha256 in chosen] or [sample_photos.samples()[0].name]
    st.session_state[inputs.widget_key(SAMPLE)] = names[-1]


def _seed() -> int:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        tip = glossary.tip("seed")
        seed = st.number_input(_("Seed"), 0, MOST_SEED, 0, key=SEED, bind="query-params", width=160, help=tip)
        st.button(_("Draw again"), icon=":material/casino:", on_click=_next)
    return int(seed)


def _next() -> None:
    st.session_state[SEED] = (int(st.session_state[SEED]) + 1) % (MOST_SEED + 1)


def told(steps: "tuple[PolicyOperation, ...]") -> str:
    """Describe the operations that were applied."""
    done = [_(WORDS[step.name]).format(level=step.level) for step in steps if step.done]
    return ", ".join(done).replace("-", "\N{MINUS SIGN}") or _("unchanged")


def _show_tiles(tiles: Sequence[GridPicture]) -> None:
    """Show as many tiles per row as fit; captions are escaped, and the images are JPEGs that EffViz encoded."""
    figures = "".join(_figure(encode_jpeg(tile.picture), tile.lines[0]) for tile in tiles)
    columns = "repeat(auto-fill, minmax(max(9rem, 22%), 1fr))"
    st.html(f'<div style="display: grid; gap: 1rem; grid-template-columns: {columns}">{figures}</div>')


def _figure(jpeg: bytes, words: str) -> str:
    words, source = html.escape(words), jpeg_address(jpeg)
    return (
        f'<figure style="margin: 0"><img src="{source}" alt="{words}" style="width: 100%; border-radius: 0.5rem">'
        f'<figcaption style="font-size: 0.875rem">{words}</figcaption></figure>'
    )


def _files(name: str, seed: int, tiles: Sequence[GridPicture], drawn: "Sequence[AugmentedPicture]") -> None:
    """Offer the tiles as one PNG, and the operations of each draw as CSV."""
    rows = [
        {
            "photo": name,
            "seed": seed,
            "draw": number,
            "operation": step.name,
            "level": step.level,
            "done": step.done,
            "source": "drawn by EffViz from timm's AutoAugment policy v0",
        }
        for number, picture in enumerate(drawn, 1)
        for step in picture.steps
    ]
    with st.container(horizontal=True):
        st.download_button(
            _("Pictures as PNG"),
            lambda: sheet(name, seed, tiles),
            f"effviz-autoaugment-{seed}.png",
            "image/png",
            on_click="ignore",
            icon=":material/image:",
        )
        save("autoaugment", pd.DataFrame(rows))


def sheet(photo: str, seed: int, tiles: Sequence[GridPicture]) -> bytes:
    """Return all tiles as a PNG, four per row on white."""
    rows = tuple(("", tuple(tiles[start : start + ACROSS])) for start in range(0, len(tiles), ACROSS))
    footer = _("AutoAugment v0, {photo}, seed {seed}; EffViz").format(photo=photo, seed=seed)
    return grid_png(("",) * ACROSS, rows, footer)
