"""From a model's name to the network with its weights, ready to look at photos; torch is not needed."""

import gc
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from effviz.errors import WeightsError
from effviz.zoo import checkpoints, hub, package_weights, state_dicts
from effviz.zoo.model import Channels, Model, ModelRef, ModelSpec, Weights, WeightsOrigin
from effviz.zoo.state_dicts import Tensors


def freeze_garbage_collection() -> None:
    """Spare the garbage collector what libraries have brought, which stays for good: once, and once more with torch.

    Going through the objects of torch and timm takes 0.2 s each time, after every script of a page. For programs that
    load models and do little else: what is there now and is let go later is still freed, unless it holds itself.
    """
    _freeze_once("torch" in sys.modules)


@cache
def _freeze_once(_with_torch: bool) -> None:
    gc.freeze()


def load(ref: ModelRef) -> Model:
    """Read the weights of a model; nothing is fetched, and nothing is cached here.

    The same ref gives the same weights on every call.

    Raises:
        WeightsError: the weights are missing, damaged or do not fit; the text names the command that gets them.
    """
    return Model(ref, weights(ref.spec))


def load_all(refs: Iterable[ModelRef]) -> list[Model]:
    """Do the same for several models; those that differ in their input sizes alone share their weights.

    Raises:
        WeightsError: as `load`.
    """
    known: dict[ModelSpec, Weights] = {}
    return [Model(ref, known.get(ref.spec) or known.setdefault(ref.spec, weights(ref.spec))) for ref in refs]


def iter_models(refs: Sequence[ModelRef]) -> Iterator[tuple[int, Model]]:
    """Yield models with their places, those that share weights in a row: no two networks have to be in memory.

    Raises:
        WeightsError: as `load`.
    """
    places = {ref.spec: [place for place, other in enumerate(refs) if other.spec == ref.spec] for ref in refs}
    for spec, of in places.items():
        shared = weights(spec)
        yield from ((place, Model(refs[place], shared)) for place in of)


def weights(spec: ModelSpec) -> Weights:
    """Read, check and return a network's weights.

    Raises:
        WeightsError: as `load`.
    """
    found, sha256 = _found(spec)
    fitted = state_dicts.fit_to_network(found, state_dicts.tensor_shapes(spec.plan), spec.name)
    return Weights(spec, _in_rgb(fitted, spec.arithmetic.channels), sha256)


def _found(spec: ModelSpec) -> tuple[Tensors, str]:
    match spec.origin:
        case WeightsOrigin.PACKAGE:
            return _from_package(spec)
        case WeightsOrigin.HUB:
            return _from_hub(spec)
        case WeightsOrigin.CHECKPOINT:
            return checkpoints.load(spec.name)
        case WeightsOrigin.UNTRAINED:
            return state_dicts.draw_untrained(spec.plan), ""


def _from_package(spec: ModelSpec) -> tuple[Tensors, str]:
    path = package_weights.locate(spec.name)
    sha256 = state_dicts.check_sha256(path, package_weights.FILES[spec.name][1])
    return package_weights.translate(package_weights.read_legacy_pickle(path), spec.plan), sha256


def _from_hub(spec: ModelSpec) -> tuple[Tensors, str]:
    path = hub.cached(spec)
    if path is None:
        raise WeightsError(hub.availability(spec).sentence)
    try:
        sha256, found = _hub_sha256(path), state_dicts.read_safetensors(path)
    except WeightsError as error:
        hub.note_damage(path)
        raise WeightsError(hub.damage(spec)) from error
    hub.check_pin(f"{hub.repository(spec)} at {path.parent.name[:40]}", sha256)
    return found, sha256


def _hub_sha256(path: Path) -> str:
    """The cache names large files by their sha256, where the file system has links."""
    promised = path.resolve().name
    return state_dicts.check_sha256(path, promised) if hub.SHA256.fullmatch(promised) else state_dicts.hash_file(path)


def _in_rgb(found: Tensors, channels: Channels) -> Tensors:
    if channels is Channels.RGB:
        return found
    turned = found["conv_stem.weight"][:, ::-1].copy()
    turned.setflags(write=False)
    return {**found, "conv_stem.weight": turned}
