"""Random weights, drawn as timm draws them when a training begins."""

from math import prod, sqrt

import numpy as np

from effviz.scaling import Operator, Plan
from effviz.zoo.layout import Part, parts, shapes
from effviz.zoo.tensors import Array, Tensors

SEED = 0  # untrained networks are the same on every run


def tensors(plan: Plan) -> Tensors:
    """Draw a network's weights; the same plan gives the same ones.

    Convolutions are normal with variance 2 / fan-out, the classifier is uniform within 1 / sqrt(fan-out), batch norms
    change nothing (tensorflow/tpu `efficientnet_model.py`; timm's `_init_weight_goog`).
    """
    generator = np.random.default_rng(SEED)
    found: dict[str, Array] = {
        name: np.full(shape, name.endswith((".weight", "running_var")), np.float32)
        for name, shape in shapes(plan).items()
    }
    return found | {f"{part.name}.weight": _drawn(part, generator) for part in parts(plan)}


def _drawn(part: Part, generator: np.random.Generator) -> Array:
    out, _, *kernel = part.weight_shape
    if part.layer.operator is Operator.CLASSIFIER:
        return generator.uniform(-1 / sqrt(out), 1 / sqrt(out), part.weight_shape).astype(np.float32)
    groups = out if part.layer.operator is Operator.DEPTHWISE else 1
    numbers = generator.standard_normal(part.weight_shape, np.float32)
    numbers *= np.float32(sqrt(2 * groups / (prod(kernel) * out)))
    return numbers
