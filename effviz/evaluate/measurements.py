"""Measures photos and returns rows: what every worker runs, on this machine or another."""

import dataclasses
import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from effviz.errors import DatasetError, EffVizError, ImageError, TargetError
from effviz.evaluate import dataset_samples, faithfulness, heatmaps, map_similarity, run_settings
from effviz.evaluate.dataset_samples import DatasetSample, GroundTruth, Size
from effviz.evaluate.faithfulness import ROAD_SHARES, Explain, Road
from effviz.evaluate.heatmaps import CROP_CONTROLS, PHOTO_CONTROLS, Control, Heatmap, control_map
from effviz.evaluate.run_settings import LABEL, LOCALISATION_METRICS, PREDICTION, EnergyPhotos, Metric, RunSettings
from effviz.evaluate.run_store import Measurement
from effviz.explain import data_types, decoding, images, targets
from effviz.explain.activation_maps import activation_map
from effviz.explain.data_types import ActivationMap, Box, Floats, Forward, Method, Photo, Prepared, TargetLayer
from effviz.explain.engines import choose
from effviz.explain.forward_pass import head_at, label_prepared, resize_crop
from effviz.i18n import _
from effviz.zoo.model import Model, ModelRef

# Preparation: from a sample's file to each model's input; the photo itself is not kept.


@dataclass(frozen=True, slots=True, eq=False)
class PreparedPhoto:
    """A photo prepared for every model: a few hundred kilobytes per model, at any photo size."""

    sample: DatasetSample
    photo: Photo  # without its pixels: all black, taking no memory
    prepared: tuple[Prepared, ...]  # one for each model, in order
    truth: GroundTruth | None  # None if no part of an object is in the photo

    @property
    def size(self) -> Size:
        """Width and height of the upright photo."""
        return self.photo.width, self.photo.height


@dataclass(frozen=True, slots=True)
class UnreadablePhoto:
    """A photo that cannot be measured, and the reason."""

    sample: DatasetSample
    reason: str


def prepare_photo(sample: DatasetSample, refs: Sequence[ModelRef]) -> PreparedPhoto | UnreadablePhoto:
    """Read, decode and prepare a photo; a problem with the photo is a return value, not an error."""
    if sample.broken:
        return UnreadablePhoto(sample, sample.broken)
    try:
        data = _read_file(sample)
        decoded = decoding.cropped(data, sample.name, [resize_crop(ref) for ref in refs])
        size = decoded.size
        _check_size(sample, size)
        black = np.broadcast_to(np.uint8(0), (*size[::-1], 3))  # one byte for all pixels
        photo = Photo(black, hashlib.sha256(data).hexdigest(), sample.name, decoded.notes)
        inputs = zip(decoded.pictures, refs, strict=True)
        prepared = tuple(label_prepared(pixels, ref, size) for pixels, ref in inputs)
        return PreparedPhoto(sample, photo, prepared, _ground_truth(sample, size))
    except (ImageError, DatasetError) as error:
        return UnreadablePhoto(sample, _sentence(error))


def _read_file(sample: DatasetSample) -> bytes:
    try:
        return images.from_file(sample.path, sample.name)
    except OSError as error:
        text = _("{name} cannot be read ({reason}): every photo must be a readable file. Check its path.")
        raise ImageError(text.format(name=sample.name, reason=error.strerror)) from error


def _check_size(sample: DatasetSample, size: Size) -> None:
    if sample.size is not None and sample.size != size:
        text = _(
            "{name} is {width} x {height} pixels when upright, but its annotations are for {known_width} x "
            "{known_height}: boxes must be in pixels of the photo. Correct the annotations."
        )
        known = {"known_width": sample.size[0], "known_height": sample.size[1]}
        raise DatasetError(text.format(name=sample.name, width=size[0], height=size[1], **known))


def _ground_truth(sample: DatasetSample, size: Size) -> GroundTruth | None:
    try:
        outlines = sample.outlines if sample.boxes else ()
        mask = dataset_samples.draw_outlines(outlines, size, in_fractions=sample.fractions) if outlines else None
        boxes = tuple(box.scaled(*size) for box in sample.boxes) if sample.fractions else sample.boxes
        truth = GroundTruth(boxes, mask)
        return truth if truth.share(size) else None
    except ValueError as error:
        text = _(
            "An outline in {name} cannot be drawn ({reason}): polygons and run lengths must match the upright photo. "
            "Correct the annotations, or remove the outline."
        )
        raise DatasetError(text.format(name=sample.name, reason=error)) from error


