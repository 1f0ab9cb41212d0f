"""Choose photos: bundled samples, files dropped in, or the camera. The server never fetches an address."""

import base64
import io
from functools import cache

import streamlit as st
from PIL import Image
from streamlit.runtime.uploaded_file_manager import UploadedFile

from effviz.explain import samples
from effviz.explain.images import MAX_BYTES
from effviz.explain.results import Photo
from effviz.ui import cache as caches
from effviz.ui.components.gallery import Picture, gallery
from effviz.ui.guard import guard
from effviz.ui.state import SAMPLES

SUFFIXES = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"]
MOST_SAMPLES = 4
MOST_UPLOADS = 12
THUMBNAIL_PX = 96


def choose() -> tuple[Photo, ...]:
    """Show the gallery and the upload box; return the chosen photos, a visitor's own first."""
    left, right = st.columns([3, 2], gap="large")
    with right:
        own = _own()
    with left:
        _samples()
    bundled = [caches.sample(name) for name in SAMPLES.get()]
    return (*own, *bundled)


def _samples() -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown("Sample photos: choose up to four", width="content")
        credits = st.popover("Who took these?", type="tertiary")
    gallery(_pictures(), SAMPLES.get(), MOST_SAMPLES, "gallery", _chosen)
    with credits:
        for sample in samples.samples():
            st.markdown(f"**{sample.title}**: {sample.author}, {sample.licence}, [source]({sample.source})")


def _chosen(names: tuple[str, ...]) -> None:
    gone = [name for name in SAMPLES.get() if name not in names]
    if gone and len(names) == MOST_SAMPLES:
        st.toast(f"{MOST_SAMPLES} samples at most: {samples.find(gone[0]).title} made room.")
    SAMPLES.put(names)


def _own() -> list[Photo]:
    files = st.file_uploader(
        "Your own photos",
        type=SUFFIXES,
        accept_multiple_files=True,
        max_upload_size=MAX_BYTES // 2**20,
        key="uploads",
        help="Photos stay in this server's memory until you close the page.",
    )
    with st.popover("Use the camera", icon=":material/photo_camera:"):
        shot = (
            st.camera_input("Take a photo", key="camera") if st.toggle("Turn the camera on", key="camera_on") else None
        )
    if len(files) > MOST_UPLOADS:
        st.info(
            f"{len(files)} photos are loaded: the first {MOST_UPLOADS} are compared. Remove some to see the others."
        )
    return _read([*files[:MOST_UPLOADS], *([shot] if shot else [])])


def _read(files: list[UploadedFile]) -> list[Photo]:
    """Photos that can be read; each of the others leaves its sentence, and costs nothing else."""
    photos = []
    for file in files:
        with guard():
            photos.append(caches.photo(file.getvalue(), file.name))
    return photos


@cache
def _pictures() -> tuple[Picture, ...]:
    return tuple(
        Picture(sample.name, sample.title, _thumbnail(sample.path.read_bytes())) for sample in samples.samples()
    )


def _thumbnail(data: bytes) -> str:
    """Our own files only: a visitor's photos go through `explain.images.read`."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (2 * THUMBNAIL_PX, 2 * THUMBNAIL_PX))
        image.thumbnail((4 * THUMBNAIL_PX, THUMBNAIL_PX))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
