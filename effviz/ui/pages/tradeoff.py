"""Trade-off: what accuracy costs, in the paper and as timm measured it."""

import streamlit as st

from effviz.facts.tables import TIMM_URL
from effviz.i18n import _
from effviz.plots import accuracy_cost
from effviz.plots.style import config, drawn_numbers
from effviz.scaling import PAPER_RULE, plan
from effviz.ui import outputs
from effviz.ui.components.picture import chart_menu
from effviz.ui.session import MODELS, PHI, adopt
from effviz.ui.tradeoff import chart_controls

st.title(_("What does accuracy cost?"))
text = _(
    "The paper's claim is the gap between the orange line and the grey crosses: **the same accuracy with "
    "fewer parameters and fewer MACs**."
)
st.markdown(text)
adopt(PHI, MODELS)

cost, version, phi = chart_controls.first_row()
recipes, families = chart_controls.second_row()
compared, unmeasured = accuracy_cost.compared_series(chart_controls.refs())
at = PAPER_RULE.at(phi)
marked = accuracy_cost.unmeasured_network(f"φ = {phi:g}", plan(at.depth, at.width, at.resolution_px))
series = (
    *accuracy_cost.paper_series(version),
    *map(accuracy_cost.recipe_series, recipes),
    *map(accuracy_cost.family_series, families),
    compared,
)

if warning := chart_controls.mixing(recipes, families):
    st.warning(warning, icon=":material/warning:")
chart = accuracy_cost.accuracy_cost_figure(series, cost, [marked])
st.plotly_chart(
    chart,
    key=chart_controls.CHART,
    on_select=chart_controls.clicked_network,
    selection_mode="points",
    config=config(f"effviz-tradeoff-{cost}"),
    alt=chart_controls.alt_text(series, cost, marked),
)
rows = drawn_numbers(chart, cost.column, "top1_pct")
chart_menu(chart_controls.CHART, chart, _("What does accuracy cost?"), accuracy_cost.credit_line(), rows)
chart_controls.show_notes(series, cost, unmeasured)

network = chart_controls.choose_network([point for curve in series for point in curve.points])
if network is not None:
    chart_controls.show_network(network)

st.header(_("The numbers"), divider="gray")
st.markdown(f"**{version.label}**: {version.why}")
chart_controls.show_table(series)
outputs.sources((_("paper {version}, Table 2").format(version=version), version.url), (_("timm's results"), TIMM_URL))
