"""Where the mini family's maps lie, measured on photos with boxes: on each network's cells and on the baseline's."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

import pandas as pd
import streamlit as st

from effviz.evaluate import wording
from effviz.evaluate.controls import Control
from effviz.evaluate.settings import Metric
from effviz.evaluate.summary import Cell
from effviz.explain.results import Method
from effviz.plots.quality import Rated, quality
from effviz.ui import choices
from effviz.ui.evaluate import tables
from effviz.ui.guard import guard
from effviz.ui.paper.exhibit import exhibit
from effviz.words import _, later
from effviz.zoo import manifest
from effviz.zoo.presets import MINI, Role

MEASURED: Final = (Metric.ENERGY, Metric.POINTING, Metric.MAXBOX)
OWN, SMOOTH = "own", "smooth"
SOURCE: Final = "measured here: effviz evaluate, Imagenette's boxed validation photos (models/mini/README.md)"
FILES: Final = MappingProxyType({OWN: "localisation.csv", SMOOTH: "localisation-smooth.csv"})  # beside the weights
GRIDS: Final = MappingProxyType({OWN: later("Each network's own cells"), SMOOTH: later("All blurred alike")})


def show() -> None:
    """Draw one measure for the networks that were measured; nothing where no file of measurements is there."""
    folder = manifest.folder() / "mini"
    if not all((folder / name).is_file() for name in FILES.values()):
        return
    st.subheader(_("Measured on photos with boxes"))
    st.markdown(
        _(
            "What two photos suggest can be **measured** on this project's own five networks: CAM for the photo's "
            "class, on all of Imagenette's validation photos that have boxes, beside maps that know nothing. "
            "Look first whether the intervals overlap."
        )
    )
    with st.container(horizontal=True):
        metric = Metric(
            choices.one(_("Measure"), {of.value: wording.metric(of) for of in MEASURED}, "mini-place", "energy")
        )
        grid = choices.one(_("Cells"), {name: _(title) for name, title in GRIDS.items()}, "mini-cells", OWN)
    with guard():
        _measure(tables.read(folder / FILES[grid]), metric, grid)


def _measure(of: tables.Table, metric: Metric, grid: str) -> None:
    cells = [cell for cell in of.cells if cell.metric is metric]
    models = [_rated(of, cell) for cell in cells if cell.method == Method.CAM]
    rated = {control: [_rated(of, cell) for cell in cells if cell.method == control] for control in Control}
    controls = {control: some for control, some in rated.items() if some}
    photos = max(rated.found.n for rated in models)
    said = "; ".join(f"{rated.model} {rated.found.mean:.2f}" for rated in models)
    alt = _("Scatter chart of {measure} over MACs, with intervals and controls: {said}.").format(
        measure=wording.metric(metric), said=said
    )
    exhibit(f"mini-{metric}-{grid}", quality(models, controls, wording.axis(metric)), _rows(of, cells), alt)
    st.caption(
        _(
            "{photos} photos, weights of this project. Bars: 95 % intervals; another training would differ too. A "
            "finer map is sharper for that alone: the second choice blurs every map, and the controls in the crop, by "
            "half a cell of the baseline first. Photos whose object is small and off-centre are in the CSV."
        ).format(photos=photos)
    )


def _rated(of: tables.Table, cell: Cell) -> Rated:
    name = cell.model.partition("@")[0].removeprefix(MINI)
    return Rated(cell.model, of.macs[cell.model], Role(name) if name in set(Role) else None, cell.every)


def _rows(of: tables.Table, cells: Sequence[Cell]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "network": cell.model,
                "macs": of.macs[cell.model],
                "method": cell.method,
                "metric": cell.metric.value,
                **_numbers(cell),
                "source": SOURCE,
            }
            for cell in cells
        ]
    )


def _numbers(cell: Cell) -> dict[str, float]:
    every, small = cell.every, cell.small
    return {
        "mean": every.mean,
        "low": every.low,
        "high": every.high,
        "photos": every.n,
        "small_mean": small.mean,
        "small_low": small.low,
        "small_high": small.high,
        "small_photos": small.n,
    }
