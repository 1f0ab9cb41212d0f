"""The trainings of a grid search, one dot each: how far points differ, beside how far two seeds of one point do."""

from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from effviz.facts.searched import SearchResult, SearchSummary, best, level_with, noise_pct
from effviz.plots.search import label, source
from effviz.plots.style import GREY, LOOKS, OLIVE, figure
from effviz.words import _
from effviz.zoo.presets import Role

ROW_PX: Final = 24
FRAME_PX: Final = 120


def row_name(of: SearchSummary) -> str:
    """A row of the figure."""
    return _("Baseline, unscaled") if of.is_baseline else label(of.rule)


def trials(points: Sequence[SearchSummary]) -> go.Figure:
    """Draw every training; `points` come the most accurate first, and stand in this order from the top."""
    made = figure(FRAME_PX + ROW_PX * len(points))
    leader, noise = best(points), noise_pct(points)
    level = [of for of in points if leader and noise is not None and _level(of, leader, noise)]
    single = [(of, result) for of in points for result in of.results]
    rest = [of for of in points if len(of.results) > 1 and of is not leader and of not in level]
    made.add_trace(_means(_("Mean of its seeds"), rest, GREY, "line-ns-open", 14))
    if leader and noise is not None:
        of_level = [of for of in level if of is not leader]
        made.add_trace(_means(_("Level with the best, within the noise"), of_level, OLIVE, "diamond", 9))
        star = _means(_("Best with two seeds or more"), [leader], LOOKS[Role.COMPOUND].colour, "star", 13)
        star.error_x = {"type": "data", "array": [noise], "thickness": 2, "width": 5}
        made.add_trace(star)
    made.add_trace(_dots(_("One training"), single))  # last: on top of what stands for several
    made.update_xaxes(title_text=_("Top-1 on the validation pictures (%)"))
    rows = [row_name(of) for of in points]
    return made.update_yaxes(categoryorder="array", categoryarray=rows[::-1], tickfont={"size": 11}, automargin=True)


def _level(of: SearchSummary, leader: SearchSummary, noise: float) -> bool:
    return not of.is_baseline and level_with(of, leader, noise)


def _dots(name: str, of: Sequence[tuple[SearchSummary, SearchResult]]) -> go.Scatter:
    return go.Scatter(
        name=name,
        x=[result.top1_pct for _point, result in of],
        y=[row_name(point) for point, _result in of],
        mode="markers",
        marker={"color": GREY, "symbol": "circle-open", "size": 7},
        hovertext=[_hover(point, result) for point, result in of],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _means(name: str, of: Sequence[SearchSummary], colour: str, symbol: str, size: int) -> go.Scatter:
    return go.Scatter(
        name=name,
        x=[point.top1_pct for point in of],
        y=[row_name(point) for point in of],
        mode="markers",
        marker={"color": colour, "symbol": symbol, "size": size, "line": {"color": colour, "width": 2}},
        hovertext=[
            _("<b>{point}</b><br>mean of {count} trainings: {top1:.2f} %").format(
                point=row_name(point), count=len(point.results), top1=point.top1_pct
            )
            for point in of
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _hover(point: SearchSummary, result: SearchResult) -> str:
    words = _("<b>{point}</b>, seed {seed}<br>{top1:.2f} % top-1<br>{ratio:.3f} times the baseline's MACs").format(
        point=row_name(point), seed=result.seed, top1=result.top1_pct, ratio=result.macs_ratio
    )
    return f"{words}<br>{source(result.source)}"
