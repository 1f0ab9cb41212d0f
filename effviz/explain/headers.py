"""What a file says about the work that it asks for, counted before a decoder sees it.

A file of a few hundred kilobytes may hold thousands of scans over the whole picture, or millions of parts without a
byte. Each walk here goes from part to part as the format lays them out, reads no pixel, and ends at the first limit.
What it cannot follow it leaves to the decoder, which knows better what is wrong.
"""

import re
import struct
from collections.abc import Iterator
from enum import Enum
from itertools import pairwise
from typing import Final

from effviz.errors import ImageError
from effviz.words import _, later


class Part(Enum):
    """What is counted: its name for people, and how many one photo may have."""

    SCAN = later("scans"), 100  # ordinary progressive JPEGs have 10, the most eager encoders try about 60
    SEGMENT = later("segments"), 2_000  # of a JPEG: EXIF, colour profile and depth map in pieces of 64 kB
    FILL = later("bytes between its parts"), 100_000
    STRIP = later("strips and tiles"), 100_000
    PICTURE = later("pictures"), 10_000
    TAG = later("tags"), 10_000
    CHUNK = later("chunks"), 20_000
    BLOCK = later("blocks"), 200_000  # of a GIF, each of 255 bytes at most
    METADATA = later("bytes of metadata"), 16 * 2**20
    WEBP_PIXEL = later("pixels as WebP"), 25_000_000  # which takes four times the memory of other formats

    @property
    def title(self) -> str:
        """For people, to be translated."""
        return self.value[0]

    @property
    def most(self) -> int:
        """How many one photo may have."""
        return self.value[1]


Counted = Iterator[tuple[Part, int]]
_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)  # neither fill nor stuffing nor a restart
_ALONE: Final = (0x01, 0xD8)  # JPEG markers without a length
_END: Final = 0xD9
_SCAN: Final = 0xDA


def check(data: bytes, name: str) -> None:
    """See that a file asks for no more than a photo needs.

    Raises:
        ImageError: it has more scans, strips, pictures, chunks or metadata than that.
    """
    walk = next((walk for start, walk in _WALKS.items() if data.startswith(start)), None)
    found = dict.fromkeys(Part, 0)
    for part, count in walk(data) if walk else ():
        found[part] += count
        if found[part] > part.most:
            raise ImageError(
                _(
                    "{name} has more than {most:,} {parts}, and no more are read. "
                    "Open it in another program, save it as a new JPEG or PNG, and try that."
                ).format(name=name, most=part.most, parts=_(part.title))
            )


def _jpeg(data: bytes) -> Counted:
    """Segment by segment (ITU-T T.81, annex B)."""
    at, in_scan = 2, False
    while marker := _MARKER.search(data, at):
        if not in_scan:
            yield Part.FILL, marker.start() - at
        at, kind = marker.end(), data[marker.end() - 1]
        if kind == _END or at + 2 > len(data):
            return
        in_scan = kind == _SCAN
        if kind in _ALONE:
            yield Part.SEGMENT, 1
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        yield (Part.SCAN if in_scan else Part.SEGMENT), 1
        yield Part.METADATA, 0 if in_scan else length
        at += max(2, length)


def _png(data: bytes) -> Counted:
    """Chunk by chunk (PNG, section 5.3)."""
    at = 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield Part.CHUNK, 1
        if kind == b"fcTL":
            yield Part.PICTURE, 1
        elif kind not in (b"IDAT", b"fdAT"):
            yield Part.METADATA, length
        at += 12 + length


def _webp(data: bytes) -> Counted:
    """Chunk by chunk (RFC 9649, section 2); the decoder makes room for all pixels before anything can be asked."""
    yield Part.WEBP_PIXEL, _webp_pixels(data[12:30])
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        yield Part.CHUNK, 1
        if kind == b"ANMF":
            yield Part.PICTURE, 1
        elif kind in (b"ICCP", b"EXIF", b"XMP "):
            yield Part.METADATA, length
        at += 8 + length + length % 2


def _webp_pixels(chunk: bytes) -> int:
    """Width times height as the first chunk has them."""
    if chunk.startswith(b"VP8X"):
        return (1 + int.from_bytes(chunk[12:15], "little")) * (1 + int.from_bytes(chunk[15:18], "little"))
    if chunk.startswith(b"VP8L"):
        bits = int.from_bytes(chunk[9:13], "little")
        return (1 + bits % 2**14) * (1 + bits // 2**14 % 2**14)
    return (int.from_bytes(chunk[14:16], "little") % 2**14) * (int.from_bytes(chunk[16:18], "little") % 2**14)


def _gif(data: bytes) -> Counted:
    """Block by block up to the second picture (GIF89a, sections 15 to 27), which is where a reader of one stops."""
    at, pictures = 13 + _colours(data, 10), 0
    while at < len(data) and pictures < 2:
        if data[at] == 0x21:  # an extension
            at += 2
        elif data[at] == 0x2C and at + 10 < len(data):
            at, pictures = at + 11 + _colours(data, at + 9), pictures + 1
        else:
            return
        while at < len(data) and data[at]:
            yield Part.BLOCK, 1
            at += 1 + data[at]
        yield Part.CHUNK, 1
        at += 1


def _colours(data: bytes, flags: int) -> int:
    """Bytes of the table of colours whose flags stand there."""
    byte = data[flags] if flags < len(data) else 0
    return 3 * 2 ** (1 + byte % 8) if byte & 0x80 else 0


# Bytes of a value by its type (TIFF 6.0, section 2; BigTIFF).
_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_CLASSIC: Final = ("H", "HHI", "I")  # how many entries, the start of one, where the next directory stands
_BIG: Final = ("Q", "HHQ", "Q")
_STRIP_TAGS: Final = (273, 279, 324, 325)  # offsets and lengths of strips and of tiles


def _tiff(data: bytes) -> Counted:
    """Directory by directory (TIFF 6.0, section 2), of which a reader of one picture takes the first apart."""
    order = "<" if data[:1] == b"I" else ">"
    big = data[2:4] in (b"+\x00", b"\x00+")
    count_format, entry_format, link_format = (order + part for part in (_BIG if big else _CLASSIC))
    entry_bytes, link_bytes = (20, 8) if big else (12, 4)
    (at,) = struct.unpack_from(link_format, data, 8 if big else 4) if len(data) >= 16 else (0,)
    first = True
    while 0 < at <= len(data) - struct.calcsize(count_format):
        (entries,) = struct.unpack_from(count_format, data, at)
        at += struct.calcsize(count_format)
        yield Part.PICTURE, 1
        yield Part.TAG, entries
        if first:
            yield from _tags(data[at : at + entries * entry_bytes], entry_format, entry_bytes)
        at += entries * entry_bytes
        (at,) = struct.unpack_from(link_format, data, at) if at + link_bytes <= len(data) else (0,)
        first = False


def _tags(entries: bytes, entry_format: str, entry_bytes: int) -> Counted:
    strips = 0
    for start, end in pairwise(range(0, len(entries) + 1, entry_bytes)):
        tag, kind, count = struct.unpack_from(entry_format, entries[start:end])
        if tag in _STRIP_TAGS:
            strips = max(strips, count)
        else:
            yield Part.METADATA, count * _SIZES.get(kind, 1)
    yield Part.STRIP, strips


_WALKS: Final = {
    b"\xff\xd8\xff": _jpeg,
    b"\x89PNG\r\n\x1a\n": _png,
    b"RIFF": _webp,
    b"GIF8": _gif,
    b"II": _tiff,
    b"MM": _tiff,
}
