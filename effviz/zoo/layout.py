"""What timm calls the tensors of a planned network, and their shapes."""

from typing import Final, NamedTuple

from effviz.scaling import Layer, Operator, Plan
from effviz.scaling.blocks import HEAD_STAGE, PICTURE_CHANNELS

Shape = tuple[int, ...]

COUNTER: Final = "num_batches_tracked"  # of a batch norm in training; nothing is computed with it

# Names of a layer and of its batch norm in a block; "" where it has a bias instead.
_GATE = {Operator.SQUEEZE: ("se.conv_reduce", ""), Operator.EXCITE: ("se.conv_expand", "")}
_FIRST_STAGE = {**_GATE, Operator.DEPTHWISE: ("conv_dw", "bn1"), Operator.PROJECT: ("conv_pw", "bn2")}
_LATER_STAGE = {
    **_GATE,
    Operator.EXPAND: ("conv_pw", "bn1"),
    Operator.DEPTHWISE: ("conv_dw", "bn2"),
    Operator.PROJECT: ("conv_pwl", "bn3"),
}


class Part(NamedTuple):
    """A layer of a plan with the names of its tensors."""

    layer: Layer
    name: str  # "blocks.1.0.conv_pw"
    norm: str  # "blocks.1.0.bn1"; "" where the layer has a bias instead

    @property
    def weight_shape(self) -> Shape:
        """Output channels first, as in torch."""
        of = self.layer
        if of.operator is Operator.CLASSIFIER:
            return of.out_channels, of.in_channels
        inputs = 1 if of.operator is Operator.DEPTHWISE else of.in_channels
        return of.out_channels, inputs, of.kernel, of.kernel


def parts(plan: Plan) -> tuple[Part, ...]:
    """Return a plan's layers with timm's names, from the photo to the logits."""
    return tuple(_part(layer) for layer in plan.layers)


def shapes(plan: Plan, channels: int = PICTURE_CHANNELS) -> dict[str, Shape]:
    """Return every tensor's name and shape in timm's order of layers, counters of batch norms too."""
    found: dict[str, Shape] = {}
    for part in parts(plan):
        found[f"{part.name}.weight"] = part.weight_shape
        if not part.norm:
            found[f"{part.name}.bias"] = (part.layer.out_channels,)
            continue
        found |= {f"{part.norm}.{of}": (part.layer.out_channels,) for of in ("weight", "bias")}
        found |= {f"{part.norm}.running_{of}": (part.layer.out_channels,) for of in ("mean", "var")}
        found[f"{part.norm}.{COUNTER}"] = ()
    out, _, *kernel = found["conv_stem.weight"]
    return found | {"conv_stem.weight": (out, channels, *kernel)}


def _part(layer: Layer) -> Part:
    if layer.operator is Operator.CLASSIFIER:
        return Part(layer, "classifier", "")
    if layer.operator is Operator.CONV:
        return Part(layer, "conv_head", "bn2") if layer.stage == HEAD_STAGE else Part(layer, "conv_stem", "bn1")
    # stage 2 alone does not expand, whatever the scaling
    name, norm = (_FIRST_STAGE if layer.stage == 2 else _LATER_STAGE)[layer.operator]
    block = f"blocks.{layer.stage - 2}.{layer.block}"
    return Part(layer, f"{block}.{name}", norm and f"{block}.{norm}")
