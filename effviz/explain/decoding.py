"""Photos that somebody brought are decoded in processes of their own, which are ended when a photo costs too much.

A few hundred kilobytes may ask a decoder for minutes of work or gigabytes of memory, and nothing ends a decoder inside
a thread. Here each photo has so much processor time, memory and time by the clock; a process that comes to a limit is
replaced by a new one. The processes (`decoder_worker`) know numpy and Pillow alone and take 30 MB each. They are
started as programs of their own, since a copy of a process that runs threads, as `fork` makes it, may hang.
"""

import atexit
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from cachetools import FIFOCache

from effviz import cpu, i18n
from effviz.errors import ImageError
from effviz.explain import images
from effviz.explain.decoder_worker import LENGTH, LENGTHS, NAME, DecodeOptions
from effviz.explain.images import ResizeCrop, Size
from effviz.i18n import _, join_message, lazy_gettext
from effviz.progress import Heartbeat, no_progress

if TYPE_CHECKING:
    from effviz.explain.data_types import Bytes, Photo

PIPE_BYTES: Final = 2**20  # pixels pass in fewer pieces
HEARTBEAT_S: Final = 0.1  # how often whoever waits is asked whether it still wants the photo
ROOT: Final = Path(__file__).parents[2]  # where the package lies, installed or not
PROGRAM: Final = (
    "import sys; sys.path.insert(0, sys.argv.pop()); from effviz.explain.decoder_worker import main; main()"
)
# One thread for numpy, and one heap: each of either reserves addresses, which count as memory.
ENVIRONMENT: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What one photo may cost."""

    cpu_s: int = 5
    wall_s: float = 60.0  # a busy machine may give a photo a part of a core
    memory_bytes: int = 2**30  # beyond the 30 MB that a process takes without a photo


class DecodeLimitError(ImageError):
    """A photo came to a limit."""


class DecodeTimeoutError(DecodeLimitError):
    """A photo took too long by the clock, which may be the machine's fault and not its own."""


class DecoderCrashError(ImageError):
    """A photo killed the process that decoded it."""


@dataclass(frozen=True, slots=True, eq=False)
class DecodeReply:
    """What was made of a photo."""

    size: Size  # of the whole photo, upright
    notes: tuple[str, ...]
    pictures: "tuple[Bytes, ...]"  # (H, W, 3) each, read-only: the crops, then the photo


def read(data: bytes, name: str, longest_px: int | None = None, beat: Heartbeat = no_progress) -> "Photo":
    """Decode a photo that somebody brought: upright, RGB, first frame.

    One longer than `longest_px` is kept smaller, which its notes say. What a model then sees of it differs from what it
    would see of the whole: with 2000 px, two bicubic steps and a JPEG read at half its size, by 0.1 to 0.3 of 255
    levels on average and by at most 2 in 99 of 100 values, up to inputs of 600 px (see `docs/performance.md`).

    `beat` is called again and again meanwhile; what it raises ends the decoding.

    Raises:
        ImageError: as `images.read`; or the photo costs more than it may.
    """
    from effviz.explain.data_types import Photo  # brings OpenCV and the zoo, which a server starts without

    reply = _decode(data, name, DecodeOptions(longest_px), beat)
    (rgb,), notes = reply.pictures, reply.notes
    height, width = rgb.shape[:2]
    if (width, height) != reply.size:
        smaller = lazy_gettext(
            "The file has {width} × {height} px; it is shown and explained at {kept_width} × {kept_height} px.",
            width=reply.size[0],
            height=reply.size[1],
            kept_width=width,
            kept_height=height,
        )
        notes = (*notes, smaller)
    return Photo(rgb, hashlib.sha256(data).hexdigest(), name, notes)


def read_file(path: Path) -> "Photo":
    """Read one photo from a file; raises ImageError if there is no such file, or it is no photo."""
    try:
        data = images.from_file(path, path.name)
    except OSError as error:
        text = _("{path} cannot be read ({reason}): every photo must be a readable file. Check its path.")
        raise ImageError(text.format(path=path, reason=error.strerror)) from error
    return read(data, path.name)


