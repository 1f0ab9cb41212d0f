"""Accuracy against cost: the paper's Figures 1 and 5 and timm's measurements, each with its source."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import plotly.graph_objects as go

from effviz.facts import paper_tables, timm_results
from effviz.i18n import _, lazy_gettext
from effviz.plots import style
from effviz.scaling import PUBLISHED, Plan
from effviz.zoo import catalogue
from effviz.zoo.model import IMAGENET, ModelRef, NetworkCost
from effviz.zoo.presets import ScalingAxis
from effviz.zoo.timm_networks import PREFIX

# The data of the figure: networks with accuracy, cost and source.


class Cost(StrEnum):
    """The cost on the horizontal axis; the value is part of links."""

    PARAMS = "Params"
    MACS = "MACs"

    @property
    def axis(self) -> str:
        """Title of the axis."""
        return {"Params": _("Parameters (millions)"), "MACs": _("MACs, the paper's FLOPs (billions)")}[self]

    @property
    def column(self) -> str:
        """Column name in files."""
        return {"Params": "params_millions", "MACs": "macs_billions"}[self]


class Count(StrEnum):
    """Who counted a network's MACs, and what they counted; the values are marked for translation."""

    PRINTED = lazy_gettext("printed in the paper as FLOPs")
    COMPUTED = lazy_gettext("convolutions and linear layers, counted by EffViz")
    TIMM = lazy_gettext("counted by timm, which includes batch norm")


class Kind(StrEnum):
    """The kind of a series, which determines how it is drawn."""

    PAPER_EFFICIENTNETS = "paper-efficientnets"
    PAPER_OTHERS = "paper-others"
    RECIPE = "recipe"
    FAMILY = "family"
    COMPARED = "compared"


@dataclass(frozen=True, slots=True)
class NetworkPoint:
    """A network in the figure."""

    id: str  # unique in a figure: "EfficientNet-B3", "tf_efficientnet_b3.aa_in1k@300"
    label: str  # short: "B3"
    training: str  # display text on how it was trained, marked for translation
    top1_pct: float
    params_millions: float
    macs_billions: float | None  # None: nobody published it
    macs_count: Count
    compare: str  # the model's name on the Compare page, "b3@300"; "" if it cannot be compared
    source: str
    top5_pct: float | None = None
    macs_billions_with_bn: float | None = None  # timm's count, if macs_billions is a different one
    resolution_px: int | None = None  # None: not printed in Table 2 of the paper
    extra_data: bool = False  # trained on more pictures than ImageNet-1k

    def cost(self, cost: Cost) -> float | None:
        """Millions of parameters or billions of MACs."""
        return self.params_millions if cost is Cost.PARAMS else self.macs_billions


@dataclass(frozen=True, slots=True)
class NetworkSeries:
    """Networks that form one series."""

    title: str
    kind: Kind
    points: tuple[NetworkPoint, ...]


@dataclass(frozen=True, slots=True)
class UnmeasuredNetwork:
    """A network that has a cost but no accuracy, because nobody trained it."""

    label: str
    params_millions: float
    macs_billions: float

    def cost(self, cost: Cost) -> float:
        """Millions of parameters or billions of MACs."""
        return self.params_millions if cost is Cost.PARAMS else self.macs_billions


def unmeasured_network(label: str, network: Plan | NetworkCost) -> UnmeasuredNetwork:
    """Return the costs of a planned network."""
    return UnmeasuredNetwork(label, network.params / 1e6, network.macs / 1e9)


def compared_series(refs: Sequence[ModelRef]) -> tuple[NetworkSeries, tuple[UnmeasuredNetwork, ...]]:
    """Return the models of a comparison: as points if measured on ImageNet at their size, otherwise as marks."""
    points: list[NetworkPoint] = []
    marks: list[UnmeasuredNetwork] = []
    for ref in refs:
        if top1 := _top1(ref):
            points.append(_compared_point(ref, *top1))
        else:
            marks.append(unmeasured_network(ref.label, ref.cost))
    return NetworkSeries(_("In your comparison"), Kind.COMPARED, tuple(points)), tuple(marks)


