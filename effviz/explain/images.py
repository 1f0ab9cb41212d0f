"""Untrusted bytes to an upright RGB photo, or one sentence that says why not."""

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from effviz import regular_files
from effviz.errors import ImageError
from effviz.explain import colours, headers
from effviz.explain.resizing import Size
from effviz.words import _, later

if TYPE_CHECKING:
    from effviz.explain.results import Bytes, Photo

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
ALLOWED: Final = later("JPEG, PNG, WebP, GIF, BMP and TIFF are allowed")
MAX_BYTES: Final = 20 * 2**20
MAX_PIXELS: Final = 50_000_000
MIN_SIDE_PX: Final = 16
MAX_ASPECT: Final = 20


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture as it was stored, upright and RGB."""

    image: Image.Image  # may be smaller than the photo where `decode` was told how small
    size: Size  # of the photo, upright
    notes: tuple[str, ...]  # what was changed, for `_`

    def rgb(self, longest_px: int | None = None) -> Image.Image:
        """The picture in the photo's size, its long side at most so many pixels."""
        width, height = self.size
        shrunk = min(1.0, (longest_px or MAX_PIXELS) / max(self.size))
        wanted = max(1, round(width * shrunk)), max(1, round(height * shrunk))
        return self.image if self.image.size == wanted else self.image.resize(wanted, Image.Resampling.BICUBIC)


def read(data: bytes, name: str) -> "Photo":
    """Decode a photo that we know, here and now; one that somebody brought is read by `decoding.read`.

    As browsers show it: upright, sRGB, first frame, on white.

    Args:
        data: the file's bytes, at most 20 MB.
        name: the file's name, for messages and labels.

    Raises:
        ImageError: the file is empty, too large, not one of the six formats, damaged, cut off, or of a size or depth
            that cannot be shown. The limits on size are checked before a pixel is decoded.
    """
    from effviz.explain.results import Photo  # brings OpenCV and the zoo, which a decoding worker does without

    found = decode(data, name)
    pixels: Bytes = np.asarray(found.rgb())  # (H, W, 3)
    pixels.setflags(write=False)
    return Photo(pixels, hashlib.sha256(data).hexdigest(), name, found.notes)


def decode(data: bytes, name: str, least_px: int | None = None) -> Decoded:
    """Do the same and return Pillow's picture.

    Args:
        data: as `read`.
        name: as `read`.
        least_px: a JPEG may be read at 1/2, 1/4 or 1/8 of its size, if its long side keeps so many pixels.

    Raises:
        ImageError: as `read`.
    """
    check_bytes(len(data), name)
    with named(name):
        headers.check(data, name)
        image = _open(data, name)
        _check_size(image, name)
        size = image.size
        if least_px:
            image.draft(None, (size[0] * least_px // max(size), size[1] * least_px // max(size)))
        stored = image.size
        rgb, notes = colours.shown(image, data, name)
    return Decoded(rgb, size if rgb.size == stored else size[::-1], notes)


def check_bytes(count: int, name: str) -> None:
    """See that a file is neither empty nor too large, which may be done before it is read.

    Raises:
        ImageError: it is one of these.
    """
    if not count:
        raise ImageError(_("{name} is empty (0 bytes); a photo is needed. Choose another file.").format(name=name))
    if count > MAX_BYTES:
        raise ImageError(
            _(
                "{name} has {size:.1f} MB; at most {most} MB are allowed. "
                "Save it smaller, for example as a JPEG 2000 px wide, and try again."
            ).format(name=name, size=count / 2**20, most=MAX_BYTES // 2**20)
        )


def from_file(path: Path, name: str) -> bytes:
    """Return a file's bytes, of which no more are read than a photo may have.

    Raises:
        OSError: it is no regular file, or cannot be read; `strerror` says why.
        ImageError: it is empty or too large.
    """
    with regular_files.opened(path) as file:
        check_bytes(os.fstat(file.fileno()).st_size, name)
        return file.read(MAX_BYTES + 1)  # it may have grown


@contextmanager
def named(name: str) -> Iterator[None]:
    """Turn a decoder's error into one sentence with the file's name."""
    try:
        yield
    except colours.DAMAGE as error:
        if "truncated" in str(error).lower() or isinstance(error, EOFError):
            raise ImageError(
                _(
                    "{name} ends before the picture is complete; only whole files can be read. "
                    "Copy or download it again."
                ).format(name=name)
            ) from error
        raise damaged(name) from error


def damaged(name: str) -> ImageError:
    """Say that a decoder could make nothing of a file."""
    return ImageError(
        _(
            "{name} is damaged and cannot be decoded; only whole files can be read. "
            "Open it in another program, save it as a new JPEG or PNG, and try that."
        ).format(name=name)
    )


def _open(data: bytes, name: str) -> Image.Image:
    """Read the header only."""
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ImageError(
            _("{name} is {what}; {allowed}. Save it as JPEG and try again.").format(
                name=name, what=_unread(data), allowed=_(ALLOWED)
            )
        ) from error
    except Image.DecompressionBombError as error:
        raise ImageError(
            _(
                "{name} says it has more than {pixels:,} pixels; "
                "at most {most} megapixels are allowed. Save it smaller and try again."
            ).format(name=name, pixels=Image.MAX_IMAGE_PIXELS, most=MAX_PIXELS // 10**6)
        ) from error


def _unread(data: bytes) -> str:
    if data[4:8] == b"ftyp":
        return _("a HEIC or AVIF picture")
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return _("a TIFF of a kind that cannot be read")
    return _("not a picture that can be read")


def _check_size(image: Image.Image, name: str) -> None:
    width, height = image.size
    if max(width * height, _tile_pixels(image)) > MAX_PIXELS:
        raise ImageError(
            _(
                "{name} has {width} x {height} pixels ({megapixels:.1f} megapixels); "
                "at most {most} megapixels are allowed. Save it smaller and try again."
            ).format(name=name, width=width, height=height, megapixels=width * height / 1e6, most=MAX_PIXELS // 10**6)
        )
    if min(width, height) < MIN_SIDE_PX:
        raise ImageError(
            _(
                "{name} has {width} x {height} pixels; each side needs at least {least}. Choose a larger picture."
            ).format(name=name, width=width, height=height, least=MIN_SIDE_PX)
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ImageError(
            _(
                "{name} has {width} x {height} pixels; the long side may be at most {most} times the short one. "
                "Crop it and try again."
            ).format(name=name, width=width, height=height, most=MAX_ASPECT)
        )


def _tile_pixels(image: Image.Image) -> int:
    """Pixels of one TIFF tile: a small picture may claim one huge tile, which libtiff would decode whole."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return 0
    tags = image.tag_v2
    return int(tags.get(TiffImagePlugin.TILEWIDTH, 0)) * int(tags.get(TiffImagePlugin.TILELENGTH, 0))
