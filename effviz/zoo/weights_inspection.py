"""Inspect a user's weights file: wrapper, prefix, naming of its tensors, and the network that they belong to.

Names and shapes determine depth, width, classes and channels, but not padding, epsilon and normalisation. Those come
from the naming, from the file's metadata, or from the user.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Any, Final

from effviz.errors import WeightsError
from effviz.i18n import _, lazy_gettext
from effviz.scaling import PUBLISHED, Family, Plan, plan
from effviz.scaling.architecture import B0_STAGES, DEPTH, HEAD_CHANNELS, STEM_CHANNELS, WIDTH, Limit
from effviz.scaling.rule import round_filters, round_repeats
from effviz.zoo import state_dicts
from effviz.zoo.state_dicts import Tensors

# Keys under which training scripts store a state dict and its moving averages.
WRAPPERS: Final = ("state_dict", "model_state_dict", "model", "module", "net", "network", "weights", "params")
AVERAGES: Final = ("state_dict_ema", "model_ema", "ema_state_dict", "model_ema_state_dict", "ema")
OTHER_FAMILIES: Final = lazy_gettext("For other families, use timm's own weights, such as timm:resnet50.a1_in1k.")
Content = Mapping[str, Any]  # tensors of any library, and other data


class Naming(StrEnum):
    """The library whose names a file's tensors have."""

    TIMM = "timm"
    EFFICIENTNET_PYTORCH = "EfficientNet-PyTorch"  # lukemelas; computes as TensorFlow does
    TORCHVISION = "torchvision"  # pads symmetrically


# A name that occurs once in every network of the naming.
STEMS: Final = {
    Naming.TIMM: state_dicts.FIRST_TENSOR,
    Naming.EFFICIENTNET_PYTORCH: "_conv_stem.weight",
    Naming.TORCHVISION: "features.0.0.weight",
}


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A state dict, and what the file had around it."""

    tensors: Content
    wrapper: str  # "" if there was none
    averages: str  # key of moving averages beside it that were not requested
    beside: Content  # everything else in the file, such as the metadata of safetensors
    kinds: frozenset[str] = frozenset()  # number types in the file: "float16", "bfloat16"
    sha256: str = ""  # of the file


@dataclass(frozen=True, slots=True, eq=False)
class InspectedNetwork:
    """The network that the names and shapes of a state dict describe."""

    tensors: Tensors  # float32 by timm's names, read-only
    naming: Naming
    prefix: str  # of its names
    left_out: tuple[str, ...]  # tensors without the prefix
    counters: bool  # whether the file has the counters of batch norms
    plan: Plan  # with the published, otherwise shortest, multipliers that give these layers; at B0's size
    channels: int  # 1 or 3


def unwrap(content: Content, ema: bool = False) -> Unwrapped:
    """Take a state dict out of its wrapper, or its moving averages with `ema`; raises WeightsError without one."""
    averages = next((name for name in AVERAGES if _is_state_dict(content.get(name))), "")
    plain = next((name for name in WRAPPERS if _is_state_dict(content.get(name))), "")
    wrapper = averages if ema else plain
    if not wrapper and (ema or not _is_state_dict(content)):
        raise _no_state_dict(content, averages, ema)
    weights = content[wrapper] if wrapper else content
    tensors = {str(name): entry for name, entry in weights.items() if hasattr(entry, "shape")}
    beside = {name: entry for name, entry in content.items() if name not in (*tensors, *WRAPPERS, *AVERAGES)}
    return Unwrapped(tensors, wrapper, "" if ema else averages, beside)


def _is_state_dict(value: object) -> bool:
    """Return whether a value is a mapping that contains tensors, possibly among other data."""
    return isinstance(value, Mapping) and any(hasattr(tensor, "shape") and tensor.shape for tensor in value.values())


def _no_state_dict(content: Content, averages: str, ema: bool) -> WeightsError:
    if ema:
        text = _("The file contains no moving averages, which --ema looks for under {names}. Omit --ema.")
        return WeightsError(text.format(names=", ".join(AVERAGES)))
    if averages:
        text = _("The file contains only moving averages, under {name!r}: add --ema to use them.")
        return WeightsError(text.format(name=averages))
    text = _(
        "The file contains no state dict. EffViz expects tensors by name, at the top level or under one of {wrappers}, "
        "but found {names}. Save `model.state_dict()`."
    )
    return WeightsError(text.format(wrappers=", ".join(WRAPPERS), names=_listed(content) or _("none")))


def _find_network(tensors: Tensors) -> tuple[Naming, str]:
    """Return the naming of the tensors and their prefix: `module.`, `_orig_mod.`, `model.` or any other."""
    candidates = [
        (naming, name.removesuffix(stem))
        for naming, stem in STEMS.items()
        for name in tensors
        if name == stem or name.endswith(f".{stem}")
    ]
    if len(candidates) > 1:
        text = _("The file contains several networks, under {prefixes}. Save only one of them.")
        raise WeightsError(text.format(prefixes=", ".join(repr(prefix) for _naming, prefix in candidates)))
    if not candidates:
        text = _(
            "The file contains no EfficientNet: its tensors are {names}, and none is called {stems}. Give a scaled B0 "
            "or Lite0 with the tensor names of timm, EfficientNet-PyTorch or torchvision. {others}"
        )
        stems, others = ", ".join(STEMS.values()), _(OTHER_FAMILIES)
        raise WeightsError(text.format(names=_listed(tensors), stems=stems, others=others))
    return candidates[0]


def _listed(content: Content) -> str:
    names = [str(name)[:40] for name in content]
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def inspect(tensors: Tensors, source: str) -> InspectedNetwork:
    """Return the network of a state dict, with checked tensors by timm's names; raises WeightsError for others."""
    naming, prefix = _find_network(tensors)
    ours = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    named = _translated(naming, ours)
    network = infer(named)
    channels = named[state_dicts.FIRST_TENSOR].shape[1:2]
    if channels not in ((1,), (3,)):
        text = _("{source} takes {channels} channels, but photos have three, or one in grey: EffViz cannot use it.")
        raise WeightsError(text.format(source=source, channels=channels[0] if channels else 0))
    return InspectedNetwork(
        tensors=state_dicts.fit_to_network(named, state_dicts.tensor_shapes(network, channels[0]), source),
        naming=naming,
        prefix=prefix,
        left_out=tuple(name for name in tensors if not name.startswith(prefix)),
        counters=any(name.endswith(state_dicts.COUNTER) for name in ours),
        plan=network,
        channels=channels[0],
    )


