"""From a model's name to the network with its weights, ready to look at photos."""

import gc
import re
from functools import cache

import timm
import torch

from effviz.errors import WeightsError
from effviz.scaling import plan
from effviz.zoo import checkpoints, hub, package, scaled, tensors
from effviz.zoo.model import Model, ModelRef, ModelSpec, WeightsOrigin

_SHA256 = re.compile(r"[0-9a-f]{64}")


@cache
def set_aside() -> None:
    """Spare the garbage collector what torch and timm have brought, once: it stays for good.

    Going through those objects takes 0.2 s each time: once or twice while a model is loaded, and after every script of
    a page. For programs that load models and do little else: what is there now and is let go later is still freed,
    unless it holds itself.
    """
    gc.freeze()


def load(ref: ModelRef) -> Model:
    """Build the network of a model and fill in its weights; nothing is fetched, and nothing is cached here.

    The network is in evaluation mode and its parameters ask for no gradients: whoever needs gradients of features asks
    for them at the input. The same ref gives the same weights on every call.

    Raises:
        WeightsError: the weights are missing, damaged or do not fit; the text names the command that gets them.
    """
    # Tensors born in inference mode could never take part in a backward pass or an export.
    with torch.inference_mode(False):
        module, sha256 = _build(ref.spec)
        return Model(ref, module.eval().requires_grad_(False), sha256)


def _build(spec: ModelSpec) -> tuple[torch.nn.Module, str]:
    match spec.origin:
        case WeightsOrigin.PACKAGE:
            return _from_package(spec)
        case WeightsOrigin.HUB:
            return _from_hub(spec)
        case WeightsOrigin.CHECKPOINT:
            return checkpoints.load(spec.name)
        case WeightsOrigin.UNTRAINED:
            return scaled.build(spec.family, spec.depth, spec.width, len(spec.classes)), ""


def _from_package(spec: ModelSpec) -> tuple[torch.nn.Module, str]:
    path = package.locate(spec.name)
    sha256 = tensors.check_sha256(path, package.FILES[spec.name][1])
    network = plan(spec.depth, spec.width, spec.resolution_px, spec.family)
    with tensors.unfilled():
        module: torch.nn.Module = timm.create_model(spec.architecture, pretrained=False)
    tensors.fit(module, package.translate(tensors.read(path), network), spec.name)
    return module, sha256


def _from_hub(spec: ModelSpec) -> tuple[torch.nn.Module, str]:
    path = hub.cached(spec)
    if path is None:
        raise WeightsError(hub.availability(spec).sentence)
    promised = path.resolve().name  # the cache names large files by their sha256, where the file system has links
    sha256 = tensors.check_sha256(path, promised) if _SHA256.fullmatch(promised) else tensors.sha256(path)
    with tensors.unfilled():
        module: torch.nn.Module = timm.create_model(spec.architecture, pretrained=False)
    tensors.fit(module, tensors.read(path), spec.name)
    return module, sha256
