"""From a model's name to the network with its weights, ready to look at photos; torch is not needed."""

import gc
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final

import numpy as np

from effviz import optional_packages
from effviz.errors import WeightsError
from effviz.scaling.architecture import PICTURE_CHANNELS
from effviz.zoo import checkpoints, hub, state_dicts, timm_networks
from effviz.zoo.model import Channels, Model, ModelRef, ModelSpec, Weights, WeightsOrigin


def freeze_garbage_collection() -> None:
    """Spare the garbage collector what libraries have brought, which stays for good: once, and again after a large one.

    Going through the objects of torch and timm takes 0.2 s each time, after every script of a page. For programs that
    load models and do little else: what is there now and is let go later is still freed, unless it holds itself.
    """
    _freeze_once("torch" in sys.modules, "pandas" in sys.modules)


@cache
def _freeze_once(_with_torch: bool, _with_pandas: bool) -> None:
    gc.freeze()


def load(ref: ModelRef) -> Model:
    """Read the weights of a model; nothing is fetched, and nothing is cached here.

    The same ref gives the same weights on every call.

    Raises:
        WeightsError: the weights are missing, damaged or do not fit; the text names the command that gets them.
    """
    return Model(ref, weights(ref.spec))


def load_all(refs: Iterable[ModelRef]) -> list[Model]:
    """Do the same for several models; those that differ in their input sizes alone share their weights."""
    loaded: dict[ModelSpec, Weights] = {}
    return [Model(ref, loaded.get(ref.spec) or loaded.setdefault(ref.spec, weights(ref.spec))) for ref in refs]


def iter_models(refs: Sequence[ModelRef]) -> Iterator[tuple[int, Model]]:
    """Yield models with their places, those that share weights in a row: one network's are held. Raises as `load`."""
    places: dict[ModelSpec, list[int]] = {}
    for place, ref in enumerate(refs):
        places.setdefault(ref.spec, []).append(place)
    for spec, positions in places.items():
        shared = weights(spec)
        yield from ((place, Model(refs[place], shared)) for place in positions)


def weights(spec: ModelSpec) -> Weights:
    """Read, check and return a network's weights; raises as `load`."""
    fitted, sha256 = read_as_saved(spec)
    return Weights(spec, _as_run(fitted, spec), sha256)


def read_as_saved(spec: ModelSpec) -> tuple[state_dicts.Tensors, str]:
    """Read and check a network's tensors as its file has them, by timm's names, and its hash; raises as `load`."""
    match spec.origin:
        case WeightsOrigin.PACKAGE:
            path = state_dicts.locate_package_weights(spec.name)
            sha256 = state_dicts.check_sha256(path, state_dicts.PACKAGE_FILES[spec.name][1])
            tensors = state_dicts.translate_package_names(state_dicts.read_legacy_pickle(path), spec.plan)
        case WeightsOrigin.HUB:
            tensors, sha256 = _from_hub(spec)
        case WeightsOrigin.CHECKPOINT:
            tensors, sha256 = checkpoints.load(spec.name)
        case WeightsOrigin.UNTRAINED:
            tensors, sha256 = state_dicts.draw_untrained(spec.plan), ""
    return state_dicts.fit_to_network(tensors, file_shapes(spec), spec.name), sha256


def file_shapes(spec: ModelSpec) -> dict[str, state_dicts.Shape]:
    """Return the shapes that a model's file has: with one logit or one channel it differs from what is run."""
    if spec.family is None:
        optional_packages.require(*optional_packages.TORCH)  # without which such a network does not run
        return timm_networks.tensor_shapes(spec.architecture)
    shapes = state_dicts.tensor_shapes(spec.plan, 1 if spec.arithmetic.channels is Channels.GREY else PICTURE_CHANNELS)
    if spec.one_logit:
        shapes |= {name: (1, *shapes[name][1:]) for name in ("classifier.weight", "classifier.bias")}
    return shapes


def _from_hub(spec: ModelSpec) -> tuple[state_dicts.Tensors, str]:
    path = hub.cached(spec)
    if path is None:
        raise WeightsError(hub.availability(spec).sentence)
    promised = path.resolve().name  # the cache names large files by their sha256, where the file system has links
    named = hub.SHA256.fullmatch(promised)
    try:
        sha256 = state_dicts.check_sha256(path, promised) if named else state_dicts.hash_file(path)
        tensors = state_dicts.read_safetensors(path)
    except WeightsError as error:
        hub.note_damage(path)
        raise WeightsError(hub.damage(spec)) from error
    hub.check_pin(f"{hub.repository(spec)} at {path.parent.name[:40]}", sha256)
    return tensors, sha256


# How photos become grey (ITU-R BT.601, as Pillow and OpenCV do it). Its parts add up to 1, so that a channel of
# (grey - mean) / std is the same sum of (red - mean) / std and the others, also where zeros stand around the photo.
GREY_OF_RGB: Final = np.array([0.299, 0.587, 0.114], np.float32)


def _as_run(fitted: state_dicts.Tensors, spec: ModelSpec) -> state_dicts.Tensors:
    """Turn colours to RGB, and set the negative of a lone logit beside it."""
    if spec.family is None:
        return fitted
    tensors, stem = dict(fitted), fitted[state_dicts.FIRST_TENSOR]
    if spec.arithmetic.channels is Channels.BGR:
        tensors[state_dicts.FIRST_TENSOR] = stem[:, ::-1].copy()
    if spec.arithmetic.channels is Channels.GREY:
        tensors[state_dicts.FIRST_TENSOR] = stem * GREY_OF_RGB[:, None, None]
    if spec.one_logit:
        for name in ("classifier.weight", "classifier.bias"):
            tensors[name] = np.concatenate([fitted[name], -fitted[name]])
    for array in tensors.values():
        array.setflags(write=False)
    return tensors