def paper_series(version: paper_tables.PaperVersion) -> tuple[NetworkSeries, NetworkSeries]:
    """Return Table 2 of the paper: the EfficientNets, and the networks that they are compared with."""
    points = paper_tables.paper_points(version)
    ours = tuple(_paper_point(point) for point in points if point.is_efficientnet)
    others = tuple(_paper_point(point) for point in points if not point.is_efficientnet)
    return (
        NetworkSeries(_("EfficientNet, paper {version}").format(version=version), Kind.PAPER_EFFICIENTNETS, ours),
        NetworkSeries(_("Other ConvNets, paper"), Kind.PAPER_OTHERS, others),
    )


def recipe_series(recipe: timm_results.Recipe) -> NetworkSeries:
    """Return the EfficientNets that timm measured with weights of one recipe."""
    training = f"{recipe.title}: {_(recipe.words)}"
    points = tuple(_timm_point(point, training) for point in timm_results.recipe_points(recipe.key))
    return NetworkSeries(_("timm, {name}").format(name=recipe.title), Kind.RECIPE, points)


def family_series(family: timm_results.NetworkFamily) -> NetworkSeries:
    """Return every network of another family that timm measured; their recipes differ."""
    text = _("timm's tag {tag}")
    points = tuple(_timm_point(point, text.format(tag=point.recipe)) for point in timm_results.family_points(family))
    return NetworkSeries(_("timm, {name}").format(name=family.label), Kind.FAMILY, points)


def _top1(ref: ModelRef) -> tuple[float, str] | None:
    """Return the ImageNet accuracy in percent at the compared size, and its source."""
    spec = ref.spec
    if measured := timm_results.timm_point(spec.architecture, ref.resolution_px):
        return measured.top1_pct, measured.source
    if spec.top1_pct is not None and spec.dataset == IMAGENET and ref.resolution_px == spec.resolution_px:
        return spec.top1_pct, spec.top1_source
    return None


def _compared_point(ref: ModelRef, top1_pct: float, source: str) -> NetworkPoint:
    return NetworkPoint(
        id=ref.label,
        label=ref.label,
        training=ref.spec.weights,
        top1_pct=top1_pct,
        params_millions=ref.cost.params / 1e6,
        macs_billions=ref.cost.macs / 1e9,
        macs_count=Count.COMPUTED,
        resolution_px=ref.resolution_px,
        compare=ref.label,
        source=source,
    )


def _paper_point(point: paper_tables.PaperPoint) -> NetworkPoint:
    return NetworkPoint(
        id=point.model,
        label=point.name.upper() or point.model,
        training=lazy_gettext("as in version {version} of the paper", version=point.version),
        top1_pct=point.top1_pct,
        top5_pct=point.top5_pct,
        params_millions=point.params_millions,
        macs_billions=point.macs_billions,
        macs_count=Count.PRINTED,
        compare=f"{point.name}@{PUBLISHED[point.name].resolution}" if point.name else "",
        source=point.source,
    )


def _timm_point(point: timm_results.TimmPoint, training: str) -> NetworkPoint:
    counted = point.macs_billions is not None
    return NetworkPoint(
        id=f"{point.architecture}@{point.resolution_px}",
        label=point.name.upper() or point.architecture.partition(".")[0],
        training=training,
        top1_pct=point.top1_pct,
        top5_pct=point.top5_pct,
        params_millions=point.params_millions,
        macs_billions=point.macs_billions if counted else point.macs_billions_with_bn,
        macs_count=Count.COMPUTED if counted else Count.TIMM,
        macs_billions_with_bn=point.macs_billions_with_bn if counted else None,
        resolution_px=point.resolution_px,
        extra_data=point.extra_data,
        compare=_compare(point),
        source=point.source,
    )


def _compare(point: timm_results.TimmPoint) -> str:
    if not point.name:  # of another family; whether it has a map is checked when it is chosen
        return f"{PREFIX}{point.architecture}@{point.resolution_px}"
    if point.name not in catalogue.NAMES or point.recipe not in catalogue.recipe_names(point.name):
        return ""
    return catalogue.at_resolution(catalogue.find_model(point.name, point.recipe), point.resolution_px).label


