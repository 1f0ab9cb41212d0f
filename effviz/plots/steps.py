"""Step 2 of the paper's method: the formula's three curves over phi, and the published coefficients beside them."""

from typing import Final

import plotly.graph_objects as go

from effviz.facts.steps import second_steps
from effviz.plots.curves import Axis, Curve, Dot, Origin, curves
from effviz.plots.saturation import METHODS
from effviz.plots.style import LOOKS
from effviz.scaling import PAPER_RULE
from effviz.scaling.blocks import BASE_RESOLUTION_PX
from effviz.words import _
from effviz.zoo.presets import Role

_PHIS: Final = range(8)  # the formula is straight on a log axis
_SYMBOLS = {Role.DEPTH: "α^φ", Role.WIDTH: "β^φ", Role.RESOLUTION: "γ^φ"}


def phi_axis() -> Axis:
    """The horizontal axis."""
    return Axis(_("φ (published networks: a user's guess)"), "= φ")


def times_axis() -> Axis:
    """The vertical axis; the formula is straight on it."""
    return Axis(_("Times B0"), _("times B0"), log=True)


def figure() -> go.Figure:
    """Draw the curves."""
    ticks = (1, 1.25, 1.5, 2, 2.5, 3, 3.5)
    made = curves(second_step(), phi_axis(), times_axis())
    return made.update_yaxes(tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])


def second_step() -> tuple[Curve, ...]:
    """For each dimension the formula as a curve, and what was published as dots."""
    return tuple(curve for role in _SYMBOLS for curve in (_formula(role), _published(role)))


def _formula(role: Role) -> Curve:
    dots = tuple(
        Dot(f"φ = {phi:g}", phi, getattr(PAPER_RULE.at(phi), role), _("Eq. 3 with the paper's α, β and γ"))
        for phi in _PHIS
    )
    title = _("{method}, formula {symbol}").format(method=_(METHODS[role]), symbol=_SYMBOLS[role])
    return Curve(title, LOOKS[role], Origin.COMPUTED, dots)


def _published(role: Role) -> Curve:
    dots = []
    for step in second_steps():
        of = step.published
        times = {Role.DEPTH: of.depth, Role.WIDTH: of.width, Role.RESOLUTION: of.resolution / BASE_RESOLUTION_PX}
        dots.append(Dot(step.name, step.phi, times[role], step.source, step.name if role is Role.DEPTH else ""))
    title = _("{method}, published").format(method=_(METHODS[role]))
    return Curve(title, LOOKS[role], Origin.PRINTED, tuple(dots), joined=False, text_position="top left")
