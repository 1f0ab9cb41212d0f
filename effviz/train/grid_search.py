"""Step 1 of the paper's two-step method: a grid search with a short training for every point.

Each finished training is saved before the next starts, as a row of `results.csv` and as a sealed file that later calls
read; an interrupted training resumes from its last checkpoint. All points are trained with one seed, then the best five
with more.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from effviz.errors import SettingsError
from effviz.facts import two_step_search
from effviz.i18n import _
from effviz.progress import NamedProgress, no_progress
from effviz.scaling import ScalingRule
from effviz.scaling.coefficient_grid import BaselineNetwork, GridPoint, GridSize, grid, point, worth_training
from effviz.train import batches, data, loop
from effviz.train.training_recipe import TrainingRecipe

FINALISTS: Final = 5
UNSCALED: Final = ScalingRule(1, 1, 1)
RESULTS: Final = "results.csv"


@dataclass(frozen=True, slots=True)
class GridSearch:
    """Settings of a search: the points, how each is trained, and the number of seeds for the best."""

    recipe: TrainingRecipe
    size: GridSize = GridSize.COARSE
    seeds: int = 2

    def __post_init__(self) -> None:
        if self.seeds < 2:
            text = _("{seeds} seed for the best points cannot show the noise: at least 2 are needed. Use 2.")
            raise SettingsError(text.format(seeds=self.seeds))

    def baseline(self, classes: int) -> BaselineNetwork:
        """Return the network that every point scales."""
        network = self.recipe.network
        return BaselineNetwork(network.depth, network.width, network.resolution_px, classes)


@dataclass(frozen=True, slots=True)
class Trial:
    """One training run of a search."""

    point: GridPoint
    seed: int

    @property
    def name(self) -> str:
        """Short name, also of the folder."""
        return f"{self.point.name}-s{self.seed}"


def grid_points(search: GridSearch, classes: int) -> tuple[GridPoint, ...]:
    """Return the points to train: networks with twice the baseline's MACs, both by the formula and as counted."""
    return worth_training(grid(search.size, search.baseline(classes)))


def run_search(
    search: GridSearch,
    folder: Path,
    out: Path,
    report: loop.SeriesReport = no_progress,
    decoding: NamedProgress = no_progress,
) -> tuple[two_step_search.SearchResult, ...]:
    """Train every point on a folder of photos; resume where an earlier call stopped.

    Raises:
        DatasetError: the folder is not a data set, or the results file is not one of a search.
        SettingsError: the results in `out` are of another recipe.
    """
    classes = len(data.class_names(folder / "train"))
    chosen = grid_points(search, classes)
    if not chosen:
        text = _(
            "No point of the {grid} grid doubles the MACs of the recipe {recipe!r}: the ratio must be 1.8 to 2.2 by "
            "the formula and 1.9 to 2.1 as counted. Choose the fine grid, or a larger baseline."
        )
        raise SettingsError(text.format(grid=search.size, recipe=search.recipe.name))
    largest = max(point.plan.resolution for point in chosen)
    dataset = data.data_set(folder, batches.decoded_side_px(largest), decoding)
    return _Searching(search, dataset, out, report).run(chosen, classes)


