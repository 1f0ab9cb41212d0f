"""Links and saved sessions: both restore everything on the screen, but a link only names the visitor's own photos.

The address contains the choices (see `effviz.ui.session`). The browser's "Copy link" adds the view of the maps: boxes,
held cells, two models side by side (see `link.js`).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl, urlencode

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from effviz.errors import EffVizError, SettingsError
from effviz.explain import sample_photos
from effviz.i18n import _
from effviz.report import session_archive
from effviz.report.session_archive import SessionArchive, SessionPhoto
from effviz.ui import inputs, photo_shelf
from effviz.ui.compare.display_settings import CLASS, LAYER, METHOD, SETTINGS, STILL, VIEW
from effviz.ui.components import Json
from effviz.ui.guard import guard
from effviz.ui.outputs import plain
from effviz.ui.session import MODELS, PHI, SAMPLES, Setting

# A visitor's own photos in a link: it names them, and asks whoever opens it elsewhere to add them.

DIGITS: Final = 16  # of a hash: enough to distinguish photos, and short enough for an address
LONGEST_NAME: Final = 100
AWAITED: Final = "photos awaited"  # in the session: the photos that the link names
HELD_CLASS: Final = "class awaited"  # in the session: the class to explain once they are added
KNOWN_OWN: Final = "own photos known"  # in the session: hashes of the photos for which the class was chosen


def parse_own(text: str) -> tuple[str, ...]:
    """Parse `"0123456789abcdef:lawn.png|..."`: for each photo, the start of its sha256 and its name.

    Raises:
        SettingsError: The text has another form, or more photos than a shelf can hold.
    """
    parts = [part for part in text.split("|") if part]
    if len(parts) > photo_shelf.MOST_PHOTOS or not all(re.fullmatch(r"[0-9a-f]{16}:.{1,100}", part) for part in parts):
        sentence = _(
            "The link's list of own photos cannot be read: {text!r}. Each entry is {digits} digits of a photo's "
            "hash and its name. Copy the link again."
        )
        raise SettingsError(sentence.format(text=text[:40], digits=DIGITS))
    return tuple(parts)


OWN: Setting[tuple[str, ...]] = Setting("own", (), parse_own, "|".join)


def adopt_link() -> None:
    """Adopt own photos and view from a link; a class for missing photos is applied once they are added."""
    first = AWAITED not in st.session_state
    with guard():
        OWN.adopt()
    with guard():
        if text := st.query_params.pop(VIEW, ""):  # once: it is only the visitor's starting point
            st.session_state[VIEW] = parse_view(text)
    if first:
        st.session_state[AWAITED] = OWN.get()
        if awaited() and CLASS.get():
            st.session_state[HELD_CLASS] = CLASS.get()
            CLASS.put("")
    st.session_state[AWAITED] = tuple(awaited())  # do not ask again for a photo that was added and then removed


def settle_class() -> None:
    """Explain newly added photos by each model's own first guess, or by the class that the link has for them.

    A class chosen for other photos would only show where the evidence against it is weakest.
    """
    own = {photo.sha256 for photo in photo_shelf.shelf().photos.values() if photo.thumbnail}
    if own - st.session_state.get(KNOWN_OWN, own):
        CLASS.put("")
    st.session_state[KNOWN_OWN] = own
    if HELD_CLASS in st.session_state and not awaited():
        held = st.session_state.pop(HELD_CLASS)
        CLASS.put(CLASS.get() or held)


def awaited() -> list[str]:
    """Return the photos that the link names and that are missing."""
    on_shelf = {sha256[:DIGITS] for sha256 in photo_shelf.shelf().photos}
    return [photo for photo in st.session_state.get(AWAITED, ()) if photo[:DIGITS] not in on_shelf]


def show_awaited() -> None:
    """Show which photos are missing, and keep the address up to date."""
    missing = awaited()
    used = photo_shelf.shelf().used
    names = [re.sub(r"[|\n\r]", "_", photo.name)[:LONGEST_NAME] for photo in used]
    present = [f"{photo.sha256[:DIGITS]}:{name}" for photo, name in zip(used, names, strict=True)]
    OWN.put((*present, *missing))
    if not missing:
        return
    photo = _("**{name}** (sha256 {digest}…)")
    photos = ", ".join(photo.format(name=plain(one[DIGITS + 1 :]), digest=one[:DIGITS]) for one in missing)
    text = _("This link needs photos that links do not include: {photos}. Add them under Photos to see their maps.")
    if HELD_CLASS in st.session_state:
        text += " " + _("The link's class, {name}, is selected once they are added.")
    with st.container(horizontal=True, vertical_alignment="center"):
        name = plain(st.session_state.get(HELD_CLASS, ""))
        st.info(text.format(photos=photos, name=name), icon=":material/hide_image:")
        st.button(_("Continue without them"), on_click=_go_on)


def _go_on() -> None:
    st.session_state[AWAITED] = ()
    st.session_state.pop(HELD_CLASS, None)


# The view of the maps when the link was copied, restored by the browser. Checked because anybody can write a link.

LONGEST_VIEW: Final = 6000
MOST_ZOOM: Final = 16
MOST_PX: Final = 100_000
MODES: Final = ("swipe", "difference", "sorting", "box")


def parse_view(text: str) -> Json:
    """Parse a view written by `link.js`, and ignore unknown parts.

    Raises:
        SettingsError: `link.js` cannot have written the text.
    """
    try:
        view = json.loads(text if len(text) <= LONGEST_VIEW else "")
        return {
            "modes": [mode for mode in MODES if mode in view["modes"]],
            "pair": _labels(view["pair"], 2) if "pair" in view else None,
            "photos": dict(_photo_views(view["photos"])),
        }
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        sentence = _("The link's view cannot be read: {text!r}. The maps are shown in the default view.")
        raise SettingsError(sentence.format(text=text[:40])) from error


def _photo_views(photos: Mapping[str, Mapping[str, list[object]]]) -> Iterator[tuple[str, Json]]:
    parts: dict[str, Callable[[list[object]], list[object]]] = {
        "box": lambda box: _numbers(box, 4, MOST_PX),
        "zoom": lambda zoom: _numbers(zoom, 3, MOST_ZOOM),
        "cell": lambda cell: [*_labels(cell[:1], 1), *_numbers(cell[1:], 2, MOST_PX, (int,))],
        "swipe": lambda swipe: [*_labels(swipe[:2], 2), *_numbers(swipe[2:], 1, 100)],
        "large": lambda large: _labels(large, 1),
    }
    for digest, view in list(photos.items())[: photo_shelf.MOST_PHOTOS + len(sample_photos.samples())]:
        if re.fullmatch(f"[0-9a-f]{{{DIGITS}}}", digest):
            yield digest, {name: read(view[name]) for name, read in parts.items() if name in view}


def _numbers(values: list[object], count: int, most: float, kinds: tuple[type, ...] = (int, float)) -> list[object]:
    within = [type(one) in kinds and 0 <= one <= most for one in values]  # type: ignore[operator] # no bool, no nan
    if len(within) != count or not all(within):
        raise ValueError(values)
    return values


def _labels(values: list[object], count: int) -> list[object]:
    if len(values) != count or not all(isinstance(one, str) and len(one) <= LONGEST_NAME for one in values):
        raise ValueError(values)
    return values


# A session as a file.

REFUSED: Final = "session refused"  # in the session: why
BOXES: Final = "session boxes"  # in the session: how many upload boxes were used


def archive(bundled: Sequence[str]) -> SessionArchive:
    """Return what is needed to restore this session, including the samples with these names."""
    held = photo_shelf.files()
    own = [SessionPhoto(photo.name, held[photo.sha256]) for photo in photo_shelf.shelf().used]
    bundled_samples = [sample_photos.find(name) for name in bundled]
    samples = [SessionPhoto(sample.path.name, sample.path.read_bytes(), sample.name) for sample in bundled_samples]
    return SessionArchive(urlencode(sorted(st.query_params.to_dict().items())), (*own, *samples))


def address() -> str:
    """Return the link to this comparison, without the view, which only the browser knows."""
    return f"{st.context.url or ''}?{urlencode(st.query_params.to_dict())}"


def credit(sha256: str) -> str:
    """Return the credit of a bundled sample photo; empty for a visitor's own."""
    if (sample := sample_photos.by_sha256().get(sha256)) is None:
        return ""
    text = _("{title}: {author}, {licence}, {link}")
    return text.format(title=sample.title, author=sample.author, licence=sample.licence, link=sample.source)