# Measurement.

# Called between two passes, in the measuring thread, to let other work go first.
pause_callback: ContextVar[Callable[[], None]] = ContextVar("pause", default=lambda: None)
RANDOM_MAPS: Final = 64  # shared by all photos: finding a noisy map's connected parts takes longer than all else
MAX_CACHED_CONTROLS: Final = 512  # 74 kB each: many photos have the same shape, and many models the same crop
CROP_DIGITS: Final = 3  # of a crop's edges as fractions of the photo: crops equal to this precision share controls

HALF_OF_PHOTO: Final = 0.5  # of the photo: Wang et al. 2020, section 4.3
CropFractions = tuple[float, ...]  # x0, y0, x1, y1


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """A metric of one map; `maxbox` and `maxboxv2` get values only after all photos, in `merge_chunks`."""

    value: float | None
    curve: Floats | None = None
    error: str | None = None  # why there is no value


Scores = dict[Metric, Score]


def score_map(opened: PreparedPhoto, forward: Forward, entry: ActivationMap, settings: RunSettings) -> Scores:
    """Compute all metrics of a run for a map, except agreement."""
    where = {}
    if opened.truth is not None and wants_any(settings, *LOCALISATION_METRICS):
        heatmap = heatmaps.to_heatmap(entry, settings.placement)
        if settings.smooth:
            heatmap = heatmaps.smooth_heatmap(heatmap, settings.smooth, opened.size)
        where = score_localisation(heatmap, opened, settings)
    return where | score_faithfulness(forward, entry, settings) | score_sanity(forward, entry, settings)


def score_agreement(first: ActivationMap, entry: ActivationMap, settings: RunSettings) -> Scores:
    """Compute the agreement between a map and the first model's map of the same photo."""
    if not wants_any(settings, *run_settings.AGREEMENT_METRICS):
        return {}
    comparison = map_similarity.agreement(first, entry)
    return {
        Metric.AGREE_RANK: _agreement_score(comparison.spearman),
        Metric.AGREE_TOP20: _agreement_score(comparison.iou_top20),
        Metric.AGREE_DISTANCE: _agreement_score(comparison.centroid_distance),
    }


def score_controls(opened: PreparedPhoto, settings: RunSettings, seen: Box | None = None) -> dict[Control, Scores]:
    """Compute the localisation metrics of the controls: over the photo, for all models, or in a model's crop `seen`."""
    controls = PHOTO_CONTROLS if seen is None else CROP_CONTROLS
    if opened.truth is None or not wants_any(settings, *LOCALISATION_METRICS):
        return {control: {} for control in controls}
    width, height = opened.size
    seed = control_seed(opened.photo.sha256, settings)
    seen = seen or Box(0, 0, width, height)
    edges = seen.x0 / width, seen.y0 / height, seen.x1 / width, seen.y1 / height
    parts = tuple(round(edge, CROP_DIGITS) for edge in edges)
    drawn = {control: _control_heatmap(control, seed, parts, opened.size, settings.smooth) for control in controls}
    return {control: score_localisation(heatmap, opened, settings) for control, heatmap in drawn.items()}


def score_control(forward: Forward, template: ActivationMap, control: Control, settings: RunSettings) -> Scores:
    """Compute the faithfulness metrics of a control in place of a map."""
    seed = control_seed(template.photo_sha256, settings)

    def explain(again: Forward) -> ActivationMap:
        other = activation_map(again, template.target_index, template.method, template.layer)
        return control_map(other, control, f"{seed} again")

    return score_faithfulness(forward, control_map(template, control, seed), settings, explain)


def control_seed(photo_sha256: str, settings: RunSettings) -> str:
    """Return the seed of the photo's random control, one of RANDOM_MAPS and the same for all models."""
    return f"{settings.seed} {int(photo_sha256[:8], 16) % RANDOM_MAPS}"


