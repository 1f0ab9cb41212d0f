"""What was measured, wherever it comes from: a run in the folder, a shipped study, or this visit."""

import dataclasses
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq

from effviz.errors import EffVizError, SettingsError
from effviz.evaluate import records, results, summary
from effviz.evaluate.controls import Control
from effviz.evaluate.differences import Difference, differences
from effviz.evaluate.manifest import Manifest
from effviz.evaluate.results import NUMBERS, WORDS, Results
from effviz.evaluate.settings import Metric
from effviz.evaluate.summary import Cell
from effviz.report.numbers import SUMMARY
from effviz.ui.evaluate import tables
from effviz.ui.evaluate.runs import Entry
from effviz.ui.outputs import plain
from effviz.words import _
from effviz.zoo import catalogue
from effviz.zoo.model import ModelRef

# No run in a folder is called so: none with a colon in its name is shown.
STUDY, FAITHFUL, METHODS, SMOOTH, VISIT = ":study", ":faithfulness", ":methods", ":smooth", ":visit"
STUDIES: Final = {
    STUDY: tables.STUDIES / "localisation",
    FAITHFUL: tables.STUDIES / "faithfulness",
    METHODS: tables.STUDIES / "methods",
    SMOOTH: tables.STUDIES / "smooth",
}
LARGEST_ROWS: Final = 2_000_000  # about 90 MB while they are shown; `effviz report` has no such end
VALUES_A_STEP: Final = 20_000  # of one model by one metric, drawn thousands of times: some tenths of a second
CELL_BYTES: Final = 500

Beat = Callable[[float], None]  # gets the share that is done, 0 to 1

logger = logging.getLogger(__name__)


