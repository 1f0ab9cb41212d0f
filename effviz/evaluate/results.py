"""A finished run, read back: what tables, reports and pages start from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from effviz.errors import SettingsError
from effviz.evaluate import manifest
from effviz.evaluate.controls import Control
from effviz.evaluate.datasets import ANNOTATIONS
from effviz.evaluate.manifest import Manifest
from effviz.evaluate.records import RESULTS, sha256
from effviz.evaluate.settings import EFFECTS, PLACES, Metric
from effviz.words import _

WORDS: Final = ("photo", "model", "method", "metric", "error")
NUMBERS: Final = ("value", "target_index", "label", "prediction", "probability", "box_share", "off_centre")


Key = tuple[str, str]  # model, method


@dataclass(frozen=True, slots=True)
class Asked:
    """What a map was of."""

    target_index: int
    photo_sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """The rows of a run without their curves, which are read when they are needed."""

    run: Manifest
    frame: pd.DataFrame  # WORDS as categories, NUMBERS as they are

    @property
    def models(self) -> tuple[str, ...]:
        """In the order in which they were asked for."""
        return self.run.settings.models

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods, then the controls."""
        return (*(method.value for method in self.run.settings.methods), *(control.value for control in Control))

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """In the order in which they were asked for."""
        return self.run.settings.metrics

    @property
    def dataset(self) -> str:
        """The data set's name; the path that leads to it says too much of some machine."""
        path = PurePath(self.run.dataset)
        return path.parent.name if path.name == ANNOTATIONS else path.name

    def gaussian(self, metric: Metric) -> Control:
        """Return the control that is hardest to beat: for measures of place the one inside the crop.

        A run of before those were measured has only the one over the whole photo.
        """
        return self.beside(metric)[0]

    def beside(self, metric: Metric) -> tuple[Control, Control]:
        """Return the Gaussian and the uniform control that stand beside single classes and photos."""
        of = self.frame
        inside = (of["metric"] == metric.value) & (of["method"] == Control.CROP_GAUSSIAN.value)
        if metric in PLACES and inside.any():
            return Control.CROP_GAUSSIAN, Control.CROP_UNIFORM
        return Control.GAUSSIAN, Control.UNIFORM

    def rows(self, metric: Metric, methods: Sequence[str]) -> pd.DataFrame:
        """Return the rows of a metric by some methods or controls."""
        of = self.frame
        return of[(of["metric"] == metric.value) & of["method"].isin(methods) & of["model"].isin(self.models)]

    def wide(self, metric: Metric, methods: Sequence[str]) -> pd.DataFrame:
        """Return one row a photo and one column for each model and method that has any; nan where there is no value."""
        rows = self.rows(metric, methods)
        return rows.pivot(index="photo", columns=["model", "method"], values="value").astype(np.float64)

    def values(self, method: str, metric: Metric) -> pd.DataFrame:
        """Return one row a photo and one column a model; nan where there is no value."""
        wide = self.rows(metric, (method,)).pivot(index="photo", columns="model", values="value")
        return wide.reindex(columns=list(self.models)).astype(np.float64)

    def compared(self, method: str, metric: Metric) -> pd.DataFrame:
        """Return values that may be compared between models: of what runs the model, the lead over its own control."""
        values = self.values(method, metric)
        return values - self.values(Control.GAUSSIAN.value, metric) if metric in EFFECTS else values

    def asked(self, method: str, metric: Metric, photos: Sequence[str]) -> dict[tuple[str, str], Asked]:
        """Return what was asked about some photos, by photo and model."""
        columns = ["photo", "model", "target_index", "photo_sha256"]
        wanted = [("method", "=", method), ("metric", "=", metric.value), ("photo", "in", list(photos))]
        rows = pq.read_table(self.run.folder / RESULTS, columns=columns, filters=wanted).to_pylist() if photos else []
        return {(row["photo"], row["model"]): Asked(row["target_index"], row["photo_sha256"]) for row in rows}

    def small(self) -> pd.Series:
        """Return for each photo whether its object is small and off-centre; those without an object are left out."""
        rows = self.frame[["photo", "off_centre"]].dropna().drop_duplicates("photo")
        return rows.set_index("photo")["off_centre"].astype(bool)


def load(run: Path, rows: pc.Expression | None = None) -> Results:
    """Read a run that is finished: all rows, or some of them.

    Raises:
        SettingsError: the folder holds no run, or one that is not finished.
    """
    known = manifest.read(run)
    if not known.finished:
        raise SettingsError(
            _(
                "The run in {run} is not finished: only whole runs can be read. Go on with the command that began it."
            ).format(run=run)
        )
    try:
        if known.results_sha256 and sha256(run / RESULTS) != known.results_sha256:
            raise ValueError(_("it is another file than the run wrote"))
        table = _table(run / RESULTS, rows)
    except (OSError, ValueError) as error:
        raise SettingsError(
            _(
                "{file} cannot be read ({error}): a run's folder must be whole. Remove the folder, and run "
                "`effviz evaluate` again."
            ).format(file=run / RESULTS, error=error)
        ) from error
    return Results(known, table.to_pandas())


def _table(file: Path, rows: pc.Expression | None) -> pa.Table:
    """Read some rows; a filter of the library's own would have several times as much in memory meanwhile."""
    with pq.ParquetFile(file, read_dictionary=list(WORDS)) as open_file:
        groups = range(open_file.num_row_groups)
        tables = (open_file.read_row_group(number, columns=[*WORDS, *NUMBERS]) for number in groups)
        return pa.concat_tables([each if rows is None else each.filter(rows) for each in tables])