def score_localisation(heatmap: Heatmap, opened: PreparedPhoto, settings: RunSettings) -> Scores:
    """Compute the localisation metrics of a heatmap."""
    truth, size, scores = opened.truth, opened.size, Scores()
    assert truth is not None
    if wants_any(settings, Metric.ENERGY):
        left_out = settings.energy_photos is EnergyPhotos.SCORE_CAM and _not_in_score_cam(opened)
        scores[Metric.ENERGY] = left_out or Score(heatmaps.energy(heatmap, truth, size))
    for metric, tolerance in ((Metric.POINTING, 0.0), (Metric.POINTING_15, heatmaps.TOLERANCE_PX)):
        if wants_any(settings, metric):
            scores[metric] = Score(float(heatmaps.pointing(heatmap, truth, size, tolerance)))
    if wants_any(settings, Metric.MAXBOX, Metric.MAXBOX_V2, Metric.IOU):
        largest, every = heatmaps.both_box_ious(heatmap, truth, size)
        scores[Metric.MAXBOX] = Score(None, largest.astype(np.float32))
        scores[Metric.MAXBOX_V2] = Score(None, every.astype(np.float32))
        scores[Metric.IOU] = Score(float(largest.max()))  # at the best threshold for this photo alone
    return scores


def score_faithfulness(
    forward: Forward, entry: ActivationMap, settings: RunSettings, explain: Explain | None = None
) -> Scores:
    """Compute the faithfulness metrics of a map."""
    masking, scores = settings.masking, Scores()
    for metric, curve in ((Metric.DELETION, faithfulness.deletion), (Metric.INSERTION, faithfulness.insertion)):
        if wants_any(settings, metric):
            masking_curve = curve(forward, entry, masking, pause_callback.get())
            scores[metric] = Score(masking_curve.auc, masking_curve.probabilities.astype(np.float32))
    if wants_any(settings, Metric.DROP, Metric.INCREASE, Metric.GAIN):
        confidence = faithfulness.confidence(forward, entry, masking)
        scores[Metric.DROP] = Score(faithfulness.drop(confidence))
        scores[Metric.INCREASE] = Score(faithfulness.increase(confidence))
        scores[Metric.GAIN] = Score(faithfulness.gain(confidence))
    if wants_any(settings, Metric.ROAD):
        road = faithfulness.road(forward, entry, settings.road_budget_s, passed=pause_callback.get())
        scores[Metric.ROAD] = _road_score(road, settings)
    if wants_any(settings, Metric.ADCC):
        scores[Metric.ADCC] = Score(faithfulness.adcc(forward, entry, masking, explain).value)
    return scores


def score_sanity(forward: Forward, entry: ActivationMap, settings: RunSettings) -> Scores:
    """Compute the sanity metrics of a map: its similarity to maps of randomised networks and of another class.

    The values of the cascade are those at its end, where all weights are random. Its curves start with the trained
    network and go down from the classifier to the stem.
    """
    scores = Scores()
    if wants_any(settings, *run_settings.CASCADE_METRICS):
        steps = []
        for step in map_similarity.cascade(forward, entry.target_index, entry.method, settings.seed):
            steps.append((step.spearman, step.ssim))
            pause_callback.get()()
        ranks, likeness = zip(*steps, strict=True)
        scores[Metric.SANITY_SPEARMAN] = _agreement_score(ranks[-1], np.array(ranks, np.float32))
        scores[Metric.SANITY_SSIM] = _agreement_score(likeness[-1], np.array(likeness, np.float32))
    if wants_any(settings, Metric.SANITY_LOGIT):
        other = map_similarity.random_logit(forward, entry.target_index, entry.method, settings.seed)
        scores[Metric.SANITY_LOGIT] = _agreement_score(other.spearman)
    return scores


def wants_any(settings: RunSettings, *metrics: Metric) -> bool:
    """Return whether a run measures any of these metrics."""
    return any(metric in settings.metrics for metric in metrics)


def _not_in_score_cam(opened: PreparedPhoto) -> Score | None:
    """Return why Score-CAM's authors would leave this photo out of the energy metric, or None if they would not."""
    truth = opened.truth
    assert truth is not None
    if len(truth.inside(opened.size)) == 1 and truth.share(opened.size) <= HALF_OF_PHOTO:
        return None
    reason = _(
        "Score-CAM's authors measure energy only on photos with one box that covers at most half of the photo, so this "
        "one is left out. Use --energy-photos all to measure it on every photo."
    )
    return Score(None, error=reason)


