"""The figures of the lesson: those of other pages, with the guess added and the answer withheld until it is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from effviz.explain.data_types import Method, TargetLayer
from effviz.explain.overlay import OverlayStyle, Scale, describe_map, rescale
from effviz.explain.placement import RasterOptions
from effviz.explain.targets import TOP1
from effviz.facts import lesson_answers
from effviz.facts.paper_tables import PaperVersion
from effviz.facts.search_objective import EXPONENT, Listing, Objective, candidates, ranking
from effviz.facts.two_step_search import second_steps
from effviz.i18n import _
from effviz.plots import paper_curves
from effviz.plots.accuracy_cost import Cost
from effviz.plots.paper_curves import FigureCurve, Origin
from effviz.plots.scaling_plans import growth
from effviz.plots.style import VISITOR, config, drawn_numbers, enlarge
from effviz.scaling import PAPER_RULE, Family
from effviz.ui import cache, outputs
from effviz.ui.compare.display_settings import PICTURE_PX, ExplanationChoice
from effviz.ui.compare.map_cells import FRAME, Entrant, MapCell, MapGap, awaited, compute_cells
from effviz.ui.components import counted_here
from effviz.ui.components.networks import networks
from effviz.ui.components.picture import chart_menu
from effviz.ui.paper import exhibit, figure2, objective
from effviz.ui.paper.objective import reward_figure, reward_formula
from effviz.ui.paper.results import cost_axis, table2
from effviz.ui.paper.search import second_step, second_step_figure
from effviz.ui.session import PRESENT
from effviz.zoo.catalogue import model_card
from effviz.zoo.presets import PRESETS, ScalingAxis

Value = float | str
Guess = Mapping[str, Value]  # by the key of each question
HEIGHT_PX = 430  # so that a step fits on a screen of 800 px
ROOM_HEIGHT_PX, ROOM_TEXT_PX = 640, 22  # for a projector with 1080 px


def show_growth(guess: Guess, shown: bool) -> None:
    """Draw B0 to scale; with the answer also B0 at twice the depth, width and resolution."""
    factors = {ScalingAxis.DEPTH: 2.0, ScalingAxis.WIDTH: 2.0, ScalingAxis.RESOLUTION: 2.0, ScalingAxis.COMPOUND: 0.0}
    plans = figure2.planned(factors)
    roles = list(ScalingAxis)[: 4 if shown else 1]
    shown_plans = {role: plans[role] for role in roles}
    caption = _(
        "Drawn to the same scale: each bar is a block, its length the number of channels; the square is the input."
    )
    key = f"lesson-growth-{len(roles)}"
    if PRESENT.get():
        networks(shown_plans, caption, f"{key}-room")
        return
    rows = exhibit.frame(shown_plans.items(), figure2.table_columns(plans[ScalingAxis.BASELINE]))
    networks(shown_plans, caption, key, counted_here(_(exhibit.EXISTING["figure2"].title)), rows.to_csv(index=False))


def show_saturation(guess: Guess, shown: bool) -> None:
    """Draw Figure 3; before the answer, only the depth curve without its last network."""
    curves = [curve for curve in paper_curves.figure3() if curve.origin is Origin.PRINTED]
    last = lesson_answers.depth_curve()[-1]
    if not shown:
        depth = [curve for curve in curves if any(dot.name == last.label for dot in curve.dots)]
        curves = [replace(curve, dots=curve.dots[:-1]) for curve in depth]
    alt = _("Line chart of top-1 versus MACs as in Figure 3, with a mark at the guess.")
    _draw_guess("figure3", curves, (last.macs_billions, float(guess["d8"])), (9, 81.5), alt)


def _draw_guess(
    name: str, curves: Sequence[FigureCurve], mark: tuple[float, float], corner: tuple[float, float], alt: str
) -> None:
    """Draw curves and the guess on axes whose range, up to `corner`, does not change when the answer is shown."""
    (left, low), (right, high) = (0, 75.5), (corner[0], max(corner[1], mark[1] + 0.5))
    axes = paper_curves.macs_axis(), paper_curves.accuracy_axis()
    chart = paper_curves.draw_curves(curves, *axes, corners=((left, low), (right, high), mark))
    chart.add_trace(paper_curves.guess_mark(*mark)).update_xaxes(range=[left, right]).update_yaxes(range=[low, high])
    _chart(name, chart, alt, exhibit.table(curves, "macs_billions", "top1_pct"))


def show_balance(guess: Guess, shown: bool) -> None:
    """Draw Figure 4; before the answer, only the line from plain B0."""
    curves = [curve for curve in paper_curves.figure4() if curve.origin is Origin.PRINTED]
    end = lesson_answers.widest()
    mark = (end.macs_billions, end.top1_pct + float(guess["lead"]))
    alt = _("Line chart of top-1 versus MACs as in Figure 4, with a mark at the guess.")
    _draw_guess("figure4", curves if shown else curves[:1], mark, (26, 83.0), alt)


def show_phi(guess: Guess, shown: bool) -> None:
    """Show the rule; with the answer, draw how MACs grow with φ."""
    if not shown:
        outputs.formula()
        return
    grown = cache.growth(PAPER_RULE, Family.EFFICIENTNET)
    chart = go.Figure(growth(grown, float(guess["phi"])))
    baseline = next(step for step in grown.steps if step.phi == 0)
    doubling_phi = lesson_answers.doubling_phi()
    chart.add_scatter(
        name=_("twice B0's MACs by the rule: φ = {phi:.2f}").format(phi=doubling_phi),
        x=[doubling_phi],
        y=[2 * baseline.promised / 1e9],
        mode="markers",
        marker={"symbol": "circle-open", "size": 18, "color": VISITOR.colour, "line": {"width": 3}},
        hoverinfo="name",
    )
    alt = _("Line chart of MACs versus φ on a log scale, with a line at the guess.")
    _chart("growth", chart, alt, pd.DataFrame(drawn_numbers(chart, "phi", "macs_billions")))


def show_objective(guess: Guess, shown: bool) -> None:
    """Show the reward; with the answer, draw the paper's networks and lines of equal reward for any exponent."""
    if not shown:
        reward_formula()
        return
    exponent = st.slider(_("Exponent w"), -0.30, 0.0, EXPONENT, 0.01, key="lesson-exponent")
    goal = Objective(exponent=exponent)
    among = [candidate for candidate in candidates() if candidate.listing in (Listing.PAPER, Listing.PAPER_OTHERS)]
    ranked = ranking(goal, among)
    alt = _("Scatter chart of top-1 versus MACs with lines of equal reward; {name} has the highest reward.")
    rows = exhibit.frame(ranked, objective.table_columns())
    _chart("objective", reward_figure(goal, ranked), alt.format(name=ranked[0].candidate.name), rows)


