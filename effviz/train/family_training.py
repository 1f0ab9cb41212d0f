"""Training of a family by one plan: scalings of a baseline at equal cost, several seeds, and a verdict.

The plan (`models/mini/plan.toml`) is fixed before any result. Every choice, such as the best rule of step 1, uses
photos held out of `train/`; `val/` is evaluated once per run, after its training.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field, fields, replace
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]

from effviz import file_io, schema
from effviz.errors import SettingsError
from effviz.evaluate.intervals import holm_p_values
from effviz.explain.data_types import Bytes
from effviz.i18n import _
from effviz.progress import NamedProgress, no_progress
from effviz.scaling import plan as network_plan
from effviz.scaling.architecture import DEPTH, WIDTH
from effviz.schema import Count, Range
from effviz.train import batches, data, loop
from effviz.train.data import DataSet, Pictures
from effviz.train.training_recipe import MAX_RECIPE_BYTES, TrainingRecipe

Right = NDArray[np.bool_]  # (seeds, photos): whether the top-1 prediction was right
RESULTS: Final = "results.csv"
BASELINE: Final = "baseline"
COMPOUND: Final = "compound"
STEP1_COMPOUND: Final = "compound-step1"  # scaled by the best rule of step 1, if it differs from the paper's
PAPERS_RULE: Final = "paper"  # the candidate of step 1 with the paper's alpha, beta and gamma
FINAL_COST: Final = 4  # times the baseline's MACs
SINGLE: Final = ("depth", "width", "resolution")
_SPLIT_SEED: Final = 1905_11946


@dataclass(frozen=True, slots=True)
class PlannedNetwork:
    """One network of a plan."""

    name: str
    depth: Annotated[float, Range(DEPTH.low, DEPTH.high)]
    width: Annotated[float, Range(WIDTH.low, WIDTH.high)]
    resolution_px: Count


@dataclass(frozen=True, slots=True)
class FamilyPlan:
    """Networks, recipe, seeds and the criteria of judgement, all fixed before training."""

    name: str
    recipe: TrainingRecipe  # of the baseline
    networks: tuple[PlannedNetwork, ...]  # baseline, depth, width, resolution, compound
    step1: tuple[PlannedNetwork, ...]  # candidates at twice the baseline's cost
    seeds: Annotated[int, Range(1, 1000)]
    step1_seeds: Annotated[int, Range(1, 1000)]
    held_out: Annotated[int, Range(1, 10**9)]  # photos of train/ used for every choice
    # Minimum top-1 on its own training photos for a network to count as trained.
    learnt_pct: Annotated[float, Range(0, 100)]

    def network(self, name: str) -> PlannedNetwork:
        """Return a final network by name."""
        return next(network for network in self.networks if network.name == name)

    def macs(self, network: PlannedNetwork, classes: int) -> int:
        """Return a network's multiply-adds for one photo."""
        family = self.recipe.network.family
        return network_plan(network.depth, network.width, network.resolution_px, family, classes).macs

    def at_final_cost(self, rule: PlannedNetwork, classes: int) -> PlannedNetwork:
        """Scale the baseline by a rule of step 1 to a cost as close as possible to `FINAL_COST` times the baseline's.

        The rule is the ratio of the step 1 candidate `rule` to the baseline (phi = 1); sides are multiples of 8 px.
        """
        base = self.network(BASELINE)

        def scaled(phi: float) -> PlannedNetwork:
            side = base.resolution_px * (rule.resolution_px / base.resolution_px) ** phi
            return PlannedNetwork(
                STEP1_COMPOUND,
                round(base.depth * (rule.depth / base.depth) ** phi, 4),
                round(base.width * (rule.width / base.width) ** phi, 4),
                8 * round(side / 8),
            )

        wanted = FINAL_COST * self.macs(base, classes)
        candidates = {scaled(1.5 + step / 200) for step in range(201)}
        return min(sorted(candidates, key=astuple), key=lambda network: abs(self.macs(network, classes) - wanted))