# Translation of other libraries' names to timm's.


def _translated(naming: Naming, tensors: Tensors) -> Tensors:
    match naming:
        case Naming.TIMM:
            return tensors
        case Naming.TORCHVISION:
            return {_from_torchvision(name): tensor for name, tensor in tensors.items()}
        case Naming.EFFICIENTNET_PYTORCH:
            return state_dicts.translate_package_names(tensors, _blocks_in_a_row(tensors))


_TORCHVISION_LAYERS: Final = {
    True: (("conv_dw", "bn1"), (), ("conv_pw", "bn2")),  # the first stage, which has no expansion
    False: (("conv_pw", "bn1"), ("conv_dw", "bn2"), (), ("conv_pwl", "bn3")),
}

_TORCHVISION_GATE: Final = {"fc1": "se.conv_reduce", "fc2": "se.conv_expand"}
_TORCHVISION_ENDS: Final = {"0.0": "conv_stem", "0.1": "bn1", "8.0": "conv_head", "8.1": "bn2"}


def _from_torchvision(name: str) -> str:
    """Return timm's name for one of torchvision's `efficientnet_b*`; unknown names stay and fail in the fit."""
    if match := re.fullmatch(r"classifier\.(?:\d\.)?(weight|bias)", name):
        return f"classifier.{match[1]}"
    if (match := re.fullmatch(r"features\.(\d\.\d)\.(\w+)", name)) and match[1] in _TORCHVISION_ENDS:
        return f"{_TORCHVISION_ENDS[match[1]]}.{match[2]}"
    match = re.fullmatch(r"features\.(\d)\.(\d+)\.block\.(\d)\.(fc1|fc2|0|1)\.(\w+)", name)
    if match is None:
        return name
    stage, block, place, part, kind = match.groups()
    layers = _TORCHVISION_LAYERS[stage == "1"]
    names = layers[int(place)] if int(place) < len(layers) else ()
    layer = _TORCHVISION_GATE.get(part) if not names else names[int(part)] if part in "01" else None
    return f"blocks.{int(stage) - 1}.{block}.{layer}.{kind}" if layer else name


def _blocks_in_a_row(tensors: Tensors) -> Plan:
    """Return a plan with as many blocks as EfficientNet-PyTorch numbers across all stages."""
    numbers = [int(match[1]) for name in tensors if (match := re.match(r"_blocks\.(\d+)\.", name))]
    blocks, family = max(numbers, default=-1) + 1, _family(tensors, "._se_reduce.")
    most = blocks / sum(stage.repeats for stage in B0_STAGES[1:-1])
    depth = _shortest(DEPTH, 0, most, lambda value: sum(_repeats(value, family)) == blocks, f"{blocks} blocks")
    return plan(depth, 1.0, 224, family)