def _agreement_score(value: float, curve: Floats | None = None) -> Score:
    if math.isfinite(value):
        return Score(value, curve)
    reason = _(
        "One of the two maps is constant or has no positive evidence, so the comparison has no value and is left out "
        "of means."
    )
    return Score(None, curve, reason)


def _road_score(road: Road, settings: RunSettings) -> Score:
    curve = np.array(road.halves, np.float32)
    if math.isfinite(road.value):
        return Score(road.value, curve)
    reason = _(
        "The {seconds:g} s for road ran out after {done} of {all} shares of the area, so road, the mean over "
        "all shares, has no value. Raise or leave out --road-budget, and choose another folder with --out."
    )
    return Score(None, curve, reason.format(seconds=settings.road_budget_s, done=len(curve), all=len(ROAD_SHARES)))


def _control_heatmap(control: Control, seed: str, parts: CropFractions, size: Size, smooth: float) -> Heatmap:
    drawn = seed if control in (Control.RANDOM, Control.CROP_RANDOM) else ""
    blur = smooth if control in CROP_CONTROLS else 0.0  # controls over the photo are the same in every run
    return _cached_control_heatmap(control, drawn, parts, size if blur else (1, 1), blur)


@lru_cache(maxsize=MAX_CACHED_CONTROLS)
def _cached_control_heatmap(control: Control, seed: str, parts: CropFractions, size: Size, smooth: float) -> Heatmap:
    width, height = size
    x0, y0, x1, y1 = parts
    heatmap = heatmaps.control_heatmap(control, seed, Box(x0 * width, y0 * height, x1 * width, y1 * height), size)
    return heatmaps.smooth_heatmap(heatmap, smooth, size) if smooth else heatmap


# At the last layer these maps are equal up to a factor (see `explain.activation_maps`), which no metric depends on.
_SAME: Final = dict.fromkeys((Method.GRADCAM, Method.HIRESCAM, Method.XGRADCAM, Method.SHAPLEYCAM), Method.CAM)


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """One photo measured with one model."""

    opened: PreparedPhoto
    forward: Forward
    settings: RunSettings
    controls: dict[Control, Scores]  # their localisation metrics
    first: dict[Method, ActivationMap]  # maps of the run's first model, the reference for agreement
    row: Measurement  # the columns that all its rows share


def measure_photos(
    samples: Sequence[DatasetSample], settings: RunSettings, models: Sequence[Model]
) -> list[Measurement]:
    """Measure photos with every model, method, control and metric of a run; the same input gives the same rows.

    A problem with a photo, or with a model on that photo, is also a row. `models` are the loaded `settings.models`, in
    the same order.
    """
    refs = [model.ref for model in models]
    return measure_prepared([prepare_photo(sample, refs) for sample in samples], settings, models)


def measure_prepared(
    photos: Sequence[PreparedPhoto | UnreadablePhoto], settings: RunSettings, models: Sequence[Model]
) -> list[Measurement]:
    """Measure photos that are already prepared, as `measure_photos` does."""
    rows = [Measurement(photo.sample.name, error=fault) for photo in photos for fault in photo.sample.faults]
    rows += [
        Measurement(photo.sample.name, error=photo.reason) for photo in photos if isinstance(photo, UnreadablePhoto)
    ]
    usable = [photo for photo in photos if isinstance(photo, PreparedPhoto)]
    if wants_any(settings, *LOCALISATION_METRICS):
        rows += [_unmarked(photo) for photo in usable if photo.truth is None and not photo.sample.faults]
    shared = [(score_controls(photo, settings), dict[Method, ActivationMap]()) for photo in usable]
    for number, model in enumerate(models):
        passes = _passes(usable, model, number)
        for photo, forward, (whole, first) in zip(usable, passes, shared, strict=True):
            controls = whole | score_controls(photo, settings, photo.prepared[number].seen)
            rows += _measure_model(
                _Asked(photo, forward, settings, controls, first, _first_columns(photo, forward, settings))
            )
    return rows


def _passes(usable: Sequence[PreparedPhoto], model: Model, number: int) -> Iterator[Forward]:
    """Yield a forward pass for each photo, computed in the engine's own batches."""
    engine = choose(model, model.ref.resolution_px).engine
    outputs = engine.many(photo.prepared[number].pixels for photo in usable)
    for photo, (features, logits) in zip(usable, outputs, strict=True):
        ready = data_types.read_only(features[0]), data_types.read_only(logits[0])
        yield Forward(model, photo.photo, photo.prepared[number], *ready, 0.0, head_at(model, *ready))


