"""Table 7 and Figure 8: four ways to spend about the same MACs, with the counted costs of the networks.

The mini family repeats the experiment on a small scale.
"""

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from effviz.facts import two_step_search
from effviz.facts.paper_tables import PaperVersion
from effviz.facts.scaling_experiments import ScaledB0, compound_leads, scaled_b0
from effviz.i18n import _
from effviz.plots.paper_curves import AXIS_TITLES, accuracy_axis, draw_curves, figure8, macs_axis, table7
from effviz.plots.style import LOOKS, figure
from effviz.ui import glossary
from effviz.ui.paper import exhibit
from effviz.ui.paper.exhibit import Column, note, numbers, show_exhibit, sources, table
from effviz.zoo import presets
from effviz.zoo.presets import MiniNetwork

ACCURACY_HEIGHT_PX, LEARNING_HEIGHT_PX = 400, 340


def mini_accuracy(networks: Sequence[MiniNetwork]) -> go.Figure:
    """Plot the mini family's top-1, with 95 % intervals, against MACs in millions."""
    chart = figure(ACCURACY_HEIGHT_PX)
    for network in networks:
        look, (low, high) = LOOKS[network.role], network.interval_pct
        up, down = [high - network.top1_pct], [network.top1_pct - low]
        chart.add_scatter(
            name=_(AXIS_TITLES[network.role]),
            x=[network.macs / 1e6],
            y=[network.top1_pct],
            error_y={"type": "data", "symmetric": False, "array": up, "arrayminus": down},
            mode="markers",
            marker={"color": look.colour, "symbol": f"{look.symbol}-open", "size": 11},
            hovertext=[_hover(network)],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    chart.update_xaxes(title_text=_("MACs (millions)"), rangemode="tozero")
    chart.update_yaxes(title_text=_("Top-1 on Imagenette (%)"))
    return chart


def mini_learning(networks: Sequence[MiniNetwork]) -> go.Figure:
    """Plot top-1 after each epoch."""
    chart = figure(LEARNING_HEIGHT_PX)
    for network in networks:
        look = LOOKS[network.role]
        chart.add_scatter(
            name=_(AXIS_TITLES[network.role]),
            x=[point.epoch for point in network.epochs],
            y=[point.top1_pct for point in network.epochs],
            mode="lines",
            line={"color": look.colour, "dash": look.dash, "width": 2},
            hovertemplate=_("epoch %{x}: %{y:.1f} %"),
        )
    chart.update_xaxes(title_text=_("Epoch"), rangemode="tozero")
    chart.update_yaxes(title_text=_("Top-1 on Imagenette (%)"))
    return chart


def _hover(network: MiniNetwork) -> str:
    entry, (low, high) = network.entry, network.interval_pct
    size = _("depth {depth:g}, width {width:g}, {px} px")
    top1 = _("top-1 {top1:.1f} %, 95 % interval {low:.1f} to {high:.1f}")
    lines = (
        f"<b>{entry.name}</b>",
        size.format(depth=entry.depth, width=entry.width, px=entry.resolution_px),
        _("{macs:.1f} million MACs").format(macs=network.macs / 1e6),
        top1.format(top1=network.top1_pct, low=low, high=high),
    )
    return "<br>".join(lines)


def show_mini_family() -> None:
    """Draw the networks in `models/`, or say that there are none."""
    networks = presets.mini_family()
    if not networks:
        text = _(
            "`models/` contains no trained network of the mini family yet. Accuracy and MACs will appear here, on the "
            "family's own data set and never in the same figure as ImageNet's."
        )
        st.caption(text)
        return
    explain_mini_family(networks)
    text = _("{name} {top1:.1f} % for {macs:.1f} million MACs")
    accuracies = "; ".join(
        text.format(name=network.entry.name, top1=network.top1_pct, macs=network.macs / 1e6) for network in networks
    )
    alt = _("Scatter chart of Imagenette top-1 versus MACs: {found}.").format(found=accuracies)
    show_exhibit("mini", mini_accuracy(networks), _accuracies(networks), alt)
    st.caption(_("Bars: 95 % intervals over these photos only. Hover for numbers; the CSV lists the sources."))
    if any(network.epochs for network in networks):
        alt = _("Line chart of Imagenette top-1 after each training epoch, one line per network.")
        show_exhibit("mini-learning", mini_learning(networks), _epochs(networks), alt)


def explain_mini_family(networks: Sequence[MiniNetwork]) -> None:
    """Explain the family, its results, and why they say nothing about ImageNet, with details in an expander."""
    tops = {network.role: network.top1_pct for network in networks}
    text = _(
        "This project trained a small baseline, and versions scaled to about four times its MACs, on Imagenette's ten "
        "classes: {found}. **This does not test the paper's claim about ImageNet**: 96 px, 15 epochs, one seed and ten "
        "classes are too few for that."
    )
    st.markdown(
        text.format(found=", ".join(f"{_(AXIS_TITLES[role]).lower()} {top:.1f} %" for role, top in tops.items())),
        help=glossary.tip("seed"),
    )
    with st.expander(_("Why this cannot test the claim")):
        text = _(
            "- **96 px are too few for the baseline.** Photos have about 196 usable pixels per side; the paper's 224 "
            "px out of about 375 would be 118 px here. More pixels alone recover what the small input lost.\n- **The "
            "deep network had not learnt its training photos** after 15 epochs: its accuracy reflects the short "
            "training, not depth.\n- **One seed each.** In the search of step 1, two training runs that differ only in "
            "their seed are up to {spread:.1f} points apart.\n- **The paper's α, β and γ** were found for B0 at 224 "
            "px. They need not suit 96 px.\n- **Ten classes, not a thousand**, on photos of at most 224 px."
        )
        points = two_step_search.summarize_points(two_step_search.shipped_results())
        st.markdown(text.format(spread=two_step_search.widest_spread_pct(points) or 0.0))
        st.caption(_("`models/mini/PLAN.md` plans a fair experiment; one command runs it."))


def _accuracies(networks: Sequence[MiniNetwork]) -> list[dict[str, object]]:
    return [
        {
            "network": network.entry.name,
            "scaling": network.role.value,
            "macs": network.macs,
            "top1_pct": network.top1_pct,
            "low_pct": network.interval_pct[0],
            "high_pct": network.interval_pct[1],
            "source": f"{network.entry.origin}; {network.entry.top1_source}",
        }
        for network in networks
    ]


def _epochs(networks: Sequence[MiniNetwork]) -> list[dict[str, object]]:
    return [
        {
            "network": network.entry.name,
            "epoch": at.epoch,
            "top1_pct": at.top1_pct,
            "training_loss": at.loss,
            "source": network.entry.origin,
        }
        for network in networks
        for at in network.epochs
    ]


def show() -> None:
    """Draw the section."""
    text = _(
        "Four ways to scale B0 to about the same MACs: deeper, wider, a larger input, or all three at once. Which "
        "gives the highest accuracy?"
    )
    st.markdown(text)
    st.subheader(_("Figure 8: accuracy versus MACs, by scaling method"))
    log = exhibit.log_axis()
    curves = figure8()
    alt = _(
        "Line chart of ImageNet top-1 versus MACs, printed and recomputed for each scaling method. The compound curve "
        "reaches 82.6 % at 4.2 billion; the others stay below 80.1 %."
    )
    chart = draw_curves(curves, macs_axis(log), accuracy_axis())
    show_exhibit("figure8", chart, table(curves, "macs_billions", "top1_pct"), alt)
    sources((_("paper, Figure 8 (the same curves in ICML and v5)"), PaperVersion.V5.url))
    text = _(
        "The figure does not label its dots. For single dimensions, the labels are those of the same dots in Figure 3. "
        "The compound dots are B0 to B4 with the accuracies of v1, which the figure kept."
    )
    st.caption(text)
    st.markdown(_leads())
    st.subheader(_("Table 7: one network per scaling method"))
    _table7(exhibit.choose_version())
    text = _(
        "All networks are scaled from B0. Scaling depth, width or resolution alone ends within {apart:.1f} points of "
        "each other. Scaling all three at once (orange) ends **{least:.1f} to {most:.1f} points higher**, at about the "
        "same MACs as printed, but at {low:.0f} to {high:.0f} % more by the released code."
    )
    st.markdown(text.format(**_gains()))
    st.subheader(_("Trained by this project"))
    show_mini_family()


def _leads() -> str:
    """Return the claim of the paper's text next to the leads drawn in the figure."""
    text = _("{lead:.1f} points at {macs:g} billion ({name})")
    parts = (text.format(lead=lead, macs=dot.macs_billions, name=dot.label) for dot, lead in compound_leads())
    return _(
        "The paper's text says that compound scaling is better **by up to 2.5 %** than any single dimension. In the "
        "figure, the compound curve is above the best of the other three at the same MACs by {parts}."
    ).format(parts="; ".join(parts))


def _gains() -> dict[str, float]:
    """Compare Table 7's compound network with the other three; the keys are placeholders of the sentences."""
    compound = next(row for row in scaled_b0() if row.method == "compound")
    alone = [row for row in scaled_b0() if row.method in ("depth", "width", "resolution")]
    top1, costs = [row.top1_pct for row in alone], [row.macs_billions_computed for row in alone]
    return {
        "apart": max(top1) - min(top1),  # points of top-1
        "least": compound.top1_pct - max(top1),
        "most": compound.top1_pct - min(top1),
        "cheapest": min(costs),  # billion MACs by the released code
        "dearest": max(costs),
        "compound": compound.macs_billions_computed,
        "low": 100 * (compound.macs_billions_computed / max(costs) - 1),  # percent more MACs
        "high": 100 * (compound.macs_billions_computed / min(costs) - 1),
    }


def _table7(version: PaperVersion) -> None:
    curves = table7(version)
    text = _("{method} {printed:g} printed, {computed:.2f} recomputed")
    printed, computed = (curve.dots for curve in curves)
    pairs = "; ".join(
        text.format(method=dot.name, printed=dot.x, computed=again.x)
        for dot, again in zip(printed, computed, strict=True)
    )
    alt = _("Scatter chart of ImageNet top-1 versus MACs in billions: {pairs}.").format(pairs=pairs)
    chart = draw_curves(curves, macs_axis(), accuracy_axis(), 400)
    show_exhibit("table7", chart, table(curves, "macs_billions", "top1_pct"), alt)
    sources((_("paper {version}, Table 7").format(version=version), version.url))
    text = _(
        "**The FLOPs are not the same.** The table prints 1.8, 1.8, 1.9 and 1.8 billion. By the released code, the "
        "three networks scaled in one dimension cost {cheapest:.2f} to {dearest:.2f} billion and the compound network "
        "{compound:.2f} billion, {low:.0f} to {high:.0f} % more than the networks it is compared with."
    )
    note(text.format(**_gains()))
    _rows(version)


def _rows(version: PaperVersion) -> None:
    columns: dict[str, Column[ScaledB0]] = {
        "network": Column(lambda row: row.label, _("Network, as printed")),
        "depth": Column(lambda row: row.depth, "d"),
        "width": Column(lambda row: row.width, "w"),
        "resolution": Column(lambda row: row.resolution, "r"),
        "flops_billions_printed": Column(lambda row: row.macs_billions, _("FLOPs, printed (billion)"), "%.1f"),
        "macs_billions_recomputed": Column(
            lambda row: row.macs_billions_computed, _("MACs, recomputed (billion)"), "%.3f"
        ),
        "params_recomputed": Column(lambda row: row.network.params, _("Parameters, recomputed"), "localized"),
        "resolution_px_recomputed": Column(lambda row: row.network.resolution, _("Input used to recompute (px)")),
        "top1_pct_printed": Column(lambda row: row.top1_pct, _("Top-1, printed (%)"), "%.1f"),
        "note": Column(lambda row: row.note, _("Note")),
        "source": Column(lambda row: row.source),
    }
    numbers("table7-rows", scaled_b0(version), columns)
    text = _(
        "The rows mix versions: since v3, the baseline reads 77.3, while the compound row's 81.1 is B3's accuracy in "
        "v1. The compound row has B3's d and w, so EffViz recomputes it at B3's 300 px."
    )
    st.caption(text)
