"""What is left of a class's probability while a model's input is taken away or brought in, for several models."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from effviz.plots.style import TEMPLATE, Look
from effviz.words import _

HEIGHT_PX = 560


@dataclass(frozen=True, slots=True)
class Line:
    """A probability at each step, and the area under it."""

    values: tuple[float, ...]
    auc: float


@dataclass(frozen=True, slots=True)
class Masked:
    """One model: what its map does, and what a random one does."""

    name: str
    look: Look
    deletion: Line
    insertion: Line
    random_deletion: Line
    random_insertion: Line


def masked(drawn: Sequence[Masked], shares: Sequence[float]) -> go.Figure:
    """Draw deletion above insertion, over the shares of the area that have changed, 0 to 1; random maps as dots."""
    made = make_subplots(
        rows=2,
        shared_xaxes=True,
        vertical_spacing=0.06,
    )
    percent = [100 * share for share in shares]
    for model in drawn:
        made.add_trace(_measured(model, model.deletion, percent, _name(model)), 1, 1)
        made.add_trace(_measured(model, model.insertion, percent), 2, 1)
        made.add_trace(_random(model, model.random_deletion, percent), 1, 1)
        made.add_trace(_random(model, model.random_insertion, percent), 2, 1)
    made.add_trace(_random_in_legend(drawn), 1, 1)
    made.update_layout(template=TEMPLATE, height=HEIGHT_PX, margin={"l": 72, "t": 12})
    made.update_layout(legend={"y": -0.16, "yanchor": "top"})
    made.update_xaxes(title_text=_("Area of the input that has changed (%)"), row=2)
    made.update_yaxes(range=[-3, 103])
    # Beside the curves: the line that says where the pictures are crosses what stands between them.
    made.update_yaxes(title_text=_title(_("Taken away: low is good")), row=1)
    made.update_yaxes(title_text=_title(_("Brought in: high is good")), row=2)
    return made


def _title(good: str) -> str:
    return f"<b>{good}</b><br>" + _("Probability (%)")


def _name(model: Masked) -> str:
    areas = _("{model}: areas {deletion:.2f} and {insertion:.2f}")
    return areas.format(model=model.name, deletion=model.deletion.auc, insertion=model.insertion.auc)


def _measured(model: Masked, line: Line, percent: Sequence[float], legend: str = "") -> go.Scatter:
    return go.Scatter(
        name=legend or model.name,
        legendgroup=model.name,
        showlegend=bool(legend),
        x=percent,
        y=[100 * value for value in line.values],
        hovertemplate="%{y:.1f} %<extra>" + model.name + "</extra>",
        mode="lines+markers",
        line={"color": model.look.colour, "width": 2},
        marker={"color": model.look.colour, "symbol": model.look.symbol, "size": 6},
    )


def _random(model: Masked, line: Line, percent: Sequence[float]) -> go.Scatter:
    return go.Scatter(
        name=_("{model}, random map").format(model=model.name),
        legendgroup=model.name,
        showlegend=False,
        x=percent,
        y=[100 * value for value in line.values],
        hovertemplate="%{y:.1f} %<extra>" + _("{model}, random map").format(model=model.name) + "</extra>",
        mode="lines",
        line={"color": model.look.colour, "width": 1.5, "dash": "dot"},
    )


def _random_in_legend(drawn: Sequence[Masked]) -> go.Scatter:
    """What dots mean, once for all models."""
    colour = drawn[0].look.colour if len(drawn) == 1 else None
    line = {"dash": "dot", "width": 1.5, "color": colour or TEMPLATE.layout.font.color}
    return go.Scatter(name=_("a random map instead"), x=[None], y=[None], mode="lines", line=line, hoverinfo="skip")
