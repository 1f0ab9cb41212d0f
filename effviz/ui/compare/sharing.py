"""What a link and a saved session carry: everything on the screen; a link leaves out photos, and names them.

The address has the choices (see `effviz.ui.session`). The browser's "Copy link" adds how the maps are looked at: boxes,
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

# A visitor's own photos in a link: it names them, and whoever opens it elsewhere is asked for them.

DIGITS: Final = 16  # of a hash: enough to tell photos apart, and short enough for an address
LONGEST_NAME: Final = 100
AWAITED: Final = "photos awaited"  # in the session: those that the link was made with
HELD_CLASS: Final = "class awaited"  # in the session: the class that waits for them
KNOWN_OWN: Final = "own photos known"  # in the session: hashes of those that the class was chosen for


def parse_own(text: str) -> tuple[str, ...]:
    """`"0123456789abcdef:lawn.png|..."` as photos: how the sha256 of each begins, and its name.

    Raises:
        SettingsError: It is none of this kind, or has more than a shelf.
    """
    parts = [part for part in text.split("|") if part]
    if len(parts) > photo_shelf.MOST_PHOTOS or not all(re.fullmatch(r"[0-9a-f]{16}:.{1,100}", part) for part in parts):
        sentence = _(
            "The link asks for photos of its own, as {text!r}: each is {digits} digits of its hash and a name. "
            "Copy the link again."
        )
        raise SettingsError(sentence.format(text=text[:40], digits=DIGITS))
    return tuple(parts)


OWN: Setting[tuple[str, ...]] = Setting("own", (), parse_own, "|".join)


def adopt_link() -> None:
    """Take over what a link says beside the settings; the class of a photo that is not here waits for it."""
    first = AWAITED not in st.session_state
    with guard():
        OWN.adopt()
    with guard():
        if text := st.query_params.pop(VIEW, ""):  # once: it is no more than where the visitor begins
            st.session_state[VIEW] = parse_view(text)
    if first:
        st.session_state[AWAITED] = OWN.get()
        if awaited() and CLASS.get():
            st.session_state[HELD_CLASS] = CLASS.get()
            CLASS.put("")
    st.session_state[AWAITED] = tuple(awaited())  # one that came, and was then removed, is not asked for again


def settle_class() -> None:
    """Explain photos that a visitor brought anew by each model's own first guess, or by the class that waits for them.

    A class that was chosen for other photos would show, on these, where it speaks least against itself.
    """
    own = {photo.sha256 for photo in photo_shelf.shelf().photos.values() if photo.thumbnail}
    if own - st.session_state.get(KNOWN_OWN, own):
        CLASS.put("")
    st.session_state[KNOWN_OWN] = own
    if HELD_CLASS in st.session_state and not awaited():
        held = st.session_state.pop(HELD_CLASS)
        CLASS.put(CLASS.get() or held)


def awaited() -> list[str]:
    """Return the photos that the link was made with and that are not here."""
    on_shelf = {sha256[:DIGITS] for sha256 in photo_shelf.shelf().photos}
    return [photo for photo in st.session_state.get(AWAITED, ()) if photo[:DIGITS] not in on_shelf]


def show_awaited() -> None:
    """Say which photos are missing, and keep the address up to date."""
    missing = awaited()
    used = photo_shelf.shelf().used
    names = [re.sub(r"[|\n\r]", "_", photo.name)[:LONGEST_NAME] for photo in used]
    present = [f"{photo.sha256[:DIGITS]}:{name}" for photo, name in zip(used, names, strict=True)]
    OWN.put((*present, *missing))
    if not missing:
        return
    photo = _("**{name}** (sha256 {digest}…)")
    photos = ", ".join(photo.format(name=plain(one[DIGITS + 1 :]), digest=one[:DIGITS]) for one in missing)
    text = _("This link was made with photos that no link carries: {photos}. Add them under Photos to see their maps.")
    if HELD_CLASS in st.session_state:
        text += " " + _("The class that it asks for, {name}, waits for them.")
    with st.container(horizontal=True, vertical_alignment="center"):
        name = plain(st.session_state.get(HELD_CLASS, ""))
        st.info(text.format(photos=photos, name=name), icon=":material/hide_image:")
        st.button(_("Go on without them"), on_click=_go_on)


def _go_on() -> None:
    st.session_state[AWAITED] = ()
    st.session_state.pop(HELD_CLASS, None)


# How the maps were looked at when the link was copied: the browser reads it again. Anybody can write a link.

LONGEST_VIEW: Final = 6000
MOST_ZOOM: Final = 16
MOST_PX: Final = 100_000
MODES: Final = ("swipe", "difference", "sorting", "box")


def parse_view(text: str) -> Json:
    """Read what `link.js` wrote; what it did not write is left out.

    Raises:
        SettingsError: It is nothing that it writes.
    """
    try:
        view = json.loads(text if len(text) <= LONGEST_VIEW else "")
        return {
            "modes": [mode for mode in MODES if mode in view["modes"]],
            "pair": _labels(view["pair"], 2) if "pair" in view else None,
            "photos": dict(_photo_views(view["photos"])),
        }
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        sentence = _("The link asks for a view that cannot be read: {text!r}. The maps are shown as ever.")
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
    within = [type(one) in kinds and 0 <= one <= most for one in values]  # type: ignore[operator] # true is none, nor nan
    if len(within) != count or not all(within):
        raise ValueError(values)
    return values


def _labels(values: list[object], count: int) -> list[object]:
    if len(values) != count or not all(isinstance(one, str) and len(one) <= LONGEST_NAME for one in values):
        raise ValueError(values)
    return values


# A session as a file.

REFUSED: Final = "session refused"  # in the session: why
BOXES: Final = "session boxes"  # in the session: how many were used


def archive(bundled: Sequence[str]) -> SessionArchive:
    """Return what brings this session back, with the samples of these names."""
    held = photo_shelf.files()
    own = [SessionPhoto(photo.name, held[photo.sha256]) for photo in photo_shelf.shelf().used]
    found = [sample_photos.find(name) for name in bundled]
    samples = [SessionPhoto(sample.path.name, sample.path.read_bytes(), sample.name) for sample in found]
    return SessionArchive(urlencode(sorted(st.query_params.to_dict().items())), (*own, *samples))


def address() -> str:
    """Return the link to this comparison, as far as the server knows it."""
    return f"{st.context.url or ''}?{urlencode(st.query_params.to_dict())}"


def credit(sha256: str) -> str:
    """Return who took a photo that comes with EffViz; empty for a visitor's own."""
    if (sample := sample_photos.by_sha256().get(sha256)) is None:
        return ""
    text = _("{title}: {author}, {licence}, {link}")
    return text.format(title=sample.title, author=sample.author, licence=sample.licence, link=sample.source)


def show_open() -> None:
    """Show a box for a saved session; what it holds is there with the next run."""
    with st.popover(_("Open a session"), icon=":material/folder_open:"):
        box = f"session{st.session_state.get(BOXES) or ''}"
        st.file_uploader(
            _("A .zip that *Save the session* made"),
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
    photo_shelf.forget([file.file_id])  # before its photos come
    try:
        restore(session_archive.read_session(data, file.name))
    except EffVizError as error:
        st.session_state[REFUSED] = str(error)


def restore(saved: SessionArchive) -> None:
    """Bring back photos and settings; called before the page is drawn."""
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