# Infer depth and width from shapes.


def infer(tensors: Tensors) -> Plan:
    """Infer the scaled B0 or Lite0 with these shapes, by timm's names, at B0's size; raises WeightsError for others."""
    family = _family(tensors, ".se.conv_reduce.")
    counts, channels = _stage_counts(tensors), _stage_channels(tensors, family)
    classifier = tensors.get("classifier.weight")
    if classifier is None or classifier.ndim != 2:
        raise _not_scaled(_("there is no linear layer called classifier"))
    # Published multipliers first, because the depths of B1 and B2 give the same blocks.
    own = ((row.depth, row.width) for row in PUBLISHED.values() if row.family is family)
    fitting = ((d, w) for d, w in own if (_repeats(d, family), _widened(w, family)) == (counts, channels))
    depth, width = next(fitting, None) or _inferred(family, counts, channels)
    return plan(depth, width, 224, family, classifier.shape[0])


def _inferred(family: Family, counts: list[int], channels: list[int]) -> tuple[float, float]:
    pairs = list(zip(counts, [stage.repeats for stage in B0_STAGES], strict=True))
    scaled = pairs[1:-1] if family is Family.LITE else pairs  # Lite does not repeat its first and last blocks
    low, high = max((count - 1) / b0 for count, b0 in scaled), min(count / b0 for count, b0 in scaled)
    what = _("{counts} blocks in its stages").format(counts=counts)
    depth = _shortest(DEPTH, low, high, lambda value: _repeats(value, family) == counts, what)
    about = channels[-1] / _base_channels(family)[-1]
    low, high, what = 0.85 * about - 0.1, 1.15 * about + 0.1, _("{channels} channels").format(channels=channels)
    width = _shortest(WIDTH, low, high, lambda value: _widened(value, family) == channels, what)
    return depth, width


def _family(tensors: Tensors, gate: str) -> Family:
    return Family.EFFICIENTNET if any(gate in name for name in tensors) else Family.LITE


def _stage_counts(tensors: Tensors) -> list[int]:
    blocks = {match.groups() for name in tensors if (match := re.match(r"blocks\.(\d+)\.(\d+)\.", name))}
    stages = [sum(1 for stage, _block in blocks if int(stage) == number) for number in range(len(B0_STAGES))]
    if sum(stages) != len(blocks):
        raise _not_scaled(_("it has more than {count} stages").format(count=len(B0_STAGES)))
    return stages


def _stage_channels(tensors: Tensors, family: Family) -> list[int]:
    last = ["blocks.0.0.conv_pw", *(f"blocks.{stage}.0.conv_pwl" for stage in range(1, len(B0_STAGES)))]
    names = last if family is Family.LITE else ["conv_stem", *last, "conv_head"]
    shapes = [tensors[f"{name}.weight"].shape if f"{name}.weight" in tensors else () for name in names]
    return [int(shape[0]) if shape else 0 for shape in shapes]


def _base_channels(family: Family) -> list[int]:
    stages = [stage.channels for stage in B0_STAGES]
    return stages if family is Family.LITE else [STEM_CHANNELS, *stages, HEAD_CHANNELS]


def _repeats(depth: float, family: Family) -> list[int]:
    repeats = [round_repeats(stage.repeats, depth) for stage in B0_STAGES]
    return [1, *repeats[1:-1], 1] if family is Family.LITE else repeats


def _widened(width: float, family: Family) -> list[int]:
    return [round_filters(base, width) for base in _base_channels(family)]


def _shortest(limit: Limit, low: float, high: float, fits: Callable[[float], bool], what: str) -> float:
    """Return the number with the fewest decimals in a range that fits."""
    for digits in (1, 2, 3):
        first, last = ceil(max(low, limit.low) * 10**digits), int(min(high, limit.high) * 10**digits)
        for value in (number / 10**digits for number in range(first, last + 1)):
            if fits(value):
                return value
    raise _not_scaled(what)


def _not_scaled(what: str) -> WeightsError:
    text = _(
        "The weights are not of a scaled B0 or Lite0 ({what}): one depth and one width must scale all stages. {others}"
    )
    return WeightsError(text.format(what=what, others=_(OTHER_FAMILIES)))
