"""The live phi slider: it redraws while it is dragged, and notifies Python when it is released."""

import math
from collections.abc import Callable
from typing import Final, TypedDict

import streamlit as st

from effviz.i18n import _
from effviz.plots.style import LOOKS
from effviz.scaling import PUBLISHED, Family, Plan, ScalingRule, plan
from effviz.ui import components
from effviz.ui.session import PHI, PHI_LEAST, PHI_MOST, PHI_STEP
from effviz.zoo.presets import ScalingAxis

# The networks along the phi slider, computed once, and all its texts: the browser only looks up and draws.

STEPS = tuple(round(PHI_LEAST + PHI_STEP * i, 2) for i in range(round((PHI_MOST - PHI_LEAST) / PHI_STEP) + 1))
STAGES_DRAWN = 8  # the stem and the seven MBConv stages; the head, one layer, is four times as wide as any other


class DrawnNetwork(TypedDict):
    """The numbers shown for one network."""

    name: str
    depth: float
    width: float
    resolution: int  # px
    params: int
    macs: int
    map: int  # cells of the last map along one side
    blocks: list[int]  # per drawn stage
    channels: list[int]  # per drawn stage


class PhiTable(TypedDict):
    """A network for every step of phi, the baseline, and the published networks of the same family."""

    least: float
    step: float
    baseline: DrawnNetwork
    rows: list[DrawnNetwork]  # phi = least + step * position
    rule: list[float]  # per row: the rule's own multiple of the baseline's MACs
    published: list[DrawnNetwork]
    nearest: list[int]  # per row: index into `published`


def phi_table(rule: ScalingRule, family: Family) -> PhiTable:
    """Plan the network for every step of phi.

    Raises:
        SettingsError: Somewhere along the slider, the rule leaves the range that can be planned.
    """
    scaled = [rule.at(phi) for phi in STEPS]
    lay_out = plan.__wrapped__  # uncached: so many plans would evict those that pages request repeatedly
    plans = [lay_out(at.depth, at.width, at.resolution_px, family) for at in scaled]
    rows = [network(f"phi {phi:g}", planned) for phi, planned in zip(STEPS, plans, strict=True)]
    published = [
        network(name.title(), plan(entry.depth, entry.width, entry.resolution, family))
        for name, entry in PUBLISHED.items()
        if entry.family is family
    ]
    return {
        "least": PHI_LEAST,
        "step": PHI_STEP,
        "baseline": published[0],
        "rows": rows,
        "rule": [rule.constraint**phi for phi in STEPS],
        "published": published,
        "nearest": [_nearest(row, published) for row in rows],
    }


def network(name: str, plan: Plan) -> DrawnNetwork:
    """Return the numbers shown for a plan, without the head."""
    stages = plan.stages[:STAGES_DRAWN]
    return {
        "name": name,
        "depth": plan.depth,
        "width": plan.width,
        "resolution": plan.resolution,
        "params": plan.params,
        "macs": plan.macs,
        "map": plan.stages[-1].in_resolution,
        "blocks": [stage.layers for stage in stages],
        "channels": [stage.channels for stage in stages],
    }


def _nearest(row: DrawnNetwork, published: list[DrawnNetwork]) -> int:
    """Return the index of the published network nearest by ratio of MACs: costs differ by factors, not by amounts."""
    return min(range(len(published)), key=lambda i: abs(math.log(row["macs"] / published[i]["macs"])))


# All texts of the phi slider and of the drawing of networks: their scripts contain none.
# The browser fills in the placeholders in braces; `**` and `*` mark emphasis.