def show_steps(guess: Guess, shown: bool) -> None:
    """Show the rule and its constraint; with the answer, draw the formula and the published coefficients."""
    if not shown:
        outputs.formula()
        st.latex(r"\alpha\cdot\beta^{2}\cdot\gamma^{2} \approx 2")
        return
    alt = _("Line chart of depth, width and resolution versus φ, by the formula and as published up to {name}.")
    rows = exhibit.table(second_step(), "phi", "times_b0")
    _chart("second-step", second_step_figure(), alt.format(name=second_steps()[-1].name), rows)


def show_results(guess: Guess, shown: bool) -> None:
    """Draw Figure 1 or 5; before the answer, without the EfficientNets."""
    cost = Cost.PARAMS
    if shown:
        cost = Cost(st.segmented_control(_("Cost"), list(Cost), default=cost, required=True, key="lesson-cost"))
    curves = [curve for curve in table2(PaperVersion.V5, cost, range(1, 9)) if curve.origin is Origin.PRINTED]
    visible = curves if shown else curves[1:]
    text = _("Chart of top-1 versus {cost} on a log scale: {series}.")
    alt = text.format(cost=cost_axis(cost).title, series=", ".join(curve.title for curve in visible))
    chart = paper_curves.draw_curves(visible, cost_axis(cost), paper_curves.accuracy_axis())
    _chart("figure1" if cost is Cost.PARAMS else "figure5", chart, alt, exhibit.table(visible, cost.column, "top1_pct"))


