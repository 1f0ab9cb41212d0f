"""All caches of the app: bounded, and keyed by content alone.

Streamlit's caches limit the number of entries, but entries differ in size a thousandfold: a thumbnail and a photo of 50
megapixels. The caches of photos, models and maps are therefore bounded in bytes, and evict the least recently used.
"""

import ctypes
import hashlib
import sys
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Final, Generic, TypeVar
from weakref import WeakSet, WeakValueDictionary

import numpy as np
import streamlit as st
from cachetools import LRUCache
from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from effviz.explain import decoding, images, sample_photos
from effviz.explain.cam_methods import CAM_METHODS
from effviz.explain.data_types import ActivationMap, Forward, ForwardArrays, Method, Photo, TargetLayer
from effviz.explain.images import display, encode_jpeg
from effviz.explain.overlay import OverlayStyle, ScaledMap, overlay
from effviz.explain.targets import Guess, Target, TargetKind, top_guesses
from effviz.progress import Heartbeat, Progress, no_progress
from effviz.scaling import Family, ScalingRule, solve_within
from effviz.scaling.architecture import PICTURE_CHANNELS
from effviz.scaling.published import Growth
from effviz.scaling.published import growth as grow
from effviz.settings import budget_bytes
from effviz.ui import job_queue
from effviz.ui.components import phi
from effviz.ui.job_queue import Effort
from effviz.zoo import catalogue, hub
from effviz.zoo.model import Model, ModelRef, Weights, WeightsOrigin

if TYPE_CHECKING:
    from effviz.explain.activation_maps import IdenticalMethods

V = TypeVar("V")


class SizeBoundedCache(Generic[V]):
    """An LRU cache bounded in bytes. Each value is computed once, even if several threads request it simultaneously."""

    def __init__(self, most_bytes: int, size: Callable[[V], int]) -> None:
        self.most_bytes = most_bytes
        self._values: LRUCache[Hashable, V] = LRUCache(most_bytes, size)
        self._lookup = Lock()  # held for microseconds
        self._making: WeakValueDictionary[Hashable, Lock] = WeakValueDictionary()  # while a thread needs the lock

    @property
    def size_bytes(self) -> int:
        """The total size of the cached values."""
        with self._lookup:
            return int(self._values.currsize)

    def __contains__(self, key: Hashable) -> bool:
        """Return whether a value is cached."""
        with self._lookup:
            return key in self._values

    def find(self, key: Hashable) -> V | None:
        """Return the cached value, or None."""
        with self._lookup:
            return self._values.get(key)

    def shrink(self, most_bytes: int) -> None:
        """Evict the least recently used values until at most `most_bytes` are kept."""
        with self._lookup:
            while self._values.currsize > most_bytes:
                self._values.popitem()

    def remove(self, unwanted: Callable[[Hashable], bool]) -> None:
        """Remove all values whose key is unwanted."""
        with self._lookup:
            for key in [key for key in self._values if unwanted(key)]:
                del self._values[key]

    def recount(self) -> None:
        """Measure all values again, because they may have grown, and evict the least recently used if necessary."""
        with self._lookup:
            aged = [self._values.popitem() for _ in range(len(self._values))]
            for key, value in aged:
                self._put(key, value)

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """Return the cached value, or compute it with `make`; exceptions of `make` propagate, and nothing is cached.

        Other threads that request the key block until `make` ends and cannot be interrupted, so a caller whose `make`
        needs a turn has to take the turn before calling.
        """
        with self._lookup:
            if key in self._values:
                return self._values[key]
            alone = self._making.setdefault(key, Lock())  # one lock for all threads that overlap
        with alone:
            with self._lookup:
                if key in self._values:  # another thread made it meanwhile
                    return self._values[key]
            value = make()
            with self._lookup:
                self._put(key, value)
            return value

    def _put(self, key: Hashable, value: V) -> None:
        if self._values.getsizeof(value) <= self._values.maxsize:  # a larger value is returned, but not cached
            self._values[key] = value