def slider_words() -> dict[str, str]:
    """Return the texts of the slider, including those of the drawing."""
    return {
        **drawing_words(),
        "depth": _("Depth"),
        "width": _("Width"),
        "resolution": _("Resolution"),
        "blocks": _("MBConv blocks"),
        "params": _("Parameters"),
        "macs": _("MACs"),
        "map": _("Last map"),
        "caption": _(
            "Drawn to the same scale: each bar is a block, its length the number of channels; the square is the "
            "input. **Solid**: in {baseline}. *Tinted*: added by scaling. The head is not drawn."
        ),
        "baseline": _("{name}, baseline"),
        "published": _("{name}, published"),
        "was": _("{baseline}: {value}"),
        "times": _("{times} of {baseline}"),
        "timesMacs": _("{times} of {baseline}; the rule alone: {rule}"),
        "nearest": _("Nearest published network by MACs: **{name}** ({macs} MACs, {px} px)"),
        "add": _("Add {name} to the comparison"),
        "value": _("phi {phi}: depth {depth}, width {width}, {px} pixels, {params} parameters, {macs} MACs"),
    }


def drawing_words() -> dict[str, str]:
    """Return the texts of the drawing."""
    return {
        "stem": _("stem"),
        "network": _("{name}: {px} pixel input, blocks of channels per stage {stages}."),
        "stage": _("{blocks} of {channels}"),
    }


# The slider.

TINY: Final = 1e-9  # tolerance for rounding errors
DRAWING = components.file_text(__name__, "format.js", "drawing.js")  # for networks, also side by side
SHARED_CSS = components.SLIDER_CSS + components.MENU_CSS
SHARED_JS = components.NEWEST + components.SENDER + components.MENU_JS + DRAWING
_mount = components.component(__name__, "element.js", css=SHARED_CSS, js=SHARED_JS)


def phi_slider(table: PhiTable, value: float, key: str, on_add: Callable[[str], None] | None = None) -> float:
    """Show the slider with the numbers and the drawing of its network, and return its phi.

    `value` applies when the slider first appears on a page, and after `move_slider` until the visitor moves it;
    otherwise the slider keeps its own. With `on_add`, the slider is one strip of numbers with a button to compare the
    nearest published network ("B2", "Lite1"); `on_add` receives its name before the page runs again.
    """
    move = components.told(st.session_state.get(key, {}).get("phi"))
    held = st.session_state.get(_moved(key)) == (move.move, value)
    if not held:
        st.session_state.pop(_moved(key), None)
    phi = value if held else checked(move.value, value)

    def added() -> None:
        name = st.session_state[key].get("add")
        names = {network["name"] for network in table["published"]}
        if on_add is not None and isinstance(name, str) and name in names:
            on_add(name)

    data = {
        **table,
        "value": phi,
        "move": move.move,
        "variant": "compact" if on_add else "full",
        "colour": LOOKS[ScalingAxis.COMPOUND].colour,
        **components.menu_data(key, "effviz-phi", components.counted_here(_("One number scales all three"))),
        "words": {**components.menu_words(), **slider_words()},
    }
    result = _mount(key=key, data=[data], on_phi_change=lambda: None, on_add_change=added)
    return phi if held else checked(components.told(result.get("phi")).value, phi)


def step_below(phi: float) -> float | None:
    """Return the highest slider position that is not above `phi`; None beyond the ends of the slider."""
    return max((step for step in STEPS if step <= phi + TINY), default=None) if phi < PHI_MOST + PHI_STEP else None


def move_slider(key: str, phi: float) -> None:
    """Move the slider to one of its positions; call this before the page runs again."""
    PHI.put(phi)
    st.session_state[_moved(key)] = components.told(st.session_state.get(key, {}).get("phi")).move, phi


def _moved(key: str) -> str:
    """Return the session key of the visitor's last move before the page moved the slider, and the new position."""
    return f"{key} moved by the page"


def checked(phi: object, otherwise: float) -> float:
    """Return the slider position nearest to `phi`, or `otherwise` if the browser sent anything invalid."""
    if isinstance(phi, int | float) and not isinstance(phi, bool) and PHI_LEAST <= phi <= PHI_MOST:
        return STEPS[round((phi - PHI_LEAST) / PHI_STEP)]
    return otherwise
