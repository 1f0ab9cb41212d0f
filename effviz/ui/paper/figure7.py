"""Figure 7: five networks whose class activation maps the paper shows, and measurements of the mini family's maps."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import streamlit as st

from effviz.errors import SettingsError
from effviz.evaluate import display_names
from effviz.evaluate.heatmaps import Control
from effviz.evaluate.intervals import Interval
from effviz.evaluate.run_settings import Metric
from effviz.explain.data_types import Method
from effviz.facts.paper_tables import PaperVersion
from effviz.facts.scaling_experiments import ScaledB0, scaled_b0
from effviz.i18n import _, lazy_gettext
from effviz.plots.metric_vs_macs import RatedModel, map_quality_by_network
from effviz.plots.paper_curves import AXIS_TITLES
from effviz.ui import glossary, inputs
from effviz.ui.compare.model_picker import take_preset
from effviz.ui.guard import guard
from effviz.ui.outputs import sources
from effviz.ui.paper.exhibit import Column, note, numbers, show_exhibit
from effviz.zoo import manifest
from effviz.zoo.presets import MINI, Preset, ScalingAxis, all_presets

# Localisation of the mini family's maps on photos with boxes: at each network's cells, and blurred equally.

MEASURED: Final = (Metric.ENERGY, Metric.POINTING, Metric.MAXBOX)
OWN, SMOOTH = "own", "smooth"
SOURCE: Final = "measured here: effviz evaluate, Imagenette's boxed validation photos (models/mini/README.md)"
FILES: Final = {OWN: "localisation.csv", SMOOTH: "localisation-smooth.csv"}  # beside the weights
GRIDS: Final = {OWN: lazy_gettext("As they are"), SMOOTH: lazy_gettext("All blurred equally")}
LARGEST_BYTES: Final = 4 * 2**20  # of a file
Row = dict[str, Any]


def show_mini_maps() -> None:
    """Draw one metric for the measured networks, or nothing if there are no measurement files."""
    files = {grid: manifest.locate(f"mini/{name}") for grid, name in FILES.items()}
    if not all(file.is_file() for file in files.values()):
        return
    st.subheader(_("Measured on photos with bounding boxes"))
    text = _(
        "What two photos suggest can be **measured** on five networks trained for this project: CAM for the photo's "
        "class on all Imagenette validation photos with bounding boxes, next to control maps. First check whether the "
        "intervals overlap. **This does not test the paper's claim about ImageNet**: 96 px, one training run each and "
        "ten classes are too few for that. The section on Table 7 explains why."
    )
    st.markdown(text, help=glossary.tip("energy", "pointing", "control", "gaussian"))
    with st.container(horizontal=True):
        metrics = {metric.value: display_names.metric(metric) for metric in MEASURED}
        metric = Metric(inputs.choose_one(_("Metric"), metrics, "mini-place", "energy"))
        grid = inputs.choose_one(_("Cells"), {name: _(title) for name, title in GRIDS.items()}, "mini-cells", OWN)
    with guard():
        _measure([row for row in read_summary(files[grid]) if row["metric"] == metric], metric, grid)


def read_summary(file: Path) -> list[Row]:
    """Read the rows of a file written by `effviz.report.html_report.summary_csv`.

    Raises:
        SettingsError: The file cannot be read, is too large, or was not written by that function.
    """
    try:
        if not file.is_file() or file.stat().st_size > LARGEST_BYTES:
            raise OSError(f"{file} is no file of at most {LARGEST_BYTES} bytes")
        with file.open(encoding="utf-8", newline="") as text:
            return [_row(line) for line in csv.DictReader(text)]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        sentence = _("{file} cannot be read: it must be a table written by `effviz report`. Create it again.")
        raise SettingsError(sentence.format(file=file.name)) from error


def _row(line: Mapping[str, str]) -> Row:
    row: Row = {"network": line["model"], "macs": int(line["macs"]), "method": line["method"]}
    row["metric"] = Metric(line["metric"]).value
    for kind in ("", "small_"):
        row |= {f"{kind}{name}": float(line[f"{kind}{name}"] or math.nan) for name in ("mean", "low", "high")}
        row[f"{kind}photos"] = int(line[f"{kind}n"])
    return row | {"source": SOURCE}


def _measure(rows: Sequence[Row], metric: Metric, grid: str) -> None:
    models = _rated(rows, Method.CAM)
    controls = {control: rated for control in Control if (rated := _rated(rows, control))}
    photos = max(rated.interval.n for rated in models)
    means = "; ".join(f"{rated.model} {rated.interval.mean:.2f}" for rated in models)
    text = _("Chart of {measure} for each network, with intervals and controls: {said}.")
    alt = text.format(measure=display_names.metric(metric), said=means)
    chart = map_quality_by_network(models, controls, display_names.axis(metric))
    show_exhibit(f"mini-{metric}-{grid}", chart, rows, alt)
    text = _(
        "{photos} photos, networks trained for this project. Bars: 95 % intervals over photos, not over training runs. "
        "A map with more cells looks sharper for that reason alone. **All blurred equally** first blurs every map, and "
        "the controls in the crop, by half a cell of the baseline."
    )
    st.caption(text.format(photos=photos))


def _rated(rows: Sequence[Row], method: str) -> list[RatedModel]:
    some = [row for row in rows if row["method"] == method]
    names = [row["network"].partition("@")[0].removeprefix(MINI) for row in some]
    roles = [ScalingAxis(name) if name in set(ScalingAxis) else None for name in names]
    return [
        RatedModel(row["network"], row["macs"], role, Interval(row["mean"], row["low"], row["high"], row["photos"]))
        for row, role in zip(some, roles, strict=True)
    ]


COMPARE = "effviz/ui/pages/compare.py"

# Presets that follow the figure, each with its limits.
OFFERED = {
    "mini": lazy_gettext(
        "A baseline and networks with four times its MACs, as in the figure. They are small, were trained once on ten "
        "classes, and cannot test the paper's claim (the section on Table 7 explains why)."
    ),
    "scaling-axes": lazy_gettext(
        "Networks that others trained on ImageNet, scaled one step at a time but by far less than fourfold."
    ),
}


def show() -> None:
    """Draw the section."""
    text = _(
        "Two photos from ImageNet's validation set (*bakeshop* and *maze*), each with the class activation maps of B0 "
        "and of B0 scaled in depth, width, resolution, and all three. Section 6 says that compound scaling **tends to "
        "focus on more relevant regions with more object details**, while the others lack details or miss objects."
    )
    st.markdown(text)
    _networks()
    sources((_("paper, section 6, Figure 7 and Table 7"), PaperVersion.V5.url))
    st.subheader(_("See for yourself"))
    text = _(
        "The networks with d = 4, w = 2 and r = 2 were **never released**, so these maps cannot be reproduced. These "
        "are the closest comparisons; you can also use your own photos:"
    )
    st.markdown(text)
    presets = {preset.name: preset for preset in all_presets()}
    for name in OFFERED:
        if name in presets:  # not every installation has the mini family
            _offer(presets[name])
    show_mini_maps()


def _networks() -> None:
    """Show the five networks and their maps' grids; a finer grid alone makes a map finer."""
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
        "**Part of “more detail” is a finer grid.** The map has {compound} × {compound} cells for compound scaling and "
        "{resolution} × {resolution} for resolution alone, but {baseline} × {baseline} for the other three networks. "
        "More cells draw a tighter outline, whatever a network looks at."
    )
    note(text.format(**{row.method: _side(row) for row in rows}))


def _side(row: ScaledB0) -> int:
    """Return the number of map cells per side, which the last stage sets."""
    return row.network.stages[-1].out_resolution


def _offer(preset: Preset) -> None:
    """Show a button, not a link: a link would not change the models of a Compare page that was open before."""
    with st.container(horizontal=True, vertical_alignment="center"):
        label = _("Compare: {comparison}").format(comparison=_(preset.title))
        asked = st.button(label, key=f"figure7-{preset.name}", icon=":material/grid_view:")
        st.markdown(_(OFFERED[preset.name]), width="content")
    if asked:
        take_preset(preset)
        st.switch_page(COMPARE)