@dataclass(frozen=True, slots=True, eq=False)
class FamilyOutcome:
    """A finished run; all fields but the last two are columns of the CSV file."""

    part: str  # "final" or "step1"
    network: str
    seed: int
    depth: float
    width: float
    resolution_px: int
    macs: int
    params: int
    loss: float  # of the last epoch, on the augmented training photos
    train_top1_pct: float  # on the training photos without augmentation
    held_out_top1_pct: float
    top1_pct: float  # on val/; measured for final networks and step 1 candidates, never used for a choice
    pictures: int  # in val/
    seconds: float
    right: Right  # (photos,) of val/ in order: whether the top-1 prediction was right
    entry: dict[str, object]  # for `models/manifest.json`

    @property
    def row(self) -> dict[str, object]:
        """The run's row of `results.csv`."""
        return {name: getattr(self, name) for name in COLUMNS}


COLUMNS: Final = tuple(column.name for column in fields(FamilyOutcome))[:-2]


@dataclass(frozen=True, slots=True)
class FamilyRun:
    """One training run of a plan."""

    part: str
    network: PlannedNetwork
    seed: int

    @property
    def name(self) -> str:
        """Name of the run's folder."""
        return f"{self.part}-{self.network.name}-s{self.seed}"


def read_plan(path: Path) -> FamilyPlan:
    """Read a plan; raise SettingsError if it cannot be read, is incomplete, or has a value out of range."""
    try:
        rows = tomllib.loads(file_io.read_regular(path, MAX_RECIPE_BYTES).decode())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        text = _("The plan {path} cannot be read ({error}): it must be a TOML file. Check the path.")
        raise SettingsError(text.format(path=path, error=error)) from error
    networks, name = rows.get("networks", {}), rows.get("name", path.stem)
    if missing := {BASELINE, COMPOUND, *SINGLE} - set(networks):
        text = _("The plan {path} has no network {name!r}: it must define {all}. Add it.")
        raise SettingsError(text.format(path=path, name=min(missing), all=", ".join((BASELINE, *SINGLE, COMPOUND))))
    parts = {"networks": _listed(networks), "step1": _listed(rows.get("step1", {}))}
    if isinstance(recipe := rows.get("recipe"), dict):
        parts["recipe"] = {"name": name, **recipe, "network": _sized(recipe.get("network", {}), networks[BASELINE])}
    return _checked(schema.parse(FamilyPlan, rows | {"name": name} | parts, path.name), path)


def _listed(rows: Any) -> Any:
    """Return a table of networks as a list of named networks, or anything else unchanged, for the schema to reject."""
    if not isinstance(rows, dict) or not all(isinstance(row, dict) for row in rows.values()):
        return rows
    return [row | {"name": name} for name, row in rows.items()]


def _sized(network: Any, baseline: Any) -> Any:
    """Return the recipe's network at the baseline's size."""
    return network | baseline if isinstance(network, dict) and isinstance(baseline, dict) else network


def _checked(plan: FamilyPlan, path: Path) -> FamilyPlan:
    for network in (*plan.networks, *plan.step1):
        plan.macs(network, classes=10)  # raises an EffVizError if the network is impossible
    if plan.recipe.augmentation.policy:
        text = _("The plan {path} sets the policy {policy!r}: only crops and flips are supported. Remove it.")
        raise SettingsError(text.format(path=path, policy=plan.recipe.augmentation.policy))
    return plan


def shrink_plan(plan: FamilyPlan, epochs: int | None, seeds: int | None) -> FamilyPlan:
    """Return the plan with fewer epochs or seeds, to test the whole pipeline."""
    recipe = replace(plan.recipe, epochs=epochs or plan.recipe.epochs)
    step1_seeds = min(seeds or plan.step1_seeds, plan.step1_seeds)
    return replace(plan, recipe=recipe, seeds=seeds or plan.seeds, step1_seeds=step1_seeds)


class _ArrayRows:
    """Some rows of a large array on disk, read on access."""

    def __init__(self, array: Bytes, rows: NDArray[np.int64]) -> None:
        self.array, self.rows = array, rows
        self.shape = (len(rows), *array.shape[1:])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: Any) -> Any:
        rows = self.rows[key]
        return self.array[rows] if np.ndim(rows) == 0 else _ArrayRows(self.array, rows)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Bytes:
        return np.asarray(self.array[self.rows], dtype)


