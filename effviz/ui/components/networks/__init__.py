"""Networks side by side on one scale, drawn as on the Scale page."""

from collections.abc import Mapping

from effviz.i18n import _
from effviz.plots.paper_curves import AXIS_TITLES
from effviz.plots.style import LOOKS
from effviz.scaling import Plan
from effviz.ui import components
from effviz.ui.components import DrawingSlide, phi
from effviz.ui.session import PRESENT
from effviz.zoo.presets import ScalingAxis

_shared_js = components.NEWEST + phi.DRAWING + components.MENU_JS
_networks = components.component(__name__, "networks.js", css=components.MENU_CSS, js=_shared_js)


def networks(
    plans: Mapping[ScalingAxis, Plan], caption: str, key: str, slide: DrawingSlide | None = None, csv: str = ""
) -> None:
    """Draw one network per column in the colour of its scaling axis; the first is the baseline.

    With `slide`, buttons save the drawing as a slide, and with `csv` its numbers.
    """
    data = {
        "networks": [phi.network(_(AXIS_TITLES[role]), plan) for role, plan in plans.items()],
        "kinds": [str(role) for role in plans],
        "colours": [LOOKS[role].colour for role in plans],
        "caption": caption,
        "room": PRESENT.get(),
        **components.menu_data(key, f"effviz-{key}", slide, csv),
        "words": {**components.menu_words(), **phi.drawing_words()},
    }
    _networks(key=key, data=[data])
