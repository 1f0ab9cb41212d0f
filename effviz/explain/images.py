"""Decode untrusted bytes to an upright RGB photo, or say in one sentence why not.

Also checks from a file's headers what decoding would cost, and resizes and crops photos as a model's transform does.
"""

import hashlib
import io
import os
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from effviz import file_io
from effviz.errors import ImageError
from effviz.explain import srgb_conversion
from effviz.i18n import _, lazy_gettext

if TYPE_CHECKING:
    from effviz.explain.data_types import Bytes, Photo

# A small file may contain thousands of scans over the whole picture, or millions of empty parts. So they are counted
# before the file is decoded: each walk follows the format's structure from part to part without reading pixels, and
# stops at the first limit. It leaves malformed files to the decoder, whose errors are more specific.


class CountedElement(Enum):
    """The elements that are counted: a display name, and the maximum number in one photo."""

    SCAN = lazy_gettext("scans"), 100  # ordinary progressive JPEGs have 10, the most aggressive encoders about 60
    SEGMENT = lazy_gettext("segments"), 2_000  # of a JPEG: EXIF, colour profile and depth map in segments of 64 kB
    FILL = lazy_gettext("bytes between segments"), 100_000
    STRIP = lazy_gettext("strips or tiles"), 100_000
    PICTURE = lazy_gettext("pictures"), 10_000
    TAG = lazy_gettext("tags"), 10_000
    CHUNK = lazy_gettext("chunks"), 20_000
    BLOCK = lazy_gettext("blocks"), 200_000  # of a GIF, each of 255 bytes at most
    METADATA = lazy_gettext("bytes of metadata"), 16 * 2**20
    WEBP_PIXEL = lazy_gettext("WebP pixels"), 25_000_000  # decoding takes four times the memory of other formats

    def __init__(self, title: str, most: int) -> None:
        self.title, self.most = title, most


ElementCounts = Iterator[tuple[CountedElement, int]]
_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)  # no fill byte, stuffing or restart
_ALONE: Final = (0x01, 0xD8)  # JPEG markers without a length
_END: Final = 0xD9
_SCAN: Final = 0xDA


def check_header_counts(data: bytes, name: str) -> None:
    """Raise ImageError if a file has more scans, strips, pictures, chunks or metadata than a photo needs."""
    walk = next((walk for start, walk in _WALKS.items() if data.startswith(start)), None)
    counts = dict.fromkeys(CountedElement, 0)
    for part, count in walk(data) if walk else ():
        counts[part] += count
        if counts[part] > part.most:
            text = _(
                "{name} has more than {most:,} {parts}, which is the limit. Open it in another program, save it as a "
                "new JPEG or PNG, and use that file."
            )
            raise ImageError(text.format(name=name, most=part.most, parts=_(part.title)))


def _jpeg(data: bytes) -> ElementCounts:
    """Count the segments of a JPEG (ITU-T T.81, annex B)."""
    at, in_scan = 2, False
    while marker := _MARKER.search(data, at):
        if not in_scan:
            yield CountedElement.FILL, marker.start() - at
        at, kind = marker.end(), data[marker.end() - 1]
        if kind == _END or at + 2 > len(data):
            return
        in_scan = kind == _SCAN
        if kind in _ALONE:
            yield CountedElement.SEGMENT, 1
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        yield (CountedElement.SCAN if in_scan else CountedElement.SEGMENT), 1
        yield CountedElement.METADATA, 0 if in_scan else length
        at += max(2, length)


def _png(data: bytes) -> ElementCounts:
    """Count the chunks of a PNG (PNG, section 5.3)."""
    at = 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield CountedElement.CHUNK, 1
        if kind == b"fcTL":
            yield CountedElement.PICTURE, 1
        elif kind not in (b"IDAT", b"fdAT"):
            yield CountedElement.METADATA, length
        at += 12 + length


def _webp(data: bytes) -> ElementCounts:
    """Count the chunks of a WebP (RFC 9649, section 2); the decoder allocates all pixels when it opens the file."""
    yield CountedElement.WEBP_PIXEL, _webp_pixels(data[12:30])
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        yield CountedElement.CHUNK, 1
        if kind == b"ANMF":
            yield CountedElement.PICTURE, 1
        elif kind in (b"ICCP", b"EXIF", b"XMP "):
            yield CountedElement.METADATA, length
        at += 8 + length + length % 2


