"""Times class activation maps against pytorch-grad-cam, torchcam and OpenVINO's forward passes alone.

Both sides run in one process with the same weights and photo; no results are kept between runs.
"""

import copy
import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import cycle, islice

import cv2
import numpy as np
import pytorch_grad_cam as library
import torch
from PIL import Image
from pytorch_grad_cam.utils.image import show_cam_on_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from threadpoolctl import threadpool_limits

from effviz import cpu
from effviz.bench.benchmark import PeerRow, Side, against_one, side_by_side
from effviz.explain import activation_maps, images, sample_photos
from effviz.explain.activation_maps import activation_map, class_maps
from effviz.explain.cam_methods import CAM_METHODS
from effviz.explain.data_types import Floats, Forward, Method, Photo
from effviz.explain.engines import choose
from effviz.explain.engines.openvino_engine import OpenVinoEngine
from effviz.explain.forward_pass import forward, prepare, run_network
from effviz.explain.images import encode_png
from effviz.explain.overlay import OverlayStyle, Scale, ScaledMap, overlay, rescale
from effviz.explain.placement import RasterOptions
from effviz.zoo.loading import load_all
from effviz.zoo.model import Model, ModelRef
from effviz.zoo.presets import PRESETS

# The peers are used as their READMEs show: the CAM object is created once, then applied to the photo. Each gets its own
# copy of the module, because its hooks stay there and would slow down other users of the module.

# The closed-form methods in pytorch-grad-cam; it does not have CAM itself, and Ablation-CAM has its own row.
PEER_METHODS = (
    *("GradCAM", "HiResCAM", "XGradCAM", "GradCAMPlusPlus", "LayerCAM", "GradCAMElementWise"),
    *("EigenCAM", "FinerCAM", "ShapleyCAM"),
)

Explain = Callable[[Floats], Floats]  # (1, 3, S, S) -> (S, S), rescaled to 0..1


def grad_cam(model: Model, index: int, method: str = "GradCAM") -> Explain:
    """Return a function that computes pytorch-grad-cam's map of a class after `bn2`."""
    explain = grad_cam_of_any(model, method)
    return lambda pixels: explain(pixels, index)[0]


def grad_cam_of_any(model: Model, method: str = "GradCAM") -> Callable[[Floats, int], Floats]:
    """Return a function of photos and a class: pytorch-grad-cam's maps after `bn2`, (N, 3, S, S) -> (N, S, S)."""
    module = _private(model)
    cam = getattr(library, method)(model=module, target_layers=[module.bn2])

    def explain(pixels: Floats, index: int) -> Floats:
        targets = [ClassifierOutputTarget(index)] * len(pixels)
        wanted = {"target_idx": index} if method == "FinerCAM" else {"targets": targets}  # FinerCAM makes its own
        return np.asarray(cam(input_tensor=torch.tensor(pixels), **wanted), np.float32)

    return explain


def torchcam_grad_cam(model: Model, index: int) -> Explain:
    """Return a function that computes torchcam's Grad-CAM of a class after `bn2`, on the layer's own grid."""
    from torchcam.methods import GradCAM

    module = _private(model)
    extractor = GradCAM(module, module.bn2)

    def explain(pixels: Floats) -> Floats:
        out = module(torch.tensor(pixels))
        return np.asarray(extractor(index, out)[0].squeeze(0).numpy(), np.float32)

    return explain


def peer_png(photo: Photo, ref: ModelRef, values: Floats) -> bytes:
    """Return a map (S, S) over the photo at input size, as a PNG by pytorch-grad-cam and OpenCV, as in its README."""
    rgb = np.asarray(Image.fromarray(photo.rgb).resize((ref.resolution_px, ref.resolution_px)))
    shown = show_cam_on_image(rgb.astype(np.float32) / 255, values, use_rgb=True)
    return bytes(cv2.imencode(".png", shown[..., ::-1])[1])


def _private(model: Model) -> torch.nn.Module:
    return copy.deepcopy(model.module).requires_grad_(True)


# What `effviz bench cam` compares: for each row our side, the peer's, and the target ratio.

SAMPLE = "kitten"
CLASS = 281  # tabby cat, as in pytorch-grad-cam's README
MANY = 200  # photos
BATCH = 16  # of the peer