def split_photos(dataset: DataSet, held_out: int, most: int | None = None) -> tuple[Pictures, Pictures, Pictures]:
    """Return the photos to train on, those held out of `train/`, and `val/`; the same on every machine.

    `most` limits the photos to train on, a random sample of all classes, and the other two parts to a fifth of that.

    Raises:
        SettingsError: holding out leaves nothing to train on.
    """
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(dataset.train))
    held_out = held_out if most is None else min(held_out, max(most // 5, 1))
    if held_out >= len(order):
        text = _("Holding out {held_out} of {count} photos leaves none to train on. Lower held_out in the plan.")
        raise SettingsError(text.format(held_out=held_out, count=len(order)))
    chosen, remaining = np.sort(order[:held_out]), order[held_out:]
    val = np.arange(len(dataset.val))
    if most is not None:
        remaining = remaining[:most]
        val = np.sort(np.random.default_rng(_SPLIT_SEED).permutation(val)[: max(most // 5, 1)])
    return _some(dataset.train, np.sort(remaining)), _some(dataset.train, chosen), _some(dataset.val, val)


def _some(pictures: Pictures, rows: NDArray[np.int64]) -> Pictures:
    return Pictures(_ArrayRows(pictures.pixels, rows), pictures.labels[rows], ())  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class FamilyJob:
    """Where a plan's photos and results are, and how it is trained."""

    photos: Path  # with train/CLASS and val/CLASS
    out: Path
    options: loop.TrainingOptions = field(default_factory=loop.TrainingOptions)
    most: int | None = None  # limit of photos to train on, to test the whole pipeline


def train(
    plan: FamilyPlan, job: FamilyJob, report: loop.SeriesReport = no_progress, decoding: NamedProgress = no_progress
) -> tuple[FamilyOutcome, ...]:
    """Train every run of a plan, one after the other; resume where an earlier call stopped.

    Writes to `job.out`: `results.csv`, and for each run a folder with its log, weights, manifest entry and
    `outcome.json`, which later calls read. A run whose outcome was changed is trained again.

    Raises:
        SettingsError: the results in `job.out` are of another plan or other photos.
        DatasetError: the folder is not a data set.
    """
    classes = len(data.class_names(job.photos / "train"))
    networks = (*plan.networks, *plan.step1, *(plan.at_final_cost(network, classes) for network in plan.step1))
    largest_px = max(network.resolution_px for network in networks)  # of any network that can be trained
    dataset = data.data_set(job.photos, batches.decoded_side_px(largest_px), decoding)
    return _Training(plan, dataset, job, report).run()


class _Training:
    """State of a family training."""

    def __init__(self, plan: FamilyPlan, dataset: DataSet, job: FamilyJob, report: loop.SeriesReport) -> None:
        self.plan, self.dataset, self.out, self.report = plan, dataset, job.out, report
        self.options = replace(job.options, source=batches.DeviceBatches(torch.device(job.options.device)))
        self.train, self.held_out, self.val = split_photos(dataset, plan.held_out, job.most)
        identity = {"plan": asdict(plan), "data": dataset.fingerprint, "photos": job.most}
        self.identity = json.dumps(identity, indent=1, sort_keys=True, default=str) + "\n"
        file = job.out / "plan.json"  # ties the folder to this plan and these photos
        if file.exists() and file.read_text(encoding="utf-8") != self.identity:
            text = _(
                "{folder} contains results of another plan or of other photos: each folder is for one plan. Use that "
                "plan again, or choose another folder with --out."
            )
            raise SettingsError(text.format(folder=job.out))
        loop.replace_text(file, self.identity)
        self.outcomes: tuple[FamilyOutcome, ...] = ()

    def run(self) -> tuple[FamilyOutcome, ...]:
        plan = self.plan
        planned = [FamilyRun("final", network, seed) for seed in range(plan.seeds) for network in plan.networks]
        planned += [FamilyRun("step1", network, seed) for seed in range(plan.step1_seeds) for network in plan.step1]
        for run in planned:
            self._once(run, planned)
        best = best_rule(plan, self.outcomes) if plan.step1 else None
        if best is not None and best.name != PAPERS_RULE:
            extra = plan.at_final_cost(best, len(self.dataset.classes))
            sixth = [FamilyRun("final", extra, seed) for seed in range(plan.seeds)]
            for run in sixth:
                self._once(run, [*planned, *sixth])
        self._write()
        return self.outcomes

    def _once(self, run: FamilyRun, planned: Sequence[FamilyRun]) -> None:
        if row := loop.kept_outcome(self.out / run.name, self._key(run)):  # from an earlier call
            right = np.array(row["right"], dtype=bool)
            self.outcomes = (*self.outcomes, FamilyOutcome(**row | {"right": right}))
            return
        after = planned[planned.index(run) + 1 :]
        left = [later for later in after if not (self.out / later.name / loop.OUTCOME_FILE).exists()]

        def tell(status: loop.TrainingStatus) -> None:
            waiting = sum(self._macs(later) for later in left) / self._macs(run)
            share = max(status.step, 1) / status.steps
            whole = status.seconds_left / (1 - share) if share < 1 else 0.0
            seconds = status.seconds_left + waiting * whole
            self.report(loop.SeriesStatus(run.name, len(self.outcomes), len(planned), status, seconds))

        self.outcomes = (*self.outcomes, self._train(run, tell))
        self._write()
        self.report(loop.SeriesStatus(run.name, len(self.outcomes), len(planned), None, None))

    def _write(self) -> None:
        loop.replace_text(self.out / RESULTS, loop.csv_table(COLUMNS, [outcome.row for outcome in self.outcomes]))

    def _key(self, run: FamilyRun) -> str:
        return f"{run.name} of {self.identity}"

    def _macs(self, run: FamilyRun) -> int:
        return self.plan.macs(run.network, len(self.dataset.classes))

    def _train(self, run: FamilyRun, tell: loop.Report) -> FamilyOutcome:
        folder, planned = self.out / run.name, run.network
        scale = planned.depth, planned.width, planned.resolution_px
        recipe = replace(self.plan.recipe, name=f"{self.plan.name}-{planned.name}", seed=run.seed).at(*scale)
        dataset = replace(self.dataset, train=self.train, val=self.held_out)
        trained = loop.train(recipe, dataset, folder, self.options, tell)
        right = loop.right_guesses(trained.module, self.val, recipe, self.options.device)
        learnt = loop.right_guesses(trained.module, self.train, recipe, self.options.device)
        counted = replace(trained, correct=int(right.sum()), pictures=len(right))
        entry = loop.export_training(recipe, replace(dataset, val=self.val), counted, folder)
        network = network_plan(*scale, recipe.network.family, len(self.dataset.classes))
        outcome = FamilyOutcome(
            *(run.part, planned.name, run.seed, *scale, network.macs, network.params),
            loss=round(trained.epochs[-1].loss, 4),
            train_top1_pct=round(100 * float(learnt.mean()), 4),
            held_out_top1_pct=round(trained.top1_pct, 4),
            top1_pct=round(counted.top1_pct, 4),
            pictures=len(right),
            seconds=trained.seconds,
            right=right,
            entry=entry,
        )
        kept = outcome.row | {"right": right.astype(int).tolist(), "entry": entry}
        loop.keep_outcome(folder, self._key(run), kept)
        for checkpoint in folder.glob("step-*.pt"):
            checkpoint.unlink()
        return outcome


def best_rule(plan: FamilyPlan, outcomes: Sequence[FamilyOutcome]) -> PlannedNetwork:
    """Return the candidate of step 1 with the highest mean top-1 over seeds on the held-out photos."""

    def mean_pct(network: PlannedNetwork) -> float:
        rows = (row for row in outcomes if (row.part, row.network) == ("step1", network.name))
        return fmean(row.held_out_top1_pct for row in rows)

    return max(plan.step1, key=mean_pct)


def right(outcomes: Sequence[FamilyOutcome], network: str) -> Right:
    """Return which photos of `val/` a final network got right, (seeds, photos)."""
    finals = [row for row in outcomes if (row.part, row.network) == ("final", network)]
    return np.stack([row.right for row in sorted(finals, key=lambda row: row.seed)])


# Judgement of a family: compound scaling against each single dimension, by criteria fixed before the results.
#
# Each comparison is paired by seed: a t interval over the seeds' differences, and the interval of a crossed bootstrap
# that resamples both seeds and photos (Owen & Eckles 2012). Holm's correction covers the three comparisons.

LEVEL: Final = 0.05
DRAWS: Final = 10_000


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Compound minus a single dimension, in percentage points of top-1."""

    single: str
    mean: float
    by_seed: tuple[float, ...]
    seeds_interval: tuple[float, float]  # 95 %, t over seeds
    photos_interval: tuple[float, float]  # 95 %, crossed bootstrap over seeds and photos
    p_holm: float  # two-sided paired t test, corrected

    @property
    def half_width(self) -> float:
        """Half the width of the wider interval."""
        return max((high - low) / 2 for low, high in (self.seeds_interval, self.photos_interval))

    @property
    def sign(self) -> int:
        """1 if compound is better, -1 if the single dimension is, 0 if undecided."""
        outside = self.photos_interval[0] > 0 or self.photos_interval[1] < 0
        return int(np.sign(self.mean)) if self.p_holm < LEVEL and outside else 0


def compare(compound: Right, singles: Mapping[str, Right]) -> tuple[PairedComparison, ...]:
    """Compare compound scaling with each single dimension; all must have the same seeds and photos in order.

    An interval needs at least two seeds; with one, intervals are unbounded and every comparison is undecided.
    """
    raw = {name: 100 * (compound.mean(1) - single.mean(1)) for name, single in singles.items()}  # (seeds,)
    corrected = holm_p_values([_p_value(differences) for differences in raw.values()])
    return tuple(
        PairedComparison(
            name,
            float(differences.mean()),
            tuple(differences.tolist()),
            t_interval(differences),
            crossed_interval(compound, singles[name]),
            p,
        )
        for (name, differences), p in zip(raw.items(), corrected, strict=True)
    )


def _p_value(differences: NDArray[np.float64]) -> float:
    if len(differences) < 2:
        return 1.0
    if differences.std() == 0:
        return float(differences[0] == 0)
    return float(stats.ttest_1samp(differences, 0).pvalue)


def t_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return Student's 95 % interval of a mean."""
    if len(values) < 2:
        return -np.inf, np.inf
    half = stats.t.ppf(1 - LEVEL / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def crossed_interval(compound: Right, single: Right, draws: int = DRAWS) -> tuple[float, float]:
    """Return the 95 % interval of the mean difference in points, bootstrapped over both seeds and photos."""
    differences = compound.astype(np.int8) - single.astype(np.int8)  # (seeds, photos)
    seeds, photos = differences.shape
    if seeds < 2:
        return -np.inf, np.inf
    draw = np.random.default_rng(0)
    of_seeds = draw.multinomial(seeds, np.full(seeds, 1 / seeds), draws) / seeds  # (draws, seeds)
    means = np.empty(draws)
    for start in range(0, draws, 500):  # in batches of (500, photos) counts, to limit memory
        some = slice(start, min(start + 500, draws))
        of_photos = draw.multinomial(photos, np.full(photos, 1 / photos), some.stop - start) / photos
        means[some] = np.einsum("ds,dp,sp->d", of_seeds[some], of_photos, differences, optimize=True)
    low, high = np.quantile(100 * means, [LEVEL / 2, 1 - LEVEL / 2])
    return float(low), float(high)


def verdict(comparisons: Sequence[PairedComparison], untrained: Sequence[str] = ()) -> str:
    """Return the outcome in one sentence; networks that have not learnt their training photos are left out."""
    counted = [comparison for comparison in comparisons if comparison.single not in untrained]
    worse = [comparison for comparison in counted if comparison.sign < 0]
    if "compound" in untrained or not counted:
        outcome = _("undecided: too few of the networks have learnt their training photos")
    elif worse:
        best = min(worse, key=lambda comparison: comparison.mean)
        text = _("not reproduced: {name} is better by {points:.1f} points")
        outcome = text.format(name=best.single, points=-best.mean)
    elif all(comparison.sign > 0 for comparison in counted):
        outcome = _("reproduced at this scale")
    else:
        points = max(comparison.half_width for comparison in counted)
        outcome = _("undecided within ±{points:.1f} points").format(points=points)
    if not untrained:
        return outcome
    return _("{outcome} ({names} untrained: not judged)").format(outcome=outcome, names=", ".join(untrained))
