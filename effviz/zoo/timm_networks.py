"""Any timm network with a spatial last layer, an average over it and a linear classifier: `timm:resnet50.a1_in1k`.

timm provides the evaluation settings, and torch's FlopCounterMode counts multiply-adds on meta tensors. Both are kept
in the cache folder, and for the networks of ready comparisons in `timm_networks.json`, so that lists and cards do not
need torch.
"""

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from effviz import file_io, optional_packages
from effviz.errors import SettingsError
from effviz.facts.tables import record
from effviz.facts.timm_results import timm_point
from effviz.i18n import _, lazy_gettext
from effviz.scaling import Padding
from effviz.scaling.architecture import RESOLUTION
from effviz.zoo import imagenet_classes
from effviz.zoo.model import IMAGENET, PYTORCH_EPSILON, Activation, Arithmetic, ModelSpec, NetworkCost, WeightsOrigin

if TYPE_CHECKING:
    import torch

PREFIX: Final = "timm:"
SHIPPED: Final = "zoo/timm_networks.json"
LARGEST_PARAMS: Final = 500e6
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TimmNetwork:
    """What timm states about a network, or why it cannot have a map."""

    architecture: str  # with the tag of its weights, "resnet50.a1_in1k"
    resolution_px: int = 0
    crop_pct: float = 0.0
    interpolation: str = ""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    classes: int = 0
    classifier: str = ""  # the name of its linear layer, "fc"
    licence: str = ""
    refusal: str = ""  # why it cannot have a map, marked for translation


def spec(architecture: str) -> ModelSpec:
    """Describe a network by timm's name, with or without the tag of its weights; the first call loads torch.

    Raises:
        SettingsError: timm does not have it, or it cannot have a map.
    """
    network = _network(architecture)
    if network.refusal:
        text = _(
            "{name} cannot be explained ({reason}): a map needs a spatial last layer, average pooling over it and a "
            "linear classifier. Choose a convolutional network."
        )
        raise SettingsError(text.format(name=PREFIX + network.architecture, reason=_(network.refusal)))
    measured = timm_point(network.architecture, network.resolution_px)
    imagenet = network.classes == len(imagenet_classes.names())
    return record(
        ModelSpec,
        asdict(network),  # the other fields are the network's fields of the same name
        name=PREFIX + network.architecture,
        family=None,
        depth=None,
        width=None,
        arithmetic=Arithmetic(Padding.SYMMETRIC, PYTORCH_EPSILON, Activation.SILU),  # its module has its own
        origin=WeightsOrigin.HUB,
        weights=lazy_gettext("Hugging Face hub, {repository}", repository=f"timm/{network.architecture}"),
        classes=imagenet_classes.names() if imagenet else tuple(f"class {index}" for index in range(network.classes)),
        top1_pct=measured.top1_pct if measured else None,
        top1_source=measured.source if measured else lazy_gettext("not in timm's results"),
        dataset=IMAGENET if imagenet else "",
        sha256="",
        one_logit=False,
    )


@lru_cache(maxsize=256)
def cost(architecture: str, resolution_px: int) -> NetworkCost:
    """Return the cost of a network at an input size; loads torch if it has not been counted yet."""
    key = f"{architecture}@{resolution_px}"
    return NetworkCost(**_described(key, lambda: _counted(architecture, resolution_px)))


def build(architecture: str) -> "torch.nn.Module":
    """Build the network with random weights, in evaluation mode."""
    import timm
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module: torch.nn.Module = timm.create_model(architecture, pretrained=False)
    return module.eval().requires_grad_(False)


