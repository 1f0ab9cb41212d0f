"""Networks side by side on one scale, by the drawing of the Scale page."""

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from effviz.plots import LOOKS, Role
from effviz.plots.saturation import METHODS
from effviz.scaling import Plan
from effviz.ui.components import phi, picture
from effviz.ui.components.phi.table import network
from effviz.ui.components.phi.wording import drawing_words
from effviz.words import _

HERE = Path(__file__).parent

_networks = st.components.v2.component(
    "effviz_networks",
    html=(HERE / "networks.html").read_text(),
    css=(HERE / "networks.css").read_text() + (Path(picture.__file__).with_name("picture.css")).read_text(),
    js="".join(Path(phi.__file__).with_name(part).read_text() for part in ("format.js", "drawing.js"))
    + picture.SAVING
    + (HERE / "networks.js").read_text(),
)


def networks(plans: Mapping[Role, Plan], caption: str, key: str) -> None:
    """Draw one network a column, each in the colour of its way of scaling; the first is what all others grew from."""
    _networks(
        key=key,
        data={
            "networks": [network(_(METHODS[role]), of)._asdict() for role, of in plans.items()],
            "kinds": [str(role) for role in plans],
            "colours": [LOOKS[role].colour for role in plans],
            "caption": caption,
            "name": f"effviz-{key}",
            "words": {**picture.words(), **drawing_words()},
        },
    )