def _chart(name: str, chart: go.Figure, alt: str, rows: pd.DataFrame) -> None:
    """Show a figure at the height of a step, with its menu; while presenting, larger and without the menu."""
    key, room = f"lesson-{name}", PRESENT.get()
    sized = enlarge(chart, ROOM_TEXT_PX) if room else go.Figure(chart)
    sized.update_layout(height=ROOM_HEIGHT_PX if room else HEIGHT_PX)
    st.plotly_chart(sized, key=key, config=config(f"effviz-{key}"), alt=alt)
    if not room:
        title = _("How cost grows") if name == "growth" else _(exhibit.figure_title(name))
        chart_menu(key, sized, title, exhibit.credit_line(rows), rows)


# The step on Figure 7: live maps of five networks, labelled with letters, on two photos.

PHOTOS: Final = ("lemur", "coffee")
# All on ImageNet, one axis at a time.
PRESET: Final = next(preset for preset in PRESETS if preset.name == "scaling-axes")
LETTERS: Final = "ABCDE"
# The index in the preset of each letter's model: shuffled, with the finer maps not side by side.
_ORDER: Final = (2, 4, 0, 1, 3)
_STYLE: Final = OverlayStyle(view=RasterOptions(longest_px=PICTURE_PX))
PICTURE_WIDTH_PX, ROOM_PICTURE_WIDTH_PX = 142, 230


def role_of(letter: str) -> ScalingAxis:
    """Return the axis that the network behind a letter scales."""
    axis = PRESET.roles[_ORDER[LETTERS.index(letter)]]
    assert axis is not None  # only networks of other families have no axis
    return axis


def show_live_maps(guess: Guess, shown: bool) -> None:
    """Show a column of maps for each letter, with the name of the axis once the answer is shown."""
    entrants = [Entrant(model_card(PRESET.refs[at]), PRESET.roles[at], "", "") for at in _ORDER]
    choice = ExplanationChoice(Method.CAM, TargetLayer.LAST, TOP1)
    place = st.container()
    with st.container():  # for the progress bar
        entries = compute_cells([cache.bundled(name) for name in PHOTOS], entrants, choice)
    with place, st.container(horizontal=True, gap="small", key="lesson-maps"):
        for at, letter in enumerate(LETTERS):
            with st.container(width=ROOM_PICTURE_WIDTH_PX if PRESENT.get() else PICTURE_WIDTH_PX, gap="small"):
                _column(letter, entries[at :: len(LETTERS)], shown)
    st.caption(_("CAM for each network's first guess, each map on its own range. {frame}").format(frame=_(FRAME)))
    if awaited(entries):
        st.rerun()


def _column(letter: str, entries: Sequence[MapCell | MapGap], shown: bool) -> None:
    name = _(paper_curves.AXIS_TITLES[role_of(letter)])
    st.markdown(f"**{letter}** {name}" if shown else f"**{letter}**")
    for entry in entries:
        if isinstance(entry, MapGap):
            st.caption(entry.sentence)
            continue
        (scaled,) = rescale([entry.map], Scale.OWN)
        text, sentence = _("Map {letter} of {photo}: {sentence}"), describe_map(entry.map)
        alt = text.format(letter=letter, photo=entry.map.photo, sentence=sentence)
        st.image(cache.picture(entry.photo, scaled, _STYLE), width="stretch", alt=alt)