def _webp_pixels(chunk: bytes) -> int:
    """Return width times height from the first chunk."""
    if chunk.startswith(b"VP8X"):
        return (1 + int.from_bytes(chunk[12:15], "little")) * (1 + int.from_bytes(chunk[15:18], "little"))
    if chunk.startswith(b"VP8L"):
        bits = int.from_bytes(chunk[9:13], "little")
        return (1 + bits % 2**14) * (1 + bits // 2**14 % 2**14)
    return (int.from_bytes(chunk[14:16], "little") % 2**14) * (int.from_bytes(chunk[16:18], "little") % 2**14)


def _gif(data: bytes) -> ElementCounts:
    """Count the blocks of a GIF up to its second picture (GIF89a, sections 15 to 27), where a decoder of one stops."""
    at, pictures = 13 + _colours(data, 10), 0
    while at < len(data) and pictures < 2:
        if data[at] == 0x21:  # an extension
            at += 2
        elif data[at] == 0x2C and at + 10 < len(data):
            at, pictures = at + 11 + _colours(data, at + 9), pictures + 1
        else:
            return
        while at < len(data) and data[at]:
            yield CountedElement.BLOCK, 1
            at += 1 + data[at]
        yield CountedElement.CHUNK, 1
        at += 1


def _colours(data: bytes, flags: int) -> int:
    """Return the size in bytes of the colour table whose flags are at that position."""
    byte = data[flags] if flags < len(data) else 0
    return 3 * 2 ** (1 + byte % 8) if byte & 0x80 else 0


# Size of a value in bytes, by type (TIFF 6.0, section 2; BigTIFF).
_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_CLASSIC: Final = ("H", "HHI", "I")  # formats of the entry count, an entry's start, the next directory's offset
_BIG: Final = ("Q", "HHQ", "Q")
_STRIP_TAGS: Final = (273, 279, 324, 325)  # offsets and lengths of strips and of tiles


def _tiff(data: bytes) -> ElementCounts:
    """Count the directories of a TIFF (TIFF 6.0, section 2), and the tags of the first, the only one decoded."""
    order = "<" if data[:1] == b"I" else ">"
    big = data[2:4] in (b"+\x00", b"\x00+")
    count_format, entry_format, link_format = (order + part for part in (_BIG if big else _CLASSIC))
    entry_bytes, link_bytes = (20, 8) if big else (12, 4)
    (at,) = struct.unpack_from(link_format, data, 8 if big else 4) if len(data) >= 16 else (0,)
    first = True
    while 0 < at <= len(data) - struct.calcsize(count_format):
        (entries,) = struct.unpack_from(count_format, data, at)
        at += struct.calcsize(count_format)
        yield CountedElement.PICTURE, 1
        yield CountedElement.TAG, entries
        if first:
            yield from _tags(data[at : at + entries * entry_bytes], entry_format, entry_bytes)
        at += entries * entry_bytes
        (at,) = struct.unpack_from(link_format, data, at) if at + link_bytes <= len(data) else (0,)
        first = False


def _tags(entries: bytes, entry_format: str, entry_bytes: int) -> ElementCounts:
    strips = 0
    for start, end in pairwise(range(0, len(entries) + 1, entry_bytes)):
        tag, kind, count = struct.unpack_from(entry_format, entries[start:end])
        if tag in _STRIP_TAGS:
            strips = max(strips, count)
        else:
            yield CountedElement.METADATA, count * _SIZES.get(kind, 1)
    yield CountedElement.STRIP, strips


_WALKS: Final = {
    b"\xff\xd8\xff": _jpeg,
    b"\x89PNG\r\n\x1a\n": _png,
    b"RIFF": _webp,
    b"GIF8": _gif,
    b"II": _tiff,
    b"MM": _tiff,
}

# The geometry of a model's evaluation transform, with Pillow alone, because decoder workers load nothing else.

Size = tuple[int, int]  # width, height


@dataclass(frozen=True, slots=True)
class ResizeCrop:
    """Resize the short side, then crop a square from the centre."""

    short_px: int  # short side of the resized picture
    size_px: int  # side of the square
    resampling: int  # a value of `Image.Resampling`

    def resized(self, size: Size) -> Size:
        """Return the size of the resized photo; the long side is rounded down, as in torchvision."""
        width, height = size
        if width <= height:
            return self.short_px, int(self.short_px * height / width)
        return int(self.short_px * width / height), self.short_px

    def window(self, size: Size) -> tuple[int, int, int, int]:
        """Return the square within the resized photo: left, top, right, bottom."""
        width, height = self.resized(size)
        left, top = round((width - self.size_px) / 2), round((height - self.size_px) / 2)
        return left, top, left + self.size_px, top + self.size_px

    def apply(self, image: Image.Image, size: Size) -> Image.Image:
        """Return the square of a photo of this size; `image` may be a smaller copy of the photo."""
        return image.resize(self.resized(size), Image.Resampling(self.resampling)).crop(self.window(size))


FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
VIDEOS: Final = (b"qt  ", b"isom", b"iso2", b"mp41", b"mp42", b"M4V ", b"avc1", b"3gp4", b"3gp5")  # brands
PHONE_FORMATS: Final = ("AVIF", "HEIF")  # both begin alike; the AVIF plugin declines what it cannot read
ALLOWED: Final = lazy_gettext("JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC and AVIF are supported")
MAX_BYTES: Final = 20 * 2**20
MAX_PIXELS: Final = 50_000_000
MIN_SIDE_PX: Final = 16
MAX_ASPECT: Final = 20


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded picture, upright and RGB."""

    image: Image.Image  # may be smaller than the photo if `decode` was called with `least_px`
    size: Size  # of the photo, upright
    notes: tuple[str, ...]  # changes, marked for translation

    def rgb(self, longest_px: int | None = None) -> Image.Image:
        """Return the picture at the photo's size, with a long side of at most `longest_px`."""
        height, width = raster_size(self.size[1], self.size[0], longest_px)
        same = self.image.size == (width, height)
        return self.image if same else self.image.resize((width, height), Image.Resampling.BICUBIC)


def read(data: bytes, name: str) -> "Photo":
    """Decode a trusted photo in this process; for users' photos, call `decoding.read`.

    The photo is as browsers show it: upright, sRGB, first frame, on white. `name` is used in messages and labels.

    Raises:
        ImageError: The file is empty, too large, not one of the eight formats, damaged, truncated, or of a size or
            depth that cannot be shown. Limits on size are checked before any pixel is decoded.
    """
    # Imported here because it loads OpenCV and the zoo, which decoder workers do not need.
    from effviz.explain.data_types import Photo, read_only

    decoded = decode(data, name)
    return Photo(read_only(np.asarray(decoded.rgb())), hashlib.sha256(data).hexdigest(), name, decoded.notes)


def decode(data: bytes, name: str, least_px: int | None = None) -> Decoded:
    """Decode like `read`, but return Pillow's picture; JPEGs at 1/2, 1/4 or 1/8 if the long side keeps `least_px`."""
    check_bytes(len(data), name)
    with named(name):
        check_header_counts(data, name)
        image = _open(data, name)
        _check_size(image, name)
        size = image.size
        if least_px:
            image.draft(None, (size[0] * least_px // max(size), size[1] * least_px // max(size)))
        stored = image.size
        rgb, notes = srgb_conversion.convert_to_srgb(image, data, name)
    return Decoded(rgb, size if rgb.size == stored else size[::-1], notes)


def check_bytes(count: int, name: str) -> None:
    """Raise ImageError if a file is empty or too large; can be called before the file is read."""
    if not count:
        raise ImageError(_("{name} is empty (0 bytes) and contains no photo. Choose another file.").format(name=name))
    if count > MAX_BYTES:
        text = _(
            "{name} is {size:.1f} MB; the limit is {most} MB. Save a smaller version, for example a JPEG 2000 px "
            "wide, and try again."
        )
        raise ImageError(text.format(name=name, size=count / 2**20, most=MAX_BYTES // 2**20))


def from_file(path: Path, name: str) -> bytes:
    """Return a file's bytes, reading no more than a photo may have; raises ImageError as `check_bytes` does.

    Raises OSError if it is not a regular file or cannot be read; `strerror` says why.
    """
    with file_io.open_regular(path) as file:
        check_bytes(os.fstat(file.fileno()).st_size, name)
        return file.read(MAX_BYTES + 1)  # the file may have grown


@contextmanager
def named(name: str) -> Iterator[None]:
    """Convert a decoder's error to an ImageError with the file's name."""
    try:
        yield
    except srgb_conversion.DECODE_ERRORS as error:
        if "truncated" in str(error).lower() or isinstance(error, EOFError):
            text = _(
                "{name} ends before the picture is complete; only complete files are read. Copy or download it again."
            )
            raise ImageError(text.format(name=name)) from error
        raise damaged(name) from error


def damaged(name: str) -> ImageError:
    """Return the error for a file that a decoder cannot read."""
    text = _(
        "{name} is damaged and cannot be decoded; only intact files can be read. Open it in another program, "
        "save it as a new JPEG or PNG, and use that file."
    )
    return ImageError(text.format(name=name))


@cache
def register_phone_formats() -> None:
    """Enable HEIC and AVIF in Pillow, with one thread each: more would use up the memory allowed for a photo."""
    import pillow_heif  # imported here because few photos have these formats
    from PIL import AvifImagePlugin

    pillow_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def _open(data: bytes, name: str) -> Image.Image:
    """Open a picture, reading only its header."""
    if for_phones := data[4:8] == b"ftyp":
        register_phone_formats()
    try:
        return Image.open(io.BytesIO(data), formats=PHONE_FORMATS if for_phones else FORMATS)
    except UnidentifiedImageError as error:
        text = _("{name} is {what}; {allowed}. Save it as a JPEG and try again.")
        raise ImageError(text.format(name=name, what=_unread(data), allowed=_(ALLOWED))) from error
    except Image.DecompressionBombError as error:
        text = _(
            "{name} declares more than {pixels:,} pixels in its header; the limit is {most} megapixels. Save a "
            "smaller version and try again."
        )
        raise ImageError(text.format(name=name, pixels=Image.MAX_IMAGE_PIXELS, most=MAX_PIXELS // 10**6)) from error


def _unread(data: bytes) -> str:
    if data[4:8] == b"ftyp":
        if data[8:12] in VIDEOS:
            return _("a video")
        return _("a HEIC or AVIF image that is damaged or of an unsupported kind")
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return _("a TIFF of an unsupported kind")
    return _("not an image that EffViz can read")


def _check_size(image: Image.Image, name: str) -> None:
    width, height = image.size
    if max(width * height, _tile_pixels(image)) > MAX_PIXELS:
        text = _(
            "{name} is {width} x {height} pixels ({megapixels:.1f} megapixels); the limit is {most} megapixels. "
            "Save a smaller version and try again."
        )
        given = {"width": width, "height": height, "megapixels": width * height / 1e6}
        raise ImageError(text.format(name=name, **given, most=MAX_PIXELS // 10**6))
    if min(width, height) < MIN_SIDE_PX:
        text = _("{name} is {width} x {height} pixels; each side must have at least {least}. Choose a larger picture.")
        raise ImageError(text.format(name=name, width=width, height=height, least=MIN_SIDE_PX))
    if max(width, height) > MAX_ASPECT * min(width, height):
        text = _(
            "{name} is {width} x {height} pixels; the long side may be at most {most} times as long as the short "
            "side. Crop it and try again."
        )
        raise ImageError(text.format(name=name, width=width, height=height, most=MAX_ASPECT))


def _tile_pixels(image: Image.Image) -> int:
    """Return the pixels of one TIFF tile: a small picture may declare a huge tile, which libtiff would decode whole."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return 0
    tags = image.tag_v2
    return int(tags.get(TiffImagePlugin.TILEWIDTH, 0)) * int(tags.get(TiffImagePlugin.TILELENGTH, 0))


# Scaling and encoding for the screen.


def display(photo: "Photo", longest_px: int | None) -> "Bytes":
    """Return the photo downscaled so that its longer side is at most `longest_px`, (H, W, 3)."""
    height, width = raster_size(photo.height, photo.width, longest_px)
    if (height, width) == (photo.height, photo.width):
        return photo.rgb
    return np.asarray(Image.fromarray(photo.rgb).resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0))


def raster_size(height: int, width: int, longest_px: int | None) -> tuple[int, int]:
    """Return (height, width) scaled down so that the longer side is at most `longest_px`; each side is at least 1."""
    scale = 1.0 if longest_px is None else min(1.0, longest_px / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def encode_jpeg(rgb: "Bytes", quality: int = 88) -> bytes:
    """Encode (H, W, 3) for the screen: small and fast, with invisible loss."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def encode_png(rgb: "Bytes") -> bytes:
    """Encode (H, W, 3) losslessly: for photos, four to five times as fast as Pillow's default, and no larger."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG", compress_type=zlib.Z_RLE)  # photos rarely repeat more than single colours
    return buffer.getvalue()