@dataclass(frozen=True, slots=True)
class CamSubject:
    """The models and the input of all sides: a square photo, so that both overlays have the same number of pixels."""

    models: tuple[Model, ...]
    data: bytes  # JPEG
    forwards: tuple[Forward, ...]
    pixels: tuple[Floats, ...]  # the input tensor of each, (1, 3, S, S); preparing it is not timed

    @classmethod
    def of(cls, models: Sequence[Model]) -> "CamSubject":
        """Crop the sample photo to a square and run the models on it."""
        image = Image.fromarray(images.read(sample_photos.find(SAMPLE).path.read_bytes(), SAMPLE).rgb)
        side = min(image.size)
        buffer = io.BytesIO()
        image.crop((0, 0, side, side)).save(buffer, "JPEG", quality=95)
        photo = images.read(buffer.getvalue(), SAMPLE)
        forwards = tuple(forward(model, photo) for model in models)
        return cls(tuple(models), buffer.getvalue(), forwards, tuple(forward.prepared.pixels for forward in forwards))


@dataclass(frozen=True, slots=True)
class PeerComparison:
    """Two sides that do the same work."""

    name: str
    ours: Side
    peer: Side
    at_least: float  # the target ratio
    target: str  # the same in words
    long: bool = False  # the peer takes about a minute, so it runs only once


def _maps(subject: CamSubject) -> None:
    """Compute raw maps from tensors, with a new forward pass each time."""
    for passed, pixels in zip(subject.forwards, subject.pixels, strict=True):
        activation_map(_again(passed, pixels), CLASS)


def _torchcam(subject: CamSubject) -> PeerComparison | str:
    if find_spec("torchcam") is None:
        return "torchcam is left out: it is not installed. Install it: pip install torchcam"
    return _raw_maps(torchcam_grad_cam, "torchcam", 3.3, subject)


def _raw_maps(
    make: Callable[[Model, int], Explain], library_name: str, at_least: float, subject: CamSubject
) -> PeerComparison:
    sides = list(zip([make(model, CLASS) for model in subject.models], subject.pixels, strict=True))
    name = f"CAM of {_count(subject)}, tensor to raw map, and {library_name}'s GradCAM"

    def peer() -> None:
        for explain, pixels in sides:
            explain(pixels)

    return PeerComparison(name, lambda: _maps(subject), peer, at_least, f"{at_least}x or more")


def _bare(subject: CamSubject) -> PeerComparison | str:
    chosen = [choose(model).engine for model in subject.models]
    engines = [engine for engine in chosen if isinstance(engine, OpenVinoEngine)]
    if engines != chosen:
        return "OpenVINO alone is left out: it does not run these models here. See EFFVIZ_ENGINE."
    requests = [engine.requests.compiled.create_infer_request() for engine in engines]

    def peer() -> None:
        for request, tensor in zip(requests, subject.pixels, strict=True):
            request.infer([tensor])

    name = f"CAM of {_count(subject)}, tensor to raw map, and OpenVINO's forward passes alone"
    return PeerComparison(name, lambda: _maps(subject), peer, 1 / 1.1, "at most 1.1 times as long")


def _methods(subject: CamSubject) -> PeerComparison:
    first = subject.forwards[0]
    ours = [method for method, fact in CAM_METHODS.items() if fact.closed_form and method is not Method.ABLATIONCAM]
    sides = [grad_cam(first.model, CLASS, method) for method in PEER_METHODS]

    def explain() -> None:
        again = forward(first.model, first.photo)
        for method in ours:
            activation_map(again, CLASS, method)

    name = f"{len(ours)} closed-form methods, and {len(sides)} of pytorch-grad-cam one after the other"

    def peer() -> None:
        # The engines limited NumPy's threads; the peer has no engine.
        with threadpool_limits(cpu.available_cores(), "blas"):
            for side in sides:
                side(subject.pixels[0])

    return PeerComparison(name, explain, peer, 30, "30x or more")


def _classes(subject: CamSubject) -> PeerComparison:
    first = subject.forwards[0]
    peer = grad_cam(first.model, CLASS)
    name = f"Maps of all {len(first.logits)} classes, and one of pytorch-grad-cam"
    return PeerComparison(
        name, lambda: class_maps(forward(first.model, first.photo)), lambda: peer(subject.pixels[0]), 1, "faster"
    )


CHANNELWISE = {  # the peer's name of a method, the row's name, and the target ratio
    Method.ABLATIONCAM: ("AblationCAM", "Ablation-CAM by {model}, tensor to raw map, and pytorch-grad-cam's", 1000),
    Method.SCORECAM: ("ScoreCAM", "Score-CAM by {model}, every channel, and pytorch-grad-cam's", 4),
}