def cropped(data: bytes, name: str, crops: Sequence[ResizeCrop], beat: Heartbeat = no_progress) -> DecodeReply:
    """Make what models see of a photo, which itself is not kept; raises ImageError as `read` does."""
    return _decode(data, name, DecodeOptions(0, tuple(crops)), beat)


_refused: FIFOCache[tuple[bytes, str], str] = FIFOCache(4096)  # sentences by the file's hash and the language
_refusing = threading.Lock()


def _decode(data: bytes, name: str, options: DecodeOptions, beat: Heartbeat) -> DecodeReply:
    images.check_bytes(len(data), name)
    key = (hashlib.sha256(data).digest(), i18n.current_language())
    with _refusing:
        refusal = _refused.get(key)
    if refusal:
        raise ImageError(refusal.replace(NAME, name))
    try:
        return pool().ask(data, options, beat)
    except ImageError as error:
        if not isinstance(error, DecodeTimeoutError):
            with _refusing:
                _refused[key] = str(error)
        raise type(error)(str(error).replace(NAME, name)) from error.__cause__


def is_refused(sha256: bytes) -> bool:
    """Whether a file of this hash is known to be none that can be read, so that asking again costs nothing."""
    with _refusing:
        return (sha256, i18n.current_language()) in _refused


class _Worker:
    """One process, with one photo at a time."""

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits
        command = [sys.executable, "-P", "-W", "ignore", "-c", PROGRAM, str(limits.memory_bytes), str(ROOT)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pipesize=PIPE_BYTES,
            env={**os.environ, **ENVIRONMENT},
        )
        assert self._process.stdin
        assert isinstance(self._process.stdout, io.BufferedReader)
        self._in, self._out = self._process.stdin, self._process.stdout

    @property
    def dead(self) -> bool:
        """Whether somebody else ended it while it had no photo."""
        return self._process.poll() is not None

    def converse(self, data: bytes, options: DecodeOptions, language: str) -> DecodeReply | ImageError:
        """Give it a photo and take what it makes of it; EOFError or OSError: it is dead."""
        request = json.dumps([*astuple(options), language, self._limits.cpu_s]).encode()
        self._in.write(LENGTHS.pack(len(request), len(data)) + request)
        self._in.write(data)
        self._in.flush()
        (length,) = LENGTH.unpack(self._read(LENGTH.size).data)
        fields = json.loads(self._read(length).tobytes())
        if "refused" in fields:
            return self._dear_memory() if fields["memory"] else ImageError(fields["refused"])
        pictures = tuple(self._read(3 * width * height).reshape(height, width, 3) for width, height in fields["sizes"])
        notes = tuple(join_message(sentence, values) for sentence, values in fields["notes"])
        return DecodeReply(tuple(fields["size"]), notes, pictures)

    def _read(self, count: int) -> "Bytes":
        read = np.empty(count, np.uint8)
        if self._out.readinto(read.data) < count:  # it is dead
            raise EOFError
        read.setflags(write=False)
        return read

    def end(self) -> None:
        """Kill it, whatever it does."""
        self._process.kill()
        self._process.wait()
        with suppress(OSError):  # what it had not read yet
            self._in.close()
        self._out.close()

    def why_dead(self) -> ImageError:
        """Say in a sentence what ended it, once it is dead."""
        code = self._process.wait()
        if hasattr(signal, "SIGXCPU") and code == -signal.SIGXCPU:
            text = _(
                "{name} needs more than {most} s of processor time to decode, which is the limit for one photo. Open "
                "it in another program, save it as a new JPEG or PNG, and use that file."
            )
            return DecodeLimitError(text.format(name=NAME, most=self._limits.cpu_s))
        if hasattr(signal, "SIGKILL") and code == -signal.SIGKILL:  # the kernel is out of memory
            return self._dear_memory()
        return DecoderCrashError(str(images.damaged(NAME)))

    def _dear_memory(self) -> ImageError:
        text = _(
            "{name} needs more than {most} MB of memory to decode, which is the limit for one photo. Save a "
            "smaller version, for example a JPEG 2000 px wide, and use that file."
        )
        return DecodeLimitError(text.format(name=NAME, most=self._limits.memory_bytes // 2**20))


class DecoderPool:
    """Some workers, which are started as they are needed and kept."""

    def __init__(self, most: int, limits: DecodeLimits | None = None) -> None:
        self.most, self.limits = most, limits or DecodeLimits()
        self._idle: list[_Worker] = []
        self._alive = 0  # idle ones and those at work
        self._changed = threading.Condition()
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="decoding")

    def start(self, count: int | None = None) -> Self:
        """Start some workers now, or all: they load what they need while nobody waits."""
        with self._changed:
            while self._alive < min(self.most, count or self.most):
                self._idle.append(_Worker(self.limits))
                self._alive += 1
        return self

    def ask(self, data: bytes, options: DecodeOptions, beat: Heartbeat) -> DecodeReply:
        """Have a photo decoded; raises ImageError, which names the file `NAME`, if it cannot be or costs too much."""
        with self._worker(beat) as worker:
            talk = self._threads.submit(worker.converse, data, options, i18n.current_language())
            self._wait(talk, beat)
            try:
                answer = talk.result()
            except (EOFError, OSError):
                raise worker.why_dead() from None
        if isinstance(answer, ImageError):
            raise answer
        return answer

    def _wait(self, talk: "Future[DecodeReply | ImageError]", beat: Heartbeat) -> None:
        waited = 0.0
        while waited <= self.limits.wall_s:
            started = time.monotonic()
            if wait([talk], HEARTBEAT_S).done:
                return
            waited += time.monotonic() - started
            beat()  # which may take its time: somebody else's turn
        text = _(
            "{name} could not be decoded within {most:g} s: the machine is busy, or the file is too demanding. Try "
            "again, or save it as a new JPEG or PNG and use that file."
        )
        raise DecodeTimeoutError(text.format(name=NAME, most=self.limits.wall_s))

    @contextmanager
    def _worker(self, beat: Heartbeat) -> Iterator[_Worker]:
        """Hold a worker for the block; whatever the block raises, the worker is replaced."""
        worker = self._take(beat)
        try:
            yield worker
        except BaseException:
            worker.end()
            worker = _Worker(self.limits)
            raise
        finally:
            with self._changed:
                self._idle.append(worker)
                self._changed.notify()

    def _take(self, beat: Heartbeat) -> _Worker:
        while True:
            with self._changed:
                if self._idle:
                    worker = self._idle.pop()
                    if not worker.dead:
                        return worker
                    self._alive -= 1  # its place is free, also if starting another fails
                if self._alive < self.most:
                    worker = _Worker(self.limits)
                    self._alive += 1
                    return worker
                self._changed.wait(HEARTBEAT_S)
            beat()

    def close(self) -> None:
        """End all workers."""
        with self._changed:
            for worker in self._idle:
                worker.end()
            self._alive -= len(self._idle)
            self._idle.clear()
        self._threads.shutdown(wait=False)


_pool: DecoderPool | None = None
_making = threading.Lock()


def pool() -> DecoderPool:
    """Return this process's workers: as many as cores, unless `configure` said otherwise."""
    return _pool or configure(cpu.available_cores(), DecodeLimits())


def configure(most: int, limits: DecodeLimits) -> DecoderPool:
    """Say how many workers there may be, and what a photo may cost; the first to say so decides."""
    global _pool
    with _making:
        if _pool is None:
            _pool = DecoderPool(most, limits)
            atexit.register(_pool.close)
        return _pool


def _forget() -> None:
    """A copy of this process has workers of its own: two that talk to one would get each other's photos."""
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
