"""The settings of a run: everything that determines its rows, and nothing else."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from effviz import schema
from effviz.errors import SettingsError
from effviz.evaluate import map_similarity
from effviz.evaluate.dataset_samples import Dataset
from effviz.evaluate.heatmaps import PHOTO_CONTROLS
from effviz.evaluate.intervals import SHARE, Scale
from effviz.evaluate.masking import MaskBaseline, Masking
from effviz.explain import placement, targets
from effviz.explain.cam_methods import CAM_METHODS, supported
from effviz.explain.data_types import Method, TargetLayer
from effviz.explain.placement import Placement
from effviz.i18n import _, lazy_gettext
from effviz.schema import Pattern, Range
from effviz.zoo import catalogue
from effviz.zoo.model import ModelRef

LABEL: Final = "label"
PREDICTION: Final = "prediction"
PASSES_PER_CHUNK: Final = 400  # forward passes, a few seconds: the work lost if a run is killed
MAX_PHOTOS_PER_CHUNK: Final = 64
DEFAULT_MASKING: Final = Masking()


class Metric(StrEnum):
    """Metrics; the value is used in the column `metric`."""

    ENERGY = "energy"
    POINTING = "pointing"
    POINTING_15 = "pointing15"
    MAXBOX = "maxbox"
    MAXBOX_V2 = "maxboxv2"
    IOU = "iou"
    DELETION = "deletion"
    INSERTION = "insertion"
    DROP = "drop"
    INCREASE = "increase"
    GAIN = "gain"
    ROAD = "road"
    ADCC = "adcc"
    AGREE_RANK = "agree_rank"
    AGREE_TOP20 = "agree_top20"
    AGREE_DISTANCE = "agree_distance"
    SANITY_SPEARMAN = "sanity_spearman"
    SANITY_SSIM = "sanity_ssim"
    SANITY_LOGIT = "sanity_logit"


class EnergyPhotos(StrEnum):
    """Which photos the energy metric is measured on."""

    ALL = "all"
    SCORE_CAM = "score-cam"  # Wang et al. 2020: one box, which covers at most half of the photo


LOCALISATION_METRICS: Final = frozenset(
    {Metric.ENERGY, Metric.POINTING, Metric.POINTING_15, Metric.MAXBOX, Metric.MAXBOX_V2, Metric.IOU}
)  # need boxes
# Compare each map with the first model's.
AGREEMENT_METRICS: Final = frozenset({Metric.AGREE_RANK, Metric.AGREE_TOP20, Metric.AGREE_DISTANCE})
SANITY_METRICS: Final = frozenset({Metric.SANITY_SPEARMAN, Metric.SANITY_SSIM, Metric.SANITY_LOGIT})
# Run the model again on changed inputs.
FAITHFULNESS_METRICS: Final = frozenset(Metric) - LOCALISATION_METRICS - AGREEMENT_METRICS - SANITY_METRICS
CASCADE_METRICS: Final = frozenset({Metric.SANITY_SPEARMAN, Metric.SANITY_SSIM})
LOW_IS_GOOD: Final = frozenset({Metric.DELETION, Metric.DROP, Metric.AGREE_DISTANCE})
NEAR_ZERO_IS_GOOD: Final = SANITY_METRICS  # negative correlation is also similarity
SHARE_METRICS: Final = frozenset({Metric.POINTING, Metric.POINTING_15, Metric.MAXBOX, Metric.INCREASE})  # 0 or 1
_SIGNED: Final = frozenset({Metric.AGREE_RANK}) | SANITY_METRICS


def value_range(metric: Metric) -> Scale:
    """Return the lowest and highest value that a metric can have for a photo."""
    if metric is Metric.ROAD:
        return -0.5, 0.5
    return (-1.0, 1.0) if metric in _SIGNED else SHARE


def worse(metric: Metric, value: float) -> float:
    """Return a sort key that is larger for worse values of the metric."""
    if metric in NEAR_ZERO_IS_GOOD:
        return abs(value)
    return value if metric in LOW_IS_GOOD else -value


@dataclass(frozen=True, slots=True)
class _StoredSettings:
    """The settings as stored in `run.json`."""

    models: tuple[str, ...]
    methods: tuple[Method, ...]
    metrics: tuple[Metric, ...]
    targets: Annotated[str, Pattern(".{1,200}", lazy_gettext("a text of 1 to 200 characters"))]
    layer: TargetLayer
    placement: Placement
    masking: MaskBaseline
    steps: Annotated[int, Range(1, 1000)]
    road_budget_s: Annotated[float, Range(0, 1e9)] | None
    limit: Annotated[int, Range(1, 2**53)] | None
    seed: Annotated[int, Range(0, 2**53)]
    # missing in older runs
    smooth: Annotated[float, Range(0, 1)] = 0.0
    energy_photos: EnergyPhotos = EnergyPhotos.ALL
    grid: Annotated[int, Range(1, 2048)] | None = None


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Settings of one run; two runs with equal settings on one data set have the same rows."""

    models: tuple[str, ...]  # labels, "lite0@224"
    methods: tuple[Method, ...] = (Method.CAM,)
    metrics: tuple[Metric, ...] = (Metric.ENERGY, Metric.POINTING, Metric.MAXBOX)
    targets: str = LABEL  # the photo's class, the model's prediction, or a target that `parse_target` accepts
    layer: TargetLayer = TargetLayer.LAST
    placement: Placement = Placement.PLAIN
    smooth: float = 0.0  # sigma of the blur of every map, as a share of the photo's shorter side; 0: none
    energy_photos: EnergyPhotos = EnergyPhotos.ALL
    grid: int | None = None  # only in runs from before `smooth`: cells per side to which maps were averaged
    masking: Masking = DEFAULT_MASKING
    road_budget_s: float = math.inf  # for each map; if finite, a busy machine measures fewer shares
    limit: int | None = None  # number of photos, drawn at random; None: all
    seed: int = 0  # for drawing photos and the random control

    @property
    def refs(self) -> tuple[ModelRef, ...]:
        """The models as references."""
        return tuple(catalogue.parse_model(label) for label in self.models)

    @property
    def photos_a_part(self) -> int:
        """Number of photos in a chunk."""
        maps = len(self.models) * (len(self.methods) + len(PHOTO_CONTROLS))
        by_metric = _PASSES | dict.fromkeys((Metric.DELETION, Metric.INSERTION), self.masking.steps + 1)
        passes = len(self.models) + maps * sum(by_metric.get(metric, 0) for metric in self.metrics)
        return max(1, min(MAX_PHOTOS_PER_CHUNK, PASSES_PER_CHUNK // passes))

    def check(self, dataset: Dataset) -> None:
        """Check before the run that the settings are possible on a data set.

        Raises:
            EffVizError: a setting is not; the message says which.
        """
        if not (self.models and self.methods and self.metrics):
            raise SettingsError(
                _("A run needs at least one model, one method and one metric, and one of them is missing. Add it.")
            )
        if self.grid is not None:
            text = _(
                "The settings average maps to {grid} cells, which blurs 4 cells but not 6. This is no longer "
                "supported. Use smooth instead."
            )
            raise SettingsError(text.format(grid=self.grid))
        for ref in self.refs:
            if self.placement is Placement.CALIBRATED:
                placement.find_calibration(ref.label)
        for method in self.methods:
            if not supported(method, self.layer):
                text = _(
                    "{method} has no map at {layer}: it is defined only at the last layer. Choose the last layer or "
                    "another method."
                )
                raise SettingsError(text.format(method=CAM_METHODS[method].title, layer=self.layer.value))
        self._check_kinds()
        self._check_truth(dataset)

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as stored in `run.json`."""
        return {
            "models": list(self.models),
            "methods": [method.value for method in self.methods],
            "metrics": [metric.value for metric in self.metrics],
            "targets": self.targets,
            "layer": self.layer.value,
            "placement": self.placement.value,
            "smooth": self.smooth,
            "energy_photos": self.energy_photos.value,
            **({} if self.grid is None else {"grid": self.grid}),
            "masking": self.masking.baseline.value,
            "steps": self.masking.steps,
            "road_budget_s": self.road_budget_s if math.isfinite(self.road_budget_s) else None,
            "limit": self.limit,
            "seed": self.seed,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Create settings from the result of `as_dict`.

        Raises:
            SettingsError: a value is missing or invalid.
        """
        stored = asdict(schema.parse(_StoredSettings, content, "settings"))
        masking = Masking(stored.pop("masking"), stored.pop("steps"))
        budget_s = stored.pop("road_budget_s")
        return cls(**stored, masking=masking, road_budget_s=math.inf if budget_s is None else budget_s)

    def _check_kinds(self) -> None:
        if len(self.models) < 2 and (lonely := [metric for metric in self.metrics if metric in AGREEMENT_METRICS]):
            text = _(
                "{metric} compares each model with the first one, but {model} is the only model: at least two are "
                "needed. Add a model, or leave out the metric."
            )
            raise SettingsError(text.format(metric=lonely[0].value, model=self.models[0]))
        if self.layer is not TargetLayer.LAST and (
            shaken := [metric for metric in self.metrics if metric in CASCADE_METRICS]
        ):
            text = _(
                "{metric} randomises the network from the top down and needs maps at the last layer, not at {layer}. "
                "Choose the last layer, or leave out the metric."
            )
            raise SettingsError(text.format(metric=shaken[0].value, layer=self.layer.value))
        if any(metric in CASCADE_METRICS for metric in self.metrics):
            for method in self.methods:
                map_similarity.check_method(method)

    def _check_truth(self, dataset: Dataset) -> None:
        if not dataset.annotated and (blind := [metric for metric in self.metrics if metric in LOCALISATION_METRICS]):
            sentence = _(
                "{metric} needs to know where the object is, but {path} has no boxes. Without boxes you can measure "
                "{allowed}. Choose among these."
            )
            allowed = ", ".join(metric for metric in Metric if metric not in LOCALISATION_METRICS)
            raise SettingsError(sentence.format(metric=blind[0].value, path=dataset.path, allowed=allowed))
        if self.targets == LABEL and not dataset.labelled:
            text = _(
                "The target is each photo's label, but {path} has no labels. Set --targets to prediction, a class "
                "index or a class name."
            )
            raise SettingsError(text.format(path=dataset.path))
        if self.targets not in (LABEL, PREDICTION):
            targets.parse_target(self.targets)


# Approximate cost of a metric for one map in forward passes; deletion and insertion take one per step, and one more.
_PASSES: Final = {
    Metric.DROP: 1,
    Metric.INCREASE: 1,
    Metric.GAIN: 1,
    Metric.ROAD: 100,  # five shares with two passes each, and imputation, which takes longer than the passes
    Metric.ADCC: 2,
    Metric.SANITY_SPEARMAN: 10,  # eleven partial passes, each from the part randomised last, and a copy of the model
    Metric.SANITY_SSIM: 10,
}
