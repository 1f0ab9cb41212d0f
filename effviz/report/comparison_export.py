"""A comparison as files: raw maps with their provenance as NPZ without pickle, and its settings as JSON."""

import io
import json
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Final

import numpy as np

import effviz
from effviz.explain import placement
from effviz.explain.data_types import ActivationMap
from effviz.explain.overlay import OverlayStyle
from effviz.explain.placement import Placement
from effviz.explain.scales import Scale
from effviz.zoo.model import Model

# What made a map, as plain values for JSON.

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


def provenance(entry: ActivationMap) -> dict[str, Json]:
    """Everything about a map but its values; boxes and sizes in pixels of the upright photo."""
    height, width = entry.values.shape
    return {
        "photo": entry.photo,
        "photo_sha256": entry.photo_sha256,
        "photo_size": list(entry.photo_size),
        "model": entry.model,
        "weights_sha256": entry.weights_sha256,
        "trained": entry.trained,
        "method": entry.method.value,
        "layer": entry.layer.value,
        "target_index": int(entry.target_index),
        "target_name": entry.target_name,
        "logit": float(entry.logit),
        "probability": float(entry.probability),
        "bias": float(entry.bias),
        "seen": [float(edge) for edge in (entry.seen.x0, entry.seen.y0, entry.seen.x1, entry.seen.y1)],
        "map_height": int(height),
        "map_width": int(width),
        "map_min": float(entry.values.min()),
        "map_max": float(entry.values.max()),
    }


def map_keys(maps: Sequence[ActivationMap]) -> list[str]:
    """Name maps as archives can: `photo__model`, and `photo__model__class` for the further classes of a pair."""
    keys: list[str] = []
    for entry in maps:
        pair = f"{_key_part(entry.photo)}__{_key_part(entry.model)}"
        wanted = pair if pair not in keys else f"{pair}__{_key_part(entry.target_name)}"
        alike = sum(key == wanted or key.startswith(f"{wanted}__") for key in keys) if wanted in keys else 0
        keys.append(f"{wanted}__{alike + 1}" if alike else wanted)
    return keys


def _key_part(text: str) -> str:
    return re.sub(r"[^\w.@+-]+", "_", text) or "_"


def maps_npz(maps: Sequence[ActivationMap]) -> bytes:
    """Write each map (H, W) float32 under its key (`map_keys`), and `facts`: a JSON list with one entry a map.

    The same maps give the same bytes: numpy writes each part with the fixed date of 1980.
    """
    keys = map_keys(maps)
    arrays = {key: entry.values for key, entry in zip(keys, maps, strict=True)}
    facts = json.dumps(
        [{"key": key, **provenance(entry)} for key, entry in zip(keys, maps, strict=True)], sort_keys=True
    )
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, facts=np.array(facts), **arrays)
    return buffer.getvalue()


# Settings: everything needed to repeat a comparison.

VERSIONED_PACKAGES: Final = ("grad-cam", "numpy", "pillow", "timm", "torch", "torchvision")


@dataclass(frozen=True, slots=True, eq=False)
class ComparisonSettings:
    """What was compared, and how it was shown."""

    models: Sequence[Model]
    maps: Sequence[ActivationMap]
    target: str  # as asked for: "top1", "class 281", "rank 2"
    scale: Scale
    style: OverlayStyle


def settings_json(comparison: ComparisonSettings) -> bytes:
    """Write the settings; the same comparison gives the same bytes, so there is no date in them."""
    facts: dict[str, Json] = {
        **model_settings(comparison.models),
        "target": comparison.target,
        "maps": [dict(provenance(entry)) for entry in comparison.maps],
        "shown": _display_settings(comparison),
    }
    return (json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def model_settings(models: Sequence[Model]) -> dict[str, Json]:
    """The part of the settings that stays while one looks: versions and models."""
    return {"versions": dict(_versions()), "models": [_model_facts(model) for model in models]}


@cache
def _versions() -> dict[str, Json]:
    return {
        "effviz": effviz.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in VERSIONED_PACKAGES},
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


def _display_settings(comparison: ComparisonSettings) -> dict[str, Json]:
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


def _calibrations(comparison: ComparisonSettings) -> dict[str, Json]:
    if comparison.style.placement is Placement.PLAIN:
        return {}
    known = placement.calibrations()  # the others are placed plainly
    found = [
        known[model.ref.label]
        for model in comparison.models
        if model.ref.label in known and known[model.ref.label].weights_sha256 == model.weights_sha256
    ]
    return {
        one.model: {"offset_x": one.offset_x, "offset_y": one.offset_y, "slope": one.slope, "made": one.made}
        for one in found
    }
