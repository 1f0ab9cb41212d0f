"""Two-step scaling: the grid of alpha, beta and gamma with counted costs, a real search, and phi up to B7."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import plotly.graph_objects as go
import streamlit as st

from effviz.facts import two_step_search
from effviz.facts.paper_tables import PaperVersion
from effviz.facts.two_step_search import GUESS_URL, SearchResult, SearchSummary, SecondStep, second_steps
from effviz.i18n import _, lazy_gettext
from effviz.plots.grid_search import accuracy_space, blocks, cost, row_name, space, trials
from effviz.plots.paper_curves import AXIS_TITLES, CurvePoint, FigureAxis, FigureCurve, Origin, draw_curves
from effviz.plots.style import LOOKS
from effviz.scaling import PAPER_RULE
from effviz.scaling.architecture import BASE_RESOLUTION_PX
from effviz.scaling.coefficient_grid import B0, NEAR, NEAR_TO_COMPARE, GridPoint, GridSize, grid, point
from effviz.ui import glossary, inputs, outputs
from effviz.ui.paper.exhibit import Column, frame, note, numbers, show_exhibit, table
from effviz.zoo.presets import ScalingAxis

_PHIS: Final = range(8)  # the formula is straight on a log axis
_SYMBOLS = {ScalingAxis.DEPTH: "α^φ", ScalingAxis.WIDTH: "β^φ", ScalingAxis.RESOLUTION: "γ^φ"}


def second_step_figure() -> go.Figure:
    """Draw the formula and the published networks against phi."""
    phi = FigureAxis(_("φ (published networks:<br>guessed by a user of the code)"), "= φ")
    chart = draw_curves(second_step(), phi, FigureAxis(_("Times B0"), _("times B0"), log=True))
    ticks = (1, 1.25, 1.5, 2, 2.5, 3, 3.5)
    return chart.update_yaxes(tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])


def second_step() -> tuple[FigureCurve, ...]:
    """Return, for each dimension, the formula as a curve and the published values as dots."""
    return tuple(curve for role in _SYMBOLS for curve in (_formula(role), _published(role)))


def _formula(role: ScalingAxis) -> FigureCurve:
    dots = tuple(
        CurvePoint(f"φ = {phi:g}", phi, getattr(PAPER_RULE.at(phi), role), _("Eq. 3 with the paper's α, β and γ"))
        for phi in _PHIS
    )
    title = _("{method}, formula {symbol}").format(method=_(AXIS_TITLES[role]), symbol=_SYMBOLS[role])
    return FigureCurve(title, LOOKS[role], Origin.COMPUTED, dots)


def _published(role: ScalingAxis) -> FigureCurve:
    dots = []
    for step in second_steps():
        grown = getattr(step.published, role)
        times = grown / BASE_RESOLUTION_PX if role is ScalingAxis.RESOLUTION else grown
        label = step.name if role is ScalingAxis.DEPTH else ""
        dots.append(CurvePoint(step.name, step.phi, times, step.source, label))
    title = _("{method}, published").format(method=_(AXIS_TITLES[role]))
    return FigureCurve(title, LOOKS[role], Origin.PRINTED, tuple(dots), joined=False, text_position="top left")


def show_second_step() -> None:
    """Draw step 2: the published networks against the formula."""
    text = _("With α, β and γ fixed, φ alone should give every larger network. Do the published ones follow it?")
    st.markdown(text)
    curves = second_step()
    last = second_steps()[-1]
    alt = _(
        "Line chart of depth, width and resolution versus φ, by the formula and as published. {name}: depth {depth:g} "
        "published, {formula:.2f} by the formula."
    ).format(name=last.name, depth=last.published.depth, formula=last.formula.depth)
    show_exhibit("second-step", second_step_figure(), table(curves, "phi", "times_b0"), alt)
    outputs.sources(
        (_("formula: paper, Eq. 3"), PaperVersion.V5.url),
        (_("published: official code"), outputs.OFFICIAL_CODE),
        (_("φ: guessed by a user"), GUESS_URL),
    )
    text = _(
        "The published coefficients follow the formula at first, then fall below it in depth: {name} is {depth:g} "
        "times as deep as B0, not {formula:.2f} times."
    )
    st.markdown(text.format(name=last.name, depth=last.published.depth, formula=last.formula.depth))
    columns: dict[str, Column[SecondStep]] = {
        "network": Column(lambda step: step.name, _("Network")),
        "phi_guessed": Column(lambda step: step.phi, _("φ, guessed"), "%.1f"),
        "depth_formula": Column(lambda step: step.formula.depth, _("Depth, formula"), "×%.2f"),
        "depth_published": Column(lambda step: step.published.depth, _("Depth, published"), "×%.1f"),
        "width_formula": Column(lambda step: step.formula.width, _("Width, formula"), "×%.2f"),
        "width_published": Column(lambda step: step.published.width, _("Width, published"), "×%.1f"),
        "resolution_px_formula": Column(
            lambda step: BASE_RESOLUTION_PX * step.formula.resolution, _("Input, formula"), "%.0f px"
        ),
        "resolution_px_published": Column(lambda step: step.published.resolution, _("Input, published"), "%d px"),
        "phi_of_depth": Column(lambda step: step.implied.depth, _("φ of depth"), "%.2f"),
        "phi_of_width": Column(lambda step: step.implied.width, _("φ of width"), "%.2f"),
        "phi_of_resolution": Column(lambda step: step.implied.resolution, _("φ of input"), "%.2f"),
        "source": Column(lambda step: step.source),
    }
    numbers("second-step-rows", second_steps(), columns)
    text = _(
        "The paper never lists a φ. The guess for B3 to B7 is rough, as the user who made it says. The last columns "
        "show which φ each published dimension implies, and they disagree. We found no explanation by the authors."
    )
    st.caption(text)


GRID = "grid"
SIZES = {GridSize.COARSE: lazy_gettext("Coarse"), GridSize.FINE: lazy_gettext("Fine")}
COUNTED = "planned by EffViz with the official code's rounding"


def show() -> None:
    """Draw the section."""
    text = _(
        "**Step 1** tries values of α, β and γ of at least 1 with α·β²·γ² ≈ 2 on B0, so that φ = 1 doubles the MACs. "
        "**Step 2** fixes the best α, β and γ and raises φ. The paper found 1.2, 1.1 and 1.15; it never published its "
        "grid or the accuracies of the other points."
    )
    st.markdown(text)
    st.subheader(_("Step 1: which points double the MACs?"))
    _grid()
    st.subheader(_("Step 1, run for real"), help=glossary.tip("proxy", "seed"))
    _searched(two_step_search.shipped_results())
    st.subheader(_("Step 2: from φ to B7"))
    show_second_step()


def _grid() -> None:
    names = {str(size): _(name) for size, name in SIZES.items()}
    help = _("We chose the step sizes: 0.2 for α, 0.1 for β and 0.05 for γ, or 0.1 for α and 0.05 for β.")
    size = inputs.choose_one(_("Grid"), names, GRID, str(GridSize.COARSE), help)
    points = grid(GridSize(size))
    st.markdown(_("Each point is a network: B0 scaled, with its blocks, channels and pixels rounded."))
    rows = frame(points, _grid_columns())
    alt = _(
        "Three-dimensional scatter chart of α, β and γ around the surface α·β²·γ² = 2, coloured by the counted MACs: "
        "{all} points from {least:.2f} to {most:.2f} times those of B0. The CSV also has the numbers."
    ).format(all=len(points), least=min(p.macs_ratio for p in points), most=max(p.macs_ratio for p in points))
    show_exhibit("search-grid", space(points), rows, alt)
    st.markdown(_doubled(points))
    _rounding()
    alt = _(
        "Scatter chart of counted MACs versus MACs by the formula: {above} of {all} points cost more than the formula "
        "says."
    ).format(above=sum(p.macs_ratio > p.paper_ratio for p in points), all=len(points))
    show_exhibit("search-cost", cost(points), rows, alt)
    outputs.sources((_("paper, section 3.3 and section 4, step 1"), PaperVersion.V5.url))
    with st.expander(_("Table of all points")):
        numbers("search-rows", points, _grid_columns())


def _doubled(points: Sequence[GridPoint]) -> str:
    return _(
        "Within {near:.0%} of 2, **{paper}** of {all} points double B0's MACs by the formula, **{truth}** do so when "
        "counted, and only **{both}** do both. The paper does not say how close a point had to be."
    ).format(
        paper=sum(p.on_paper for p in points),
        truth=sum(p.really for p in points),
        both=sum(p.on_paper and p.really for p in points),
        all=len(points),
        near=NEAR,
    )


def _rounding() -> None:
    own = point(PAPER_RULE)
    text = _(
        "By the formula, the paper's own choice costs {paper:.2f} times B0's MACs. Counted, the factor is "
        "**{truth:.2f}**, because the official code rounds up the number of blocks in every stage: depth 1.2 turns 16 "
        "blocks into {blocks}, not 19."
    )
    note(text.format(paper=own.paper_ratio, truth=own.macs_ratio, blocks=blocks(own)))


def _grid_columns() -> dict[str, Column[GridPoint]]:
    return {
        "alpha": Column(lambda point: point.rule.alpha, "α", "%.1f"),
        "beta": Column(lambda point: point.rule.beta, "β", "%.2f"),
        "gamma": Column(lambda point: point.rule.gamma, "γ", "%.2f"),
        "paper_ratio": Column(lambda point: point.paper_ratio, _("MACs by the formula"), "×%.3f"),
        "macs_ratio": Column(lambda point: point.macs_ratio, _("MACs counted"), "×%.3f"),
        "on_paper": Column(lambda point: point.on_paper, _("Doubled by the formula")),
        "in_truth": Column(lambda point: point.really, _("Doubled as counted")),
        "blocks": Column(blocks, _("MBConv blocks")),
        "resolution_px": Column(lambda point: point.plan.resolution, _("Input"), "%d px"),
        "macs": Column(lambda point: point.plan.macs, _("MACs"), "compact"),
        "params": Column(lambda point: point.plan.params, _("Parameters"), "compact"),
        "source": Column(lambda _point: COUNTED),
    }


def _searched(results: Sequence[SearchResult]) -> None:
    points = two_step_search.summarize_points(results)
    base = next((point.results[0] for point in points if point.is_baseline), None)
    if base is None:
        text = _(
            "This copy of EffViz includes no finished search, so no accuracy is shown. To run one, use `effviz search "
            "--data FOLDER --grid coarse`."
        )
        st.info(text, icon=":material/hourglass_empty:")
        return
    st.markdown(_size(results, base))
    names = "; ".join(f"{row_name(point)} {point.top1_pct:.2f} %" for point in points)
    alt = _("Dot chart of top-1 for every training run, best point first: {names}.").format(names=names)
    show_exhibit("search-trials", trials(points), [asdict(result) for result in results], alt)
    st.markdown(_verdict(points))
    text = _(
        "Each ring is one training run; the bar through the filled diamond is the standard deviation between seeds. "
        "One seed says little: a single ring to the right of the diamond may just be luck."
    )
    st.caption(text)
    _accuracies(points, base)


def _size(results: Sequence[SearchResult], base: SearchResult) -> str:
    return _(
        "A small search by this project, not the paper's: {count} training runs of {epochs} epochs each, {minutes:.0f} "
        "minutes in all. The baseline is B0 cut to depth {depth:g}, width {width:g} and {px} px, with {macs:.2f} "
        "million MACs (B0 has {b0:.0f}), evaluated on {pictures} validation images; {source}. It shows the method, not "
        "which α, β and γ suit ImageNet: {px} px are so few that more pixels alone (γ) may win for that reason."
    ).format(
        count=len(results),
        epochs=base.epochs,
        minutes=sum(result.seconds for result in results) / 60,
        depth=base.depth,
        width=base.width,
        px=base.resolution_px,
        macs=base.macs / 1e6,
        b0=B0.macs / 1e6,
        pictures=f"{base.pictures:,}",
        source=base.source,  # its command is in backticks, which Markdown renders as code
    )


def _verdict(points: Sequence[SearchSummary]) -> str:
    leader, noise = two_step_search.best_point(points), two_step_search.noise_pct(points)
    if leader is None or noise is None:
        return _("No point has been trained with two seeds yet. The noise is unknown, so none counts as the best.")
    others = [point for point in points if not point.is_baseline and point is not leader]
    level = sum(two_step_search.level_with(point, leader, noise) for point in others)
    text = _(
        "Best with two seeds or more: **{leader}**, {top1:.2f} % on average over {seeds} seeds. Training runs of the "
        "same network differ by {noise:.2f} points (standard deviation), so **{level} of the other {others} points may "
        "be as good**."
    )
    seeds = len(leader.results)
    return text.format(
        leader=row_name(leader), top1=leader.top1_pct, seeds=seeds, noise=noise, level=level, others=len(others)
    )


def _accuracies(points: Sequence[SearchSummary], base: SearchResult) -> None:
    """Show the grid of the searched network, with the accuracy of each trained point."""
    means = {point.rule: point for point in points}
    tried = grid(GridSize.COARSE, two_step_search.baseline_of(base))
    top1_pct = [means[point.rule].top1_pct if point.rule in means else None for point in tried]
    rows = frame(tried, _grid_columns())
    rows.insert(5, "top1_pct", top1_pct)
    rows.insert(6, "seeds", [len(means[point.rule].results) if point.rule in means else 0 for point in tried])
    trained = [top1 for top1 in top1_pct if top1 is not None]
    if not trained:
        return
    alt = _(
        "Three-dimensional scatter chart of the searched grid: {trained} of {all} points trained, {least:.2f} to "
        "{most:.2f} % top-1."
    ).format(trained=len(trained), all=len(tried), least=min(trained), most=max(trained))
    show_exhibit("search-accuracy", accuracy_space(tried, top1_pct), rows, alt)
    text = _(
        "The same grid for the small baseline, which rounds differently from B0. Among the points that double its MACs "
        "by the formula, only those whose counted MACs are within {near:.0%} of double were trained, one for each "
        "distinct network."
    )
    st.caption(text.format(near=NEAR_TO_COMPARE))
