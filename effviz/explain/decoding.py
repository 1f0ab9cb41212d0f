"""Decode users' photos in separate processes, which are killed when a photo costs too much.

A file of a few hundred kilobytes can cost a decoder minutes of work or gigabytes of memory, and a decoder in a thread
cannot be stopped. So each photo has limits on CPU time, memory and wall-clock time; a process that reaches a limit is
replaced by a new one. The processes (`decoder_worker`) load only numpy and Pillow and take 30 MB each. They are started
as separate programs, because a `fork` of a process with threads may hang.
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

PIPE_BYTES: Final = 2**20  # transfers pixels in fewer pieces than the default
HEARTBEAT_S: Final = 0.1  # interval at which the caller is asked whether it still wants the photo
ROOT: Final = Path(__file__).parents[2]  # the package's parent folder, whether installed or not
PROGRAM: Final = (
    "import sys; sys.path.insert(0, sys.argv.pop()); from effviz.explain.decoder_worker import main; main()"
)
# One numpy thread and one heap: each additional one reserves address space, which counts as memory.
ENVIRONMENT: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """Limits on decoding one photo."""

    cpu_s: int = 5
    wall_s: float = 60.0  # on a busy machine a photo may get only a fraction of a core
    memory_bytes: int = 2**30  # in addition to the 30 MB of an idle process


class DecodeLimitError(ImageError):
    """A photo reached a limit."""


class DecodeTimeoutError(DecodeLimitError):
    """A photo exceeded the wall-clock limit, possibly because the machine is busy."""


class DecoderCrashError(ImageError):
    """A photo crashed the process that decoded it."""


@dataclass(frozen=True, slots=True, eq=False)
class DecodeReply:
    """The result of decoding a photo."""

    size: Size  # of the whole photo, upright
    notes: tuple[str, ...]
    pictures: "tuple[Bytes, ...]"  # (H, W, 3) each, read-only: the crops, then the photo


def read(data: bytes, name: str, longest_px: int | None = None, beat: Heartbeat = no_progress) -> "Photo":
    """Decode a user's photo: upright, RGB, first frame.

    A photo whose long side exceeds `longest_px` is downscaled, and its notes say so. A model's input from it then
    differs from that of the full-size photo: with 2000 px, two bicubic steps and a JPEG read at half its size, by 0.1
    to 0.3 of 255 levels on average, and by at most 2 for 99 % of the values, for inputs up to 600 px (see
    `docs/performance.md`). `beat` is called repeatedly while decoding; an exception that it raises stops the decoding.

    Raises:
        ImageError: As for `images.read`, or the photo exceeds a limit.
    """
    from effviz.explain.data_types import Photo  # loads OpenCV and the zoo, which a server does not need at startup

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
    """Read a photo from a file; raises ImageError if the file does not exist or is not a photo."""
    try:
        data = images.from_file(path, path.name)
    except OSError as error:
        text = _("{path} cannot be read ({reason}): every photo must be a readable file. Check its path.")
        raise ImageError(text.format(path=path, reason=error.strerror)) from error
    return read(data, path.name)


def cropped(data: bytes, name: str, crops: Sequence[ResizeCrop], beat: Heartbeat = no_progress) -> DecodeReply:
    """Return the models' inputs from a photo, without the photo itself; raises ImageError as `read` does."""
    return _decode(data, name, DecodeOptions(0, tuple(crops)), beat)


_refused: FIFOCache[tuple[bytes, str], str] = FIFOCache(4096)  # error messages by file hash and language
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
    """Return whether a file with this hash is known to be unreadable, so that asking again costs nothing."""
    with _refusing:
        return (sha256, i18n.current_language()) in _refused


class _Worker:
    """A process that decodes one photo at a time."""

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
        """Whether something else ended the process while it was idle."""
        return self._process.poll() is not None

    def converse(self, data: bytes, options: DecodeOptions, language: str) -> DecodeReply | ImageError:
        """Send a photo to the process and return its reply; raises EOFError or OSError if the process is dead."""
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
        if self._out.readinto(read.data) < count:  # the process is dead
            raise EOFError
        read.setflags(write=False)
        return read

    def end(self) -> None:
        """Kill the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        with suppress(OSError):  # closing flushes what the process had not read yet
            self._in.close()
        self._out.close()

    def why_dead(self) -> ImageError:
        """Return an error that says what killed the process; waits until it is dead."""
        code = self._process.wait()
        if hasattr(signal, "SIGXCPU") and code == -signal.SIGXCPU:
            text = _(
                "{name} needs more than {most} s of processor time to decode, which is the limit for one photo. Open "
                "it in another program, save it as a new JPEG or PNG, and use that file."
            )
            return DecodeLimitError(text.format(name=NAME, most=self._limits.cpu_s))
        if hasattr(signal, "SIGKILL") and code == -signal.SIGKILL:  # the kernel ran out of memory
            return self._dear_memory()
        return DecoderCrashError(str(images.damaged(NAME)))

    def _dear_memory(self) -> ImageError:
        text = _(
            "{name} needs more than {most} MB of memory to decode, which is the limit for one photo. Save a "
            "smaller version, for example a JPEG 2000 px wide, and use that file."
        )
        return DecodeLimitError(text.format(name=NAME, most=self._limits.memory_bytes // 2**20))


class DecoderPool:
    """Workers, started on demand and reused."""

    def __init__(self, most: int, limits: DecodeLimits | None = None) -> None:
        self.most, self.limits = most, limits or DecodeLimits()
        self._idle: list[_Worker] = []
        self._alive = 0  # idle and busy workers
        self._changed = threading.Condition()
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="decoding")

    def start(self, count: int | None = None) -> Self:
        """Start `count` workers now, or all, so that they load their modules while nobody is waiting."""
        with self._changed:
            while self._alive < min(self.most, count or self.most):
                self._idle.append(_Worker(self.limits))
                self._alive += 1
        return self

    def ask(self, data: bytes, options: DecodeOptions, beat: Heartbeat) -> DecodeReply:
        """Decode a photo; raises ImageError, with NAME for the file name, if it is unreadable or exceeds a limit."""
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
            beat()  # may take a while, when it yields the turn to others
        text = _(
            "{name} could not be decoded within {most:g} s: the machine is busy, or the file is too demanding. Try "
            "again, or save it as a new JPEG or PNG and use that file."
        )
        raise DecodeTimeoutError(text.format(name=NAME, most=self.limits.wall_s))

    @contextmanager
    def _worker(self, beat: Heartbeat) -> Iterator[_Worker]:
        """Reserve a worker for the block; if the block raises anything, replace the worker."""
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
                    self._alive -= 1  # frees its place, even if starting another worker fails
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
    """Return this process's workers: one per core, unless `configure` set another number."""
    return _pool or configure(cpu.available_cores(), DecodeLimits())


def configure(most: int, limits: DecodeLimits) -> DecoderPool:
    """Set the maximum number of workers and the limits per photo; only the first call has an effect."""
    global _pool
    with _making:
        if _pool is None:
            _pool = DecoderPool(most, limits)
            atexit.register(_pool.close)
        return _pool


def _forget() -> None:
    """Give a forked process its own workers: two processes that share a worker would get each other's photos."""
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
