"""The peers as their READMEs show them: the CAM object is made once, then used on the photo.

Each gets a module of its own: their hooks stay on it, and would slow down whoever shares it.
"""

import copy
from collections.abc import Callable
from importlib.util import find_spec

import cv2
import numpy as np
import pytorch_grad_cam as library
import torch
from pytorch_grad_cam.utils.image import show_cam_on_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from effviz.explain.results import Bytes, Floats
from effviz.zoo.model import Model

# What pytorch-grad-cam has of the closed-form methods; CAM itself it has not, and Ablation-CAM has its own row.
METHODS = (
    *("GradCAM", "HiResCAM", "XGradCAM", "GradCAMPlusPlus", "LayerCAM", "GradCAMElementWise"),
    *("EigenCAM", "FinerCAM", "ShapleyCAM"),
)

Explain = Callable[[Floats], Floats]  # (1, 3, S, S) -> (S, S), stretched to 0..1


def grad_cam(model: Model, index: int, method: str = "GradCAM") -> Explain:
    """pytorch-grad-cam's map of a class after `bn2`."""
    module = _private(model)
    cam = getattr(library, method)(model=module, target_layers=[module.bn2])
    targets = [ClassifierOutputTarget(index)]

    def explain(pixels: Floats) -> Floats:
        tensor = torch.tensor(pixels)
        # FinerCAM makes its own targets
        maps = cam(tensor, target_idx=index) if method == "FinerCAM" else cam(input_tensor=tensor, targets=targets)
        return np.asarray(maps[0], np.float32)

    return explain


def grad_cam_batch(model: Model, index: int) -> Explain:
    """pytorch-grad-cam's maps of a class after `bn2` for several photos at once: (N, 3, S, S) -> (N, S, S)."""
    module = _private(model)
    cam = library.GradCAM(model=module, target_layers=[module.bn2])

    def explain(pixels: Floats) -> Floats:
        targets = [ClassifierOutputTarget(index)] * len(pixels)
        return np.asarray(cam(input_tensor=torch.tensor(pixels), targets=targets), np.float32)

    return explain


def grad_cam_of_any(model: Model) -> Callable[[Floats, int], Floats]:
    """pytorch-grad-cam's map after `bn2` of a class that is named with each photo, as a script over labels has it."""
    module = _private(model)
    cam = library.GradCAM(model=module, target_layers=[module.bn2])

    def explain(pixels: Floats, index: int) -> Floats:
        maps = cam(input_tensor=torch.tensor(pixels), targets=[ClassifierOutputTarget(index)])
        return np.asarray(maps[0], np.float32)

    return explain


def torchcam_missing() -> bool:
    """Tell whether torchcam, which EffViz does not need, is not installed."""
    return find_spec("torchcam") is None


def torchcam_grad_cam(model: Model, index: int) -> Explain:
    """Grad-CAM by torchcam of a class after `bn2`, at the layer's own grid."""
    from torchcam.methods import GradCAM

    module = _private(model)
    extractor = GradCAM(module, module.bn2)

    def explain(pixels: Floats) -> Floats:
        out = module(torch.tensor(pixels))
        return np.asarray(extractor(index, out)[0].squeeze(0).numpy(), np.float32)

    return explain


def overlay(rgb: Bytes, values: Floats) -> Bytes:
    """pytorch-grad-cam's picture of a map on what the model saw, (S, S, 3)."""
    return np.asarray(show_cam_on_image(rgb.astype(np.float32) / 255, values, use_rgb=True))


def png(rgb: Bytes) -> bytes:
    """A PNG file as pytorch-grad-cam's README writes it, with OpenCV."""
    _, data = cv2.imencode(".png", rgb[..., ::-1])
    return bytes(data)


def _private(model: Model) -> torch.nn.Module:
    return copy.deepcopy(model.module).requires_grad_(True)
