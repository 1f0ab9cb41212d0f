"""Table 1: EfficientNet-B0 stage by stage, and the layers inside a block."""

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from effviz.facts.paper_tables import PaperStage, PaperVersion, paper_stages
from effviz.facts.scaling_experiments import scaled_network
from effviz.i18n import _, lazy_gettext
from effviz.plots.style import GREY, OLIVE, figure
from effviz.scaling.plans import Layer, Operator, Plan, StagePlan
from effviz.ui import glossary, outputs
from effviz.ui.components import counted_here
from effviz.ui.components.mbconv import mbconv
from effviz.ui.paper import exhibit
from effviz.ui.paper.exhibit import Column, note, numbers, show_exhibit

HEIGHT_PX = 360  # of the bar chart of stages and parts

# Label, colour and pattern of each part. The parts are not scaling methods, so they use other colours:
# patterns tell them apart.
PARTS = {
    Operator.CONV: (lazy_gettext("convolution"), GREY, ""),
    Operator.EXPAND: (lazy_gettext("expand"), OLIVE, ""),
    Operator.DEPTHWISE: (lazy_gettext("depthwise"), OLIVE, "/"),
    Operator.SQUEEZE: (lazy_gettext("squeeze"), OLIVE, "x"),
    Operator.EXCITE: (lazy_gettext("excite"), OLIVE, "+"),
    Operator.PROJECT: (lazy_gettext("project"), OLIVE, "."),
    Operator.CLASSIFIER: (lazy_gettext("classifier"), GREY, "/"),
}


def part_macs(network: Plan, stage: int, operator: Operator) -> int:
    """Return the MACs of one part of a stage, summed over its blocks."""
    return sum(layer.macs for layer in network.layers if (layer.stage, layer.operator) == (stage, operator))


def block_parts_figure(network: Plan) -> go.Figure:
    """Draw one bar per stage, stacked by part."""
    chart = figure(HEIGHT_PX)
    for operator, (title, colour, pattern) in PARTS.items():
        chart.add_bar(
            name=_(title),
            x=[str(stage.stage) for stage in network.stages],
            y=[part_macs(network, stage.stage, operator) / 1e6 for stage in network.stages],
            marker={"color": colour, "pattern": {"shape": pattern, "size": 6}},
            hovertemplate=_("stage %{x}: %{y:.4g} million MACs") + f"<extra>{_(title)}</extra>",
        )
    chart.update_xaxes(title_text=_("Stage (Table 1)"), type="category")
    chart.update_yaxes(title_text=_("MACs, recomputed (millions)"))
    return chart.update_layout(barmode="stack", legend_traceorder="normal")


STAGE, BLOCK = "stage", "block"
COUNTED = "counted by EffViz from Table 1 and the official code"
FIRST_STAGE = 4  # an MBConv6 with a stride and a second block with a shortcut


def show() -> None:
    """Draw the section."""
    network = scaled_network()
    text = _(
        "B0 has nine stages: a plain convolution, seven stages of **MBConv** blocks, and a head. All larger "
        "EfficientNets have the same stages, but with more blocks, more channels and larger maps."
    )
    st.markdown(text)
    version = exhibit.choose_version()
    _table(network, version)
    st.subheader(_("Where the MACs go"))
    shares = ", ".join(f"{stage.stage}: {100 * stage.macs / network.macs:.0f} %" for stage in network.stages)
    alt = _("Stacked bar chart of B0's MACs by stage and part. Shares by stage: {shares}.").format(shares=shares)
    show_exhibit("table1", block_parts_figure(network), _parts(network), alt)
    st.subheader(_("Inside a block"))
    _inside(network)
    outputs.sources(
        (_("paper, Table 1"), version.url), (_("strides, expansion, squeeze: official code"), outputs.OFFICIAL_CODE)
    )


