"""Every cache of the app: bounded, and keyed by content alone.

Streamlit's caches count entries, and entries differ a thousandfold: a photo of 50 megapixels beside a thumbnail. So
those of photos, models and maps are bounded in bytes, and the values that were not asked for longest go first.
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
    """Values by key. Each is made once, however many threads ask for it at the same time."""

    def __init__(self, most_bytes: int, size: Callable[[V], int]) -> None:
        self.most_bytes = most_bytes
        self._values: LRUCache[Hashable, V] = LRUCache(most_bytes, size)
        self._lookup = Lock()  # held for microseconds
        self._making: WeakValueDictionary[Hashable, Lock] = WeakValueDictionary()  # as long as somebody asks

    @property
    def size_bytes(self) -> int:
        """What is kept now."""
        with self._lookup:
            return int(self._values.currsize)

    def __contains__(self, key: Hashable) -> bool:
        """Whether a value is kept now."""
        with self._lookup:
            return key in self._values

    def find(self, key: Hashable) -> V | None:
        """Return what is kept, or None."""
        with self._lookup:
            return self._values.get(key)

    def shrink(self, most_bytes: int) -> None:
        """Let the longest unused go, until no more than this is kept."""
        with self._lookup:
            while self._values.currsize > most_bytes:
                self._values.popitem()

    def remove(self, unwanted: Callable[[Hashable], bool]) -> None:
        """Let all values go whose key is unwanted."""
        with self._lookup:
            for key in [key for key in self._values if unwanted(key)]:
                del self._values[key]

    def recount(self) -> None:
        """Ask again how large everything is, where values grow; the longest unused go if that is too much."""
        with self._lookup:
            aged = [self._values.popitem() for _ in range(len(self._values))]
            for key, value in aged:
                self._put(key, value)

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """Return what is kept, or make it; what `make` raises is raised, and nothing is kept.

        Others who ask for the key wait meanwhile, and nothing ends their wait: whoever waits for a turn to make
        something takes the turn first.
        """
        with self._lookup:
            if key in self._values:
                return self._values[key]
            alone = self._making.setdefault(key, Lock())  # the same one for all who ask before the last has left
        with alone:
            with self._lookup:
                if key in self._values:  # another thread made it meanwhile
                    return self._values[key]
            value = make()
            with self._lookup:
                self._put(key, value)
            return value

    def _put(self, key: Hashable, value: V) -> None:
        if self._values.getsizeof(value) <= self._values.maxsize:  # a larger one is used, but not kept
            self._values[key] = value


def give_back() -> None:
    """Return freed memory to the system: glibc keeps it otherwise, a piece in the heap of every thread that ran."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


KEPT_PX: Final = 2000  # of a visitor's photo, on its long side: a page shows less
IDLE_BYTES: Final = budget_bytes(0.001)  # of each cache but that of models, while nobody is here


phi_table = st.cache_resource(max_entries=32, show_spinner=False)(phi.phi_table)  # a tenth of a second the first time
solution_within = st.cache_resource(max_entries=256, show_spinner=False)(solve_within)


@st.cache_resource(max_entries=32, show_spinner=False)
def growth(rule: ScalingRule, family: Family) -> Growth:
    """How MACs grow along the phi slider."""
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
    # A script that still ran when its page was closed may arrive afterwards, and nobody tells of its leaving.
    if Runtime.exists():
        _HERE.difference_update([other for other in tuple(_HERE) if not Runtime.instance().is_active_session(other)])
    if not _HERE:
        for kept in (_PHOTOS, _PASSES, _MAPS, _PICTURES):
            kept.shrink(IDLE_BYTES)
        give_back()


@st.cache_resource(scope="session", on_release=_leave, show_spinner=False)
def arrive() -> str:
    """Note that a page is open: what it shows stays at hand. When the last one is closed, most of it goes."""
    context = get_script_run_ctx(suppress_warning=True)
    session_id = context.session_id if context else ""
    _HERE.add(session_id)
    return session_id


