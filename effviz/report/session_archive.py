"""What visitors can download from Compare: raw maps, settings, and a session as one file that they can reopen.

A session may come from an untrusted source. So its list of files is checked before any file is read: their number,
names and declared sizes. Nothing is written to disk, the maps and the page are never read, and of a photo no more is
read than a photo may have.
"""

import hashlib
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import parse_qsl

import numpy as np

from effviz import schema
from effviz.errors import SettingsError
from effviz.explain import placement
from effviz.explain.data_types import ActivationMap
from effviz.explain.images import MAX_BYTES
from effviz.explain.overlay import OverlayStyle, Scale
from effviz.explain.placement import Placement
from effviz.i18n import _
from effviz.schema import Pattern, Range
from effviz.zoo.model import Model, model_settings

if TYPE_CHECKING:
    from effviz.report.html_report import PictureTile

# A comparison as files: raw maps with their provenance as NPZ without pickle, and its settings as JSON.

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


def provenance(entry: ActivationMap) -> dict[str, Json]:
    """Return everything about a map except its values, as JSON types; boxes and sizes are in upright-photo pixels."""
    height, width = entry.values.shape
    return {
        **{field.name: getattr(entry, field.name) for field in fields(entry) if field.name != "values"},
        "seen": [float(edge) for edge in astuple(entry.seen)],
        "map_height": height,
        "map_width": width,
        "map_min": float(entry.values.min()),
        "map_max": float(entry.values.max()),
    }


def map_keys(maps: Sequence[ActivationMap]) -> list[str]:
    """Return archive-safe names of maps: `photo__model`, or `photo__model__class` for a pair's further classes."""
    keys: list[str] = []
    for entry in maps:
        pair = f"{_key_part(entry.photo)}__{_key_part(entry.model)}"
        wanted = pair if pair not in keys else f"{pair}__{_key_part(entry.target_name)}"
        alike = sum(key == wanted or key.startswith(f"{wanted}__") for key in keys) if wanted in keys else 0
        keys.append(f"{wanted}__{alike + 1}" if alike else wanted)
    return keys


def _key_part(text: str) -> str:
    return re.sub(r"[^\w.@+-]+", "_", text) or "_"


def maps_npz(maps: Sequence[ActivationMap]) -> bytes:
    """Return an NPZ of each map (H, W) float32 under its key (`map_keys`), and `facts`, a JSON list, one entry per map.

    The same maps give the same bytes: NumPy writes each part with a fixed date in 1980.
    """
    keys = map_keys(maps)
    arrays = {key: entry.values for key, entry in zip(keys, maps, strict=True)}
    facts = [{"key": key, **provenance(entry)} for key, entry in zip(keys, maps, strict=True)]
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, facts=np.array(json.dumps(facts, sort_keys=True)), **arrays)
    return buffer.getvalue()


# Settings: everything needed to repeat a comparison.


def settings_json(
    models: Sequence[Model], maps: Sequence[ActivationMap], target: str, scale: Scale, style: OverlayStyle
) -> bytes:
    """Return what was compared, for which target ("top1", "rank 2"), and how it was shown; undated, so reproducible."""
    shown = asdict(style)
    view = shown.pop("view")
    calibrations = {} if style.placement is Placement.PLAIN else _calibrations(models)
    facts: dict[str, object] = {
        **model_settings(models),
        "target": target,
        "maps": [provenance(entry) for entry in maps],
        "shown": {"scale": scale, **shown, **view, "calibrations": calibrations},
    }
    return (json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _calibrations(models: Sequence[Model]) -> dict[str, Json]:
    weights = {model.ref.label: model.weights_sha256 for model in models}
    return {
        label: {"offset_x": one.offset_x, "offset_y": one.offset_y, "slope": one.slope, "made": one.made}
        for label, one in placement.calibrations().items()
        if one.weights_sha256 == weights.get(label)  # the others have plain placement
    }


# Save and read a session as one archive: photos, settings, maps, and a page that opens without EffViz.

VERSION: Final = 1
INDEX: Final = "session.json"
MAPS, SETTINGS, PAGE = "maps.npz", "settings.json", "report.html"
PHOTO: Final = re.compile(r"photos/[0-9]{2} [^/\\\x00-\x1f]{1,100}")
MOST_BYTES: Final = 128 * 2**20
MOST_PHOTO_BYTES: Final = 120 * 2**20  # of all photos
MOST_PHOTOS: Final = 16
MOST_FILES: Final = MOST_PHOTOS + 4
MOST_LIST_BYTES: Final = 64 * 2**10  # of the list of files
MOST_INDEX_BYTES: Final = 2**20
MOST_NAME: Final = 200
MOST_FIELDS: Final = 60  # of an address
_LIST_END: Final = struct.Struct("<4s4H2LH")  # APPNOTE.TXT, 4.3.16: the last record of a zip
_LONG_LIST: Final = b"PK\x06\x07"  # the ZIP64 locator, which precedes it if there is a longer list
_LONG_LIST_BYTES: Final = 20
_ENCRYPTED: Final = 1

# What zipfile raises on damaged archives, unknown compression and files missing from the list. RuntimeError also comes
# from JSON that is nested too deeply, and ValueError from this module.
READ_ERRORS: Final = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error),
    *(RuntimeError, OSError, EOFError, ValueError, LookupError),
)


