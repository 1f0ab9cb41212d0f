"""Choose photos: bundled samples and the visitor's own. The server never fetches a URL."""

import io
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

import streamlit as st
from PIL import Image

from effviz.explain import sample_photos
from effviz.i18n import _
from effviz.ui import cache as caches
from effviz.ui import photo_shelf
from effviz.ui.compare import sharing
from effviz.ui.compare.map_cells import MapCell
from effviz.ui.components import jpeg_address
from effviz.ui.components.gallery import GalleryPicture, Strip, gallery
from effviz.ui.session import SAMPLES

# When a photo is added, every section switches to it; otherwise each section keeps its visitor's choice.

KNOWN_PHOTOS: Final = "photos known"  # in the session: digests of the photos in the last run
NEWEST_PHOTO: Final = "newest photo"  # in the session: how often photos were added, and the digest of the newest


def remember_newest(chosen: Sequence[caches.ChosenPhoto]) -> None:
    """Remember which photo was added last; the photos at the start of a visit do not count."""
    before: tuple[str, ...] | None = st.session_state.get(KNOWN_PHOTOS)
    now = tuple(photo.sha256 for photo in chosen)
    added = [digest for digest in now if before is not None and digest not in before]
    if added:
        count, _digest = st.session_state.get(NEWEST_PHOTO, (0, ""))
        st.session_state[NEWEST_PHOTO] = count + 1, added[0]
    st.session_state[KNOWN_PHOTOS] = now


def choose(label: str, options: Mapping[str, tuple[str, str]], key: str) -> str:
    """Show a select box and return the chosen option; `options` map to a name and a photo's digest.

    A new photo is selected once, by setting the value: browsers keep the value of a box that has a key.
    """
    newest, followed = st.session_state.get(NEWEST_PHOTO), f"{key} follows"
    of_newest = [option for option, (_name, digest) in options.items() if newest and digest == newest[1]]
    if of_newest and st.session_state.get(followed) != newest:
        st.session_state[key], st.session_state[followed] = of_newest[0], newest
    return st.selectbox(label, list(options), format_func=lambda option: options[option][0], key=key)


def choose_cell(label: str, cells: Sequence[MapCell], key: str) -> MapCell:
    """Show a select box of models and photos, and return the chosen cell."""
    by_option = {f"{cell.ref.label} {cell.chosen.sha256}": cell for cell in cells}
    names = {option: f"{cell.ref.label} · {cell.chosen.name}" for option, cell in by_option.items()}
    options = {option: (names[option], cell.chosen.sha256) for option, cell in by_option.items()}
    return by_option[choose(label, options, key)]


MOST_SAMPLES = 4
THUMBNAIL_PX = 96


def choose_photos() -> tuple[caches.ChosenPhoto, ...]:
    """Show the gallery and the upload box, and return the chosen photos, the visitor's own first."""
    left, right = st.columns([3, 2], gap="large")
    with right:
        photo_shelf.show("uploads")
        sharing.show_open()
    with left:
        _samples()
    bundled = [caches.bundled(name) for name in SAMPLES.get()]
    chosen = (*photo_shelf.chosen_photos(), *bundled)
    remember_newest(chosen)
    return chosen


def _samples() -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(_("Sample photos: choose up to {most}").format(most=MOST_SAMPLES), width="content")
        credits = st.popover(_("Who took these?"), type="tertiary")
    gallery(_pictures(), SAMPLES.get(), Strip(_("Sample photos"), MOST_SAMPLES), "gallery", keep_samples)
    with credits:
        credit = _("**{title}**: {author}, {licence}, [source]({link})")
        for photo in sample_photos.samples():
            st.markdown(credit.format(title=photo.title, author=photo.author, licence=photo.licence, link=photo.source))


def keep_samples(names: object) -> None:
    """Store the samples that the browser reports as chosen; ignore anything but a list of names."""
    if not isinstance(names, list):
        return
    samples = [sample.name for sample in sample_photos.samples()]
    chosen = tuple(dict.fromkeys(name for name in names if name in samples))[-MOST_SAMPLES:]
    gone = [name for name in SAMPLES.get() if name not in chosen]
    if gone and len(chosen) == MOST_SAMPLES:
        message = _("You can choose at most {most} samples, so {title} was removed.")
        st.toast(message.format(most=MOST_SAMPLES, title=sample_photos.find(gone[0]).title))
    SAMPLES.put(chosen)


@cache
def _pictures() -> tuple[GalleryPicture, ...]:
    """Return thumbnails of the bundled samples only: visitors' photos go through `explain.decoding.read`."""
    pictures = []
    for sample in sample_photos.samples():
        with Image.open(sample.path) as image, io.BytesIO() as buffer:
            image.draft("RGB", (2 * THUMBNAIL_PX, 2 * THUMBNAIL_PX))
            image.thumbnail((4 * THUMBNAIL_PX, THUMBNAIL_PX))
            image.save(buffer, "JPEG", quality=80)
            pictures.append(GalleryPicture(sample.name, sample.title, jpeg_address(buffer.getvalue())))
    return tuple(pictures)
