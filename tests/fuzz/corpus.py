"""Small images in every supported format, and damaged copies of them; all are generated, none is stored."""

import io
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

import numpy as np
from PIL import Image, ImageCms

from effviz.explain import images

SIDE: Final = 40


def noise(*shape: int, most: int = 256) -> np.ndarray:
    """Return the same noise at each call."""
    return np.random.default_rng(1).integers(0, most, shape, np.uint16).astype(np.uint8 if most == 256 else np.uint16)


def saved(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


@cache
def seeds() -> tuple[bytes, ...]:
    """Return all seed images in a fixed order."""
    return tuple(_seeds())


def _seeds() -> Iterator[bytes]:
    rgb = Image.fromarray(noise(SIDE, SIDE, 3))
    grey, deep = rgb.convert("L"), Image.fromarray(noise(SIDE, SIDE, most=65536))
    frames = [rgb.rotate(turn) for turn in (90, 180)]
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for options in ({}, {"progressive": True}, {"subsampling": 0, "exif": exif}, {"icc_profile": profile}):
        yield saved(rgb, "JPEG", **options)
    yield saved(rgb.convert("CMYK"), "JPEG")
    yield saved(rgb, "MPO", save_all=True, append_images=frames)
    for image in (rgb, grey, deep, rgb.convert("LA"), rgb.convert("RGBA"), rgb.quantize(16), rgb.convert("1")):
        yield saved(image, "PNG")
    yield saved(rgb, "PNG", save_all=True, append_images=frames, icc_profile=profile, exif=exif)
    for lossless in (True, False):
        yield saved(rgb.convert("RGBA"), "WEBP", lossless=lossless, exif=exif)
    yield saved(rgb, "WEBP", save_all=True, append_images=frames)
    yield saved(rgb.quantize(16), "GIF", save_all=True, append_images=[frame.quantize(16) for frame in frames])
    yield saved(grey, "BMP")
    yield saved(rgb.quantize(16), "BMP")
    for how in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield saved(rgb, "TIFF", compression=how)
    yield saved(deep, "TIFF", compression="tiff_lzw")
    yield saved(rgb.convert("1"), "TIFF", compression="group4")
    yield saved(rgb.convert("CMYK"), "TIFF", save_all=True, append_images=[rgb])
    images.register_phone_formats()
    for file_format in ("HEIF", "AVIF"):
        for image in (rgb, grey, rgb.convert("RGBA")):
            yield saved(image, file_format, exif=exif.tobytes())
        yield saved(rgb, file_format, save_all=True, append_images=frames)


NUMBERS: Final = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def mutant(seed: int) -> bytes:
    """Return a damaged image that depends only on the seed."""
    random = np.random.default_rng(seed)
    data = bytearray(seeds()[random.integers(len(seeds()))])
    for _ in range(random.integers(1, 6)):
        ways[random.integers(len(ways))](data, random)
    return bytes(data)


def _somewhere(data: bytearray, random: np.random.Generator) -> int:
    """Return a random offset, usually in the header, where damage does the most harm."""
    return int(len(data) * random.random() ** 3)


def _change(data: bytearray, random: np.random.Generator) -> None:
    if data:
        data[_somewhere(data, random)] = random.integers(256)


def _number(data: bytearray, random: np.random.Generator) -> None:
    """Write a boundary value."""
    value, size = NUMBERS[random.integers(len(NUMBERS))], int(random.choice((1, 2, 4)))
    order = "big" if random.random() < 0.5 else "little"
    at = _somewhere(data, random)
    data[at : at + size] = (value % 256**size).to_bytes(size, order)  # type: ignore[arg-type]


def _cut(data: bytearray, random: np.random.Generator) -> None:
    at = _somewhere(data, random)
    del data[at : at + int(random.integers(1, 64))]


def _repeat(data: bytearray, random: np.random.Generator) -> None:
    at = _somewhere(data, random)
    piece = data[at : at + int(random.integers(1, 512))]
    data[at:at] = piece * int(random.choice((1, 2, 16, 256)))


def _splice(data: bytearray, random: np.random.Generator) -> None:
    other = seeds()[random.integers(len(seeds()))]
    at = _somewhere(data, random)
    data[at:] = other[min(at, len(other) - 1) :]


def _end(data: bytearray, random: np.random.Generator) -> None:
    del data[max(1, int(len(data) * random.random())) :]


ways: Final[tuple[Callable[[bytearray, np.random.Generator], None], ...]] = (
    *(_change,) * 4,
    *(_number,) * 4,
    _cut,
    _repeat,
    _splice,
    _end,
)
