"""The worker's side of `decoding`: it reads photos from one pipe and writes pixels to another.

The parent or the kernel kills this process when a photo costs too much. It imports only numpy, Pillow and Pillow's HEIC
plugin.
"""

import json
import os
import signal
import struct
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Final

# Import all plugins now: Pillow otherwise loads each one when it first needs it.
from PIL import (  # noqa: F401
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from effviz import i18n
from effviz.errors import ImageError
from effviz.explain import images
from effviz.explain.images import ResizeCrop

if HAS_LIMITS := sys.platform != "win32":  # on Windows only the parent's wall-clock limit applies
    import resource

LENGTHS: Final = struct.Struct(">QQ")  # lengths of the request and the photo, which follow
LENGTH: Final = struct.Struct(">Q")  # length of a reply
NAME: Final = "\0name\0"  # placeholder for the file name in messages: workers do not get the name
DRAFT: Final = 1.5  # a JPEG is read at 1/2, 1/4 or 1/8 of its size if this many times the requested pixels remain
BAND_ROWS: Final = 256


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """What to decode from a photo."""

    longest_px: int | None = None  # the whole photo with at most this long side; 0: do not return the photo
    crops: tuple[ResizeCrop, ...] = ()  # the models' inputs, computed from all of its pixels


def main() -> None:
    """Serve until the parent closes its end of the pipe or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the parent
    with os.fdopen(os.dup(1), "wb") as replies:
        os.dup2(2, 1)  # keep library output out of the replies
        images.register_phone_formats()
        limit_memory(int(sys.argv[1]))
        serve(sys.stdin.buffer, replies)


def limit_memory(more_bytes: int) -> None:
    """Limit this process to its current memory plus `more_bytes`, and disable core dumps."""
    if not HAS_LIMITS:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, ValueError):  # other systems than Linux lack /proc and often do not enforce the limit
        with open("/proc/self/statm", encoding="ascii") as file:
            has = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (has + more_bytes, has + more_bytes))


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer requests one photo at a time; a request is JSON and includes the language for error messages."""
    while lengths := requests.read(LENGTHS.size):
        request, data = (requests.read(length) for length in LENGTHS.unpack(lengths))
        longest_px, crops, language, cpu_s = json.loads(request)
        if HAS_LIMITS:  # the kernel kills the process at the limit, even inside a library call
            hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
            resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + cpu_s + 1, hard))
        i18n.thread_language.set(language)
        _answer(data, DecodeOptions(longest_px, tuple(ResizeCrop(*crop) for crop in crops)), replies)
        replies.flush()


def _answer(data: bytes, options: DecodeOptions, replies: BinaryIO) -> None:
    # Smallest long side that a JPEG may be decoded to, in pixels; None: full size.
    least_px = None if options.crops else options.longest_px and int(DRAFT * options.longest_px)
    try:
        with images.named(NAME):
            decoded = images.decode(data, NAME, least_px)
            pictures = [crop.apply(decoded.image, decoded.size) for crop in options.crops]
            if options.longest_px != 0:
                pictures.append(decoded.rgb(options.longest_px))
    except ImageError as error:
        _reply(replies, {"refused": str(error), "memory": isinstance(error.__cause__, MemoryError)})
        return
    notes = [i18n.split_message(note) for note in decoded.notes]
    _reply(replies, {"size": decoded.size, "notes": notes, "sizes": [picture.size for picture in pictures]})
    for picture in pictures:
        for top in range(0, picture.height, BAND_ROWS):  # in one piece, two more copies would be in memory
            band = picture.crop((0, top, picture.width, min(top + BAND_ROWS, picture.height)))
            replies.write(band.tobytes())


def _reply(replies: BinaryIO, fields: dict[str, object]) -> None:
    body = json.dumps(fields).encode()
    replies.write(LENGTH.pack(len(body)) + body)
