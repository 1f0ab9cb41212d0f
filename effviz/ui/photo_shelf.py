"""A visitor's own photos: one shelf per session, available on every page that uses photos.

Streamlit's upload widget forgets its files as soon as another page runs. Files are therefore taken out of the widget at
once: their bytes stay among the server's uploads, which are bounded and end with the session (see
`startup.bound_uploads`), and the session keeps names and hashes.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import streamlit as st
from starlette.exceptions import HTTPException
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec

from effviz.errors import ImageError
from effviz.explain.images import ALLOWED, MAX_BYTES
from effviz.i18n import _
from effviz.progress import Heartbeat
from effviz.ui import cache as caches
from effviz.ui import job_queue
from effviz.ui.cache import ChosenPhoto
from effviz.ui.components import jpeg_address
from effviz.ui.components.gallery import GalleryPicture, Strip, gallery
from effviz.ui.guard import guard
from effviz.ui.job_progress import JobProgress
from effviz.ui.outputs import plain

SHELF: Final = "own photos"  # in the session
STRIP: Final = "shelf"  # the widget
MOST_PHOTOS: Final = 12
MOST_MB = 120  # per visitor, in total
THUMBNAIL_PX: Final = 160


@dataclass(frozen=True, slots=True)
class ShelfPhoto:
    """A photo that the visitor added."""

    name: str
    sha256: str  # of the file
    file_id: str  # of its bytes among the server's uploads
    size_bytes: int
    thumbnail: str = ""  # a data URL; empty until the photo has been read
    notes: tuple[str, ...] = ()  # changes made on reading; marked for translation


@dataclass(slots=True)
class Shelf:
    """The session's record of the visitor's photos."""

    photos: dict[str, ShelfPhoto] = field(default_factory=dict)  # by hash, in order of arrival
    unused: set[str] = field(default_factory=set)  # hashes of photos that are kept but excluded for now
    sentences: list[str] = field(default_factory=list)  # why files were not kept; until others are added
    left_over: int = 0  # number of files without room; until photos are added or removed
    boxes: int = 0  # number of upload widgets so far, each used once and replaced by an empty one
    fresh: str = ""  # hash of the newest photo, until a page that shows a single photo has selected it

    @property
    def used(self) -> list[ShelfPhoto]:
        """The photos that pages use."""
        return [photo for photo in self.photos.values() if photo.thumbnail and photo.sha256 not in self.unused]


@dataclass(frozen=True, slots=True)
class ShelfUse:
    """How a page uses the photos."""

    most: int
    chosen: Callable[[], tuple[str, ...]]  # hashes
    choose: Callable[[object], None]  # takes the browser's selection, which may be anything


def shelf() -> Shelf:
    """Return the session's shelf."""
    own: Shelf = st.session_state.setdefault(SHELF, Shelf())
    return own


def chosen_photos() -> list[ChosenPhoto]:
    """Return the photos in use; show an error for one that cannot be read because too many others are waiting."""
    chosen = []
    for photo in shelf().used:
        with guard():
            chosen.append(choose_photo(photo))
    return chosen


def choose_photo(photo: ShelfPhoto) -> ChosenPhoto:
    """Return a photo with its pixels in the cache; if they were evicted, read it again in the visitor's turn.

    Raises:
        BusyError: Too many others are waiting for a turn.
    """
    return caches.own(files()[photo.sha256], photo.name, partial(_decoding_turn, photo))


def files() -> dict[str, bytes]:
    """Return the photos' files, by hash."""
    context = get_script_run_ctx()
    numbers = {photo.file_id: photo.sha256 for photo in shelf().photos.values()}
    stored = context.uploaded_file_mgr.get_files(context.session_id, list(numbers)) if context else ()
    return {numbers[file.file_id]: file.data for file in stored}


def add(name: str, data: bytes) -> None:
    """Put a file on the shelf if there is room; whether it is a photo is checked later."""
    own, sha256 = shelf(), hashlib.sha256(data).hexdigest()
    own.unused.discard(sha256)
    own.fresh = sha256
    if sha256 in own.photos:
        return
    total = len(data) + sum(photo.size_bytes for photo in own.photos.values())
    photo = ShelfPhoto(name, sha256, str(uuid.uuid4()), len(data))
    if len(own.photos) < MOST_PHOTOS and total <= MOST_MB * 2**20 and _store(photo, data):
        own.photos[sha256] = photo
    else:
        own.left_over += 1


def remove(sha256: object) -> None:
    """Remove a photo; its hash comes from the browser, so it may be anything."""
    own = shelf()
    photo = own.photos.pop(sha256, None) if isinstance(sha256, str) else None
    if photo is None:
        return
    own.unused.discard(photo.sha256)
    own.left_over = 0
    forget([photo.file_id])
    caches.forget_photo(photo.sha256)


def clear() -> None:
    """Remove all photos."""
    for sha256 in list(shelf().photos):
        remove(sha256)
    shelf().sentences.clear()