def show_open() -> None:
    """Show an upload box for a saved session, which the next run of the page shows."""
    with st.popover(_("Open a session"), icon=":material/folder_open:"):
        box = f"session{st.session_state.get(BOXES) or ''}"
        st.file_uploader(
            _("A .zip file from *Save the session*"),
            max_upload_size=session_archive.MOST_BYTES // 2**20,
            key=box,
            on_change=_open,
            args=(box,),
        )
    if refused := st.session_state.get(REFUSED):
        st.warning(refused, icon=":material/info:")


def _open(box: str) -> None:
    file = st.session_state.get(box)
    if not isinstance(file, UploadedFile):
        return
    st.session_state[BOXES] = st.session_state.get(BOXES, 0) + 1
    st.session_state.pop(REFUSED, None)
    data = file.getvalue()
    photo_shelf.forget([file.file_id])  # before its photos are added
    try:
        restore(session_archive.read_session(data, file.name))
    except EffVizError as error:
        st.session_state[REFUSED] = str(error)


def restore(saved: SessionArchive) -> None:
    """Restore photos and settings; call this before the page is drawn."""
    own = [photo for photo in saved.photos if not photo.sample]
    photo_shelf.choose([])
    for photo in own:
        photo_shelf.add(photo.name, photo.data)
    address = dict(parse_qsl(saved.address))
    keys = [MODELS.key, SAMPLES.key, PHI.key, OWN.key, *(setting.key for setting in SETTINGS)]
    for name in (*keys, AWAITED, HELD_CLASS, KNOWN_OWN, VIEW):
        st.session_state.pop(name, None)
    st.session_state.update({f"{key} adopted": False for key in keys})
    for key in (LAYER, METHOD):
        inputs.forget_choice(key)
    for key in (*keys, LAYER, METHOD):
        st.query_params.pop(key, None)
        if key in address:
            st.query_params[key] = address[key]
    st.session_state[STILL] = address.get(STILL) == "true"