@dataclass(frozen=True, slots=True)
class ChosenPhoto:
    """A photo as its file: a session may hold it while its page is open, since only the cache holds pixels."""

    name: str  # for people
    sha256: str  # of the file
    open: Callable[[], Photo] = field(compare=False, repr=False)


Turn = Callable[[], AbstractContextManager[Heartbeat]]  # to be waited for before a photo is decoded


def own(data: bytes, name: str, turn: Turn = lambda: nullcontext(no_progress)) -> ChosenPhoto:
    """A photo that somebody brought; a turn is taken where it is not known yet, nor known to be none.

    Raises:
        ImageError: as `decoding.read`.
        BusyError: too many others wait for a turn.
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
    """A bundled photo, as its file."""
    photo = sample(name)
    return ChosenPhoto(photo.name, photo.sha256, partial(sample, name))


def forget_photo(sha256: str) -> None:
    """Let go of a photo's pixels, whatever it is called; another visitor who has it too reads it again."""
    digest = bytes.fromhex(sha256)
    _PHOTOS.remove(lambda key: isinstance(key, tuple) and key[0] == digest)
    _PICTURES.remove(lambda key: isinstance(key, tuple) and key[0] == sha256)


def sample(name: str) -> Photo:
    """A bundled photo."""
    photo = sample_photos.find(name)
    return _PHOTOS.get(photo.path, lambda: images.read(photo.path.read_bytes(), photo.title))


def model(label: str) -> Model:
    """A network with its weights and its engine, shared by all visitors."""
    return _loaded(catalogue.parse_model(label))


def effort(ref: ModelRef) -> Effort:
    """What one pass takes now, with loading the model where that has to come first."""
    return job_queue.pass_effort(ref, loaded=is_loaded(ref))


def _loaded(ref: ModelRef, any_size: bool = False) -> Model:
    # Imported here: OpenVINO takes a moment to load, and a page shows itself without it.
    from effviz.explain.engines import ANY_SIZE, choose, is_ready
    from effviz.zoo import loading

    def make() -> Weights:
        loading.freeze_garbage_collection()
        return loading.weights(ref.spec)

    model = Model(ref, _MODELS.get(_weights(ref), make))  # sizes of one network share its weights
    size_px = ANY_SIZE if any_size else None
    if not is_ready(model, size_px):
        choose(model, size_px)
        _MODELS.recount()  # this one, and those that ran slow methods since, have grown
    return model


def is_loaded(ref: ModelRef, any_size: bool = False) -> bool:
    """Whether a network is at hand, and its engine ready."""
    from effviz.explain.engines import ANY_SIZE, is_ready

    weights = _MODELS.find(_weights(ref))
    return weights is not None and is_ready(Model(ref, weights), ANY_SIZE if any_size else None)


def _held_bytes(weights: Weights) -> int:
    from effviz.explain.engines import held_bytes

    return held_bytes(weights)


def _weights(ref: ModelRef) -> tuple[str, str]:
    """What tells a model's weights from those that had its name before, found in microseconds."""
    which = ref.spec.sha256  # of a checkpoint, as the manifest has it now
    if ref.spec.origin is WeightsOrigin.HUB and (path := hub.cached(ref.spec)):
        which = str(path.resolve())
    return ref.spec.name, which


def fallback(label: str) -> str:
    """Why a model does not run on the fast engine; empty when it does."""
    from effviz.explain.engines import choose

    return choose(model(label)).fallback


def forward(ref: ModelRef, photo: Photo, any_size: bool = False) -> Forward:
    """One pass of a photo through a model; for any size nothing is compiled anew, and the pass is a little slower."""
    return _forward(_loaded(ref, any_size), photo, any_size)


def _forward(model: Model, photo: Photo, any_size: bool = False) -> Forward:
    from effviz.explain.forward_pass import forward as run

    key = _content(model, photo.sha256, any_size)
    return Forward(model, photo, *_PASSES.get(key, lambda: run(model, photo, any_size).arrays))