def give_back() -> None:
    """Return freed memory to the system, which glibc would otherwise keep in the heap of every thread that ran."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


KEPT_PX: Final = 2000  # long side of a visitor's photo; pages show fewer pixels
IDLE_BYTES: Final = budget_bytes(0.001)  # of each cache except that of models, while no page is open


phi_table = st.cache_resource(max_entries=32, show_spinner=False)(phi.phi_table)  # a tenth of a second the first time
solution_within = st.cache_resource(max_entries=256, show_spinner=False)(solve_within)


@st.cache_resource(max_entries=32, show_spinner=False)
def growth(rule: ScalingRule, family: Family) -> Growth:
    """Return how MACs grow along the phi slider."""
    return grow(phi.STEPS, rule, family)


_PHOTOS: SizeBoundedCache[Photo] = SizeBoundedCache(budget_bytes(0.06), lambda photo: photo.rgb.nbytes)
_MODELS: SizeBoundedCache[Weights] = SizeBoundedCache(budget_bytes(0.28), lambda weights: _held_bytes(weights))
_PASSES: SizeBoundedCache[ForwardArrays] = SizeBoundedCache(budget_bytes(0.04), lambda arrays: arrays.nbytes)
_MAPS: SizeBoundedCache[ActivationMap] = SizeBoundedCache(budget_bytes(0.002), lambda entry: entry.values.nbytes + 1024)
_SAME: "SizeBoundedCache[tuple[IdenticalMethods, ...]]" = SizeBoundedCache(
    budget_bytes(0.0005), lambda groups: 512 * len(groups) + 512
)
_PICTURES: SizeBoundedCache[bytes] = SizeBoundedCache(budget_bytes(0.002), len)

_HERE: set[str] = set()  # sessions whose Compare page is open


def _leave(session_id: str) -> None:
    _HERE.discard(session_id)
    # A script that outlives its page may call `arrive` afterwards, and its session is never released.
    if Runtime.exists():
        _HERE.difference_update([other for other in tuple(_HERE) if not Runtime.instance().is_active_session(other)])
    if not _HERE:
        for kept in (_PHOTOS, _PASSES, _MAPS, _PICTURES):
            kept.shrink(IDLE_BYTES)
        give_back()


@st.cache_resource(scope="session", on_release=_leave, show_spinner=False)
def arrive() -> str:
    """Note that a page is open, so that caches stay full; when the last page closes, they are mostly emptied."""
    context = get_script_run_ctx(suppress_warning=True)
    session_id = context.session_id if context else ""
    _HERE.add(session_id)
    return session_id


@dataclass(frozen=True, slots=True)
class ChosenPhoto:
    """A photo without its pixels, which are only in the cache, so a session can hold it while its page is open."""

    name: str  # as displayed
    sha256: str  # of the file
    open: Callable[[], Photo] = field(compare=False, repr=False)


Turn = Callable[[], AbstractContextManager[Heartbeat]]  # waits for a turn before a photo is decoded


def own(data: bytes, name: str, turn: Turn = lambda: nullcontext(no_progress)) -> ChosenPhoto:
    """Return a visitor's photo; a turn is taken unless it is cached or was refused before.

    Raises:
        ImageError: As in `decoding.read`.
        BusyError: Too many others are waiting for a turn.
    """
    digest = hashlib.sha256(data)
    key = (digest.digest(), name)

    def opened(beat: Heartbeat = no_progress) -> Photo:
        return _PHOTOS.get(key, lambda: decoding.read(data, name, KEPT_PX, beat))

    if key not in _PHOTOS and not decoding.is_refused(digest.digest()):
        with turn() as beat:
            opened(beat)
    opened()
    return ChosenPhoto(name, digest.hexdigest(), opened)


def bundled(name: str) -> ChosenPhoto:
    """Return a bundled photo without its pixels."""
    photo = sample(name)
    return ChosenPhoto(photo.name, photo.sha256, partial(sample, name))


def forget_photo(sha256: str) -> None:
    """Remove a photo's pixels under all names; another visitor with the same photo has to read it again."""
    digest = bytes.fromhex(sha256)
    _PHOTOS.remove(lambda key: isinstance(key, tuple) and key[0] == digest)
    _PICTURES.remove(lambda key: isinstance(key, tuple) and key[0] == sha256)