def _nobody(_share: float) -> None:
    """Nobody waits for it."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Photos, models and methods, and where the numbers are."""

    key: tuple[object, ...]  # unlike any other's; changes when somebody measures anew
    photos: int
    models: tuple[str, ...]
    methods: tuple[str, ...]  # without the controls
    metrics: tuple[Metric, ...]
    seed: int
    results: Results
    cells: tuple[Cell, ...] = ()  # means that are known without counting
    hashes: Mapping[str, str] = field(default_factory=dict)  # sha256 of the photos, by name

    @property
    def run(self) -> Manifest:
        """What made it."""
        return self.results.run

    @property
    def size_bytes(self) -> int:
        """What it takes in memory, about."""
        rows = int(self.results.frame.memory_usage().sum())
        return 1024 + rows + 200 * len(self.hashes) + CELL_BYTES * len(self.cells)

    def cells_of(self, models: Sequence[str], metric: Metric, beat: Beat = _nobody) -> tuple[Cell, ...]:
        """Return the means of every method and control, counted where they are not known."""
        if self.cells:
            return tuple(
                cell for model in models for cell in self.cells if (cell.model, cell.metric) == (model, metric)
            )
        found: list[Cell] = []
        steps = self._steps()
        for done, methods in enumerate(steps):
            beat(done / len(steps))
            found += summary.cells(_only(self.results, tuple(models), metric, methods))
        return tuple(found)

    def differences(self, models: Sequence[str], method: str, metric: Metric) -> tuple[Difference, ...]:
        """Return models minus the first one, and minus a Gaussian of their own, on the same photos."""
        return tuple(of for of in differences(self.results, (method,), metric) if of.model in models)

    @property
    def models_a_step(self) -> int:
        """How many models are counted at once by one metric, with their methods and controls."""
        return max(1, VALUES_A_STEP // max(1, self.photos * (len(self.methods) + len(Control))))

    def _steps(self) -> list[tuple[str, ...]]:
        """Methods and controls that are counted at once."""
        every = (*self.methods, *(control.value for control in Control))
        some = max(1, VALUES_A_STEP // max(1, self.photos))
        return [every[start : start + some] for start in range(0, len(every), some)]


def refs(of: Measured) -> dict[str, ModelRef]:
    """Return the models that this version knows; a run may have others."""
    found = {}
    for label in of.models:
        try:
            found[label] = catalogue.parse(label)
        except EffVizError as error:
            logger.info("A run has a model that is not here: %s", error)
    return found


def study(name: str = STUDY) -> Measured:
    """Return one of STUDIES, which come with EffViz: a run, whose means are beside it whenever they were written.

    Raises:
        SettingsError: a file of it is not here.
    """
    found = of_folder(STUDIES[name], (name,))
    return dataclasses.replace(found, cells=tables.read(STUDIES[name] / SUMMARY).cells)


def of_entry(entry: Entry) -> Measured:
    """Return a finished run.

    Raises:
        SettingsError: it is damaged, or has more rows than a page can hold.
    """
    try:
        return of_folder(entry.folder, (str(entry.folder), entry.stamp))
    except (SettingsError, OSError, ValueError, KeyError, TypeError, NotImplementedError) as error:
        logger.warning("The run in %s cannot be shown: %s", entry.folder, error)
        raise SettingsError(
            _(
                "The results of {name} cannot be read: a whole run of this version with at most {most:,} rows can be "
                "shown. Choose another one, or see it with `effviz report`."
            ).format(name=plain(entry.name), most=LARGEST_ROWS)
        ) from error


def of_folder(folder: Path, key: tuple[object, ...]) -> Measured:
    """Return a finished run as it lies on disk.

    Raises:
        SettingsError: it has too many rows, or is damaged.
        OSError, ValueError, KeyError: it is damaged otherwise.
    """
    file = folder / records.RESULTS
    if pq.read_metadata(file).num_rows > LARGEST_ROWS:
        raise SettingsError(_("The run has more rows than a page can hold. See it with `effviz report`."))
    found = results.load(folder)
    if missing := {*WORDS, *NUMBERS} - set(found.frame.columns):
        raise KeyError(missing)
    return Measured(
        key=key,
        photos=found.run.photos,
        models=found.models,
        methods=tuple(method.value for method in found.run.settings.methods),
        metrics=found.metrics,
        seed=found.run.settings.seed,
        results=found,
        cells=_beside(found),
        hashes=_hashes(file),
    )


def _only(of: Results, models: tuple[str, ...], metric: Metric, methods: tuple[str, ...]) -> Results:
    """Return the same results as if nothing else had been asked for."""
    asked = tuple(method for method in of.run.settings.methods if method.value in methods)
    settings = dataclasses.replace(of.run.settings, models=models, metrics=(metric,), methods=asked)
    frame = of.frame[of.frame["model"].isin(models) & of.frame["method"].isin(methods)]
    return Results(dataclasses.replace(of.run, settings=settings), frame)


def _beside(of: Results) -> tuple[Cell, ...]:
    """Return the means that `effviz report` left in the run's folder; none where they are not those of its results."""
    file, rows = of.run.folder / SUMMARY, of.run.folder / records.RESULTS
    try:
        if not file.is_file() or file.is_symlink() or file.stat().st_mtime < rows.stat().st_mtime:
            return ()
        table = tables.read(file)
    except (SettingsError, OSError) as error:
        logger.warning("%s is left aside: %s", file, error)
        return ()
    if table.intervals and _sums_up(table.cells, of):
        return table.cells
    logger.warning("%s is left aside: it does not sum up the results beside it", file)
    return ()


def _sums_up(cells: tuple[Cell, ...], of: Results) -> bool:
    """Whether means are those of all rows, so that none is missing and none is of another run."""
    rows = of.frame[np.isfinite(of.frame["value"])]
    known = rows.groupby(["model", "method", "metric"], observed=True)["value"].agg(["mean", "size"])
    said = {(cell.model, cell.method, cell.metric.value): cell.every for cell in cells}
    return len(cells) == len(known) and all(
        key in said and said[key].n == row["size"] and math.isclose(said[key].mean, row["mean"], abs_tol=1e-9)
        for key, row in known.iterrows()
    )


def _hashes(file: Path) -> dict[str, str]:
    rows = pq.read_table(file, columns=["photo", "photo_sha256"]).group_by(["photo", "photo_sha256"]).aggregate([])
    pairs = zip(rows["photo"].to_pylist(), rows["photo_sha256"].to_pylist(), strict=True)
    return {photo: sha256 for photo, sha256 in pairs if sha256}