class _Searching:
    """State of a search."""

    def __init__(self, search: GridSearch, dataset: data.DataSet, out: Path, report: loop.SeriesReport) -> None:
        self.search, self.dataset, self.out, self.report = search, dataset, out, report
        self.recipe_name = f"{search.recipe.name} {search.recipe.digest}"
        self.file = out / RESULTS
        self.trials = 0  # expected total
        self.results: tuple[two_step_search.SearchResult, ...] = ()
        before = two_step_search.read_results(self.file) if self.file.exists() else ()
        if other := {row.recipe for row in before} - {self.recipe_name}:
            text = _(
                "{file} contains results of the recipe {recipe}: each file is for one recipe. Use that recipe again, "
                "or choose another folder with --out."
            )
            raise SettingsError(text.format(file=self.file, recipe=sorted(other)[0]))

    def run(self, chosen: Sequence[GridPoint], classes: int) -> tuple[two_step_search.SearchResult, ...]:
        seeds, unscaled = self.search.seeds, point(UNSCALED, self.search.baseline(classes))
        first = [*(Trial(unscaled, seed) for seed in range(seeds)), *(Trial(grid_point, 0) for grid_point in chosen)]
        coming = min(FINALISTS, len(chosen)) * (seeds - 1)
        self.trials = len(first) + coming
        self._train(first, coming)
        firsts = {row.rule: row.top1_pct for row in self.results if row.seed == 0}
        best = sorted(chosen, key=lambda grid_point: -firsts[grid_point.rule])[:FINALISTS]
        self._train([Trial(grid_point, seed) for seed in range(1, seeds) for grid_point in best], 0)
        self._write()
        return self.results

    def _train(self, trials: Sequence[Trial], coming: int) -> None:
        for position, trial in enumerate(trials):
            folder = self.out / "trials" / trial.name
            key = f"{trial.name} of {self.recipe_name}, photos {self.dataset.fingerprint}"
            if row := loop.kept_outcome(folder, key):
                self.results = (*self.results, two_step_search.SearchResult(**row))
            else:
                waiting = sum(other.point.plan.macs for other in trials[position + 1 :])
                waiting += coming * max(other.point.plan.macs for other in trials)
                self.results = (*self.results, self._run_trial(trial, folder, waiting))
                loop.keep_outcome(folder, key, asdict(self.results[-1]))
                self._write()
            for checkpoint in folder.glob("step-*.pt"):  # not needed after the training; the log stays
                checkpoint.unlink()

    def _run_trial(self, trial: Trial, folder: Path, waiting: int) -> two_step_search.SearchResult:
        """Train; `waiting` is the MACs of the later networks, from which their time is estimated."""
        done = len(self.results)
        total = max(self.trials, done + 1)  # may grow if an earlier call had other finalists

        def tell(status: loop.TrainingStatus) -> None:
            left = status.seconds_left + (self._pace(trial, status) or 0) * waiting
            self.report(loop.SeriesStatus(trial.name, done, total, status, left))

        network = trial.point.plan
        recipe = replace(self.search.recipe, seed=trial.seed).at(network.depth, network.width, network.resolution)
        trained = loop.train(recipe, self.dataset, folder, loop.TrainingOptions(), tell)
        row = self._row(trial, trained)
        pace = row.seconds / network.macs
        self.report(loop.SeriesStatus(trial.name, done + 1, total, None, pace * waiting, row))
        return row

    def _pace(self, trial: Trial, status: loop.TrainingStatus) -> float | None:
        """Return the training seconds per MAC of a network, from finished trials, or else from this one."""
        if self.results:
            return sum(row.seconds for row in self.results) / sum(row.macs for row in self.results)
        share = status.step / status.steps
        return status.seconds_left / (1 - share) / trial.point.plan.macs if share < 1 else None

    def _row(self, trial: Trial, trained: loop.TrainedNetwork) -> two_step_search.SearchResult:
        grid_point, network = trial.point, trial.point.plan
        return two_step_search.SearchResult(
            **asdict(grid_point.rule),  # alpha, beta and gamma
            seed=trial.seed,
            depth=network.depth,
            width=network.width,
            resolution_px=network.resolution,
            paper_ratio=round(grid_point.paper_ratio, 6),
            macs=network.macs,
            macs_ratio=round(grid_point.macs_ratio, 6),
            params=network.params,
            top1_pct=round(trained.top1_pct, 4),
            pictures=trained.pictures,
            epochs=self.search.recipe.epochs,
            seconds=trained.seconds,
            recipe=self.recipe_name,
            source=f"trained by `effviz search --grid {self.search.size}`, {len(self.dataset.train)} pictures of "
            f"{len(self.dataset.classes)} classes",
        )

    def _write(self) -> None:
        rows = [asdict(row) for row in self.results]
        loop.replace_text(self.file, loop.csv_table(two_step_search.result_columns(), rows))
