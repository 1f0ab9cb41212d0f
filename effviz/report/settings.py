"""Everything needed to repeat a comparison, as one JSON file."""

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

import effviz
from effviz.explain import calibration
from effviz.explain.overlay import OverlayStyle
from effviz.explain.placement import Placement
from effviz.explain.results import ActivationMap
from effviz.explain.scales import Scale
from effviz.report.provenance import Json, provenance
from effviz.zoo.model import Model

PACKAGES: Final = ("grad-cam", "numpy", "pillow", "timm", "torch", "torchvision")


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What was compared, and how it was shown."""

    models: Sequence[Model]
    maps: Sequence[ActivationMap]
    target: str  # as asked for: "top1", "class 281", "rank 2"
    scale: Scale
    style: OverlayStyle


def settings_json(comparison: Comparison) -> bytes:
    """Write the settings; the same comparison gives the same bytes, so there is no date in them."""
    facts: dict[str, Json] = {
        "versions": _versions(),
        "models": [_model_facts(model) for model in comparison.models],
        "target": comparison.target,
        "maps": [dict(provenance(entry)) for entry in comparison.maps],
        "shown": _shown(comparison),
    }
    return (json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _versions() -> dict[str, Json]:
    return {
        "effviz": effviz.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def _model_facts(model: Model) -> dict[str, Json]:
    spec = model.ref.spec
    return {
        "label": model.ref.label,
        "resolution_px": model.ref.resolution_px,
        "architecture": spec.architecture,
        "depth": spec.depth,
        "width": spec.width,
        "trained": spec.trained,
        "weights": spec.weights,
        "weights_sha256": model.weights_sha256,
        "crop_pct": spec.crop_pct,
        "interpolation": spec.interpolation,
        "mean": list(spec.mean),
        "std": list(spec.std),
    }


def _shown(comparison: Comparison) -> dict[str, Json]:
    style = comparison.style
    return {
        "scale": comparison.scale.value,
        "palette": style.palette.value,
        "opacity": style.opacity,
        "contour": style.contour,
        "threshold": style.threshold,
        "cells": style.view.cells,
        "longest_px": style.view.longest_px,
        "placement": style.placement.value,
        "calibrations": _calibrations(comparison),
    }


def _calibrations(comparison: Comparison) -> dict[str, Json]:
    if comparison.style.placement is Placement.PLAIN:
        return {}
    known = calibration.calibrations()  # the others are placed plainly
    found = [known[model.ref.label] for model in comparison.models if model.ref.label in known]
    return {
        one.model: {"offset_x": one.offset_x, "offset_y": one.offset_y, "slope": one.slope, "made": one.made}
        for one in found
    }
