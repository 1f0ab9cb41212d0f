"""Times a run of `effviz evaluate` against the engine alone and the same loop written with pytorch-grad-cam.

All three process the same photos and classes in turn, so that a busy moment affects all; weights are loaded beforehand.
The engine alone gets prepared inputs: its rate is what remains if reading, maps, metrics, controls and the disk cost
nothing. The peer's loop does what a script with pytorch-grad-cam does: it opens a photo, explains it, and measures the
map and the three controls in the coordinates of the input.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np

from effviz.bench import peer_comparisons
from effviz.bench.benchmark import Figure, Measured, Say, run_ms
from effviz.evaluate import runner
from effviz.evaluate.dataset_samples import Dataset
from effviz.evaluate.datasets import open_dataset
from effviz.evaluate.heatmaps import THRESHOLDS
from effviz.evaluate.measurements import PreparedPhoto, prepare_photo
from effviz.evaluate.run_settings import Metric, RunSettings
from effviz.explain.data_types import Doubles, Floats
from effviz.explain.engines import choose
from effviz.progress import no_progress
from effviz.zoo import catalogue
from effviz.zoo.loading import load
from effviz.zoo.model import Model

METRICS = (Metric.ENERGY, Metric.POINTING, Metric.MAXBOX)
LEAST_SHARE_PCT = 60.0
LEAST_RATIO = 5.0
UNIT = "photos/s"
PEERS_PHOTOS = 40  # what the peer does in a few seconds


def bench(data: Path, model: str = "lite0", photos: int = 400, rounds: int = 3, say: Say = no_progress) -> Measured:
    """Measure all three in turn, and return the median rates.

    Raises:
        EffVizError: the data set or the model cannot be used.
    """
    loaded = load(catalogue.parse_model(model))
    dataset, few = open_dataset(data), min(photos, PEERS_PHOTOS)
    RunSettings((loaded.ref.label,), metrics=METRICS).check(dataset)
    pixels = [one.prepared[0].pixels for one in _opened(loaded, dataset, photos)]
    engine, ours, peer = [], [], []
    for number in range(rounds + 1):  # the first round warms up
        say(f"round {number} of {rounds}")
        engine.append(1000 * len(pixels) / run_ms(lambda: _engine_alone(loaded, pixels)))
        ours.append(len(pixels) / _ours(loaded, dataset, photos))
        peer.append(1000 * min(len(pixels), PEERS_PHOTOS) / run_ms(lambda: _peer(loaded, dataset, few)))
    return _figures(*(np.array(rates[1:]) for rates in (engine, ours, peer)))


def _figures(engine: Doubles, ours: Doubles, peer: Doubles) -> Iterator[Figure]:
    """Yield medians over the rounds; a ratio is computed within each round."""
    yield Figure("effviz evaluate: energy, pointing, maxbox; CAM and three controls", float(np.median(ours)), UNIT)
    yield Figure("The engine alone, inputs ready", float(np.median(engine)), UNIT)
    yield Figure("The same loop with pytorch-grad-cam", float(np.median(peer)), UNIT)
    share, times = float(np.median(100 * ours / engine)), float(np.median(ours / peer))
    yield Figure.at_least("Share of the engine's rate", share, LEAST_SHARE_PCT, "%")
    yield Figure.at_least("Times as fast as pytorch-grad-cam's loop", times, LEAST_RATIO, "x")


def _opened(model: Model, dataset: Dataset, photos: int) -> Iterator[PreparedPhoto]:
    """Return the photos prepared for the model, without those that no side can measure."""
    chosen = dataset.chosen(photos, 0)
    prepared = (prepare_photo(dataset.samples[number], [model.ref]) for number in chosen)
    return (one for one in prepared if isinstance(one, PreparedPhoto) and one.truth is not None)


def _engine_alone(model: Model, pixels: list[Floats]) -> None:
    for _ in choose(model, model.ref.resolution_px).engine.many(pixels):
        pass


def _ours(model: Model, dataset: Dataset, photos: int) -> float:
    """Return the seconds of a whole run after its weights are loaded: photos, maps, metrics, controls, files."""
    settings = RunSettings((model.ref.label,), metrics=METRICS, limit=photos)
    heard: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        runner.evaluate(dataset, settings, Path(folder), lambda _done, _total: heard.append(perf_counter()))
        return perf_counter() - heard[0]


def _peer(model: Model, dataset: Dataset, photos: int) -> None:
    explain = peer_comparisons.grad_cam_of_any(model)
    for one in _opened(model, dataset, photos):
        heat = explain(one.prepared[0].pixels, one.sample.class_for(model.ref.spec))[0]
        for values in (heat, *_controls(heat.shape[0])):
            measured(values, boxes_in_input(one))


def _controls(side: int) -> Iterator[Floats]:
    """Yield the three controls as a script has them: upsampled noise of 7 x 7 cells, a Gaussian, ones."""
    yield np.asarray(cv2.resize(np.random.default_rng().random((7, 7)), (side, side)), np.float32)
    down = np.exp(-(((np.arange(side) + 0.5) / side - 0.5) ** 2) / (2 * 0.25**2)).astype(np.float32)
    yield np.outer(down, down)
    yield np.ones((side, side), np.float32)


def measured(heat: Floats, boxes: Doubles) -> tuple[float, bool, Doubles]:
    """Return energy, pointing game and overlaps at each threshold in the model's input, as such scripts do.

    Args:
        heat: a map from 0 to 1, (S, S).
        boxes: x0, y0, x1, y1 in pixels of the input, (B, 4).
    """
    marked = np.zeros(heat.shape, bool)
    for x0, y0, x1, y1 in np.rint(boxes).astype(int).clip(0):
        marked[y0:y1, x0:x1] = True
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    overlaps = [_overlap(heat >= threshold * heat.max(), boxes) for threshold in THRESHOLDS]
    return float(heat[marked].sum() / (heat.sum() + 1e-12)), bool(marked[row, column]), np.array(overlaps)


def _overlap(cells: np.ndarray, boxes: Doubles) -> float:
    contours, _ = cv2.findContours(cells.astype(np.uint8), cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return 0.0
    x, y, width, height = cv2.boundingRect(max(contours, key=cv2.contourArea))
    best = 0.0
    for x0, y0, x1, y1 in boxes:
        common = max(0, min(x + width, x1) - max(x, x0)) * max(0, min(y + height, y1) - max(y, y0))
        best = max(best, common / (width * height + (x1 - x0) * (y1 - y0) - common))
    return best


def boxes_in_input(photo: PreparedPhoto) -> Doubles:
    """Return the annotated boxes in pixels of the model's input, (B, 4)."""
    prepared, truth = photo.prepared[0], photo.truth
    assert truth is not None
    seen = prepared.seen
    scale = prepared.size_px / (seen.x1 - seen.x0), prepared.size_px / (seen.y1 - seen.y0)
    edges = [(box.x0, box.y0, box.x1, box.y1) for box in truth.inside(photo.size)]
    return np.asarray((np.array(edges) - np.tile((seen.x0, seen.y0), 2)) * np.tile(scale, 2))
