"""Redraw the maps of a few photos of a run: runs store only numbers, and pages show photos only on request."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from effviz.errors import WeightsError
from effviz.evaluate import run_summary
from effviz.evaluate.image_folder import RunPhotos
from effviz.evaluate.run_settings import Metric
from effviz.evaluate.run_summary import Results
from effviz.explain import decoding
from effviz.explain.activation_maps import activation_map
from effviz.explain.data_types import ActivationMap, Method
from effviz.explain.forward_pass import forward
from effviz.explain.images import encode_jpeg
from effviz.explain.overlay import OverlayStyle, Scale, overlay, rescale
from effviz.explain.placement import RasterOptions
from effviz.i18n import _
from effviz.zoo.loading import load
from effviz.zoo.model import Model

DISPUTES: Final = 3  # photos on which models disagree most
LONGEST_PX: Final = 320
QUALITY: Final = 80
ExampleKey = tuple[str, str]  # photo, model


@dataclass(frozen=True, slots=True, eq=False)
class ExampleMap:
    """A map on its photo."""

    photo: str
    model: str
    value: float  # of the metric
    target: str  # the class that the map explains
    probability: float
    picture: bytes  # JPEG


@dataclass(frozen=True, slots=True, eq=False)
class ExampleMaps:
    """The maps of a run that a page shows."""

    method: Method
    metric: Metric
    extremes: tuple[tuple[ExampleMap, ...], ...]  # for each model: its best, median and worst photo
    disputes: tuple[tuple[ExampleMap, ...], ...]  # for each photo: all models


def draw_examples(results: Results, metric: Metric, photos: Path) -> ExampleMaps:
    """Draw the maps of each model's best, median and worst photo, and of the photos on which models disagree most.

    All maps are by the run's first method. Colours are shares of the positive evidence, on one scale for all maps of a
    photo. The metric selects the photos; their names are relative to the folder `photos`.

    Raises:
        DatasetError: A photo is missing, or is not the one that was measured.
        EffVizError: A model cannot be loaded, or no longer has the weights of the run.
    """
    method = results.run.settings.methods[0]
    three = run_summary.find_extremes(results, method, metric).items()
    disputes = run_summary.find_disputes(results, method, metric, DISPUTES)
    values = {(example.photo, model): example.value for model, some in three for example in some}
    values |= {(dispute.photo, model): value for dispute in disputes for model, value in dispute.values.items()}
    drawn = _draw_maps(results, metric, values, RunPhotos(photos))
    return ExampleMaps(
        method,
        metric,
        tuple(tuple(drawn[example.photo, model] for example in some) for model, some in three),
        tuple(tuple(drawn[dispute.photo, model] for model in dispute.values) for dispute in disputes),
    )


def _draw_maps(
    results: Results, metric: Metric, values: Mapping[ExampleKey, float], folder: RunPhotos
) -> dict[ExampleKey, ExampleMap]:
    settings, names = results.run.settings, tuple(dict.fromkeys(photo for photo, _model in values))
    asked = results.asked(settings.methods[0], metric, names)
    maps: dict[str, list[ActivationMap]] = {name: [] for name in names}
    for model in _models(results, {model for _photo, model in values}):
        for name in (photo for photo, label in values if label == model.ref.label):
            index, photo_sha256 = asked[name, model.ref.label]
            passed = forward(model, decoding.read(folder.read(name, photo_sha256), name))
            maps[name].append(activation_map(passed, index, settings.methods[0], settings.layer))
    style = OverlayStyle(placement=settings.placement, view=RasterOptions(longest_px=LONGEST_PX))
    examples: dict[ExampleKey, ExampleMap] = {}
    for name in names:
        photo = decoding.read(folder.read(name, maps[name][0].photo_sha256), name)
        for scaled in rescale(maps[name], Scale.SHARE):
            cam, picture = scaled.source, encode_jpeg(overlay(photo, scaled, style), QUALITY)
            key = name, cam.model
            examples[key] = ExampleMap(*key, values[key], cam.target_name, cam.probability, picture)
    return examples


def _models(results: Results, wanted: set[str]) -> Iterator[Model]:
    """Yield the models one at a time, so that no two have to be in memory."""
    for ref, network in zip(results.run.settings.refs, results.run.networks, strict=True):
        if ref.label not in wanted:
            continue
        model = load(ref)
        if model.weights_sha256 != network.weights_sha256:
            text = _(
                "{model} no longer has the weights of the run, which example maps need. Restore them, or omit --photos."
            )
            raise WeightsError(text.format(model=ref.label))
        yield model