def sample(name: str) -> Photo:
    """Return a bundled photo."""
    photo = sample_photos.find(name)
    return _PHOTOS.get(photo.path, lambda: images.read(photo.path.read_bytes(), photo.title))


def model(label: str) -> Model:
    """Return a network with its weights and engine, shared by all visitors."""
    return _loaded(catalogue.parse_model(label))


def effort(ref: ModelRef) -> Effort:
    """Return the effort of one pass now, including loading the model if needed."""
    return job_queue.pass_effort(ref, loaded=is_loaded(ref))


def _loaded(ref: ModelRef, any_size: bool = False) -> Model:
    # Imported here, because OpenVINO takes a moment to load, and a page can appear without it.
    from effviz.explain.engines import ANY_SIZE, choose, is_ready
    from effviz.zoo import loading

    def make() -> Weights:
        loading.freeze_garbage_collection()
        return loading.weights(ref.spec)

    model = Model(ref, _MODELS.get(_weights(ref), make))  # sizes of one network share its weights
    size_px = ANY_SIZE if any_size else None
    if not is_ready(model, size_px):
        choose(model, size_px)
        _MODELS.recount()  # this one has grown, and so have those that ran slow methods since
    return model


def is_loaded(ref: ModelRef, any_size: bool = False) -> bool:
    """Return whether a network is loaded and its engine built."""
    from effviz.explain.engines import ANY_SIZE, is_ready

    weights = _MODELS.find(_weights(ref))
    return weights is not None and is_ready(Model(ref, weights), ANY_SIZE if any_size else None)


def _held_bytes(weights: Weights) -> int:
    from effviz.explain.engines import held_bytes

    return held_bytes(weights)


def _weights(ref: ModelRef) -> tuple[str, str]:
    """Return a key that changes when a model's weights are replaced; takes microseconds."""
    which = ref.spec.sha256  # of a checkpoint, from the current manifest
    if ref.spec.origin is WeightsOrigin.HUB and (path := hub.cached(ref.spec)):
        which = str(path.resolve())
    return ref.spec.name, which


def fallback(label: str) -> str:
    """Return why a model does not run on the fast engine; "" if it does."""
    from effviz.explain.engines import choose

    return choose(model(label)).fallback


def forward(ref: ModelRef, photo: Photo, any_size: bool = False) -> Forward:
    """Run a photo through a model; `any_size` avoids compiling for each size, but is a little slower."""
    return _forward(_loaded(ref, any_size), photo, any_size)


def _forward(model: Model, photo: Photo, any_size: bool = False) -> Forward:
    from effviz.explain.forward_pass import forward as run

    key = _content(model, photo.sha256, any_size)
    return Forward(model, photo, *_PASSES.get(key, lambda: run(model, photo, any_size).arrays))


_WARM: WeakSet[Weights] = WeakSet()  # whose any-size network has run at each size


def warm_up(refs: Sequence[ModelRef]) -> None:
    """Run one network at each of these sizes, because the first pass at a size includes compiling in OpenVINO."""
    from effviz.explain.engines import ANY_SIZE, choose

    model = _loaded(refs[0], any_size=True)
    for px in (ref.resolution_px for ref in refs):
        choose(model, ANY_SIZE).engine.run(np.zeros((1, PICTURE_CHANNELS, px, px), np.float32))
    _WARM.add(model.weights)


