"""Choose photos: bundled samples, files dropped in, or the camera. The server never fetches an address.

After a photo was added, the sections of the page turn to it.
"""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from itertools import accumulate
from typing import Final

import streamlit as st
from PIL import Image
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from effviz.explain import sample_photos
from effviz.explain.decoding import Heartbeat
from effviz.explain.images import MAX_BYTES
from effviz.i18n import _
from effviz.ui import cache as caches
from effviz.ui import job_costs
from effviz.ui.cache import ChosenPhoto
from effviz.ui.compare.map_cells import MapCell
from effviz.ui.components.gallery import GalleryPicture, Strip, gallery
from effviz.ui.guard import guard
from effviz.ui.job_progress import JobProgress
from effviz.ui.outputs import plain
from effviz.ui.session import SAMPLES

# After a photo was added, every section turns to it; else each keeps what its visitor chose.

KNOWN_PHOTOS: Final = "photos known"  # in the session: digests of the photos of the last run

NEWEST_PHOTO: Final = "newest photo"  # in the session: how many times some were added, and the digest of the newest


def remember_newest(chosen: Sequence[ChosenPhoto]) -> None:
    """Keep which photo was added last; those that a visit begins with are not news."""
    known: tuple[str, ...] | None = st.session_state.get(KNOWN_PHOTOS)
    now = tuple(photo.sha256 for photo in chosen)
    added = [digest for digest in now if known is not None and digest not in known]
    if added:
        count, _digest = st.session_state.get(NEWEST_PHOTO, (0, ""))
        st.session_state[NEWEST_PHOTO] = count + 1, added[0]
    st.session_state[KNOWN_PHOTOS] = now


def follow_newest(key: str, digests: Mapping[str, str]) -> None:
    """Before the select box `key` is shown: move it to the newest photo, once; `digests` by option.

    Browsers keep what a box with a key shows, so it is told a value and not forgotten.
    """
    newest = st.session_state.get(NEWEST_PHOTO)
    followed = f"{key} follows"
    if newest is None or st.session_state.get(followed) == newest:
        return
    for option, digest in digests.items():
        if digest == newest[1]:
            st.session_state[key], st.session_state[followed] = option, newest
            return


def choose_cell(label: str, cells: Sequence[MapCell], key: str) -> MapCell:
    """Choose one of the cells by its model and its photo."""
    options = {f"{cell.entrant.card.ref.label} {cell.chosen.sha256}": cell for cell in cells}
    follow_newest(key, {option: cell.chosen.sha256 for option, cell in options.items()})
    return options[
        st.selectbox(
            label,
            list(options),
            format_func=lambda option: f"{options[option].entrant.card.ref.label} · {options[option].chosen.name}",
            key=key,
        )
    ]


SUFFIXES = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"]

MOST_SAMPLES = 4

MOST_UPLOADS = 12

MOST_UPLOADED_MB = 120  # of one visitor, together

FORGOTTEN = "photos not kept"  # in the session: how many, until the visitor adds or removes some

THUMBNAIL_PX = 96


def choose_photos() -> tuple[ChosenPhoto, ...]:
    """Show the gallery and the upload box; return the chosen photos, a visitor's own first."""
    left, right = st.columns([3, 2], gap="large")
    with right:
        own = _own()
    with left:
        _samples()
    bundled = [caches.bundled(name) for name in SAMPLES.get()]
    chosen = (*own, *bundled)
    remember_newest(chosen)
    return chosen


def _samples() -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(_("Sample photos: choose up to {most}").format(most=MOST_SAMPLES), width="content")
        credits = st.popover(_("Who took these?"), type="tertiary")
    gallery(_pictures(), SAMPLES.get(), Strip(_("Sample photos"), MOST_SAMPLES), "gallery", keep_samples)
    with credits:
        credit = _("**{title}**: {author}, {licence}, [source]({link})")
        for each in sample_photos.samples():
            st.markdown(credit.format(title=each.title, author=each.author, licence=each.licence, link=each.source))


def keep_samples(names: object) -> None:
    """Keep the samples that the browser says are chosen; what is no list of them is left aside."""
    if not isinstance(names, list):
        return
    known = [sample.name for sample in sample_photos.samples()]
    chosen = tuple(dict.fromkeys(name for name in names if name in known))[-MOST_SAMPLES:]
    gone = [name for name in SAMPLES.get() if name not in chosen]
    if gone and len(chosen) == MOST_SAMPLES:
        said = _("{most} samples at most: {title} made room.")
        st.toast(said.format(most=MOST_SAMPLES, title=sample_photos.find(gone[0]).title))
    SAMPLES.put(chosen)


def _own() -> list[ChosenPhoto]:
    files = st.file_uploader(
        _("Your own photos"),
        type=SUFFIXES,
        accept_multiple_files=True,
        max_upload_size=MAX_BYTES // 2**20,
        key="uploads",
        on_change=lambda: st.session_state.pop(FORGOTTEN, None),
        help=_("Photos stay in this server's memory until you close the page."),
    )
    with st.popover(_("Use the camera"), icon=":material/photo_camera:"):
        on = st.toggle(_("Turn the camera on"), key="camera_on")
        shot = st.camera_input(_("Take a photo"), key="camera") if on else None
    kept = _within(files)
    if st.session_state.get(FORGOTTEN):
        many = _(
            "The first {kept} photos are compared, and {count} were not kept: up to {most} are, of {size} MB together. "
            "Remove some, and add the others again."
        )
        count = st.session_state[FORGOTTEN]
        st.info(many.format(kept=len(kept), count=count, most=MOST_UPLOADS, size=MOST_UPLOADED_MB))
    with st.container():  # for the bar, so that what follows keeps its place
        return _read([*kept, *([shot] if shot else [])])


def _within(files: list[UploadedFile]) -> list[UploadedFile]:
    """The first files that there is room for; the server forgets the others at once."""
    totals = accumulate(file.size for file in files[:MOST_UPLOADS])
    count = sum(total <= MOST_UPLOADED_MB * 2**20 for total in totals)
    context = get_script_run_ctx()
    if count < len(files) and context and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        st.session_state[FORGOTTEN] = len(files) - count
        for file in files[count:]:
            context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)
    return files[:count]


def _read(files: list[UploadedFile]) -> list[ChosenPhoto]:
    """Photos that can be read; each of the others leaves its sentence, and costs nothing else."""
    photos = []
    for file in files:
        with guard():
            photos.append(caches.own(file.getvalue(), file.name, partial(decoding_turn, file)))
    return photos


@contextmanager
def decoding_turn(file: UploadedFile) -> Iterator[Heartbeat]:
    """Wait for a turn to decode a visitor's photo, and hold it for the block."""
    with JobProgress(1, "photo").shown(file.file_id, may_stop=False) as work:
        work.next(_("{photo} is read").format(photo=plain(file.name)))
        with work.turn(job_costs.photo_effort()) as progress:
            yield partial(progress, 0.0)


@cache
def _pictures() -> tuple[GalleryPicture, ...]:
    return tuple(
        GalleryPicture(sample.name, sample.title, _thumbnail(sample.path.read_bytes()))
        for sample in sample_photos.samples()
    )


def _thumbnail(data: bytes) -> str:
    """Our own files only: a visitor's photos go through `explain.decoding.read`."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (2 * THUMBNAIL_PX, 2 * THUMBNAIL_PX))
        image.thumbnail((4 * THUMBNAIL_PX, THUMBNAIL_PX))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
