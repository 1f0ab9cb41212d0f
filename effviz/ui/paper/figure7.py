"""Figure 7: class activation maps of five networks, which the paper shows and EffViz computes and measures.

The mini family's maps are measured, too.
"""

from typing import Final

import streamlit as st

from effviz.evaluate import display_names
from effviz.evaluate.heatmaps import Control
from effviz.evaluate.run_settings import Metric
from effviz.evaluate.run_summary import MetricMean
from effviz.explain.data_types import Method
from effviz.facts.paper_tables import PaperVersion
from effviz.facts.scaling_experiments import ScaledB0, scaled_b0
from effviz.i18n import _, lazy_gettext
from effviz.plots.metric_vs_macs import RatedModel, map_quality
from effviz.plots.paper_curves import AXIS_TITLES
from effviz.ui import glossary, inputs
from effviz.ui.compare.model_picker import take_preset
from effviz.ui.evaluate import runs
from effviz.ui.guard import guard
from effviz.ui.outputs import sources
from effviz.ui.paper.exhibit import Column, note, numbers, show_exhibit
from effviz.zoo import manifest
from effviz.zoo.presets import MINI, Preset, ScalingAxis, all_presets

# Where the mini family's maps lie, measured on photos with boxes: on each network's cells and on the baseline's.

MEASURED: Final = (Metric.ENERGY, Metric.POINTING, Metric.MAXBOX)
OWN, SMOOTH = "own", "smooth"
SOURCE: Final = "measured here: effviz evaluate, Imagenette's boxed validation photos (models/mini/README.md)"
FILES: Final = {OWN: "localisation.csv", SMOOTH: "localisation-smooth.csv"}  # beside the weights
GRIDS: Final = {OWN: lazy_gettext("As they are"), SMOOTH: lazy_gettext("All blurred equally")}


def show_mini_maps() -> None:
    """Draw one measure for the networks that were measured; nothing where no file of measurements is there."""
    files = {grid: manifest.locate(f"mini/{name}") for grid, name in FILES.items()}
    if not all(file.is_file() for file in files.values()):
        return
    st.subheader(_("Measured on photos with boxes"))
    text = _(
        "What two photos suggest can be **measured** on five networks trained for this project: CAM for the photo's "
        "class, on all validation photos of Imagenette that have boxes, beside control maps. Check first whether the "
        "intervals overlap. **This does not test the paper's claim about ImageNet**: 96 px, one training each and ten "
        "classes are too few for that; Table 7 says why."
    )
    st.markdown(text, help=glossary.tip("energy", "pointing", "control", "gaussian"))
    with st.container(horizontal=True):
        metrics = {metric.value: display_names.metric(metric) for metric in MEASURED}
        metric = Metric(inputs.choose_one(_("Metric"), metrics, "mini-place", "energy"))
        grid = inputs.choose_one(_("Cells"), {name: _(title) for name, title in GRIDS.items()}, "mini-cells", OWN)
    with guard():
        _measure(runs.read_summary(files[grid]), metric, grid)


def _measure(table: runs.SummaryTable, metric: Metric, grid: str) -> None:
    cells = [cell for cell in table.cells if cell.metric is metric]
    models = [_rated(table, cell) for cell in cells if cell.method == Method.CAM]
    rated = {control: [_rated(table, cell) for cell in cells if cell.method == control] for control in Control}
    controls = {control: some for control, some in rated.items() if some}
    photos = max(rated.interval.n for rated in models)
    means = "; ".join(f"{rated.model} {rated.interval.mean:.2f}" for rated in models)
    text = _("Scatter chart of {measure} over MACs, with intervals and controls: {said}.")
    alt = text.format(measure=display_names.metric(metric), said=means)
    chart = map_quality(models, controls, display_names.axis(metric))
    show_exhibit(f"mini-{metric}-{grid}", chart, [_row(table, cell) for cell in cells], alt)
    text = _(
        "{photos} photos, networks trained for this project. Bars: 95 % intervals over photos, not over "
        "trainings. A map with more cells looks sharper for that reason alone: **All blurred equally** first "
        "blurs every map and the controls in the crop by half a cell of the baseline."
    )
    st.caption(text.format(photos=photos))


