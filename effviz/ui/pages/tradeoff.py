"""Trade-off: what accuracy costs, in the paper and as timm measured it."""

import streamlit as st

from effviz.facts import TIMM_URL
from effviz.plots.points import compared, family_series, mark, paper_series, recipe_series
from effviz.plots.style import config
from effviz.plots.tradeoff import tradeoff
from effviz.scaling import PAPER_RULE, plan
from effviz.ui import outputs
from effviz.ui.guard import guard
from effviz.ui.state import MODELS, PHI
from effviz.ui.tradeoff import controls, notes, picked, table
from effviz.words import _

st.title(_("What does accuracy cost?"))
st.markdown(
    _(
        "The paper's claim is the distance between its orange line and the grey crosses: "
        "**the same accuracy for fewer parameters and fewer MACs**."
    )
)
for setting in (PHI, MODELS):
    with guard():
        setting.adopt()

cost, version, phi = controls.first_row()
recipes, families = controls.second_row()
stars, unmeasured = compared(controls.refs())
at = PAPER_RULE.at(phi)
marked = mark(f"φ = {phi:g}", plan(at.depth, at.width, at.resolution_px))
series = (*paper_series(version), *map(recipe_series, recipes), *map(family_series, families), stars)

if warning := controls.mixing(recipes, families):
    st.warning(warning, icon=":material/warning:")
st.plotly_chart(
    tradeoff(series, cost, [marked]),
    key=picked.CHART,
    on_select=picked.clicked,
    selection_mode="points",
    config=config(f"effviz-tradeoff-{cost}"),
    alt=notes.alt(series, cost, marked),
)
notes.below(series, cost, unmeasured)

network = picked.choose([point for of in series for point in of.points])
if network is not None:
    picked.show(network)

st.header(_("The numbers"), divider="gray")
st.markdown(f"**{version.label}**: {version.why}")
table.show(series)
outputs.sources((_("paper {version}, Table 2").format(version=version), version.url), (_("timm's results"), TIMM_URL))