def show(key: str, use: ShelfUse | None = None) -> None:
    """Show the upload widget, the camera and the shelf; without `use`, the selection applies to the session."""
    own = shelf()
    _boxes(key)
    with st.container():  # for the progress bar, so that what follows stays in place
        read_new()
    if use and use.most == 1 and own.fresh:
        if own.fresh in own.photos:
            use.choose([own.fresh])
        own.fresh = ""
    _sentences(own)
    if own.photos:
        _strip(own, use or ShelfUse(MOST_PHOTOS, lambda: tuple(photo.sha256 for photo in own.used), choose))


def _boxes(key: str) -> None:
    number = shelf().boxes or ""
    box, camera = f"{key}{number}", f"{key}-camera{number}"
    st.file_uploader(
        _("Your own photos"),
        accept_multiple_files=True,
        max_upload_size=MAX_BYTES // 2**20,
        key=box,
        on_change=_take,
        args=(box,),
        help=_(
            "Photos stay in this server's memory, for all pages, until you remove them or close the page. While "
            "Evaluate measures them, they are also in a temporary folder on its disk, which is deleted afterwards."
        ),
    )
    st.caption(_(ALLOWED))
    with st.popover(_("Use the camera"), icon=":material/photo_camera:"):
        if st.toggle(_("Turn the camera on"), key=f"{key}-camera-on"):
            st.camera_input(_("Take a photo"), key=camera, on_change=_take, args=(camera,))


def _take(box: str) -> None:
    """Put the files of an upload widget on the shelf, and replace the widget by an empty one."""
    brought = st.session_state.get(box)
    came = [file for file in (brought if isinstance(brought, list) else [brought]) if isinstance(file, UploadedFile)]
    if not came:
        return
    own = shelf()
    own.boxes += 1
    own.left_over = 0
    own.sentences.clear()
    for file in came:
        data = file.getvalue()
        forget([file.file_id])  # otherwise it would count twice
        add(file.name, data)


def read_new() -> None:
    """Decode new files, each in the visitor's turn; show an error for a file that is not a photo."""
    own = shelf()
    held = files()
    for photo in list(own.photos.values()):
        if photo.sha256 not in held:
            remove(photo.sha256)
            lost = _(
                "{name} was removed: the server's space for uploads is full, and your files took up the largest share. "
                "Add it again when fewer visitors are here."
            )
            own.sentences.append(lost.format(name=photo.name))
        elif not photo.thumbnail:
            with guard():
                _read(own, photo, held[photo.sha256])


def _read(shelf: Shelf, photo: ShelfPhoto, data: bytes) -> None:
    try:
        opened = caches.own(data, photo.name, partial(_decoding_turn, photo)).open()
    except ImageError as error:
        remove(photo.sha256)
        shelf.sentences.append(str(error))
        return
    thumbnail = jpeg_address(caches.thumbnail(opened, THUMBNAIL_PX))
    shelf.photos[photo.sha256] = replace(photo, thumbnail=thumbnail, notes=opened.notes)


@contextmanager
def _decoding_turn(photo: ShelfPhoto) -> Iterator[Heartbeat]:
    """Wait for a turn to decode a photo, and hold it for the block."""
    with JobProgress(1, "photo").shown(photo.file_id, may_stop=False) as work:
        work.next(_("Reading {photo}").format(photo=plain(photo.name)))
        with work.turn(job_queue.photo_effort()) as progress:
            yield partial(progress, 0.0)


def _sentences(shelf: Shelf) -> None:
    for sentence in shelf.sentences:
        st.warning(sentence, icon=":material/info:")
    if shelf.left_over:
        many = _(
            "No room for {count} of the files: at most {most} photos are kept, {size} MB in total. Remove some, "
            "then add the others again."
        )
        st.info(many.format(count=shelf.left_over, most=MOST_PHOTOS, size=MOST_MB))


def _strip(shelf: Shelf, use: ShelfUse) -> None:
    pictures = tuple(
        GalleryPicture(photo.sha256, photo.name, photo.thumbnail) for photo in shelf.photos.values() if photo.thumbnail
    )
    words = Strip(_("Your own photos"), use.most, _("Remove {title}"))
    gallery(pictures, use.chosen(), words, STRIP, use.choose, remove)
    for photo in shelf.photos.values():
        for note in photo.notes:
            st.caption(f"{plain(photo.name)}: {_(note)}")
    st.button(_("Remove my photos"), icon=":material/delete:", type="tertiary", on_click=clear)


def choose(digests: object) -> None:
    """Use the photos that are selected in the browser; the others stay on the shelf."""
    if isinstance(digests, list):
        own = shelf()
        own.unused = {sha256 for sha256, photo in own.photos.items() if photo.thumbnail and sha256 not in digests}


# Access to the server's uploads.


def _store(photo: ShelfPhoto, data: bytes) -> bool:
    """Keep a file until the session ends; return whether there was room."""
    context = get_script_run_ctx()
    if not context or not isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        return False
    with suppress(HTTPException):
        context.uploaded_file_mgr.add_file(context.session_id, UploadedFileRec(photo.file_id, photo.name, "", data))
        return True
    return False


def forget(numbers: Iterable[str]) -> None:
    """Delete uploaded files, given their Streamlit ids."""
    context = get_script_run_ctx()
    if context and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        for number in numbers:
            context.uploaded_file_mgr.remove_file(context.session_id, number)
