"""Does a map depend on what the model learnt? Its network is randomised from the top, the map followed all the way."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import plotly.graph_objects as go
import streamlit as st

from effviz.explain.cam_methods import CAM_METHODS
from effviz.explain.overlay import palette_colours
from effviz.i18n import _, typeset
from effviz.plots import style
from effviz.progress import Progress
from effviz.settings import budget_bytes
from effviz.ui import cache, job_queue, outputs
from effviz.ui.cache import SizeBoundedCache
from effviz.ui.compare import display_settings, grid_data, photo_picker
from effviz.ui.compare.map_cells import MapCell
from effviz.ui.components import Json, base64_text, jpeg_address
from effviz.ui.components.grid import pack
from effviz.ui.components.picture import Row, chart_menu
from effviz.ui.components.reel import reel
from effviz.ui.guard import guard
from effviz.ui.job_progress import JobProgress, ask, stopped

if TYPE_CHECKING:
    from effviz.evaluate.map_similarity import ComparedMap

# How alike the maps of a network stay while it is broken from the top.

HEIGHT_PX = 300


def similarity_figure(steps: Sequence["ComparedMap"]) -> go.Figure:
    """Draw both measures over the steps, which are at x = 0, 1, 2 ...; nan leaves a gap."""
    chart, places = style.figure(HEIGHT_PX), list(range(len(steps)))
    parts = [_part(step.stage) for step in steps]
    for name, values, look in (  # they differ in colour, mark and dash
        (_("Rank correlation (Spearman)"), [step.spearman for step in steps], style.SERIES[0]),
        (_("Structural similarity (SSIM)"), [step.ssim for step in steps], style.SERIES[5]),
    ):
        chart.add_scatter(
            name=name,
            x=places,
            y=values,
            hovertext=[f"<b>{part}</b><br>{name} {value:.2f}" for part, value in zip(parts, values, strict=True)],
            hovertemplate="%{hovertext}<extra></extra>",
            mode="lines+markers",
            line={"color": look.colour, "dash": look.dash, "width": 2},
            marker={"color": look.colour, "symbol": look.symbol, "size": 9},
        )
    chart.update_xaxes(tickvals=places, ticktext=parts, tickangle=-45)
    known = [value for step in steps for value in (step.spearman, step.ssim) if not math.isnan(value)]
    chart.update_yaxes(title_text=_("Likeness to the intact map"), range=[min([0.0, *known]) - 0.05, 1.05])
    # Where broken networks' curves do not come, and below the tool bar.
    chart.update_layout(legend={"orientation": "v", "xanchor": "right", "x": 1, "yanchor": "top", "y": 0.88})
    return chart


ASKED: Final = "sanity asked"  # in the session
CHART: Final = "sanity-curve"
PAPER: Final = "https://arxiv.org/abs/1810.03292"
MOST_STEPS: Final = 11  # the whole network, the classifier, the head, seven stages and the stem
PACE_MS: Final = 700


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """What both checks say about one map."""

    steps: tuple["ComparedMap", ...]  # the whole network's map first
    other: "ComparedMap"


_CHECKS: SizeBoundedCache[Check] = SizeBoundedCache(
    budget_bytes(0.005), lambda check: 2048 * len(check.steps) + sum(step.map.values.nbytes for step in check.steps)
)


def show(cells: Sequence[MapCell]) -> None:
    """Choose one map, break its network on demand, and move through what became of the map."""
    text = _(
        "A sanity check: the trained weights are replaced by random ones, part after part, from the classifier "
        "down to the first convolution. A map that stays the same shows edges of the photo, not what the model "
        "learnt. The check looks at the last layer's map, and breaks only a copy of the network."
    )
    st.caption(text)
    place, name = st.columns([3, 1], vertical_alignment="bottom")
    with place:
        cell = photo_picker.choose_cell(_("Map to check"), cells, "sanity_cell")
    key = _key(cell)
    with name:
        st.button(_("Break the network"), key="sanity", width="stretch", on_click=ask, args=(ASKED, key))
    if st.session_state.get(ASKED) == key and (key in _CHECKS or not stopped(key)):
        with guard():
            with st.container():  # for the bar: what follows has the same place without it, and stays as it was played
                checked = check(cell)
            _show(cell, checked)


def check(cell: MapCell) -> Check:
    """Both checks of a cell's map at the last layer, made when it is the visitor's turn.

    Raises:
        EffVizError: too many wait, or the method takes too long for this.
    """
    if checked := _CHECKS.find(_key(cell)):
        return checked
    with JobProgress(1, "sanity").shown(_key(cell), may_stop=True) as work:
        work.next(_("A copy of {model} is broken").format(model=outputs.plain(cell.map.model)))
        with work.turn(job_queue.randomization_effort(cell.ref), _key(cell)) as progress:
            return _CHECKS.get(_key(cell), lambda: _checked(cell, progress))


def _key(cell: MapCell) -> tuple[Hashable, ...]:
    entry = cell.map
    return entry.model, entry.weights_sha256, entry.photo_sha256, entry.target_index, entry.method


def _checked(cell: MapCell, progress: Progress) -> Check:
    # Imported here: a page shows itself without torch.
    from effviz.evaluate.map_similarity import cascade, random_logit

    entry, steps = cell.map, []
    whole = cache.forward(cell.ref, cell.photo)
    for step in cascade(whole, entry.target_index, entry.method):
        steps.append(step)
        progress(min(1.0, len(steps) / MOST_STEPS))
    return Check(tuple(steps), random_logit(whole, entry.target_index, entry.method))


def _show(cell: MapCell, check: Check) -> None:
    pictures, curve = st.columns(2, gap="large")
    with pictures:
        reel(payload(cell, check), "sanity-reel")
    with curve:
        chart = similarity_figure(check.steps)
        alt = _("How alike the map stays to the intact one: {said}")
        st.plotly_chart(chart, key=CHART, config=style.config("sanity"), alt=alt.format(said=_ends(check)))
        rows: list[Row] = [
            {"random_down_to": step.stage, "rank_correlation": step.spearman, "ssim": step.ssim} for step in check.steps
        ]
        title = _("Does a map depend on what the model learnt?")
        chart_menu(CHART, chart, title, _("Measured and drawn by EffViz (Apache-2.0)."), rows)
    st.markdown(f"{_ends(check)} {_other(cell, check)}")
    if not cell.map.trained:
        st.error(_("Untrained: random weights, this map means nothing."), icon=":material/warning:")
    outputs.sources((_("Adebayo et al. 2018"), PAPER), (_("Sixt et al. 2020"), "https://arxiv.org/abs/1912.09818"))


def payload(cell: MapCell, check: Check) -> Json:
    """The maps as the browser gets them, one for each part that was broken."""
    line = _("Rank correlation {spearman}, SSIM {ssim}")
    lines = [line.format(spearman=_number(step.spearman), ssim=_number(step.ssim)) for step in check.steps]
    panel = {
        "title": cell.ref.label,
        "colour": grid_data.axis_colour(cell.entrant),
        "lines": {"": lines},
        "photo": jpeg_address(cache.thumbnail(cell.photo)),
        "place": grid_data.map_place(check.steps[0].map),
        "maps": pack([step.map.values for step in check.steps]),
    }
    return {
        "kind": "melting",
        "label": _("Break the network from the top"),
        "said": [_said(step.stage, number) for number, step in enumerate(check.steps)],
        "ways": [],
        "chart": CHART,
        "places": list(range(len(check.steps))),
        "start": 0,
        "pace": PACE_MS,
        "look": display_settings.display_payload(),
        "palette": base64_text(palette_colours(display_settings.PALETTE.get()).tobytes()),
        "panels": [panel],
    }


def _part(stage: str) -> str:
    """A part of the network in the visitor's language."""
    names = {"trained": _("intact"), "classifier": _("classifier"), "head": _("head"), "stem": _("stem")}
    return names.get(stage) or _("stage {number}").format(number=stage.removeprefix("stage "))


