"""A sequence of pictures with a playhead: all data is sent once, and playing needs no call to Python."""

from collections.abc import Mapping

import numpy as np

from effviz.explain.data_types import Bytes
from effviz.i18n import _
from effviz.ui.components import NEWEST, SLIDER_CSS, Json, base64_text, component, grid

SCRIPTS = ("melting.js", "masked.js", "playhead.js", "element.js", "mount.js")
_mount = component(__name__, *SCRIPTS, css=SLIDER_CSS, js=NEWEST + grid.DRAWING)


def reel(data: Mapping[str, object], key: str) -> None:
    """Show the sequence (see `ReelData` in element.js); its playhead is drawn on the chart with key `data["chart"]`."""
    words = {"play": _("Play"), "pause": _("Pause"), "way": _("What happens to the photo")}
    _mount(key=key, data=[{**data, "words": words}])


def runs(levels: Bytes) -> Json:
    """Run-length encode an array in row-major order: each value with the length of its run."""
    flat = levels.ravel()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    lengths = np.diff(np.append(starts, flat.size)).astype("<u4")
    return {"values": base64_text(flat[starts].tobytes()), "lengths": base64_text(lengths.tobytes())}
