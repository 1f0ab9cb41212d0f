"""Table 3 of the paper, MobileNets and ResNet-50 grown like EfficientNet; and the networks of this project."""

from collections.abc import Sequence

from effviz.facts import ScaledNetwork, other_networks
from effviz.plots.curves import Axis, Curve, Dot, Origin
from effviz.plots.saturation import METHODS
from effviz.plots.style import LOOKS
from effviz.scaling import plan
from effviz.words import _
from effviz.zoo.manifest import Entry
from effviz.zoo.presets import Role

GREY = LOOKS[Role.BASELINE]


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


def _name(row: ScaledNetwork) -> str:
    return f"{row.model}, {_(METHODS[Role(row.method)])}"


def _printed(row: ScaledNetwork) -> Dot:
    role = Role(row.method)
    label = row.model if role is Role.BASELINE else _(METHODS[role])
    return Dot(_name(row), row.macs_billions, row.top1_pct, row.source, label, LOOKS[role])


def _source(row: ScaledNetwork) -> str:
    text = _("the baseline's printed FLOPs times d · w² · r², by EffViz; accuracy: {source}")
    return text.format(source=row.source)


def trained_axis() -> Axis:
    """The vertical axis of our own networks: another data set, so never together with ImageNet."""
    return Axis(_("Top-1 on their own data (%)"), _("% top-1"))


def trained(entries: Sequence[Entry]) -> Curve:
    """Networks of `models/` whose accuracy somebody measured; their colour says what differs from the smallest."""
    measured = sorted((entry for entry in entries if entry.top1_pct is not None), key=_macs)
    dots = tuple(
        Dot(
            entry.name,
            _macs(entry) / 1e9,
            entry.top1_pct,
            _("{origin}; accuracy: {source}").format(origin=entry.origin, source=entry.top1_source),
            entry.name,
            LOOKS[_role(entry, measured[0])],
        )
        for entry in measured
        if entry.top1_pct is not None
    )
    return Curve(_("Trained by this project"), GREY, Origin.COMPUTED, dots, joined=False)


def _macs(entry: Entry) -> int:
    return plan(entry.depth, entry.width, entry.resolution_px, entry.family, len(entry.classes)).macs


def _role(entry: Entry, baseline: Entry) -> Role:
    """What has grown; networks that have grown in two dimensions count as compound."""
    grown = [
        role
        for role, differs in (
            (Role.DEPTH, entry.depth != baseline.depth),
            (Role.WIDTH, entry.width != baseline.width),
            (Role.RESOLUTION, entry.resolution_px != baseline.resolution_px),
        )
        if differs
    ]
    if not grown:
        return Role.BASELINE
    return grown[0] if len(grown) == 1 else Role.COMPOUND