@dataclass(frozen=True, slots=True)
class SessionPhoto:
    """A photo of a session."""

    name: str
    data: bytes
    sample: str = ""  # the name of a sample photo


@dataclass(frozen=True, slots=True)
class SessionArchive:
    """What restores a session."""

    address: str  # all settings, as in the page's address: "models=lite0%40224&method=LayerCAM"
    photos: tuple[SessionPhoto, ...]


@dataclass(frozen=True, slots=True)
class IndexedPhoto:
    """A photo's entry in the index."""

    file: Annotated[str, Pattern(PHOTO.pattern, "a file of the folder photos")]
    name: Annotated[str, Pattern(rf"[^\x00-\x1f]{{1,{MOST_NAME}}}", "a name")]
    sha256: Annotated[str, Pattern("[0-9a-f]{64}", "a sha256")]
    sample: Annotated[str, Pattern("[a-z0-9_]{0,40}", "a sample's name")] = ""


@dataclass(frozen=True, slots=True)
class SessionIndex:
    """The contents of `session.json`."""

    version: Annotated[int, Range(1, VERSION)]
    effviz: Annotated[str, Pattern(".{1,40}", "a version")]
    address: Annotated[str, Pattern(".{0,20000}", "an address")]
    photos: tuple[IndexedPhoto, ...]


def session_zip(session: SessionArchive, version: str, files: Mapping[str, bytes]) -> bytes:
    """Return a session and other files, by name (MAPS, SETTINGS, PAGE), as a .zip; the same input, the same bytes."""
    named = [(f"photos/{number:02d} {_file_name(photo.name)}", photo) for number, photo in enumerate(session.photos, 1)]
    listed = tuple(
        IndexedPhoto(file, photo.name[:MOST_NAME], hashlib.sha256(photo.data).hexdigest(), photo.sample)
        for file, photo in named
    )
    index = json.dumps(asdict(SessionIndex(VERSION, version, session.address, listed)), indent=2, ensure_ascii=False)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in {INDEX: index.encode(), **files}.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
        for name, photo in named:
            archive.writestr(zipfile.ZipInfo(name), photo.data, zipfile.ZIP_STORED)  # photos are compressed already
    return buffer.getvalue()


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.,()+@-]+", "_", name).lstrip(".")[-80:] or "photo"


def read_session(data: bytes, name: str) -> SessionArchive:
    """Read the address and the photos of a session.

    Raises:
        SettingsError: The file is not a session saved by EffViz, or is damaged, or is larger than a session may be.
    """
    try:
        _check_list(data, name)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = _checked(archive.infolist(), name)
            index = schema.parse(SessionIndex, json.loads(archive.read(entries[INDEX])), INDEX)
            parse_qsl(index.address, max_num_fields=MOST_FIELDS)
            if len({photo.file for photo in index.photos}) < len(index.photos):
                raise ValueError("a photo is listed twice")  # each listing would be another copy in memory
            photos = []
            for photo in index.photos:
                content = archive.read(entries[photo.file])
                if hashlib.sha256(content).hexdigest() != photo.sha256:
                    raise ValueError("a photo is another one")
                photos.append(SessionPhoto(photo.name, content, photo.sample))
            return SessionArchive(index.address, tuple(photos))
    except READ_ERRORS as error:
        text = _("{name} is not a session saved by EffViz, or is damaged. Choose a .zip made by *Save the session*.")
        raise SettingsError(text.format(name=name)) from error


