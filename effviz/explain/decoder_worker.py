"""The worker's side of `decoding`: photos come in through one pipe and go out as pixels through another.

This process may be killed at any moment, and is when a photo costs too much. It knows nothing but numpy and Pillow,
and what reads HEIC for Pillow.
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

# A file may hold any of these, and Pillow loads its plugins one by one as it meets them.
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

if HAS_LIMITS := sys.platform != "win32":  # which only has the parent's, by the clock
    import resource

LENGTHS: Final = struct.Struct(">QQ")  # of the request and of the photo, which follow
LENGTH: Final = struct.Struct(">Q")  # of a reply
NAME: Final = "\0name\0"  # stands in a sentence for the file's name, which a worker is not told
DRAFT: Final = 1.5  # a JPEG is read at 1/2, 1/4 or 1/8 of its size where so many times the pixels asked for remain
BAND_ROWS: Final = 256


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """What is to be made of a photo."""

    longest_px: int | None = None  # the whole photo, its long side no longer than this; 0: not at all
    crops: tuple[ResizeCrop, ...] = ()  # and what models see of it, made of all of its pixels


def main() -> None:
    """Serve until the parent closes its end, which it also does by dying."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the parent
    with os.fdopen(os.dup(1), "wb") as replies:
        os.dup2(2, 1)  # what a library may print is no reply
        images.register_phone_formats()
        limit_memory(int(sys.argv[1]))
        serve(sys.stdin.buffer, replies)


def limit_memory(more_bytes: int) -> None:
    """Let this process have so much memory more than it has now, and leave none of it in a file when it crashes."""
    if not HAS_LIMITS:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, ValueError):  # elsewhere than on Linux the kernel does not tell, and often does not limit
        with open("/proc/self/statm", encoding="ascii") as file:
            has = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (has + more_bytes, has + more_bytes))


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer photo by photo; a request is in JSON, with the language of the sentence if a photo cannot be read."""
    while lengths := requests.read(LENGTHS.size):
        request, data = (requests.read(length) for length in LENGTHS.unpack(lengths))
        longest_px, crops, language, cpu_s = json.loads(request)
        if HAS_LIMITS:  # from now on the kernel ends the process at the limit, whatever library it is in
            hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
            resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + cpu_s + 1, hard))
        i18n.thread_language.set(language)
        _answer(data, DecodeOptions(longest_px, tuple(ResizeCrop(*crop) for crop in crops)), replies)
        replies.flush()


def _answer(data: bytes, options: DecodeOptions, replies: BinaryIO) -> None:
    # How many pixels the long side has to keep while it is decoded; None: all of them.
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
        for top in range(0, picture.height, BAND_ROWS):  # as one piece it would be in memory twice more
            band = picture.crop((0, top, picture.width, min(top + BAND_ROWS, picture.height)))
            replies.write(band.tobytes())


def _reply(replies: BinaryIO, fields: dict[str, object]) -> None:
    body = json.dumps(fields).encode()
    replies.write(LENGTH.pack(len(body)) + body)