def is_warm(ref: ModelRef) -> bool:
    """Return whether `warm_up` has run for a network."""
    weights = _MODELS.find(_weights(ref))
    return weights is not None and weights in _WARM


def activation_map(  # noqa: PLR0913 - each affects the values
    ref: ModelRef, photo: Photo, target: Target, method: Method, layer: TargetLayer, progress: Progress = no_progress
) -> ActivationMap:
    """Return the raw map of a photo by a model; slow methods call `progress` with the share done, 0 to 1."""
    from effviz.explain.activation_maps import activation_map as explain
    from effviz.zoo.loading import freeze_garbage_collection

    model = _loaded(ref)  # once, so that a checkpoint replaced meanwhile cannot be mapped under the old key

    def make() -> ActivationMap:
        computed = explain(_forward(model, photo), target, method, layer, progress)
        freeze_garbage_collection()  # because this may have imported torch
        return computed

    entry = _MAPS.get((*_content(model, photo.sha256), str(target), method, layer), make)
    return replace(entry, photo=photo.name)  # the same picture may be cached under another name


def find(
    ref: ModelRef, photo: Photo, target: Target, method: Method, layer: TargetLayer
) -> tuple[Forward, ActivationMap] | None:
    """Return a pass and a map if both are cached; nothing is loaded or computed, so no turn is needed."""
    from effviz.explain.engines import is_ready

    weights = _MODELS.find(_weights(ref))
    if weights is None or not is_ready(model := Model(ref, weights)):
        return None
    key = _content(model, photo.sha256)
    passed, entry = _PASSES.find(key), _MAPS.find((*key, str(target), method, layer))
    if passed is None or entry is None:
        return None
    return Forward(model, photo, *passed), replace(entry, photo=photo.name)


def content(ref: ModelRef, photo_sha256: str) -> tuple[str, ...]:
    """Return what determines all values of a model for a photo; this loads the model."""
    return _content(_loaded(ref), photo_sha256)


def _content(model: Model, photo_sha256: str, any_size: bool = False) -> tuple[str, ...]:
    from effviz.explain.engines import ANY_SIZE, choose

    engine = choose(model, ANY_SIZE if any_size else None).engine
    return model.ref.label, model.weights_sha256, engine.name, photo_sha256


def map_of_class(ref: ModelRef, photo: Photo, index: int, method: Method) -> ActivationMap:
    """Return the raw map of one class at the last layer."""
    return activation_map(ref, photo, Target(TargetKind.CLASS, index), method, TargetLayer.LAST)


def guesses(ref: ModelRef, photo: Photo) -> tuple[Guess, ...]:
    """Return the model's five best guesses for a photo."""
    return top_guesses(forward(ref, photo))


def same_maps(ref: ModelRef, photo: Photo, index: int) -> "tuple[IdenticalMethods, ...]":
    """Return the closed-form methods at the last layer, grouped by identical maps."""

    def make() -> "tuple[IdenticalMethods, ...]":
        from effviz.explain.activation_maps import group_identical

        return group_identical(
            [map_of_class(ref, photo, index, method) for method, fact in CAM_METHODS.items() if fact.closed_form]
        )

    return _SAME.get((*content(ref, photo.sha256), index), make)


def picture(photo: Photo, scaled: ScaledMap, style: OverlayStyle) -> bytes:
    """Return a map laid over its photo, as JPEG."""
    values = hashlib.sha256(scaled.values.tobytes()).hexdigest()
    source = scaled.source
    key = (photo.sha256, source.model, source.weights_sha256, values, scaled.scale, scaled.low, scaled.high, style)
    return _PICTURES.get(key, lambda: encode_jpeg(overlay(photo, scaled, style)))


def thumbnail(photo: Photo, longest_px: int = 512) -> bytes:
    """Return a photo small enough for the grid, as JPEG."""
    return _PICTURES.get((photo.sha256, longest_px), lambda: encode_jpeg(display(photo, longest_px)))
