"""Figure 7: class activation maps of five networks, which the paper shows and EffViz computes and measures."""

import pandas as pd
import streamlit as st

from effviz.facts import PaperVersion, ScaledB0, scaled_b0
from effviz.plots.saturation import METHODS
from effviz.ui import mini_maps
from effviz.ui.compare.models import take
from effviz.ui.outputs import sources
from effviz.ui.paper.exhibit import Column, numbers
from effviz.words import _, later
from effviz.zoo.presets import Preset, Role, presets

COMPARE = "effviz/ui/pages/compare.py"
# Names of presets that follow the figure, with what is theirs.
OFFERED = {
    "mini": later(
        "One baseline and four times its MACs, as in the figure; trained here, small, on ten classes and once: it "
        "cannot test the paper's claim (Table 7 says why)."
    ),
    "scaling-axes": later("Trained on ImageNet by others, one dimension at a time, but scaled far less than fourfold."),
}


def show() -> None:
    """Draw the section."""
    st.markdown(
        _(
            "Two photos of ImageNet's validation set (*bakeshop* and *maze*), each with the class activation maps of "
            "B0 and of B0 deeper, wider, sharper and all at once. Section 6 says of them: compound scaling looks at "
            "**more relevant regions with more of the objects' details**; the others lack details or miss objects."
        )
    )
    _networks()
    sources((_("paper, section 6, Figure 7 and Table 7"), PaperVersion.V5.url))
    st.subheader(_("Look for yourself"))
    st.markdown(
        _(
            "The networks with d = 4, w = 2 and r = 2 were **never released**, so these maps cannot be drawn again. "
            "What comes nearest, on your own photos too:"
        )
    )
    known = {preset.name: preset for preset in presets()}
    for name in OFFERED:
        if name in known:  # the mini family is not everywhere
            _offer(known[name])
    mini_maps.show()


def _networks() -> None:
    """The five networks and their maps' cells, which alone make some maps finer."""
    rows = scaled_b0()
    columns: dict[str, Column] = {
        "network": _("What grows"),
        "depth": "d",
        "width": "w",
        "resolution": "r",
        "input_px": (_("Input, recomputed"), "%d px"),
        "map_cells": _("Cells of the map, recomputed"),
        "top1_pct": (_("Top-1, printed (%)"), "%.1f"),
    }
    numbers("figure7", pd.DataFrame([_cells(row) for row in rows]), columns)
    cells = {Role(row.method): _side(row) for row in rows}
    st.info(
        _(
            "**Part of “more detail” is a finer grid.** The compound network's map has {compound} × {compound} cells "
            "and that of resolution {resolution} × {resolution}, where the other three have {baseline} × {baseline}: "
            "more cells draw a tighter outline, whatever a network looks at."
        ).format(compound=cells[Role.COMPOUND], resolution=cells[Role.RESOLUTION], baseline=cells[Role.BASELINE]),
        icon=":material/info:",
    )


def _cells(row: ScaledB0) -> dict[str, object]:
    return {
        "network": _(METHODS[Role(row.method)]),
        "depth": row.depth,
        "width": row.width,
        "resolution": row.resolution,
        "input_px": row.network.resolution,
        "map_cells": f"{_side(row)} × {_side(row)}",
        "top1_pct": row.top1_pct,
        "source": row.source,
    }


def _side(row: ScaledB0) -> int:
    """How many cells the map has along one side: those of the last stage."""
    return row.network.stages[-1].out_resolution


def _offer(preset: Preset) -> None:
    """A button, not a link: where Compare was open before, an address would not change its models."""
    with st.container(horizontal=True, vertical_alignment="center"):
        asked = st.button(
            _("Compare: {comparison}").format(comparison=_(preset.title)),
            key=f"figure7-{preset.name}",
            icon=":material/grid_view:",
        )
        st.markdown(_(OFFERED[preset.name]), width="content")
    if asked:
        take(preset)
        st.switch_page(COMPARE)