def _table(network: Plan, version: PaperVersion) -> None:
    pairs = zip(paper_stages(version), network.stages, strict=True)
    columns: dict[str, Column[tuple[PaperStage, StagePlan]]] = {
        "stage": Column(lambda pair: pair[0].stage, _("Stage")),
        "operator_printed": Column(lambda pair: pair[0].operator, _("Operator, printed")),
        "resolution_printed": Column(lambda pair: pair[0].resolution_px, _("Input, printed (px)")),
        "channels_printed": Column(lambda pair: pair[0].channels, _("Channels, printed")),
        "layers_printed": Column(lambda pair: pair[0].layers, _("Layers, printed")),
        "resolution_recomputed": Column(lambda pair: pair[1].in_resolution, _("Input, recomputed (px)")),
        "params_recomputed": Column(lambda pair: pair[1].params, _("Parameters, recomputed"), "localized"),
        "macs_recomputed": Column(lambda pair: pair[1].macs, _("MACs, recomputed"), "localized"),
        "macs_share_pct": Column(lambda pair: 100 * pair[1].macs / network.macs, _("Share of MACs"), "%.1f %%"),
        "source": Column(lambda pair: pair[0].source),
    }
    numbers("table1-stages", pairs, columns)
    if version is PaperVersion.V1:
        text = _(
            "v1 and the ICML version give stage 6 an input of 28 px. The correct size, as in v2, is 14 px: an "
            "author confirmed in tensorflow/tpu#383 that the code is correct and the table was not."
        )
        note(text)


def _parts(network: Plan) -> list[dict[str, object]]:
    return [
        {"stage": stage.stage, "part": str(operator), "origin": "recomputed", "macs": macs, "source": COUNTED}
        for stage in network.stages
        for operator in PARTS
        if (macs := part_macs(network, stage.stage, operator))
    ]


def _inside(network: Plan) -> None:
    text = _(
        "An MBConv block expands its input with a 1 × 1 convolution, filters each channel separately (depthwise), "
        "reweights the channels with **squeeze-and-excitation**, and projects them back to fewer. The squeeze has a "
        "quarter as many channels as the *block's input*."
    )
    st.markdown(text, help=glossary.tip("mbconv", "squeeze", "channel"))
    left, right = st.columns(2)
    with left:
        number = int(exhibit.choose(_("Stage"), [stage.stage for stage in network.stages], FIRST_STAGE, STAGE))
    stage = network.stages[number - 1]
    layers = [layer for layer in network.layers if layer.stage == number]
    with right:
        at = int(exhibit.choose(_("Block"), range(1, stage.layers + 1), 1, f"{BLOCK}{number}"))
    block = [layer for layer in layers if layer.block == at - 1]
    drawing, numbers = st.columns(2, gap="large")
    with drawing:
        title = _("B0, stage {stage}, block {block}: {operator}")
        slide = counted_here(title.format(stage=number, block=at, operator=stage.operator))
        mbconv(block, f"effviz-b0-stage{number}-block{at}", slide)
    with numbers:
        _layers(stage, layers)


def _layers(stage: StagePlan, layers: Sequence[Layer]) -> None:
    columns: dict[str, Column[Layer]] = {
        "block": Column(lambda layer: layer.block + 1, _("Block")),
        "part": Column(lambda layer: _(PARTS[layer.operator][0]), _("Part")),
        "channels": Column(lambda layer: f"{layer.in_channels} → {layer.out_channels}", _("Channels")),
        "macs": Column(lambda layer: layer.macs, _("MACs"), "localized"),
        "share_pct": Column(lambda layer: 100 * layer.macs / stage.macs, _("Share of the stage"), "%.1f %%"),
        "params": Column(lambda layer: layer.params, _("Parameters"), "localized"),
        "map": Column(lambda layer: f"{layer.in_size} → {layer.out_size}", _("Map (px)")),
        "kernel": Column(lambda layer: layer.kernel, _("Kernel")),
        "stride": Column(lambda layer: layer.stride, _("Stride")),
        "source": Column(lambda _layer: COUNTED),
    }
    numbers("table1-blocks", layers, columns)
    text = _("Stage {stage}, {operator}: {total} MACs in total.")
    total = f"**{sum(layer.macs for layer in layers):,}**"
    st.markdown(text.format(total=total, stage=stage.stage, operator=stage.operator))
