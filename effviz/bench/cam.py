"""Times class activation maps beside pytorch-grad-cam, torchcam and the bare forward passes of OpenVINO.

One process, the same weights and photo on both sides, no results kept between runs.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from effviz.bench import peers
from effviz.bench.timing import Side, Times, side_by_side
from effviz.explain import images, samples
from effviz.explain.engines import choose
from effviz.explain.engines.openvino_engine import OpenVinoEngine
from effviz.explain.forward import forward, run
from effviz.explain.maps import activation_map, class_maps
from effviz.explain.methods import METHODS
from effviz.explain.overlay import OverlayStyle, overlay
from effviz.explain.placement import View
from effviz.explain.preprocess import prepare
from effviz.explain.results import Bytes, Forward, Method, Photo
from effviz.explain.scales import Scale, rescale
from effviz.zoo.loading import load
from effviz.zoo.model import Model, ModelRef
from effviz.zoo.presets import PRESETS

SAMPLE = "kitten"
CLASS = 281  # tabby cat, as in pytorch-grad-cam's README
REFS = next(preset.refs for preset in PRESETS if preset.name == "scaling-axes")


@dataclass(frozen=True, slots=True)
class CamRow:
    """One comparison."""

    name: str
    ours: Times
    peer: Times
    at_least: float  # the ratio that is wanted
    target: str  # the same in words

    @property
    def ours_ms(self) -> float:
        """Median of our times."""
        return self.ours.median_ms

    @property
    def peer_ms(self) -> float:
        """Median of the peer's times."""
        return self.peer.median_ms

    @property
    def ratio(self) -> float:
        """How many times as fast as the peer."""
        return self.peer_ms / self.ours_ms

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.ratio >= self.at_least


@dataclass(frozen=True, slots=True)
class CamBench:
    """All comparisons that could be made, and a sentence about each that could not."""

    rows: tuple[CamRow, ...]
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Subject:
    """The models and what all sides get: a square photo, so that both overlays have as many pixels."""

    models: tuple[Model, ...]
    data: bytes  # JPEG
    forwards: tuple[Forward, ...]

    @property
    def photo(self) -> Photo:
        return self.forwards[0].photo


def bench(repeats: int = 15, refs: Sequence[ModelRef] = REFS) -> CamBench:
    """Time every comparison on the models of "Scaling axes", those of one model on the first."""
    subject = _subject([load(ref) for ref in refs])
    rows, skipped = [], []
    for make, missing in _COMPARISONS:
        if sentence := missing(subject):
            skipped.append(sentence)
        else:
            name, ours, peer, at_least, target = make(subject)
            rows.append(CamRow(name, *side_by_side(ours, peer, repeats), at_least, target))
    return CamBench(tuple(rows), tuple(skipped))


_Comparison = tuple[str, Side, Side, float, str]


def _subject(models: Sequence[Model]) -> _Subject:
    image = Image.fromarray(images.read(samples.find(SAMPLE).path.read_bytes(), SAMPLE).rgb)
    side = min(image.size)
    buffer = io.BytesIO()
    image.crop((0, 0, side, side)).save(buffer, "JPEG", quality=95)
    photo = images.read(buffer.getvalue(), SAMPLE)
    return _Subject(tuple(models), buffer.getvalue(), tuple(forward(model, photo) for model in models))


def _maps(subject: _Subject) -> None:
    """From tensors to raw maps: the pass is made again each time."""
    for known in subject.forwards:
        features, logits = run(known.model, known.prepared.pixels)
        activation_map(Forward(known.model, known.photo, known.prepared, features, logits, 0.0), CLASS)


def _grad_cam(subject: _Subject) -> _Comparison:
    sides = [(peers.grad_cam(known.model, CLASS), known.prepared.pixels) for known in subject.forwards]
    name = f"CAM of {_count(subject)}, tensor to raw map, and pytorch-grad-cam's GradCAM"
    return name, lambda: _maps(subject), lambda: [explain(pixels) for explain, pixels in sides], 8, "8x or more"


