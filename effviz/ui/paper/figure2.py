"""Figure 2: one baseline scaled in four ways, drawn to scale from real plans."""

from collections.abc import Mapping

import streamlit as st

from effviz.facts.paper_tables import PaperVersion
from effviz.facts.scaling_experiments import scaled_network
from effviz.i18n import _, lazy_gettext
from effviz.plots.paper_curves import AXIS_TITLES
from effviz.scaling import PAPER_RULE, Budget, BudgetKind, Plan, ScalingMethod, ScalingPath
from effviz.ui import cache, outputs
from effviz.ui.components import counted_here
from effviz.ui.components.networks import networks
from effviz.ui.paper.exhibit import Column, numbers
from effviz.zoo.presets import ScalingAxis

# role: key (also in the address), label, maximum, default; each default about doubles B0's MACs
SLIDERS = {
    ScalingAxis.WIDTH: ("w", lazy_gettext("Width, w"), 3.0, 1.4),
    ScalingAxis.DEPTH: ("d", lazy_gettext("Depth, d"), 8.0, 2.0),
    ScalingAxis.RESOLUTION: ("r", lazy_gettext("Resolution, r"), 3.0, 1.45),
    ScalingAxis.COMPOUND: ("grow", lazy_gettext("Compound, φ"), 3.0, 1.0),
}
STEP = 0.05


def show() -> None:
    """Draw the section."""
    text = _(
        "Width makes every bar longer, depth adds bars, and resolution enlarges the input square. Compound scaling "
        "does a little of each. The paper's figure is a sketch; these are the real networks, drawn to the same scale."
    )
    st.markdown(text)
    columns = st.columns(len(SLIDERS))
    factors = {
        role: column.slider(
            _(label), 0.0 if role is ScalingAxis.COMPOUND else 1.0, most, first, STEP, key=key, bind="query-params"
        )
        for column, (role, (key, label, most, first)) in zip(columns, SLIDERS.items(), strict=True)
    }
    help = _("Set width, depth and resolution each as large as possible without exceeding these MACs.")
    st.button(_("Match the compound network's MACs"), icon=":material/balance:", on_click=match, help=help)
    plans = planned(factors)
    caption = _(
        "Drawn to the same scale: each bar is a block, its length the number of channels; the square is the input. "
        "Solid: in B0. Tinted: added by scaling. The head is not drawn."
    )
    networks(plans, caption, "figure2", counted_here(_("Figure 2: four ways to scale B0")))
    numbers("figure2", plans.items(), table_columns(plans[ScalingAxis.BASELINE]))
    outputs.sources((_("paper, Figure 2"), PaperVersion.V5.url), (_("rounding: official code"), outputs.OFFICIAL_CODE))


def planned(factors: Mapping[ScalingAxis, float]) -> dict[ScalingAxis, Plan]:
    """Return the baseline and the four networks that the sliders set."""
    at = PAPER_RULE.at(factors[ScalingAxis.COMPOUND])
    return {
        ScalingAxis.BASELINE: scaled_network(),
        ScalingAxis.WIDTH: scaled_network(width=factors[ScalingAxis.WIDTH]),
        ScalingAxis.DEPTH: scaled_network(depth=factors[ScalingAxis.DEPTH]),
        ScalingAxis.RESOLUTION: scaled_network(resolution=factors[ScalingAxis.RESOLUTION]),
        ScalingAxis.COMPOUND: scaled_network(at.depth, at.width, at.resolution),
    }


def match() -> None:
    """Move three sliders, in whole steps, so that their networks cost at most what the compound one costs."""
    at = PAPER_RULE.at(st.session_state[SLIDERS[ScalingAxis.COMPOUND][0]])
    budget = Budget(BudgetKind.MACS, scaled_network(at.depth, at.width, at.resolution).macs)
    for role in (ScalingAxis.WIDTH, ScalingAxis.DEPTH, ScalingAxis.RESOLUTION):
        key, _label, most, _first = SLIDERS[role]
        path = ScalingPath(ScalingMethod(role.value), PAPER_RULE, scaled_network().family)
        steps = int(cache.solution_within((budget,), path).coefficient / STEP + 1e-9)
        st.session_state[key] = min(max(round(steps * STEP, 2), 1.0), most)


def table_columns(baseline: Plan) -> dict[str, Column[tuple[ScalingAxis, Plan]]]:
    """Return the columns of the figure's table."""
    return {
        "network": Column(lambda row: _(AXIS_TITLES[row[0]]), _("What grows")),
        "depth": Column(lambda row: round(row[1].depth, 3), _("Depth"), "×%.2f"),
        "width": Column(lambda row: round(row[1].width, 3), _("Width"), "×%.2f"),
        "resolution_px": Column(lambda row: row[1].resolution, _("Input"), "%d px"),
        "blocks": Column(lambda row: sum(stage.layers for stage in row[1].stages[1:-1]), _("MBConv blocks")),
        "params": Column(lambda row: row[1].params, _("Parameters"), "compact"),
        "macs": Column(lambda row: row[1].macs, _("MACs, recomputed"), "compact"),
        "macs_times_baseline": Column(lambda row: row[1].macs / baseline.macs, _("MACs relative to B0"), "×%.2f"),
        "source": Column(lambda _row: "recomputed by EffViz with the official code's rounding"),
    }
