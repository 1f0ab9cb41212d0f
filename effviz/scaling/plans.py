"""A whole network in closed form: every layer's shape and cost from depth, width and resolution alone.

A walk from the picture to the logits records each layer, its stage, and the receptive field of its map's cells.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from html import escape
from typing import NamedTuple

from effviz.scaling import architecture
from effviz.scaling.architecture import B0_STAGES, HEAD_CHANNELS, STEM_CHANNELS, BlockStage, Family
from effviz.scaling.rule import round_filters, round_repeats

# Layers, stages and receptive fields.


class Operator(StrEnum):
    """What a layer does; each convolution includes its batch norm and activation function."""

    CONV = "conv"  # the stem and the head
    EXPAND = "expand"  # 1x1
    DEPTHWISE = "depthwise"
    SQUEEZE = "squeeze"  # 1x1 on the average of the map, with a bias
    EXCITE = "excite"  # 1x1 on the squeezed average, with a bias
    PROJECT = "project"  # 1x1, no activation function
    CLASSIFIER = "classifier"  # linear, with a bias


class Padding(StrEnum):
    """Where the zeros go around a map."""

    SYMMETRIC = "symmetric"  # the same on both sides: PyTorch, timm's `efficientnet_*`
    SAME = "same"  # TensorFlow's SAME, the odd zero last: timm's `tf_efficientnet_*`


class ReceptiveField(NamedTuple):
    """The part of the picture that a cell sees through convolutions alone, along one axis.

    Squeeze-and-excitation, pooling and the classifier mix the whole map, so they do not enlarge the field: their layers
    have the field of their input map.
    """

    size: int  # px
    stride: int  # px between neighbouring cells
    start: int  # px from the centre of the picture's first pixel to the centre of the first cell's field

    def grown(self, kernel: int, stride: int, zeros_before: int) -> "ReceptiveField":
        """Return the field after one more convolution (Araujo et al., Distill 2019)."""
        reach = (kernel - 1) * self.stride
        return ReceptiveField(
            self.size + reach, self.stride * stride, self.start + reach // 2 - zeros_before * self.stride
        )

    def span(self, cell: int) -> tuple[float, float]:
        """Return the edges of a cell's field, in px from the picture's edge; they may be outside the picture."""
        middle = self.start + 0.5 + self.stride * cell
        return middle - self.size / 2, middle + self.size / 2


def same_zeros_before(size: int, kernel: int, stride: int) -> int:
    """Return how many zeros TensorFlow's SAME padding puts before a map of this size.

    Source: tensorflow.org/api_docs/python/tf/nn, "Notes on padding"; an odd zero goes to the end.
    """
    return max((-(-size // stride) - 1) * stride + kernel - size, 0) // 2


class Layer(NamedTuple):
    """One convolution or linear layer. Maps are square; both paddings give ceil(size / stride)."""

    stage: int  # 1 to 9, as in Table 1
    block: int  # from 0 within the stage
    operator: Operator
    kernel: int
    stride: int
    in_channels: int
    out_channels: int
    in_size: int  # cells along one side
    out_size: int
    params: int  # of the convolution and its batch norm's scale and shift
    macs: int  # multiply-adds of the convolution or linear layer
    activations: int  # elements of its output
    live: int  # activation elements in memory while it runs: input, output and those kept for later use
    field_symmetric: ReceptiveField
    field_same: ReceptiveField

    def field(self, padding: Padding) -> ReceptiveField:
        """Return the receptive field of a cell of the output."""
        return self.field_same if padding is Padding.SAME else self.field_symmetric


class StagePlan(NamedTuple):
    """One row of Table 1 with its cost."""

    stage: int
    operator: str  # as in Table 1: "Conv3x3", "MBConv6, k5x5"
    kernel: int
    stride: int
    channels: int
    layers: int  # blocks, the paper's "#Layers"
    in_resolution: int  # the paper's "Resolution"
    out_resolution: int
    params: int
    macs: int
    activations: int


# A walk through the network from the picture to the logits that records every layer.

LayerShape = tuple[int, int, int, int, int, int]  # kernel, stride, channels in and out, sizes in and out
LayerCosts = tuple[int, int, int, int]  # params, MACs, activations, live elements
ONE_PIXEL = ReceptiveField(size=1, stride=1, start=0)


class LayerWalk:
    """State of the walk: the current map, its receptive field, and the layers recorded so far."""

    def __init__(self, resolution_px: int) -> None:
        self.channels = architecture.PICTURE_CHANNELS
        self.size = resolution_px
        self.stage = 1
        self.block = 0
        self.waiting = 0  # elements of a shortcut that a later addition needs
        self.symmetric = ONE_PIXEL
        self.same = ONE_PIXEL
        self.layers: list[Layer] = []

    @property
    def elements(self) -> int:
        """Number of elements of the current map."""
        return self.channels * self.size * self.size

    def conv(self, operator: Operator, kernel: int, stride: int, channels: int) -> None:
        """Add a convolution with batch norm: a weight per tap, input channel (one if depthwise) and output channel."""
        in_channels, in_size, inputs = self.channels, self.size, self.elements
        if kernel > 1:
            self.symmetric = self.symmetric.grown(kernel, stride, kernel // 2)
            self.same = self.same.grown(kernel, stride, same_zeros_before(in_size, kernel, stride))
        self.channels, self.size = channels, -(-in_size // stride)
        outputs = self.elements
        taps = kernel * kernel * (1 if operator is Operator.DEPTHWISE else in_channels)
        params, macs, live = taps * channels + 2 * channels, taps * outputs, self.waiting + inputs + outputs
        shape = (kernel, stride, in_channels, channels, in_size, self.size)
        self._note(operator, shape, (params, macs, outputs, live))

    def dense(self, operator: Operator, in_channels: int, out_channels: int, waiting: int) -> None:
        """Add a layer with bias on an averaged map; `waiting` elements stay in memory meanwhile."""
        macs, live = in_channels * out_channels, waiting + in_channels + out_channels
        shape = (1, 1, in_channels, out_channels, 1, 1)
        self._note(operator, shape, (macs + out_channels, macs, out_channels, live))

    def _note(self, operator: Operator, shape: LayerShape, costs: LayerCosts) -> None:
        layer = Layer(self.stage, self.block, operator, *shape, *costs, self.symmetric, self.same)
        self.layers.append(layer)

    def mbconv(self, blocks: BlockStage, stride: int, gated: bool) -> None:
        """Add one MBConv block, with a shortcut if its output has the shape of its input."""
        entered = self.channels
        expanded = entered * blocks.expand
        shortcut = self.elements if stride == 1 and entered == blocks.channels else 0
        if blocks.expand > 1:
            self.conv(Operator.EXPAND, 1, 1, expanded)
            self.waiting = shortcut  # not before: the first layer's input is the shortcut itself
        self.conv(Operator.DEPTHWISE, blocks.kernel, stride, expanded)
        self.waiting = shortcut
        if gated:
            squeezed, waiting = int(entered * architecture.SQUEEZE_RATIO), shortcut + self.elements
            self.dense(Operator.SQUEEZE, expanded, squeezed, waiting)
            self.dense(Operator.EXCITE, squeezed, expanded, waiting)
        self.conv(Operator.PROJECT, 1, 1, blocks.channels)
        self.waiting = 0
        self.block += 1


BYTES_PER_ACTIVATION = 4  # float32
RECENT = 128  # plans to cache: a page looks up the plans of its models repeatedly


@dataclass(frozen=True, slots=True)
class Plan:
    """A network and its cost for one picture.

    MACs are multiply-adds of convolutions and linear layers (the paper's FLOPs). Activations are the output elements
    of the same layers, as fvcore and timm count them. Neither count includes batch norm, activation functions, pooling,
    gates and additions.
    """

    depth: float
    width: float
    resolution: int  # px
    family: Family
    classes: int
    layers: tuple[Layer, ...] = field(repr=False)
    stages: tuple[StagePlan, ...] = field(repr=False)
    params: int
    macs: int
    activations: int

    @property
    def peak_activation_bytes(self) -> int:
        """Peak memory of the activations: inference, one picture, float32.

        The model: a layer needs its input, its output and what is used later (the shortcut; the map that
        squeeze-and-excitation will scale). Everything else is done in place, and unused memory is freed at once.
        """
        return BYTES_PER_ACTIVATION * max(layer.live for layer in self.layers)

    def field(self, padding: Padding) -> ReceptiveField:
        """Return the receptive field of a cell of the last map."""
        return self.layers[-1].field(padding)

    def _repr_html_(self) -> str:
        """Return the stages as an HTML table for notebooks."""
        columns = ("Operator", "Layers", "Stride", "Channels", "Pixels", "Parameters", "MACs")
        rows = (
            (
                stage.operator,
                str(stage.layers),
                str(stage.stride),
                str(stage.channels),
                f"{stage.in_resolution} → {stage.out_resolution}",
                f"{stage.params:,}",
                f"{stage.macs:,}",
            )
            for stage in self.stages
        )
        caption = (
            f"depth {self.depth:.4g}, width {self.width:.4g}, {self.resolution} px: "
            f"{self.params:,} parameters, {self.macs:,} MACs (the paper's FLOPs)"
        )
        return html_table(caption, columns, rows)

    def as_dict(self) -> dict[str, object]:
        """Return the plan for JSON: the totals and one object per stage; resolution in px."""
        names = ("depth", "width", "resolution", "params", "macs", "activations")
        return {name: getattr(self, name) for name in names} | {"stages": [stage._asdict() for stage in self.stages]}


@lru_cache(maxsize=RECENT, typed=True)
def plan(
    depth: float, width: float, resolution_px: int, family: Family = Family.EFFICIENTNET, classes: int = 1000
) -> Plan:
    """Plan B0 scaled by depth and width for a square picture of resolution_px.

    EfficientNet has squeeze-and-excitation and scales stem and head. Lite has no squeeze-and-excitation, keeps stem and
    head unchanged, and does not repeat its first and last blocks.

    Raises:
        SettingsError: a number is out of range (see `effviz.scaling.architecture`).
    """
    architecture.DEPTH.check(depth)
    architecture.WIDTH.check(width)
    architecture.RESOLUTION.check(resolution_px)
    architecture.CLASSES.check(classes)
    lite = family == Family.LITE
    walk = LayerWalk(resolution_px)
    walk.conv(Operator.CONV, 3, 2, STEM_CHANNELS if lite else round_filters(STEM_CHANNELS, width))
    stages = [_row("Conv3x3", 1, walk.layers[0], walk.layers[0], walk.layers)]
    stages += [_stage(walk, _scaled(blocks, depth, width, lite), gated=not lite) for blocks in B0_STAGES]
    stages.append(_head(walk, HEAD_CHANNELS if lite else round_filters(HEAD_CHANNELS, width), classes))
    layers = tuple(walk.layers)
    return Plan(depth, width, resolution_px, Family(family), classes, layers, tuple(stages), **_totals(stages))


def _totals(parts: Sequence[Layer | StagePlan]) -> dict[str, int]:
    """Return the total cost of layers or stages."""
    return {name: sum(getattr(part, name) for part in parts) for name in ("params", "macs", "activations")}


def _scaled(blocks: BlockStage, depth: float, width: float, lite: bool) -> BlockStage:
    fixed = lite and blocks.stage in (B0_STAGES[0].stage, B0_STAGES[-1].stage)
    repeats = blocks.repeats if fixed else round_repeats(blocks.repeats, depth)
    return blocks._replace(channels=round_filters(blocks.channels, width), repeats=repeats)


def _stage(walk: LayerWalk, blocks: BlockStage, gated: bool) -> StagePlan:
    walk.stage, walk.block = blocks.stage, 0
    start = len(walk.layers)
    for block in range(blocks.repeats):
        walk.mbconv(blocks, blocks.stride if block == 0 else 1, gated)
    layers = walk.layers[start:]
    depthwise = next(layer for layer in layers if layer.operator is Operator.DEPTHWISE)
    name = f"MBConv{blocks.expand}, k{blocks.kernel}x{blocks.kernel}"
    return _row(name, blocks.repeats, depthwise, layers[-1], layers)


def _head(walk: LayerWalk, channels: int, classes: int) -> StagePlan:
    walk.stage, walk.block = architecture.HEAD_STAGE, 0
    start = len(walk.layers)
    walk.conv(Operator.CONV, 1, 1, channels)
    walk.dense(Operator.CLASSIFIER, channels, classes, waiting=0)
    head = walk.layers[start]
    return _row("Conv1x1 & Pooling & FC", 1, head, head, walk.layers[start:])


def _row(operator: str, repeats: int, spatial: Layer, output: Layer, layers: Sequence[Layer]) -> StagePlan:
    """Return one row of Table 1: kernel, stride and resolution of its spatial layer, channels of its output."""
    shape = (spatial.kernel, spatial.stride, output.out_channels, repeats, spatial.in_size, output.out_size)
    return StagePlan(spatial.stage, operator, *shape, **_totals(layers))


# HTML tables for notebooks.


class Markup(str):
    """HTML made by this module, with its texts already escaped."""

    __slots__ = ()


def html_table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """Return an HTML table; everything except `Markup` is escaped."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return Markup(
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _cell(content: str) -> str:
    return f"<td>{content if isinstance(content, Markup) else escape(content)}</td>"
