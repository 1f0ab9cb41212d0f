"""Networks side by side on one scale, by the drawing of the Scale page."""

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from effviz.i18n import _
from effviz.plots import LOOKS, ScalingAxis
from effviz.plots.paper_curves import AXIS_TITLES
from effviz.scaling import Plan
from effviz.ui.components import MENU_CSS, MENU_JS, NEWEST, DrawingSlide, menu_data, menu_words, phi, with_menu
from effviz.ui.components.phi import drawing_words, network
from effviz.ui.session import PRESENT

HERE = Path(__file__).parent

_networks = st.components.v2.component(
    "effviz_networks",
    html=with_menu((HERE / "networks.html").read_text()),
    css=(HERE / "networks.css").read_text() + MENU_CSS,
    js=NEWEST
    + "".join(Path(phi.__file__).with_name(part).read_text() for part in ("format.js", "drawing.js"))
    + MENU_JS
    + (HERE / "networks.js").read_text(),
)


def networks(
    plans: Mapping[ScalingAxis, Plan], caption: str, key: str, slide: DrawingSlide | None = None, csv: str = ""
) -> None:
    """Draw one network a column, each in the colour of its way of scaling; the first is what all others grew from.

    With the words of a slide it has buttons that save it as one, and its numbers where they are given.
    """
    _networks(
        key=key,
        data=[
            {
                "networks": [network(_(AXIS_TITLES[role]), plan)._asdict() for role, plan in plans.items()],
                "kinds": [str(role) for role in plans],
                "colours": [LOOKS[role].colour for role in plans],
                "caption": caption,
                "room": PRESENT.get(),
                **menu_data(key, f"effviz-{key}", slide, csv),
                "words": {**menu_words(), **drawing_words()},
            }
        ],
    )