_WARM: WeakSet[Weights] = WeakSet()  # those whose network of all sizes has run at each


def warm_up(refs: Sequence[ModelRef]) -> None:
    """Run one network at each of these sizes: OpenVINO compiles for a new size, which takes longer than a pass."""
    from effviz.explain.engines import ANY_SIZE, choose

    model = _loaded(refs[0], any_size=True)
    for px in (ref.resolution_px for ref in refs):
        choose(model, ANY_SIZE).engine.run(np.zeros((1, PICTURE_CHANNELS, px, px), np.float32))
    _WARM.add(model.weights)


def is_warm(ref: ModelRef) -> bool:
    """Whether that was done for a network."""
    weights = _MODELS.find(_weights(ref))
    return weights is not None and weights in _WARM


def activation_map(  # noqa: PLR0913 - each decides about the numbers
    ref: ModelRef, photo: Photo, target: Target, method: Method, layer: TargetLayer, progress: Progress = no_progress
) -> ActivationMap:
    """The raw map of a photo by a model; `progress` gets the share of a slow method that is done, 0 to 1."""
    from effviz.explain.activation_maps import activation_map as explain
    from effviz.zoo.loading import freeze_garbage_collection

    model = _loaded(ref)  # once: a checkpoint that is replaced meanwhile makes no map under the key of the one before

    def make() -> ActivationMap:
        computed = explain(_forward(model, photo), target, method, layer, progress)
        freeze_garbage_collection()  # this may have imported torch
        return computed

    entry = _MAPS.get((*_content(model, photo.sha256), str(target), method, layer), make)
    return replace(entry, photo=photo.name)  # the same picture may have come under another name


def find(
    ref: ModelRef, photo: Photo, target: Target, method: Method, layer: TargetLayer
) -> tuple[Forward, ActivationMap] | None:
    """A pass and a map where all of it is kept; nothing is loaded or computed, so it takes no turn."""
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
    """What decides about all numbers that a model gives for a photo; it loads the model."""
    return _content(_loaded(ref), photo_sha256)


def _content(model: Model, photo_sha256: str, any_size: bool = False) -> tuple[str, ...]:
    from effviz.explain.engines import ANY_SIZE, choose

    engine = choose(model, ANY_SIZE if any_size else None).engine
    return model.ref.label, model.weights_sha256, engine.name, photo_sha256


def map_of_class(ref: ModelRef, photo: Photo, index: int, method: Method) -> ActivationMap:
    """The raw map of one class at the last layer."""
    return activation_map(ref, photo, Target(TargetKind.CLASS, index), method, TargetLayer.LAST)


def guesses(ref: ModelRef, photo: Photo) -> tuple[Guess, ...]:
    """What the model takes the photo for, the five first."""
    return top_guesses(forward(ref, photo))


def same_maps(ref: ModelRef, photo: Photo, index: int) -> "tuple[IdenticalMethods, ...]":
    """The closed-form methods at the last layer, those with the same map together."""

    def make() -> "tuple[IdenticalMethods, ...]":
        from effviz.explain.activation_maps import group_identical

        return group_identical(
            [map_of_class(ref, photo, index, method) for method, fact in CAM_METHODS.items() if fact.closed_form]
        )

    return _SAME.get((*content(ref, photo.sha256), index), make)


def picture(photo: Photo, scaled: ScaledMap, style: OverlayStyle) -> bytes:
    """A map laid over its photo, as JPEG."""
    values = hashlib.sha256(scaled.values.tobytes()).hexdigest()
    source = scaled.source
    key = (photo.sha256, source.model, source.weights_sha256, values, scaled.scale, scaled.low, scaled.high, style)
    return _PICTURES.get(key, lambda: encode_jpeg(overlay(photo, scaled, style)))


def thumbnail(photo: Photo, longest_px: int = 512) -> bytes:
    """A photo small enough for the grid, as JPEG."""
    return _PICTURES.get((photo.sha256, longest_px), lambda: encode_jpeg(display(photo, longest_px)))
