"""The networks that two limits allow: a roof over width and resolution, and a cut through it at one depth."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from effviz.plots.saturation import METHODS
from effviz.plots.style import GREY, LOOKS, OLIVE, figure
from effviz.scaling.blocks import BASE_RESOLUTION_PX
from effviz.scaling.feasible import EdgePoint, RegionPoint, Scarce
from effviz.scaling.plans import Plan
from effviz.words import _, later
from effviz.zoo.presets import Role

ROOF_HEIGHT_PX, EDGE_HEIGHT_PX = 500, 420  # a roof that is higher than this is cut off at a phone's sides
SCARCE = {Scarce.MACS: later("MACs stop it"), Scarce.MEMORY: later("Memory stops it")}
_COLOURS = {Scarce.MACS: GREY, Scarce.MEMORY: OLIVE}  # no colours of scaling methods
_DASHES = {Scarce.MACS: "solid", Scarce.MEMORY: "dash"}
# Plotly has fewer markers in three dimensions than in two.
_SYMBOLS = {
    Role.BASELINE: "circle",
    Role.DEPTH: "cross",
    Role.WIDTH: "square",
    Role.RESOLUTION: "diamond",
    Role.COMPOUND: "circle",
}
# Labels at the left and the right end of the roof begin or end at their networks, to stay inside.
_INWARD = {Role.WIDTH: "left", Role.RESOLUTION: "right"}
_WIDTH, _RESOLUTION, _DEPTH = later("Width, w"), later("Resolution, r"), later("Depth, d")
_WASH = "rgba(120, 120, 120, 0.18)"  # of what fits, on any background


def roof(mesh: Sequence[Sequence[RegionPoint]], networks: Mapping[Role, Plan]) -> go.Figure:
    """Draw the deepest network over every width and resolution, coloured by the limit that stops it."""
    drawn = figure(ROOF_HEIGHT_PX)
    drawn.add_trace(_surface(mesh))
    drawn.add_traces([_key(scarce) for scarce in Scarce if any(of.stopped_by is scarce for row in mesh for of in row)])
    drawn.add_traces([_spot(role, of) for role, of in networks.items()])
    axis = {"gridcolor": GREY, "backgroundcolor": "rgba(0, 0, 0, 0)"}
    drawn.update_layout(
        margin={"l": 0, "r": 0, "t": 12, "b": 0},
        scene={
            "xaxis": axis | {"title": _(_WIDTH)},
            "yaxis": axis | {"title": _(_RESOLUTION)},
            "zaxis": axis | {"title": _(_DEPTH)},
            # The baseline's place, below the roof, is the axes' corner.
            "annotations": [_label(role, of) for role, of in networks.items() if role is not Role.BASELINE],
            "aspectmode": "cube",
            "camera": {"eye": {"x": 1.6, "y": 1.4, "z": 0.8}, "center": {"x": 0, "y": 0, "z": -0.15}},
        },
    )
    return drawn


def edge(points: Sequence[EdgePoint], networks: Mapping[Role, Plan], finest: float) -> go.Figure:
    """Draw how fine the input may be at each width, by each limit; `networks` have the depth of the cut."""
    drawn = figure(EDGE_HEIGHT_PX)
    drawn.add_traces(_wash(points))
    drawn.add_traces([_limit(points, scarce) for scarce in Scarce])
    drawn.add_traces([_marker(role, of) for role, of in networks.items()])
    drawn.update_xaxes(title_text=_(_WIDTH))
    drawn.update_yaxes(title_text=_(_RESOLUTION), range=[0.97, 1 + 1.12 * (finest - 1)])
    return drawn


def _surface(mesh: Sequence[Sequence[RegionPoint]]) -> go.Surface:
    scale = [
        [step, _COLOURS[scarce]] for scarce, ends in zip(Scarce, ((0, 0.5), (0.5, 1)), strict=True) for step in ends
    ]
    return go.Surface(
        name=_("The deepest that fits"),
        x=[[of.width for of in row] for row in mesh],
        y=[[of.resolution for of in row] for row in mesh],
        z=[[of.depth for of in row] for row in mesh],
        surfacecolor=[[list(Scarce).index(of.stopped_by) for of in row] for row in mesh],
        customdata=[[_words(of) for of in row] for row in mesh],
        hovertemplate="%{customdata}<extra></extra>",
        colorscale=scale,
        cmin=0,
        cmax=1,
        opacity=0.6,
        showscale=False,
        showlegend=False,
    )


def _words(of: RegionPoint) -> str:
    return _("w = {width:.2f}, r = {resolution:.2f} ({px} px)<br>at most d = {depth:.2f}: {stop}").format(
        width=of.width, resolution=of.resolution, px=of.resolution_px, depth=of.depth, stop=_(SCARCE[of.stopped_by])
    )


def _key(scarce: Scarce) -> go.Scatter3d:
    """A legend entry, which a surface of two colours does not have."""
    return go.Scatter3d(
        name=_(SCARCE[scarce]),
        x=[None],
        y=[None],
        z=[None],
        mode="markers",
        marker={"color": _COLOURS[scarce], "symbol": "square", "size": 8, "opacity": 0.6},
        showlegend=True,
    )


def _spot(role: Role, of: Plan) -> go.Scatter3d:
    return go.Scatter3d(
        name=_(METHODS[role]),
        x=[of.width],
        y=[_resolution(of)],
        z=[of.depth],
        mode="markers",
        marker={"color": LOOKS[role].colour, "symbol": _SYMBOLS[role], "size": 6},
        hovertemplate=f"{_place(role, of)}<extra></extra>",
        showlegend=False,
    )


def _label(role: Role, of: Plan) -> dict[str, object]:
    """A network's name in the page's ink, always before the roof: text of a trace would show through it in grey."""
    return {
        "text": f"<b>{_(METHODS[role])}</b>",
        "x": of.width,
        "y": _resolution(of),
        "z": of.depth,
        "showarrow": False,
        "xanchor": _INWARD.get(role, "center"),
        "yanchor": "bottom",
        "yshift": 6,
        "font": {"size": 13},
    }


def _resolution(of: Plan) -> float:
    return of.resolution / BASE_RESOLUTION_PX


def _place(role: Role, of: Plan) -> str:
    return _("<b>{method}</b><br>d = {depth:.2f}, w = {width:.2f}, r = {resolution:.2f} ({px} px)").format(
        method=_(METHODS[role]), depth=of.depth, width=of.width, resolution=_resolution(of), px=of.resolution
    )


def _wash(points: Sequence[EdgePoint]) -> list[go.Scatter]:
    """The area that fits: between r = 1 and the lower of the two limits."""
    fitting = [(of.width, of.px / BASE_RESOLUTION_PX) for of in points if of.px is not None]
    floor = go.Scatter(
        x=[width for width, _r in fitting],
        y=[1.0 for _point in fitting],
        mode="lines",
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )
    ceiling = go.Scatter(
        name=_("Fits"),
        x=[width for width, _r in fitting],
        y=[resolution for _w, resolution in fitting],
        mode="lines",
        line={"width": 0},
        fill="tonexty",
        fillcolor=_WASH,
        hoverinfo="skip",
    )
    return [floor, ceiling]


def _limit(points: Sequence[EdgePoint], scarce: Scarce) -> go.Scatter:
    pixels = [of.macs_px if scarce is Scarce.MACS else of.memory_px for of in points]
    return go.Scatter(
        name=_("The limit of MACs") if scarce is Scarce.MACS else _("The limit of memory"),
        x=[of.width for of in points],
        y=[None if px is None else px / BASE_RESOLUTION_PX for px in pixels],
        customdata=pixels,
        mode="lines",
        line={"color": _COLOURS[scarce], "dash": _DASHES[scarce], "width": 2},
        hovertemplate="w = %{x:.2f}: r ≤ %{y:.2f} (%{customdata} px)<extra>%{fullData.name}</extra>",
    )


def _marker(role: Role, of: Plan) -> go.Scatter:
    look = LOOKS[role]
    return go.Scatter(
        name=_(METHODS[role]),
        x=[of.width],
        y=[_resolution(of)],
        text=[_(METHODS[role])],
        textposition="top left" if role is Role.WIDTH else "top right",  # width lies at the right end
        cliponaxis=False,
        mode="markers+text",
        textfont={"size": 12, "color": look.colour},
        marker={"color": look.colour, "symbol": look.symbol, "size": 12},
        hovertemplate=f"{_place(role, of)}<extra></extra>",
        showlegend=False,
    )
