"""Load a model: from its name to a network with weights, ready to run, without torch."""

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
    """Exclude the permanent objects of libraries from garbage collection, again after a large library was imported.

    Traversing the objects of torch and timm takes 0.2 s after every script run of a page. Meant for programs that load
    models and do little else: objects frozen now are still freed later, unless they are in reference cycles.
    """
    _freeze_once("torch" in sys.modules, "pandas" in sys.modules)


@cache
def _freeze_once(_with_torch: bool, _with_pandas: bool) -> None:
    gc.freeze()


def load(ref: ModelRef) -> Model:
    """Load a model with its weights, without fetching or caching.

    The same ref gives the same weights on every call.

    Raises:
        WeightsError: the weights are missing, damaged or do not fit; the text names the command that fetches them.
    """
    return Model(ref, weights(ref.spec))


def load_all(refs: Iterable[ModelRef]) -> list[Model]:
    """Load several models; models that differ only in input size share their weights. Raises as `load`."""
    loaded: dict[ModelSpec, Weights] = {}
    return [Model(ref, loaded.get(ref.spec) or loaded.setdefault(ref.spec, weights(ref.spec))) for ref in refs]


def iter_models(refs: Sequence[ModelRef]) -> Iterator[tuple[int, Model]]:
    """Yield positions and models, grouped by weights so that one network is in memory at a time. Raises as `load`."""
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
    """Read and check a network's tensors as stored, by timm's names; return them and the hash. Raises as `load`."""
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
    """Return the tensor shapes in a model's file, which differ from the network that runs for one logit or channel."""
    if spec.family is None:
        optional_packages.require(*optional_packages.TORCH)  # such a network does not run without torch
        return timm_networks.tensor_shapes(spec.architecture)
    shapes = state_dicts.tensor_shapes(spec.plan, 1 if spec.arithmetic.channels is Channels.GREY else PICTURE_CHANNELS)
    if spec.one_logit:
        shapes |= {name: (1, *shapes[name][1:]) for name in ("classifier.weight", "classifier.bias")}
    return shapes


def _from_hub(spec: ModelSpec) -> tuple[state_dicts.Tensors, str]:
    path = hub.cached(spec)
    if path is None:
        raise WeightsError(hub.availability(spec).sentence)
    promised = path.resolve().name  # the cache names large files by their sha256 if the file system has links
    named = hub.SHA256.fullmatch(promised)
    try:
        sha256 = state_dicts.check_sha256(path, promised) if named else state_dicts.hash_file(path)
        tensors = state_dicts.read_safetensors(path)
    except WeightsError as error:
        hub.note_damage(path)
        raise WeightsError(hub.damage(spec)) from error
    hub.check_pin(f"{hub.repository(spec)} at {path.parent.name[:40]}", sha256)
    return tensors, sha256


# Weights of greyscale conversion (ITU-R BT.601, as in Pillow and OpenCV). They add up to 1, so (grey - mean) / std is
# the same weighted sum of (red - mean) / std and the other channels, also for the zero padding around the photo.
GREY_OF_RGB: Final = np.array([0.299, 0.587, 0.114], np.float32)


def _as_run(fitted: state_dicts.Tensors, spec: ModelSpec) -> state_dicts.Tensors:
    """Convert the first convolution to RGB, and add the negative of a single logit as a second one."""
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