def _torchcam(subject: _Subject) -> _Comparison:
    sides = [(peers.torchcam_grad_cam(known.model, CLASS), known.prepared.pixels) for known in subject.forwards]
    name = f"CAM of {_count(subject)}, tensor to raw map, and torchcam's GradCAM"
    return name, lambda: _maps(subject), lambda: [explain(pixels) for explain, pixels in sides], 3.3, "3.3x or more"


def _bare(subject: _Subject) -> _Comparison:
    engines = [_openvino(model) for model in subject.models]
    requests = [engine.requests.compiled.create_infer_request() for engine in engines if engine]
    pixels = [known.prepared.pixels for known in subject.forwards]

    def peer() -> None:
        for request, tensor in zip(requests, pixels, strict=True):
            request.infer([tensor])

    name = f"CAM of {_count(subject)}, tensor to raw map, and OpenVINO's forward passes alone"
    return name, lambda: _maps(subject), peer, 1 / 1.1, "at most 1.1 times as long"


def _methods(subject: _Subject) -> _Comparison:
    first = subject.forwards[0]
    ours = [method for method, fact in METHODS.items() if fact.closed_form and method is not Method.ABLATIONCAM]
    sides = [peers.grad_cam(first.model, CLASS, method) for method in peers.METHODS]

    def explain() -> None:
        again = forward(first.model, first.photo)
        for method in ours:
            activation_map(again, CLASS, method)

    name = f"{len(ours)} closed-form methods, and {len(sides)} of pytorch-grad-cam one after the other"
    return name, explain, lambda: [side(first.prepared.pixels) for side in sides], 30, "30x or more"


def _classes(subject: _Subject) -> _Comparison:
    first = subject.forwards[0]
    peer = peers.grad_cam(first.model, CLASS)
    name = f"Maps of all {len(first.logits)} classes, and one of pytorch-grad-cam"
    return name, lambda: class_maps(forward(first.model, first.photo)), lambda: peer(first.prepared.pixels), 1, "faster"


def _pictures(subject: _Subject) -> _Comparison:
    sides = [(peers.grad_cam(model, CLASS), model.ref) for model in subject.models]

    def ours() -> None:
        photo = images.read(subject.data, SAMPLE)
        for model in subject.models:
            (scaled,) = rescale([activation_map(forward(model, photo), CLASS)], Scale.OWN)
            _png(overlay(photo, scaled, OverlayStyle(view=View(longest_px=model.ref.resolution_px))))

    def peer() -> None:
        photo = images.read(subject.data, SAMPLE)
        for explain, ref in sides:
            pixels = prepare(photo, ref).pixels
            _png(peers.overlay(_seen(photo, ref), explain(pixels)))

    name = f"JPEG to PNG overlays of {_count(subject)}, and pytorch-grad-cam's"
    return name, ours, peer, 4, "4x or more"


def _seen(photo: Photo, ref: ModelRef) -> Bytes:
    """What the peer draws on: the photo at the size of the input."""
    return np.asarray(Image.fromarray(photo.rgb).resize((ref.resolution_px, ref.resolution_px)))


def _png(rgb: Bytes) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    return buffer.getvalue()


def _openvino(model: Model) -> OpenVinoEngine | None:
    engine = choose(model).engine
    return engine if isinstance(engine, OpenVinoEngine) else None


def _count(subject: _Subject) -> str:
    return f"{len(subject.models)} model{'s' * (len(subject.models) > 1)}"


def _nothing(_: _Subject) -> str:
    return ""


def _without_torchcam(_: _Subject) -> str:
    missing = peers.torchcam_missing()
    return "torchcam is left out: it is not installed. Install it: pip install torchcam" if missing else ""


def _without_openvino(subject: _Subject) -> str:
    runs = all(_openvino(model) for model in subject.models)
    return "" if runs else "OpenVINO alone is left out: it does not run these models here. See EFFVIZ_ENGINE."


_COMPARISONS: tuple[tuple[Callable[[_Subject], _Comparison], Callable[[_Subject], str]], ...] = (
    (_grad_cam, _nothing),
    (_torchcam, _without_torchcam),
    (_bare, _without_openvino),
    (_pictures, _nothing),
    (_methods, _nothing),
    (_classes, _nothing),
)
