"""The whole network in closed form: every layer's shape and cost from depth, width and resolution alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from effviz.scaling import limits
from effviz.scaling.blocks import B0_STAGES, HEAD_CHANNELS, HEAD_STAGE, STEM_CHANNELS, BlockStage
from effviz.scaling.family import Family
from effviz.scaling.layers import Layer, Operator, Padding, ReceptiveField, StagePlan
from effviz.scaling.rounding import round_filters, round_repeats
from effviz.scaling.walk import Walk

BYTES_PER_ACTIVATION = 4  # float32
RECENT = 128  # plans that are remembered: a page asks for those of its models again and again


@dataclass(frozen=True, slots=True)
class Plan:
    """A network and what it costs for one picture.

    MACs are multiply-adds of convolutions and linear layers (the paper's FLOPs). Activations are the output elements
    of the same layers, as fvcore and timm count them. Batch norm, activation functions, pooling, gates and additions
    are in neither count.
    """

    depth: float
    width: float
    resolution: int  # px
    family: Family
    classes: int
    layers: tuple[Layer, ...]
    stages: tuple[StagePlan, ...]
    params: int
    macs: int
    activations: int

    @property
    def peak_activation_bytes(self) -> int:
        """Most memory that activations need at once: inference, one picture, float32.

        The model: a layer needs its input, its output and what waits for a later use (the shortcut; the map that
        squeeze-and-excitation will scale). All else is done in place, and what is used up is freed at once.
        """
        return BYTES_PER_ACTIVATION * max(layer.live for layer in self.layers)

    def field(self, padding: Padding) -> ReceptiveField:
        """What a cell of the last map can see of the picture."""
        return self.layers[-1].field(padding)

    def as_dict(self) -> dict[str, object]:
        """The plan as JSON: the totals and one object per stage; resolution in px."""
        return {
            "depth": self.depth,
            "width": self.width,
            "resolution": self.resolution,
            "params": self.params,
            "macs": self.macs,
            "activations": self.activations,
            "stages": [stage._asdict() for stage in self.stages],
        }


@lru_cache(maxsize=RECENT, typed=True)
def plan(
    depth: float, width: float, resolution_px: int, family: Family = Family.EFFICIENTNET, classes: int = 1000
) -> Plan:
    """Lay out B0 scaled by depth and width for a square picture of resolution_px.

    EfficientNet has squeeze-and-excitation and scales stem and head; Lite has none, keeps stem and head as they are,
    and does not repeat its first and last blocks.

    Raises:
        SettingsError: a number is out of range (see `effviz.scaling.limits`).
    """
    limits.DEPTH.check(depth)
    limits.WIDTH.check(width)
    limits.RESOLUTION.check(resolution_px)
    limits.CLASSES.check(classes)
    lite = family == Family.LITE
    walk = Walk(resolution_px)
    stages = [_stem(walk, STEM_CHANNELS if lite else round_filters(STEM_CHANNELS, width))]
    stages += [_stage(walk, _scaled(blocks, depth, width, lite), gated=not lite) for blocks in B0_STAGES]
    stages.append(_head(walk, HEAD_CHANNELS if lite else round_filters(HEAD_CHANNELS, width), classes))
    return Plan(
        depth,
        width,
        resolution_px,
        Family(family),
        classes,
        tuple(walk.layers),
        tuple(stages),
        params=sum(stage.params for stage in stages),
        macs=sum(stage.macs for stage in stages),
        activations=sum(stage.activations for stage in stages),
    )


def _scaled(blocks: BlockStage, depth: float, width: float, lite: bool) -> BlockStage:
    fixed = lite and blocks.stage in (B0_STAGES[0].stage, B0_STAGES[-1].stage)
    repeats = blocks.repeats if fixed else round_repeats(blocks.repeats, depth)
    return blocks._replace(channels=round_filters(blocks.channels, width), repeats=repeats)


def _stem(walk: Walk, channels: int) -> StagePlan:
    walk.conv(Operator.CONV, 3, 2, channels)
    (stem,) = walk.layers
    return _row("Conv3x3", 1, stem, stem, walk.layers)


def _stage(walk: Walk, blocks: BlockStage, gated: bool) -> StagePlan:
    walk.stage, walk.block = blocks.stage, 0
    start = len(walk.layers)
    for block in range(blocks.repeats):
        walk.mbconv(blocks, blocks.stride if block == 0 else 1, gated)
    layers = walk.layers[start:]
    depthwise = next(layer for layer in layers if layer.operator is Operator.DEPTHWISE)
    name = f"MBConv{blocks.expand}, k{blocks.kernel}x{blocks.kernel}"
    return _row(name, blocks.repeats, depthwise, layers[-1], layers)


def _head(walk: Walk, channels: int, classes: int) -> StagePlan:
    walk.stage, walk.block = HEAD_STAGE, 0
    start = len(walk.layers)
    walk.conv(Operator.CONV, 1, 1, channels)
    walk.dense(Operator.CLASSIFIER, channels, classes, waiting=0)
    head = walk.layers[start]
    return _row("Conv1x1 & Pooling & FC", 1, head, head, walk.layers[start:])


def _row(operator: str, repeats: int, spatial: Layer, output: Layer, layers: Sequence[Layer]) -> StagePlan:
    """One row of Table 1: kernel, stride and resolution of its spatial layer, channels of its output."""
    return StagePlan(
        spatial.stage,
        operator,
        spatial.kernel,
        spatial.stride,
        output.out_channels,
        repeats,
        spatial.in_size,
        output.out_size,
        params=sum(layer.params for layer in layers),
        macs=sum(layer.macs for layer in layers),
        activations=sum(layer.activations for layer in layers),
    )
