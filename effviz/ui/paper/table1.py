"""Table 1: EfficientNet-B0 stage by stage, and what is inside a block."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from effviz.facts.paper_tables import PaperStage, PaperVersion, paper_stages
from effviz.facts.scaling_experiments import scaled_network
from effviz.i18n import _, lazy_gettext
from effviz.plots.style import GREY, OLIVE, figure
from effviz.scaling import Layer, Operator, Plan, StagePlan
from effviz.ui import glossary, outputs
from effviz.ui.components import counted_here
from effviz.ui.components.mbconv import mbconv
from effviz.ui.paper import exhibit
from effviz.ui.paper.exhibit import Column, numbers, show_exhibit

# Where B0 spends its MACs: every stage, part by part.

HEIGHT_PX = 360

PARTS = {
    Operator.CONV: lazy_gettext("convolution"),
    Operator.EXPAND: lazy_gettext("expand"),
    Operator.DEPTHWISE: lazy_gettext("depthwise"),
    Operator.SQUEEZE: lazy_gettext("squeeze"),
    Operator.EXCITE: lazy_gettext("excite"),
    Operator.PROJECT: lazy_gettext("project"),
    Operator.CLASSIFIER: lazy_gettext("classifier"),
}

# No scaling method is meant here, so none of their colours: patterns tell the parts apart.
_PATTERNS = {
    Operator.CONV: (GREY, ""),
    Operator.EXPAND: (OLIVE, ""),
    Operator.DEPTHWISE: (OLIVE, "/"),
    Operator.SQUEEZE: (OLIVE, "x"),
    Operator.EXCITE: (OLIVE, "+"),
    Operator.PROJECT: (OLIVE, "."),
    Operator.CLASSIFIER: (GREY, "/"),
}


def part_macs(network: Plan, stage: int, operator: Operator) -> int:
    """MACs of one part of a stage, over all its blocks."""
    return sum(layer.macs for layer in network.layers if (layer.stage, layer.operator) == (stage, operator))


def block_parts_figure(network: Plan) -> go.Figure:
    """Draw a bar a stage, made of its parts."""
    chart = figure(HEIGHT_PX)
    for operator, (colour, pattern) in _PATTERNS.items():
        amounts = [part_macs(network, stage.stage, operator) for stage in network.stages]
        chart.add_trace(
            go.Bar(
                name=_(PARTS[operator]),
                x=[str(stage.stage) for stage in network.stages],
                y=[amount / 1e6 for amount in amounts],
                marker={"color": colour, "pattern": {"shape": pattern, "size": 6}},
                hovertemplate=_("stage %{x}: %{y:.4g} million MACs") + f"<extra>{_(PARTS[operator])}</extra>",
            )
        )
    chart.update_xaxes(title_text=_("Stage (Table 1)"), type="category")
    chart.update_yaxes(title_text=_("MACs, recomputed (millions)"))
    return chart.update_layout(barmode="stack", legend_traceorder="normal")


STAGE, BLOCK = "stage", "block"
FIRST_STAGE = 4  # an MBConv6 with a stride and a second block with a shortcut


def show() -> None:
    """Draw the section."""
    network = scaled_network()
    st.markdown(
        _(
            "B0 is nine stages: a plain convolution, seven rows of **MBConv** blocks, and a head. All larger "
            "EfficientNets have these stages, only with more blocks, more channels and larger maps."
        )
    )
    version = exhibit.choose_version()
    _table(network, version)
    st.subheader(_("Where the MACs go"))
    show_exhibit("table1", block_parts_figure(network), _parts(network), _alt(network))
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
        st.info(
            _(
                "The first printing (v1 and ICML; v2 has it right) gives stage 6 an input of 28 px. It is 14 px: an "
                "author confirmed in tensorflow/tpu#383 that the code is correct and the table was not."
            ),
            icon=":material/info:",
        )


def _parts(network: Plan) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "stage": stage.stage,
                "part": str(operator),
                "origin": "recomputed",
                "macs": macs,
                "source": "counted by EffViz from Table 1 and the official code",
            }
            for stage in network.stages
            for operator in PARTS
            if (macs := part_macs(network, stage.stage, operator))
        ]
    )


def _alt(network: Plan) -> str:
    shares = ", ".join(f"{stage.stage}: {100 * stage.macs / network.macs:.0f} %" for stage in network.stages)
    return _("Stacked bar chart of B0's MACs by stage and part. Shares by stage: {shares}.").format(shares=shares)


def _inside(network: Plan) -> None:
    st.markdown(
        _(
            "An MBConv block expands its input with a 1 × 1 convolution, filters each channel on its own "
            "(depthwise), lets **squeeze-and-excitation** weight the channels, and projects them back to fewer. The "
            "squeeze has a quarter as many channels as *enter the block*."
        ),
        help=glossary.tip("mbconv", "squeeze", "channel"),
    )
    left, right = st.columns(2)
    number = left.segmented_control(
        _("Stage"),
        [str(stage.stage) for stage in network.stages],
        default=str(FIRST_STAGE),
        key=STAGE,
        required=True,
        bind="query-params",
    )
    stage = network.stages[int(number or FIRST_STAGE) - 1]
    layers = [layer for layer in network.layers if layer.stage == stage.stage]
    chosen = right.segmented_control(
        _("Block"),
        [str(i + 1) for i in range(stage.layers)],
        default="1",
        key=f"{BLOCK}{stage.stage}",
        required=True,
        bind="query-params",
    )
    block = [layer for layer in layers if layer.block == int(chosen or 1) - 1]
    drawing, numbers = st.columns(2, gap="large")
    with drawing:
        at = block[0].block + 1
        title = _("B0, stage {stage}, block {block}: {operator}")
        slide = counted_here(title.format(stage=stage.stage, block=at, operator=stage.operator))
        mbconv(block, f"effviz-b0-stage{stage.stage}-block{at}", slide)
    with numbers:
        _layers(stage, layers)


def _layers(stage: StagePlan, layers: Sequence[Layer]) -> None:
    columns: dict[str, Column[Layer]] = {
        "block": Column(lambda layer: layer.block + 1, _("Block")),
        "part": Column(lambda layer: _(PARTS[layer.operator]), _("Part")),
        "channels": Column(lambda layer: f"{layer.in_channels} → {layer.out_channels}", _("Channels")),
        "macs": Column(lambda layer: layer.macs, _("MACs"), "localized"),
        "share_pct": Column(lambda layer: 100 * layer.macs / stage.macs, _("Share of the stage"), "%.1f %%"),
        "params": Column(lambda layer: layer.params, _("Parameters"), "localized"),
        "map": Column(lambda layer: f"{layer.in_size} → {layer.out_size}", _("Map (px)")),
        "kernel": Column(lambda layer: layer.kernel, _("Kernel")),
        "stride": Column(lambda layer: layer.stride, _("Stride")),
        "source": Column(lambda _layer: "counted by EffViz from Table 1 and the official code"),
    }
    numbers("table1-blocks", layers, columns)
    text = _("Together {total} MACs: all of stage {stage}, {operator}.")
    st.markdown(
        text.format(total=f"**{sum(layer.macs for layer in layers):,}**", stage=stage.stage, operator=stage.operator)
    )
