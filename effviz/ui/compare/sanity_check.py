"""Does a map depend on what the model learnt? Randomise the network from the top and follow the map step by step."""

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

# How similar a network's maps stay to the intact one while the network is randomised from the top.

HEIGHT_PX = 300


def similarity_figure(steps: Sequence["ComparedMap"]) -> go.Figure:
    """Plot both measures against the steps at x = 0, 1, 2 ...; NaN leaves a gap."""
    chart, places = style.figure(HEIGHT_PX), list(range(len(steps)))
    parts = [_part(step.stage) for step in steps]
    for name, values, look in (  # they differ in colour, marker and dash
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
    chart.update_yaxes(title_text=_("Similarity to the intact map"), range=[min([0.0, *known]) - 0.05, 1.05])
    # An area that the curves do not reach, below the toolbar.
    chart.update_layout(legend={"orientation": "v", "xanchor": "right", "x": 1, "yanchor": "top", "y": 0.88})
    return chart


ASKED: Final = "sanity asked"  # in the session
CHART: Final = "sanity-curve"
PAPER: Final = "https://arxiv.org/abs/1810.03292"
MOST_STEPS: Final = 11  # the whole network, the classifier, the head, seven stages and the stem
PACE_MS: Final = 700


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """The results of both checks for one map."""

    steps: tuple["ComparedMap", ...]  # the intact network's map first
    other: "ComparedMap"


_CHECKS: SizeBoundedCache[Check] = SizeBoundedCache(
    budget_bytes(0.005), lambda check: 2048 * len(check.steps) + sum(step.map.values.nbytes for step in check.steps)
)


def show(cells: Sequence[MapCell]) -> None:
    """Show the choice of map; randomise its network on demand and show how the map changes."""
    text = _(
        "A sanity check: random weights replace the trained ones, part by part, from the classifier down to "
        "the first convolution. A map that stays the same shows edges in the photo, not what the model learnt. "
        "The check uses the last layer's map and breaks only a copy of the network."
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
            with st.container():  # holds the progress bar, so that what follows keeps its position and state
                checked = check(cell)
            _show(cell, checked)


def check(cell: MapCell) -> Check:
    """Run both checks of a cell's map at the last layer, in the visitor's turn.

    Raises:
        EffVizError: too many others are waiting, or the method is too slow for this check.
    """
    if checked := _CHECKS.find(_key(cell)):
        return checked
    with JobProgress(1, "sanity").shown(_key(cell), may_stop=True) as work:
        work.next(_("Randomising a copy of {model}").format(model=outputs.plain(cell.map.model)))
        with work.turn(job_queue.randomization_effort(cell.ref), _key(cell)) as progress:
            return _CHECKS.get(_key(cell), lambda: _checked(cell, progress))


def _key(cell: MapCell) -> tuple[Hashable, ...]:
    entry = cell.map
    return entry.model, entry.weights_sha256, entry.photo_sha256, entry.target_index, entry.method


def _checked(cell: MapCell, progress: Progress) -> Check:
    # Imported here so that the page loads without torch.
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
        alt = _("Similarity of the map to the intact one: {said}")
        st.plotly_chart(chart, key=CHART, config=style.config("sanity"), alt=alt.format(said=_ends(check)))
        rows: list[Row] = [
            {"random_down_to": step.stage, "rank_correlation": step.spearman, "ssim": step.ssim} for step in check.steps
        ]
        title = _("Does a map depend on what the model learnt?")
        chart_menu(CHART, chart, title, _("Measured and drawn by EffViz (Apache-2.0)."), rows)
    st.markdown(f"{_ends(check)} {_other(cell, check)}")
    if not cell.map.trained:
        st.error(_("Untrained: the weights are random, so this map means nothing."), icon=":material/warning:")
    outputs.sources((_("Adebayo et al. 2018"), PAPER), (_("Sixt et al. 2020"), "https://arxiv.org/abs/1912.09818"))


def payload(cell: MapCell, check: Check) -> Json:
    """Return the maps for the browser, one for each randomised part."""
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
    """Return the name of a part of the network in the visitor's language."""
    names = {"trained": _("intact"), "classifier": _("classifier"), "head": _("head"), "stem": _("stem")}
    return names.get(stage) or _("stage {number}").format(number=stage.removeprefix("stage "))


def _said(stage: str, number: int) -> str:
    if number == 0:
        return _("Nothing is broken: the trained network.")
    if number == 1:
        return _("The classifier is random; everything else is trained.")
    return _("Everything is random from the classifier down to this part: {part}.").format(part=_part(stage))


def _ends(check: Check) -> str:
    """Describe the similarity after all weights are randomised."""
    last = check.steps[-1]
    return _(
        "With all weights random, the map's rank correlation with the intact map is {spearman} and its SSIM is "
        "{ssim}: 1 is the same map, 0 is no similarity, and below 0 is the opposite order."
    ).format(spearman=_number(last.spearman), ssim=_number(last.ssim))


def _other(cell: MapCell, check: Check) -> str:
    """Describe the similarity to the map of a class drawn at random."""
    return _(
        "A second question is whether the map depends on its class. The trained network's {method} map for {name}, a "
        "class drawn at random, has a rank correlation of {spearman} with the map for {own} (SSIM {ssim})."
    ).format(
        name=outputs.plain(check.other.map.target_name),
        method=CAM_METHODS[cell.map.method].title,
        own=outputs.plain(cell.map.target_name),
        spearman=_number(check.other.spearman),
        ssim=_number(check.other.ssim),
    )


def _number(value: float) -> str:
    return _("undefined (one of the maps is constant)") if math.isnan(value) else typeset(f"{value:.2f}")
