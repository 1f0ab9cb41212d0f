"""Table 3 of the paper, MobileNets and ResNet-50 grown like EfficientNet."""

from collections.abc import Sequence

from effviz.facts import ScaledNetwork, other_networks
from effviz.plots.curves import Curve, Dot, Origin
from effviz.plots.saturation import METHODS
from effviz.plots.style import LOOKS
from effviz.words import _
from effviz.zoo.presets import Role

GREY = LOOKS[Role.BASELINE]
Line = dict[str, object]  # a shape of Plotly


def table3(models: Sequence[str]) -> tuple[Curve, Curve]:
    """The rows of some networks: at their printed FLOPs, and at what d * w^2 * r^2 makes of their baseline's."""
    rows = [row for row in other_networks() if row.model in models]
    printed = tuple(_printed(row) for row in rows)
    formula = tuple(
        Dot(_name(row), row.macs_billions_formula, row.top1_pct, _source(row), "", LOOKS[Role(row.method)])
        for row in rows
        if row.macs_billions_formula is not None
    )
    return (
        Curve(_("Table 3, printed"), GREY, Origin.PRINTED, printed, joined=False),
        Curve(_("By the formula d · w² · r²"), GREY, Origin.COMPUTED, formula, joined=False),
    )


def spokes(models: Sequence[str]) -> list[Line]:
    """A thin line from each network's baseline to each of its scalings, behind the points: what belongs together."""
    rows = [row for row in other_networks() if row.model in models]
    baselines = {row.model: row for row in rows if row.method == Role.BASELINE}
    return [_spoke(baselines[row.model], row) for row in rows if row.method != Role.BASELINE]


def _spoke(start: ScaledNetwork, end: ScaledNetwork) -> Line:
    return {
        "type": "line",
        "layer": "between",
        "x0": start.macs_billions,
        "y0": start.top1_pct,
        "x1": end.macs_billions,
        "y1": end.top1_pct,
        "line": {"color": GREY.colour, "width": 1},
    }


def _name(row: ScaledNetwork) -> str:
    return f"{row.model}, {_(METHODS[Role(row.method)])}"


def _printed(row: ScaledNetwork) -> Dot:
    role = Role(row.method)
    label = row.model if role is Role.BASELINE else _(METHODS[role])
    return Dot(_name(row), row.macs_billions, row.top1_pct, row.source, label, LOOKS[role])


def _source(row: ScaledNetwork) -> str:
    text = _("the baseline's printed FLOPs times d · w² · r², by EffViz; accuracy: {source}")
    return text.format(source=row.source)