def _said(stage: str, number: int) -> str:
    if number == 0:
        return _("Nothing is broken: the trained network.")
    if number == 1:
        return _("The classifier is random, all else is trained.")
    return _("All is random from the classifier down to this part: {part}.").format(part=_part(stage))


def _ends(check: Check) -> str:
    """What is left of the map in the end."""
    last = check.steps[-1]
    return _(
        "With all weights random, the map's rank correlation with the intact one is {spearman} and its SSIM {ssim}; "
        "1 would be the same map, 0 is no likeness at all, below 0 is the opposite order."
    ).format(spearman=_number(last.spearman), ssim=_number(last.ssim))


def _other(cell: MapCell, check: Check) -> str:
    """What the map of a class drawn at random has to do with it."""
    return _(
        "Another question is whether the map knows its class: for {name}, a class drawn at random, the trained "
        "network's map by {method} has a rank correlation of {spearman} with the one for {own} (SSIM {ssim})."
    ).format(
        name=outputs.plain(check.other.map.target_name),
        method=CAM_METHODS[cell.map.method].title,
        own=outputs.plain(cell.map.target_name),
        spearman=_number(check.other.spearman),
        ssim=_number(check.other.ssim),
    )


def _number(value: float) -> str:
    return _("undefined (a map is the same everywhere)") if math.isnan(value) else typeset(f"{value:.2f}")