HEIGHT_PX, COMPACT_HEIGHT_PX = 520, 300
STEP, COMPACT_STEP = 0.05, 0.08  # height of a line of text, as a share of the figure's
MOST_ABOVE = 0.6  # most of the height for names of lines, which are above all points
LEFT = 0.3  # of the points' width: room for the name of the leftmost star if lines are on its right

# Those of the paper's other networks that are labelled in the wide figure, because they are apart on both axes.
_APART = ("ResNet-50", "ResNet-152", "ResNeXt-101", "SENet", "GPipe", "Inception-v4")

# The small figure has no legend: it labels the ends of the line, and the crosses once, where they are apart.
_ENDS, _CROSSES = ("B0", "B7"), "ResNet-50"

_LOOKS = {
    Kind.PAPER_EFFICIENTNETS: style.LOOKS[ScalingAxis.COMPOUND],
    Kind.PAPER_OTHERS: style.SeriesStyle(style.GREY, "x", "solid"),
    Kind.COMPARED: style.VISITOR,
}

_TEXT_POSITIONS = {Kind.PAPER_OTHERS: "bottom left", Kind.COMPARED: "bottom right"}


def credit_line() -> str:
    """Return the line below a slide of the figure, with sources and licence."""
    return _("Source: Tan and Le 2019, arXiv:1905.11946; timm. Drawn by EffViz (Apache-2.0).")


@style.remembered
def accuracy_cost_figure(
    series: Sequence[NetworkSeries], cost: Cost, marks: Sequence[UnmeasuredNetwork] = (), compact: bool = False
) -> go.Figure:
    """Draw accuracy over cost on a log axis, with networks without an accuracy (`marks`) as dashed lines.

    The first `customdata` of every point is its id, which identifies the point on a click.
    """
    chart = style.figure(COMPACT_HEIGHT_PX if compact else HEIGHT_PX)
    looks = iter(style.SERIES * 2)
    crowded = any(networks.kind is Kind.FAMILY for networks in series)
    for networks in series:
        named = _named(networks.kind, crowded, compact)
        chart.add_trace(_trace(networks, cost, _LOOKS.get(networks.kind) or next(looks), named))
    costs = [x for trace in chart.data for x in trace.x] + [mark.cost(cost) for mark in marks]
    accuracies = [y for trace in chart.data for y in trace.y] or [70.0, 90.0]  # any range works for an empty figure
    low, high = min(accuracies) - 1.5, max(accuracies) + 1.5  # room for labels
    lines = _lines(marks, cost, costs)
    steps = max((level + 1 for _mark, level in lines), default=0)
    above = min(MOST_ABOVE, steps * (COMPACT_STEP if compact else STEP))
    top = low + (high - low) / (1 - above)
    step = above * (top - low) / max(1, steps)
    for mark, level in lines:
        text = f"{mark.label}: {mark.cost(cost):.3g}<br>{cost.axis}"
        line = style.vertical(mark.label, mark.cost(cost), low, top - level * step)
        chart.add_trace(line.update(hovertemplate=f"{text}<extra></extra>"))
    chart.update_xaxes(style.log_axis(cost.axis, costs))
    chart.update_yaxes(title_text=_("ImageNet top-1 (%)"), range=[low, top])
    chart.update_layout(showlegend=not compact)
    if compact:
        pairs = sorted(zip(series, chart.data, strict=False), key=lambda pair: pair[0].kind is not Kind.COMPARED)
        _name(chart, [trace for _of, trace in pairs])
    return chart


def _lines(
    marks: Sequence[UnmeasuredNetwork], cost: Cost, costs: Sequence[float]
) -> list[tuple[UnmeasuredNetwork, int]]:
    """Return the marks from left to right, each with the position of its name in lines of text below the top."""
    ordered = sorted(marks, key=lambda mark: mark.cost(cost))
    names = [(mark.label, math.log10(mark.cost(cost))) for mark in ordered]
    return list(zip(ordered, style.stack_labels(names, [math.log10(amount) for amount in costs]), strict=True))