def _channelwise(method: Method, subject: CamSubject) -> PeerComparison:
    first, pixels, (peers_name, name, at_least) = subject.forwards[0], subject.pixels[0], CHANNELWISE[method]
    peer = grad_cam(first.model, CLASS, peers_name)

    def ours() -> None:
        activation_map(_again(first, pixels), CLASS, method)

    name = name.format(model=first.model.ref.label)
    return PeerComparison(name, ours, lambda: peer(pixels), at_least, f"{at_least}x or more", long=True)


def _many(subject: CamSubject) -> PeerComparison:
    model = subject.models[0]
    photos = [images.read(sample.path.read_bytes(), sample.name) for sample in sample_photos.samples()]
    pixels = list(islice(cycle([prepare(photo, model.ref).pixels for photo in photos]), MANY))  # (1, 3, S, S) each
    peer = grad_cam_of_any(model)
    row = model.classifier[0][CLASS]

    def ours() -> None:
        for features, _ in choose(model).engine.many(pixels):
            activation_maps.cam(features[0], row)

    def theirs() -> None:
        for start in range(0, MANY, BATCH):
            peer(np.concatenate(pixels[start : start + BATCH]), CLASS)

    name = f"CAM of {MANY} photos by {model.ref.label}, and pytorch-grad-cam's {BATCH} at a time"
    return PeerComparison(name, ours, theirs, 6, "6x or more", long=True)


def _again(passed: Forward, pixels: Floats) -> Forward:
    features, logits = run_network(passed.model, pixels)
    return Forward(passed.model, passed.photo, passed.prepared, features, logits, 0.0)


def _pictures(subject: CamSubject) -> PeerComparison:
    sides = [(grad_cam(model, CLASS), model.ref) for model in subject.models]

    def ours() -> None:
        photo = images.read(subject.data, SAMPLE)
        maps = [activation_map(forward(model, photo), CLASS) for model in subject.models]

        def draw(model: Model, scaled: ScaledMap) -> bytes:
            return encode_png(
                overlay(photo, scaled, OverlayStyle(view=RasterOptions(longest_px=model.ref.resolution_px)))
            )

        with ThreadPoolExecutor(cpu.available_cores()) as pool:  # as `effviz cam` does
            list(pool.map(draw, subject.models, rescale(maps, Scale.OWN)))

    def peer() -> None:
        photo = images.read(subject.data, SAMPLE)
        for explain, ref in sides:
            peer_png(photo, ref, explain(prepare(photo, ref).pixels))

    name = f"JPEG to PNG overlays of {_count(subject)}, and pytorch-grad-cam's"
    return PeerComparison(name, ours, peer, 4, "4x or more")


def _count(subject: CamSubject) -> str:
    return f"{len(subject.models)} model{'s' * (len(subject.models) > 1)}"


# Each returns a comparison, or a sentence that says why it is not possible.
COMPARISONS: tuple[Callable[[CamSubject], PeerComparison | str], ...] = (
    partial(_raw_maps, grad_cam, "pytorch-grad-cam", 8),
    _torchcam,
    _bare,
    _pictures,
    _methods,
    partial(_channelwise, Method.ABLATIONCAM),
    partial(_channelwise, Method.SCORECAM),
    _many,
    _classes,
)

# The benchmark itself: its rows, timed side by side.

OURS_OF_LONG = 5  # timed runs of our side if the peer runs only once
REFS = next(preset.refs for preset in PRESETS if preset.name == "scaling-axes")


def bench_cam(repeats: int = 15, refs: Sequence[ModelRef] = REFS, long: bool = True) -> Iterator[PeerRow | str]:
    """Time every comparison on the models of "Scaling axes", those of one model on the first; long ones only if `long`.

    Yield a row for each comparison that is possible, and a sentence about each that is not.
    """
    subject = CamSubject.of(load_all(refs))
    for make in COMPARISONS:
        match make(subject):
            case str(sentence):
                yield sentence
            case comparison if comparison.long and not long:
                yield f"{comparison.name} is left out: its peer takes about a minute. Include it with --long."
            case comparison:
                time, runs = (against_one, min(repeats, OURS_OF_LONG)) if comparison.long else (side_by_side, repeats)
                ours, peer = time(comparison.ours, comparison.peer, runs)
                yield PeerRow(comparison.name, ours, peer, comparison.at_least, comparison.target)
