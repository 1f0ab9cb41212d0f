"""Convert an opened picture to what browsers show: first frame, upright, in sRGB, transparent areas on white."""

import io
import struct
import zlib
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms, TiffImagePlugin
from PIL.GifImagePlugin import GifImageFile
from PIL.PngImagePlugin import PngImageFile

from effviz.errors import ImageError
from effviz.i18n import _, lazy_gettext

if TYPE_CHECKING:
    from effviz.explain.data_types import Bytes

Notes = tuple[str, ...]

# What Pillow's plugins raise on damaged files, as documented or found by fuzzing; RuntimeError comes from libheif.
_BUILT_IN = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, MemoryError)
DECODE_ERRORS: Final = (*_BUILT_IN, RuntimeError, struct.error, zlib.error, Image.DecompressionBombError)

# EXIF orientation -> the transposition that makes the picture upright. ImageOps.exif_transpose also rewrites the EXIF
# block, and fails on unusual blocks that cameras write.
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_PNG_DEPTH: Final = 24  # offset of the byte of a PNG that holds the bits per channel
_GREY_DEPTHS: Final = (2, 4)  # bits; Pillow scales such greys to 0..255, but not the transparent grey level
_NUMBERS: Final = 1  # TIFF's SampleFormat: unsigned integers
_SEPARATE: Final = 2  # TIFF's PlanarConfiguration: one plane per channel
_SRGB_GAMMA: Final = 1 / 2.2
_SRGB_PRIMARIES: Final = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # x, y of white, red, green, blue
_ALIKE: Final = 4  # of 255: a profile that changes no colour by more counts as sRGB
SEVERAL: Final = lazy_gettext("The file contains several pictures; EffViz uses the first.")
ON_WHITE: Final = lazy_gettext("Transparent areas are shown on white.")
CONVERTED: Final = lazy_gettext("Colours are converted from the file's colour space to sRGB, as browsers do.")


def convert_to_srgb(image: Image.Image, data: bytes, name: str) -> tuple[Image.Image, Notes]:
    """Decode a picture that Pillow opened; return it upright and in RGB, with a note for each change.

    Raises:
        ImageError: Its pixel values have no defined black and white, or it is fully transparent.
    """
    _check_numbers(image, name)
    notes = (SEVERAL,) if getattr(image, "is_animated", False) else ()
    if image.format == "PNG" and image.info.get("default_image"):
        image.seek(1)  # the picture before an animation is for programs without animation
    uncovered, size = _uncovered(image), image.size
    image.load()
    if image.format == "HEIF" and image.size != size:
        raise ValueError(f"its header says {size}, and it has {image.size}")
    _mend(image, data)
    rgb, alpha = _split(_upright(image))
    rgb, converted = _in_srgb(rgb, image.info)
    flat, on_white = _flattened(rgb, alpha if uncovered is None else uncovered, name)
    return flat, (*notes, *converted, *on_white)


def _check_numbers(image: Image.Image, name: str) -> None:
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
    bits, formats = (tags.get(tag, (1,)) for tag in (TiffImagePlugin.BITSPERSAMPLE, TiffImagePlugin.SAMPLEFORMAT))
    if image.mode in ("I", "F"):
        text = _(
            "{name} has 32 bits per channel, for which black and white are not defined; 8 and 16 bits are "
            "supported. Save it with 8 bits per channel and try again."
        )
    elif set(formats) != {_NUMBERS}:
        text = _(
            "{name} stores signed or floating-point values, for which black and white are not defined; unsigned "
            "integers are supported. Save it with 8 bits per channel and try again."
        )
    elif len(bits) > 1 and max(bits) > 8 and tags.get(TiffImagePlugin.PLANAR_CONFIGURATION) == _SEPARATE:
        text = _(
            "{name} stores 16-bit channels in separate planes, which is not supported; interleaved channels or 8 "
            "bits per channel are. Save it with 8 bits per channel and try again."
        )
    else:
        return
    raise ImageError(text.format(name=name))


def _uncovered(image: Image.Image) -> Image.Image | None:
    """Return the alpha channel of a GIF whose first frame does not cover the whole picture; the rest is transparent."""
    if not isinstance(image, GifImageFile) or "transparency" in image.info or not image.tile:
        return None
    covered = image.tile[0][1]
    if covered is None or covered == (0, 0, *image.size):
        return None
    alpha = Image.new("L", image.size, 0)
    alpha.paste(255, covered)
    return alpha


def _mend(image: Image.Image, data: bytes) -> None:
    """Correct Pillow's transparent colours and palettes."""
    key = image.info.get("transparency")
    depth = data[_PNG_DEPTH] if isinstance(image, PngImageFile) else 0
    if isinstance(key, tuple) and depth == 16:
        image.info["transparency"] = tuple(part >> 8 for part in key)  # pixels were reduced alike
    elif isinstance(key, int) and image.mode == "L" and depth in _GREY_DEPTHS:
        image.info["transparency"] = key * 255 // (2**depth - 1)
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.mode in ("P", "PA"):
        colours = image.tag_v2.get(TiffImagePlugin.COLORMAP, ())
        if colours and max(colours) < 256:  # should be 16 bits each, but old programs wrote 8
            image.putpalette(np.reshape(colours, (3, -1)).T.astype(np.uint8).tobytes())


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except DECODE_ERRORS:  # an unreadable EXIF block says nothing about the pixels
        turn = None
    return image if turn is None else image.transpose(turn)