def _name(chart: go.Figure, traces: Sequence[go.Scatter]) -> None:
    """Place names off the lines, those of the first trace first, and make room for one to the left of all points."""
    points = [(math.log10(x), y) for trace in chart.data for x, y in zip(trace.x, trace.y, strict=True)]
    if not points:
        return
    along = [x for x, _y in points]
    span = (max(along) - min(along)) or 1.0
    corner = (min(along) - LEFT * span, points[0][1])
    chart.update_xaxes(range=[corner[0] - style.PAD * span, max(along) + style.PAD * span])
    dashed = [math.log10(trace.x[0]) for trace in chart.data if trace.line.dash == "dash"]
    labels = [
        style.Label(text, math.log10(x), y, "bottom right")
        for trace in traces
        for text, x, y in zip(trace.text, trace.x, trace.y, strict=True)
        if text
    ]
    sides = iter(style.place_labels(labels, [corner, *points], dashed))
    for trace in traces:
        beside = [next(sides) if text else "" for text in trace.text]
        texts = [text if side else "" for text, side in zip(trace.text, beside, strict=True)]
        trace.update(text=texts, textposition=[side or "bottom right" for side in beside])


def network_hover(point: NetworkPoint) -> str:
    """Return the hover text of a point with its source (HTML)."""
    lines = [
        f"<b>{point.id}</b>",
        _("top-1 {percent:g} %").format(percent=point.top1_pct)
        if point.top5_pct is None
        else _("top-1 {top1:g} %, top-5 {top5:g} %").format(top1=point.top1_pct, top5=point.top5_pct),
        _("{millions:g} million parameters").format(millions=point.params_millions),
        _macs(point),
    ]
    if point.macs_billions_with_bn is not None:
        counted = _("{billions:g} billion MACs (timm's count, with batch norm)")
        lines.append(counted.format(billions=point.macs_billions_with_bn))
    sentence = _("{training}; trained on more images than ImageNet-1k") if point.extra_data else "{training}"
    lines.append(sentence.format(training=_(point.training)))
    return "<br>".join([*lines, style.source_lines(point.source)])


def _macs(point: NetworkPoint) -> str:
    if point.macs_billions is None:
        return _("MACs not published ({count})").format(count=_(point.macs_count))
    text = _("{billions:.3g} billion MACs ({count})")
    return text.format(billions=point.macs_billions, count=_(point.macs_count))


def _trace(networks: NetworkSeries, cost: Cost, look: style.SeriesStyle, named: Mapping[str, str] | None) -> go.Scatter:
    points = [point for point in networks.points if point.cost(cost) is not None]
    joined = networks.kind in (Kind.PAPER_EFFICIENTNETS, Kind.RECIPE)
    return style.scatter(
        networks.title,
        [(point.cost(cost), point.top1_pct, network_hover(point)) for point in points],
        customdata=[[point.id] for point in points],
        text=[point.label if named is None else named.get(point.label, "") for point in points],
        textposition=_TEXT_POSITIONS.get(networks.kind, "top left"),
        cliponaxis=False,
        textfont={"size": 11} if networks.kind is Kind.COMPARED else {"size": 11, "color": look.colour},
        mode="lines+markers+text" if joined else "markers+text",
        line={"color": look.colour, "dash": look.dash, "width": 2},
        marker={
            "color": look.colour,
            "symbol": [f"{look.symbol}-open" if point.extra_data else look.symbol for point in points],
            "size": 14 if networks.kind is Kind.COMPARED else 8,
        },
        # A click enlarges one point; by default, Plotly fades all others.
        selected={"marker": {"size": 16}, "textfont": {"color": look.colour}},
        unselected={"marker": {"opacity": 1}},
    )


def _named(kind: Kind, crowded: bool, compact: bool) -> Mapping[str, str] | None:
    """Return the labels of a series by name, None for all names; points without a label show it on hover."""
    match kind:
        case Kind.COMPARED:
            return None
        case Kind.PAPER_EFFICIENTNETS:
            return {name: name for name in _ENDS} if compact else None
        case Kind.PAPER_OTHERS if compact:
            return {_CROSSES: _("other ConvNets")}
        case Kind.PAPER_OTHERS if not crowded:
            return {name: name for name in _APART}
    return {}
