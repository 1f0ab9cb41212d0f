"""Scale: how one number makes a network deeper, wider and sharper at once."""

import streamlit as st

from effviz.i18n import _
from effviz.plots.scaling_plans import alternative_rows, alternatives, growth, stages
from effviz.plots.style import drawn_numbers
from effviz.scaling import PUBLISHED, Budget, BudgetKind, ScalingMethod, Solution, plan
from effviz.scaling.published import WHY_PUBLISHED_DIFFERS
from effviz.scaling.solver import ScalingPath
from effviz.ui import budget_limits, cache, inputs, outputs, session
from effviz.ui.compare import model_picker
from effviz.ui.components.phi import phi_slider
from effviz.ui.guard import guard

st.title(_("How does one number scale a network?"))
text = _(
    "EfficientNet is scaled by one number, φ. It makes the network **deeper** and **wider** and its input "
    "**larger** at once, each at its own rate. Move φ and watch."
)
st.markdown(text)
session.adopt(session.PHI)
slider = st.container()  # shown first, but depends on the rule below

st.header(_("The rule"))
formula, settings = st.columns(2, gap="large")
with settings:
    family = inputs.choose_family()
    rule = inputs.choose_rule()
with formula:
    outputs.rule(rule)

table = cache.phi_table(rule, family)
with slider:
    session.PHI.put(phi_slider(table, session.PHI.get(), inputs.PHI_SLIDER))
phi = session.PHI.get()
at = rule.at(phi)
baseline = plan(1.0, 1.0, 224, family)
network = plan(at.depth, at.width, at.resolution_px, family)
with slider:
    model_picker.offer_candidates(network, ScalingMethod.COMPOUND, "phi")

st.header(_("How cost grows"))
text = _(
    "The paper aims to double the MACs with every step of φ; these rates give a factor of {factor:.3f} per step. Real "
    "networks grow in uneven steps, because blocks are rounded up and channels are rounded to multiples of 8."
)
st.markdown(text.format(factor=rule.constraint))
grown = growth(cache.growth(rule, family), phi)
alt = _(
    "Line chart of MACs versus phi, on a log scale. At phi {phi:.2f} the planned network costs {macs}; "
    "doubling with every step would give {doubled}."
).format(phi=phi, macs=outputs.amount(network.macs), doubled=outputs.amount(table["baseline"]["macs"] * 2**phi))
rows = drawn_numbers(grown, "phi", "macs_billions")
budget_limits.show_chart("growth", grown, alt, _("How cost grows"), rows)

st.header(_("What was published"))
outputs.published_table([entry for entry in PUBLISHED.values() if entry.family is family], rule)
st.markdown(_(WHY_PUBLISHED_DIFFERS).replace("*", "·").replace("^2", "²").replace("phi", "φ"))
outputs.sources((_("official code"), outputs.OFFICIAL_CODE), (_("Keras guide"), outputs.KERAS_GUIDE))

st.header(_("One dimension alone"))
text = _(
    "The network at φ = {phi:.2f} costs {macs} MACs. The networks below cost the same but grow in one "
    "dimension only, which gained less accuracy in the paper (sections 3.2 and 5.1, Figures 3 and 8)."
)
st.markdown(text.format(phi=phi, macs=outputs.amount(network.macs)))
same = Budget(BudgetKind.MACS, network.macs)
solutions = [Solution(same, ScalingMethod.COMPOUND, phi, network, network.macs, at_limit=False)]  # the network itself
for method in (ScalingMethod.DEPTH, ScalingMethod.WIDTH, ScalingMethod.RESOLUTION):
    with guard():
        solutions.append(cache.solution_within((same,), ScalingPath(method, rule, family)))
alone = alternatives(baseline, solutions)
alt = _("Bar chart of depth, width, resolution and parameters of the baseline and of each network in the table below.")
rows = alternative_rows(solutions)
budget_limits.show_chart("alternatives", alone, alt, _("One dimension alone"), rows)
outputs.solutions_table(solutions)

st.header(_("Stage by stage"))
st.markdown(_("Table 1 of the paper: the baseline → the scaled network at φ = {phi:.2f}.").format(phi=phi))
spent = stages(baseline, network)
alt = _("Bar chart of the MACs of each stage, for the baseline and the scaled network, as in the table below.")
rows = drawn_numbers(spent, "stage", "macs_millions")
budget_limits.show_chart("stages", spent, alt, _("Stage by stage"), rows)
outputs.stage_table(baseline, network)
budget_limits.use_network(network)
outputs.sources((_("paper, Table 1"), outputs.PAPER), (_("rounding: official code"), outputs.OFFICIAL_CODE))

st.header(_("Spend a budget"))
text = _(
    "The paper's problem (Eq. 2) is to reach the highest accuracy within limits on memory and MACs (its "
    "FLOPs). EffViz assumes that accuracy grows with size, so its answer is the largest network that fits."
)
st.markdown(text)
with guard():
    budgets, path = budget_limits.choose_limits(*inputs.choose_budget(), rule, family)
    answer = cache.solution_within(budgets, path)
    outputs.solution(answer)
    inputs.show_above(answer, fixed_size=path.resolution_px is not None)
    model_picker.offer_candidates(answer.plan, answer.method, "budget")
    budget_limits.show_limits(answer, path)
outputs.sources((_("paper, section 3.1"), outputs.PAPER))