def tensor_shapes(architecture: str) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every tensor that its file must contain."""
    return {name: tuple(tensor.shape) for name, tensor in _on_no_device(architecture).state_dict().items()}


@lru_cache(maxsize=256)
def _network(architecture: str) -> TimmNetwork:
    row = _described(architecture, lambda: _looked_up(architecture))
    return TimmNetwork(**row | {name: tuple(row[name]) for name in ("mean", "std")})


def _described(key: str, look_up: Callable[[], TimmNetwork | NetworkCost]) -> dict[str, Any]:
    row = _shipped().get(key) or _cached(key)
    if row is None:
        row = asdict(look_up())
        with suppress(OSError):  # not kept: it is looked up again next time
            file_io.write_sealed(_kept_file(key), row)
    return row


@lru_cache(maxsize=1)
def _shipped() -> dict[str, Any]:
    networks: dict[str, Any] = json.loads(files("effviz").joinpath(SHIPPED).read_text(encoding="utf-8"))
    return networks


# Kept sealed in the cache folder under timm's version, because another version may build a network differently.

MAX_KEPT_BYTES: Final = 2**16


def _cached(key: str) -> dict[str, Any] | None:
    try:
        content = file_io.read_sealed(_kept_file(key), MAX_KEPT_BYTES)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, metadata.PackageNotFoundError) as error:
        logger.warning("What was kept of %s is not used, and looked up again: %s", key, error)
        return None
    wanted = NetworkCost if "@" in key else TimmNetwork
    return content if isinstance(content, dict) and content.keys() == set(wanted.__slots__) else None


def _kept_file(key: str) -> Path:
    name = "".join(letter if letter.isalnum() or letter in "._-@" else "_" for letter in key)[:200]
    return file_io.cache_folder() / "timm" / metadata.version("timm") / f"{name}.json"


# Look a network up in timm, on meta tensors, which have shapes but no values.


def _looked_up(architecture: str) -> TimmNetwork:
    optional_packages.require(*optional_packages.TORCH)
    import timm

    settings = None
    with suppress(RuntimeError):
        settings = timm.get_pretrained_cfg(architecture)
    if settings is None or not settings.architecture:
        raise _unknown(architecture)
    name = f"{settings.architecture}.{settings.tag}" if settings.tag else settings.architecture
    module = _on_no_device(name)
    refusal = _refusal(module, settings.input_size[-1])
    if refusal:
        return TimmNetwork(name, refusal=refusal)
    linear = module.get_classifier()
    return TimmNetwork(
        architecture=name,
        resolution_px=settings.input_size[-1],
        crop_pct=settings.crop_pct,
        interpolation=settings.interpolation,
        mean=tuple(settings.mean),
        std=tuple(settings.std),
        classes=linear.out_features,
        classifier=next(name for name, part in module.named_modules() if part is linear),
        licence=settings.license or "unknown",
    )


def _unknown(architecture: str) -> SettingsError:
    import timm

    model = architecture.partition(".")[0]
    similar = timm.list_pretrained(f"{model}.*") or timm.list_pretrained(f"*{model[:6]}*")
    text = _("timm has no network {name!r}{close}. Write timm:NAME.WEIGHTS, such as timm:resnet50.a1_in1k.")
    close = _("; similar names are {names}").format(names=", ".join(similar[:4])) if similar else ""
    return SettingsError(text.format(name=architecture[:80], close=close))


def _on_no_device(architecture: str) -> Any:
    import timm
    import torch

    with torch.inference_mode(False), torch.device("meta"):
        return timm.create_model(architecture, pretrained=False).eval()


def _refusal(module: Any, size_px: int) -> str:
    """Return why a network cannot have a map; "" if it can."""
    import torch

    if not isinstance(module.get_classifier(), torch.nn.Linear):
        return lazy_gettext("its classifier is not a single linear layer")
    try:
        with torch.no_grad():
            features = module.forward_features(torch.zeros(1, 3, size_px, size_px, device="meta"))
    except (RuntimeError, NotImplementedError, ValueError, TypeError):
        return lazy_gettext("its last layer cannot be read")
    if not isinstance(features, torch.Tensor) or features.ndim != 4 or features.shape[1] != module.num_features:
        return lazy_gettext("its last layer does not output a map")
    if sum(parameter.numel() for parameter in module.parameters()) > LARGEST_PARAMS:
        return lazy_gettext("it has more than 500 million parameters")
    return ""


def _counted(architecture: str, resolution_px: int) -> NetworkCost:
    """Count a network; two FLOPs are one multiply-add, and activations are the outputs of leaf modules."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    RESOLUTION.check(resolution_px)
    module, sizes = _on_no_device(architecture), [0]
    for part in module.modules():
        if not list(part.children()):
            part.register_forward_hook(lambda _part, _given, output: sizes.append(_elements(output)))
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        photo = torch.zeros(1, 3, resolution_px, resolution_px, device="meta")
        features = module.forward_features(photo)
        module.forward_head(features)
    return NetworkCost(
        params=sum(parameter.numel() for parameter in module.parameters()),
        macs=counter.get_total_flops() // 2,
        map_px=features.shape[-1],
        channels=features.shape[1],
        activations=sum(sizes),
        live=3 * max(sizes),
    )


def _elements(output: Any) -> int:
    return int(output.numel()) if hasattr(output, "numel") else 0
