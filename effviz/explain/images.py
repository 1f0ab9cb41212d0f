"""Untrusted bytes to an upright RGB photo, or one sentence that says why not."""

import hashlib
import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin, UnidentifiedImageError

from effviz.errors import ImageError
from effviz.explain.results import Bytes, Photo
from effviz.words import _, later

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
ALLOWED: Final = later("JPEG, PNG, WebP, GIF, BMP and TIFF are allowed")
MAX_BYTES: Final = 20 * 2**20
MAX_PIXELS: Final = 50_000_000
MIN_SIDE_PX: Final = 16
MAX_ASPECT: Final = 20

# What Pillow's plugins are documented or seen (by fuzzing) to raise on damaged files.
_DAMAGE: Final = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)

# EXIF orientation -> what sets the picture upright. Not ImageOps.exif_transpose: it also writes the EXIF block anew,
# and fails on the unusual blocks that cameras write.
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read(data: bytes, name: str) -> Photo:
    """Decode a photo: upright, RGB, first frame; colour profiles are ignored, as in the models' training.

    Args:
        data: the file's bytes, at most 20 MB.
        name: the file's name, for messages and labels.

    Raises:
        ImageError: the file is empty, too large, not one of the six formats, damaged, cut off, or of a size or depth
            that cannot be shown. The limits on size are checked before a pixel is decoded.
    """
    rgb, notes = decode(data, name)
    pixels: Bytes = np.asarray(rgb)  # (H, W, 3)
    pixels.setflags(write=False)
    return Photo(pixels, hashlib.sha256(data).hexdigest(), name, notes)


def decode(data: bytes, name: str) -> tuple[Image.Image, tuple[str, ...]]:
    """Do the same and return Pillow's picture, with the notes: for whoever needs it resized and not as an array.

    Raises:
        ImageError: as `read`.
    """
    check_bytes(len(data), name)
    with _named(name):
        image = _open(data, name)
        _check_size(image, name)
        image.load()
        notes = _first_frame_note(image)
        rgb, alpha_note = _to_rgb(_upright(image), name)
    return rgb, notes + alpha_note


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


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Turn a decoder's error into one sentence with the file's name."""
    try:
        yield
    except _DAMAGE as error:
        if "truncated" in str(error).lower() or isinstance(error, EOFError):
            raise ImageError(
                _(
                    "{name} ends before the picture is complete; only whole files can be read. "
                    "Copy or download it again."
                ).format(name=name)
            ) from error
        raise ImageError(
            _(
                "{name} is damaged and cannot be decoded; only whole files can be read. "
                "Open it in another program, save it as a new JPEG or PNG, and try that."
            ).format(name=name)
        ) from error


def _open(data: bytes, name: str) -> Image.Image:
    """Read the header only."""
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        what = _("a HEIC or AVIF picture") if data[4:8] == b"ftyp" else _("not a picture that can be read")
        raise ImageError(
            _("{name} is {what}; {allowed}. Save it as JPEG and try again.").format(
                name=name, what=what, allowed=_(ALLOWED)
            )
        ) from error
    except Image.DecompressionBombError as error:
        raise ImageError(
            _(
                "{name} says it has more than {pixels:,} pixels; "
                "at most {most} megapixels are allowed. Save it smaller and try again."
            ).format(name=name, pixels=Image.MAX_IMAGE_PIXELS, most=MAX_PIXELS // 10**6)
        ) from error


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


def _first_frame_note(image: Image.Image) -> tuple[str, ...]:
    # A phone's JPEG with a preview inside ("MPO") is one photo to its owner.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        return (later("The file holds several pictures; the first is used."),)
    return ()


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except _DAMAGE:  # an unreadable EXIF block says nothing about the pixels
        turn = None
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image, name: str) -> tuple[Image.Image, tuple[str, ...]]:
    """Any colour mode -> RGB, with a note where transparency was laid on white."""
    if image.mode in ("I", "F"):
        raise ImageError(
            _(
                "{name} has 32 bits in a channel, whose black and white are not defined; "
                "8 and 16 bits are allowed. Save it with 8 bits in a channel and try again."
            ).format(name=name)
        )
    if image.mode.startswith("I;16"):
        return Image.fromarray(_scaled_to_8_bits(image)).convert("RGB"), ()
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB"), ()
    rgba = image.convert("RGBA")
    if rgba.getchannel("A").getextrema() == (255, 255):
        return rgba.convert("RGB"), ()
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB"), (later("Transparent parts are shown on white."),)


def _scaled_to_8_bits(image: Image.Image) -> Bytes:
    """16-bit grey -> 8-bit grey: white stays white. Pillow's own conversion clips at 255."""
    top, inverted = 65535, False
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        top = 2 ** int(image.tag_v2[TiffImagePlugin.BITSPERSAMPLE][0]) - 1  # 12 bits from some cameras and scanners
        inverted = image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0  # 0: white is zero
    grey = np.asarray(image, dtype=np.float32) * np.float32(255 / top)  # (H, W)
    grey8: Bytes = np.clip(np.rint(255 - grey if inverted else grey), 0, 255).astype(np.uint8)
    return grey8