def _rated(table: runs.SummaryTable, cell: MetricMean) -> RatedModel:
    name = cell.model.partition("@")[0].removeprefix(MINI)
    role = ScalingAxis(name) if name in set(ScalingAxis) else None
    return RatedModel(cell.model, table.macs[cell.model], role, cell.every)


def _row(table: runs.SummaryTable, cell: MetricMean) -> dict[str, object]:
    row = {"network": cell.model, "macs": table.macs[cell.model], "method": cell.method, "metric": cell.metric.value}
    for kind, interval in (("", cell.every), ("small_", cell.small)):
        row |= {f"{kind}mean": interval.mean, f"{kind}low": interval.low, f"{kind}high": interval.high}
        row[f"{kind}photos"] = interval.n
    return row | {"source": SOURCE}


COMPARE = "effviz/ui/pages/compare.py"

# Names of presets that follow the figure, with what is theirs.
OFFERED = {
    "mini": lazy_gettext(
        "A baseline and networks of four times its MACs, as in the figure. They are small, trained once on ten "
        "classes, and cannot test the paper's claim (Table 7 says why)."
    ),
    "scaling-axes": lazy_gettext(
        "Trained on ImageNet by others, one step at a time, but scaled far less than fourfold."
    ),
}


def show() -> None:
    """Draw the section."""
    text = _(
        "Two photos of ImageNet's validation set (*bakeshop* and *maze*), each with the class activation maps of B0 "
        "and of B0 made deeper, wider, higher in resolution, and all at once. Section 6 says: compound scaling looks "
        "at **more relevant regions with more of the objects' details**; the others lack details or miss objects."
    )
    st.markdown(text)
    _networks()
    sources((_("paper, section 6, Figure 7 and Table 7"), PaperVersion.V5.url))
    st.subheader(_("Look for yourself"))
    text = _(
        "The networks with d = 4, w = 2 and r = 2 were **never released**, so these maps cannot be reproduced. The "
        "closest comparisons, also on your own photos:"
    )
    st.markdown(text)
    presets = {preset.name: preset for preset in all_presets()}
    for name in OFFERED:
        if name in presets:  # the mini family is not everywhere
            _offer(presets[name])
    show_mini_maps()


def _networks() -> None:
    """The five networks and their maps' cells, which alone make some maps finer."""
    rows = scaled_b0()
    columns: dict[str, Column[ScaledB0]] = {
        "network": Column(lambda row: _(AXIS_TITLES[ScalingAxis(row.method)]), _("What grows")),
        "depth": Column(lambda row: row.depth, "d"),
        "width": Column(lambda row: row.width, "w"),
        "resolution": Column(lambda row: row.resolution, "r"),
        "input_px": Column(lambda row: row.network.resolution, _("Input, recomputed"), "%d px"),
        "map_cells": Column(lambda row: f"{_side(row)} × {_side(row)}", _("Cells of the map, recomputed")),
        "top1_pct": Column(lambda row: row.top1_pct, _("Top-1, printed (%)"), "%.1f"),
        "source": Column(lambda row: row.source),
    }
    numbers("figure7", rows, columns)
    text = _(
        "**Part of “more detail” is a finer grid.** The compound network's map has {compound} × {compound} cells "
        "and that of resolution {resolution} × {resolution}, where the other three have {baseline} × {baseline}: "
        "more cells draw a tighter outline, whatever a network looks at."
    )
    note(text.format(**{row.method: _side(row) for row in rows}))


def _side(row: ScaledB0) -> int:
    """How many cells the map has along one side: those of the last stage."""
    return row.network.stages[-1].out_resolution


def _offer(preset: Preset) -> None:
    """A button, not a link: where Compare was open before, an address would not change its models."""
    with st.container(horizontal=True, vertical_alignment="center"):
        label = _("Compare: {comparison}").format(comparison=_(preset.title))
        asked = st.button(label, key=f"figure7-{preset.name}", icon=":material/grid_view:")
        st.markdown(_(OFFERED[preset.name]), width="content")
    if asked:
        take_preset(preset)
        st.switch_page(COMPARE)
