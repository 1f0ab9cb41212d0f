"""What is compared in `effviz bench cam`: for each row our side, the peer's, and the ratio that is wanted."""

import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np
from PIL import Image
from threadpoolctl import threadpool_limits

from effviz import cores
from effviz.bench import peers
from effviz.bench.timing import Side
from effviz.explain import closed, images, samples
from effviz.explain.engines import choose
from effviz.explain.engines.openvino_engine import OpenVinoEngine
from effviz.explain.forward import forward, run
from effviz.explain.maps import activation_map, class_maps
from effviz.explain.methods import METHODS
from effviz.explain.overlay import OverlayStyle, overlay
from effviz.explain.placement import View
from effviz.explain.preprocess import prepare
from effviz.explain.results import Bytes, Floats, Forward, Method, Photo
from effviz.explain.scales import Scale, ScaledMap, rescale
from effviz.report.pictures import png
from effviz.zoo.model import Model, ModelRef

SAMPLE = "kitten"
CLASS = 281  # tabby cat, as in pytorch-grad-cam's README
MANY = 200  # photos
BATCH = 16  # of the peer


@dataclass(frozen=True, slots=True)
class Subject:
    """The models and what all sides get: a square photo, so that both overlays have as many pixels."""

    models: tuple[Model, ...]
    data: bytes  # JPEG
    forwards: tuple[Forward, ...]
    pixels: tuple[Floats, ...]  # the tensors of each, (1, 3, S, S): making them is not timed

    @classmethod
    def of(cls, models: Sequence[Model]) -> "Subject":
        """Cut the sample photo square."""
        image = Image.fromarray(images.read(samples.find(SAMPLE).path.read_bytes(), SAMPLE).rgb)
        side = min(image.size)
        buffer = io.BytesIO()
        image.crop((0, 0, side, side)).save(buffer, "JPEG", quality=95)
        photo = images.read(buffer.getvalue(), SAMPLE)
        forwards = tuple(forward(model, photo) for model in models)
        return cls(tuple(models), buffer.getvalue(), forwards, tuple(known.prepared.pixels for known in forwards))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides that do the same work."""

    name: str
    ours: Side
    peer: Side
    at_least: float  # the ratio that is wanted
    target: str  # the same in words
    long: bool = False  # a run takes the peer about a minute: it has one


def _maps(subject: Subject) -> None:
    """From tensors to raw maps: the pass is made again each time."""
    for known, pixels in zip(subject.forwards, subject.pixels, strict=True):
        activation_map(_again(known, pixels), CLASS)


def _grad_cam(subject: Subject) -> Comparison:
    sides = list(zip([peers.grad_cam(model, CLASS) for model in subject.models], subject.pixels, strict=True))
    name = f"CAM of {_count(subject)}, tensor to raw map, and pytorch-grad-cam's GradCAM"
    return Comparison(
        name, lambda: _maps(subject), lambda: [explain(pixels) for explain, pixels in sides], 8, "8x or more"
    )


def _torchcam(subject: Subject) -> Comparison:
    sides = list(zip([peers.torchcam_grad_cam(model, CLASS) for model in subject.models], subject.pixels, strict=True))
    name = f"CAM of {_count(subject)}, tensor to raw map, and torchcam's GradCAM"
    return Comparison(
        name, lambda: _maps(subject), lambda: [explain(pixels) for explain, pixels in sides], 3.3, "3.3x or more"
    )


def _bare(subject: Subject) -> Comparison:
    engines = [_openvino(model) for model in subject.models]
    requests = [engine.requests.compiled.create_infer_request() for engine in engines if engine]

    def peer() -> None:
        for request, tensor in zip(requests, subject.pixels, strict=True):
            request.infer([tensor])

    name = f"CAM of {_count(subject)}, tensor to raw map, and OpenVINO's forward passes alone"
    return Comparison(name, lambda: _maps(subject), peer, 1 / 1.1, "at most 1.1 times as long")


def _methods(subject: Subject) -> Comparison:
    first = subject.forwards[0]
    ours = [method for method, fact in METHODS.items() if fact.closed_form and method is not Method.ABLATIONCAM]
    sides = [peers.grad_cam(first.model, CLASS, method) for method in peers.METHODS]

    def explain() -> None:
        again = forward(first.model, first.photo)
        for method in ours:
            activation_map(again, CLASS, method)

    name = f"{len(ours)} closed-form methods, and {len(sides)} of pytorch-grad-cam one after the other"

    def peer() -> None:
        with threadpool_limits(cores.available(), "blas"):  # engines had numpy's threads put aside; the peer has none
            for side in sides:
                side(subject.pixels[0])

    return Comparison(name, explain, peer, 30, "30x or more")


def _classes(subject: Subject) -> Comparison:
    first = subject.forwards[0]
    peer = peers.grad_cam(first.model, CLASS)
    name = f"Maps of all {len(first.logits)} classes, and one of pytorch-grad-cam"
    return Comparison(
        name, lambda: class_maps(forward(first.model, first.photo)), lambda: peer(subject.pixels[0]), 1, "faster"
    )


def _ablation(subject: Subject) -> Comparison:
    name = "Ablation-CAM by {model}, tensor to raw map, and pytorch-grad-cam's"
    return _channelwise(subject, Method.ABLATIONCAM, "AblationCAM", (name, 1000))


def _score(subject: Subject) -> Comparison:
    name = "Score-CAM by {model}, every channel, and pytorch-grad-cam's"
    return _channelwise(subject, Method.SCORECAM, "ScoreCAM", (name, 4))


def _channelwise(subject: Subject, method: Method, peers_name: str, row: tuple[str, float]) -> Comparison:
    first, pixels, (name, at_least) = subject.forwards[0], subject.pixels[0], row
    peer = peers.grad_cam(first.model, CLASS, peers_name)

    def ours() -> None:
        activation_map(_again(first, pixels), CLASS, method)

    name = name.format(model=first.model.ref.label)
    return Comparison(name, ours, lambda: peer(pixels), at_least, f"{at_least}x or more", long=True)


def _many(subject: Subject) -> Comparison:
    model = subject.models[0]
    photos = [images.read(sample.path.read_bytes(), sample.name) for sample in samples.samples()]
    pixels = list(islice(cycle([prepare(photo, model.ref).pixels for photo in photos]), MANY))  # (1, 3, S, S) each
    peer = peers.grad_cam_batch(model, CLASS)
    row = model.classifier[0][CLASS]

    def ours() -> None:
        for features, _ in choose(model).engine.many(pixels):
            closed.cam(features[0], row)

    def theirs() -> None:
        for start in range(0, MANY, BATCH):
            peer(np.concatenate(pixels[start : start + BATCH]))

    name = f"CAM of {MANY} photos by {model.ref.label}, and pytorch-grad-cam's {BATCH} at a time"
    return Comparison(name, ours, theirs, 6, "6x or more", long=True)


def _again(known: Forward, pixels: Floats) -> Forward:
    """Make the pass anew."""
    features, logits = run(known.model, pixels)
    return Forward(known.model, known.photo, known.prepared, features, logits, 0.0)


def _pictures(subject: Subject) -> Comparison:
    sides = [(peers.grad_cam(model, CLASS), model.ref) for model in subject.models]

    def ours() -> None:
        photo = images.read(subject.data, SAMPLE)
        maps = [activation_map(forward(model, photo), CLASS) for model in subject.models]

        def draw(model: Model, scaled: ScaledMap) -> bytes:
            return png(overlay(photo, scaled, OverlayStyle(view=View(longest_px=model.ref.resolution_px))))

        with ThreadPoolExecutor(cores.available()) as pool:  # as `effviz cam` does
            list(pool.map(draw, subject.models, rescale(maps, Scale.OWN)))

    def peer() -> None:
        photo = images.read(subject.data, SAMPLE)
        for explain, ref in sides:
            pixels = prepare(photo, ref).pixels
            peers.png(peers.overlay(_seen(photo, ref), explain(pixels)))

    name = f"JPEG to PNG overlays of {_count(subject)}, and pytorch-grad-cam's"
    return Comparison(name, ours, peer, 4, "4x or more")


def _seen(photo: Photo, ref: ModelRef) -> Bytes:
    """What the peer draws on: the photo at the size of the input."""
    return np.asarray(Image.fromarray(photo.rgb).resize((ref.resolution_px, ref.resolution_px)))


def _openvino(model: Model) -> OpenVinoEngine | None:
    engine = choose(model).engine
    return engine if isinstance(engine, OpenVinoEngine) else None


def _count(subject: Subject) -> str:
    return f"{len(subject.models)} model{'s' * (len(subject.models) > 1)}"


def _nothing(_: Subject) -> str:
    return ""


def _without_torchcam(_: Subject) -> str:
    missing = peers.torchcam_missing()
    return "torchcam is left out: it is not installed. Install it: pip install torchcam" if missing else ""


def _without_openvino(subject: Subject) -> str:
    runs = all(_openvino(model) for model in subject.models)
    return "" if runs else "OpenVINO alone is left out: it does not run these models here. See EFFVIZ_ENGINE."


COMPARISONS: tuple[tuple[Callable[[Subject], Comparison], Callable[[Subject], str]], ...] = (
    (_grad_cam, _nothing),
    (_torchcam, _without_torchcam),
    (_bare, _without_openvino),
    (_pictures, _nothing),
    (_methods, _nothing),
    (_ablation, _nothing),
    (_score, _nothing),
    (_many, _nothing),
    (_classes, _nothing),
)