def _measure_model(asked: _Asked) -> Iterator[Measurement]:
    try:
        index = _target(asked)
    except TargetError as error:
        yield dataclasses.replace(asked.row, error=_sentence(error))
        return
    probability = float(targets.probabilities(asked.forward)[index])
    row = dataclasses.replace(asked.row, target_index=index, probability=probability)
    yield from _measure_target(dataclasses.replace(asked, row=row), index)


def _measure_target(asked: _Asked, index: int) -> Iterator[Measurement]:
    by_method: dict[Method, Scores] = {}
    template: ActivationMap | None = None
    for method in asked.settings.methods:
        same = _SAME.get(method, method) if asked.settings.layer is TargetLayer.LAST else method
        try:
            if same not in by_method:
                entry = activation_map(asked.forward, index, method, asked.settings.layer)
                by_method[same] = score_map(asked.opened, asked.forward, entry, asked.settings)
                by_method[same] |= _beside_first(asked, same, entry)
                template = entry
        except EffVizError as error:
            yield dataclasses.replace(asked.row, method=method.value, error=_sentence(error))
            continue
        yield from _score_rows(asked, method, by_method[same])
    for control, where in asked.controls.items():
        inside = control in CROP_CONTROLS  # not for faithfulness metrics, all of whose controls are inside the crop
        in_template = {} if template is None or inside else _in_place_of(template, asked, control)
        yield from _score_rows(asked, control, where | in_template)


def _beside_first(asked: _Asked, method: Method, entry: ActivationMap) -> Scores:
    """Compute agreement with the run's first model, or store the map if it is the first model's."""
    if _leads(asked):
        asked.first[method] = entry
        return {}
    return score_agreement(asked.first[method], entry, asked.settings) if method in asked.first else {}


def _in_place_of(template: ActivationMap, asked: _Asked, control: Control) -> Scores:
    """Compute the faithfulness of a control, and its agreement with the first model's map by the first method."""
    settings, scores = asked.settings, Scores()
    if wants_any(settings, *run_settings.FAITHFULNESS_METRICS):
        scores |= score_control(asked.forward, template, control, settings)
    if asked.first and not _leads(asked):
        entry = control_map(template, control, control_seed(template.photo_sha256, settings))
        scores |= score_agreement(next(iter(asked.first.values())), entry, settings)
    return scores


def _leads(asked: _Asked) -> bool:
    return asked.row.model == asked.settings.models[0]


def _score_rows(asked: _Asked, method: Method | Control, scores: Scores) -> Iterator[Measurement]:
    row = dataclasses.replace(asked.row, method=method.value)
    for metric in asked.settings.metrics:
        if (score := scores.get(metric)) is not None:
            yield dataclasses.replace(row, metric=metric.value, value=score.value, error=score.error, curve=score.curve)


def _first_columns(photo: PreparedPhoto, forward: Forward, settings: RunSettings) -> Measurement:
    try:
        label = photo.sample.class_for(forward.model.ref.spec)
    except TargetError:
        label = None
    return Measurement(
        photo=photo.sample.name,
        model=forward.model.ref.label,
        placement=settings.placement.value,
        photo_sha256=photo.photo.sha256,
        label=label,
        prediction=int(forward.logits.argmax()),
        box_share=photo.truth.share(photo.size) if photo.truth else None,
        off_centre=photo.truth.small_and_off_centre(photo.size) if photo.truth else None,
    )


def _unmarked(photo: PreparedPhoto) -> Measurement:
    reason = _("No object is annotated in {name}: localisation metrics need one. Annotate it, or leave the photo out.")
    return Measurement(photo.sample.name, photo_sha256=photo.photo.sha256, error=reason.format(name=photo.sample.name))


def _target(asked: _Asked) -> int:
    policy = asked.settings.targets
    if policy == LABEL:
        return targets.resolve_target(asked.opened.sample.class_for(asked.forward.model.ref.spec), asked.forward)
    target = targets.TOP1 if policy == PREDICTION else targets.parse_target(policy)
    return targets.resolve_target(target, asked.forward)


def _sentence(error: EffVizError) -> str:
    return " ".join(str(error).split())