def _check_list(data: bytes, name: str) -> None:
    """Raise an error if the list of files is longer than a session's, before Python parses it."""
    if len(data) > MOST_BYTES:
        raise _too_much(name, _("{most} MB").format(most=MOST_BYTES // 2**20))
    if len(data) < _LIST_END.size or data[-_LIST_END.size - _LONG_LIST_BYTES :].startswith(_LONG_LIST):
        raise ValueError("it has no list, or a long one")
    mark, _disk, _first_disk, _here, count, size, _offset, comment = _LIST_END.unpack(data[-_LIST_END.size :])
    if mark != b"PK\x05\x06" or comment:
        raise ValueError("something follows its list")
    if count > MOST_FILES or size > MOST_LIST_BYTES:
        raise _too_much(name, _("{most} files").format(most=MOST_FILES))


def _checked(entries: Sequence[zipfile.ZipInfo], name: str) -> dict[str, zipfile.ZipInfo]:
    """Return the files by name if all of them may be in a session."""
    by_name = {entry.filename: entry for entry in entries}
    photos = [entry for entry in entries if PHOTO.fullmatch(entry.filename)]
    allowed = {INDEX, MAPS, SETTINGS, PAGE, *(entry.filename for entry in photos)}
    if len(by_name) != len(entries) or not by_name.keys() <= allowed or INDEX not in by_name:
        raise ValueError("it holds other files")
    if any(entry.flag_bits & _ENCRYPTED or entry.orig_filename != entry.filename for entry in entries):
        raise ValueError("a file is encrypted, or its name was cut off")
    if len(photos) > MOST_PHOTOS:
        raise _too_much(name, _("{most} photos").format(most=MOST_PHOTOS))
    if by_name[INDEX].file_size > MOST_INDEX_BYTES or any(photo.file_size > MAX_BYTES for photo in photos):
        raise _too_much(name, _("{most} MB per photo").format(most=MAX_BYTES // 2**20))
    if sum(photo.file_size for photo in photos) > MOST_PHOTO_BYTES:
        raise _too_much(name, _("{most} MB of photos").format(most=MOST_PHOTO_BYTES // 2**20))
    return by_name


def _too_much(name: str, most: str) -> SettingsError:
    text = _("{name} contains more than {most}, the limit for a session. Choose a .zip made by *Save the session*.")
    return SettingsError(text.format(name=name, most=most))


# The page.


@dataclass(frozen=True, slots=True, eq=False)
class SessionRow:
    """One photo with its maps."""

    title: str
    tiles: "Sequence[PictureTile]"
    credit: str = ""  # attribution, where required


def session_page(rows: Sequence[SessionRow], facts: Sequence[tuple[str, str]]) -> str:
    """Return a self-contained page with the photos and the settings, each a name and a value."""
    from effviz.report import html_report as page  # loads plotly, and saving a session is rare

    parts = [page.html_paragraph(_("What differently scaled EfficientNets look at: a comparison made with EffViz."))]
    for row in rows:
        parts.append(page.html_tiles(row.title, row.tiles))
        if row.credit:
            parts.append(page.html_paragraph(row.credit))
    parts.append(page.html_table(_("Chosen settings"), (_("Setting"), _("Value")), facts))
    text = _(
        "The archive also contains the photos, the raw maps (maps.npz) and all settings with versions and "
        "hashes (settings.json). To reopen the whole .zip in EffViz, use Open a session on the Compare page."
    )
    parts.append(page.html_paragraph(text))
    return page.html_page(_("EffViz: a comparison"), parts, charts=False)