def _split(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Split a picture of any colour mode into RGB and alpha; alpha is None if nothing is transparent."""
    if image.mode.startswith("I;16"):
        key = image.info.get("transparency")
        alpha = None if key is None else Image.fromarray(np.where(np.asarray(image) == key, 0, 255).astype(np.uint8))
        return Image.fromarray(_scaled_to_8_bits(image)).convert("RGB"), alpha
    # Pillow takes a TIFF's last channel for alpha even if no tag says so, and that channel may be empty.
    undefined = isinstance(image, TiffImagePlugin.TiffImageFile) and TiffImagePlugin.EXTRASAMPLES not in image.tag_v2
    if not image.has_transparency_data or undefined:
        return image if image.mode == "RGB" else image.convert("RGB"), None
    rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    return rgba.convert("RGB"), rgba.getchannel("A")


def _scaled_to_8_bits(image: Image.Image) -> "Bytes":
    """Convert 16-bit grey to 8-bit grey so that white stays white; Pillow's own conversion clips at 255."""
    top, inverted = 65535, False
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        top = 2 ** int(image.tag_v2[TiffImagePlugin.BITSPERSAMPLE][0]) - 1  # 12 bits from some cameras and scanners
        inverted = image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0  # 0: white is zero
    grey = np.asarray(image, dtype=np.float32) * np.float32(255 / top)  # (H, W)
    grey8: Bytes = np.clip(np.rint(255 - grey if inverted else grey), 0, 255).astype(np.uint8)
    return grey8


def _in_srgb(rgb: Image.Image, info: Mapping[Any, Any]) -> tuple[Image.Image, Notes]:
    """Apply a colour profile, or a PNG's gamma and primaries; leave colours that are sRGB or nearly so unchanged."""
    converted = None
    if profile := info.get("icc_profile"):
        with suppress(ImageCms.PyCMSError, *DECODE_ERRORS):  # a damaged profile says nothing about the pixels
            mode, to_srgb = _transform(profile)
            converted = to_srgb.apply(rgb if mode == "RGB" else rgb.getchannel(0)) if to_srgb else None
    elif "gamma" in info and "srgb" not in info:
        converted = _by_gamma(rgb, info["gamma"], info.get("chromaticity", _SRGB_PRIMARIES))
    return (rgb, ()) if converted is None else (converted, (CONVERTED,))


@lru_cache(maxsize=32)  # a camera's photos share a profile, which takes longer to read than a small photo
def _transform(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform | None]:
    """Return a profile's mode and its transform to sRGB; None if it is sRGB, or neither RGB nor grey."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    mode = {"RGB": "RGB", "GRAY": "L"}.get(source.profile.xcolor_space.strip())
    if mode is None:
        return "", None
    to_srgb = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    before = _colours() if mode == "RGB" else _colours().convert("L")
    change = np.asarray(before.convert("RGB"), np.int16) - np.asarray(to_srgb.apply(before), np.int16)
    return mode, to_srgb if np.abs(change).max() > _ALIKE else None


def _by_gamma(rgb: Image.Image, gamma: float, primaries: tuple[float, ...]) -> Image.Image | None:
    if not 0 < gamma < 10:
        return None
    plain = np.allclose(primaries, _SRGB_PRIMARIES, atol=0.005)
    if plain and abs(gamma / _SRGB_GAMMA - 1) < 0.05:  # the PNG specification's own margin
        return None
    light = (np.arange(256) / 255) ** (1 / gamma)
    if plain:
        return rgb.point([int(level) for level in _encoded(light)] * 3)
    try:
        change = np.linalg.inv(_to_xyz(_SRGB_PRIMARIES)) @ _to_xyz(primaries)  # linear light, theirs -> sRGB
    except (np.linalg.LinAlgError, ZeroDivisionError):
        return None
    pixels = np.array(rgb)
    for row in pixels:  # row by row: all at once would take twelve times the picture's memory
        row[:] = _encoded(light[row] @ change.T)
    return Image.fromarray(pixels)


def _encoded(light: npt.NDArray[np.floating[Any]]) -> "Bytes":
    """Encode linear light 0..1 as sRGB 0..255 (IEC 61966-2-1)."""
    light = light.clip(0, 1)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    encoded: Bytes = np.rint(255 * curve).astype(np.uint8)
    return encoded


def _to_xyz(primaries: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """Return the matrix from linear RGB to XYZ; `primaries` are x, y of white, red, green and blue."""
    white, *colours = [np.array([x / y, 1, (1 - x - y) / y]) for x, y in np.reshape(primaries, (4, 2)).tolist()]
    matrix = np.stack(colours, axis=1)
    return matrix * np.linalg.solve(matrix, white)


def _colours() -> Image.Image:
    """Return colours from the whole RGB cube, one per pixel."""
    levels = np.linspace(0, 255, 6).astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1)
    return Image.fromarray(cube.reshape(1, -1, 3))


def _flattened(rgb: Image.Image, alpha: Image.Image | None, name: str) -> tuple[Image.Image, Notes]:
    """Composite a picture on white, and add a note if any white shows through."""
    least, most = (255, 255) if alpha is None else alpha.getextrema()
    if alpha is None or least == 255:
        return rgb, ()
    if most == 0:
        text = _(
            "{name} is fully transparent, so there is nothing to see. Save it without transparency, for example as "
            "a JPEG, and try again."
        )
        raise ImageError(text.format(name=name))
    rgba = rgb.convert("RGBA")
    rgba.putalpha(alpha)
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB"), (ON_WHITE,)
