"""What work costs, estimated before it is done: time in passes of B4 at 380 px, and memory.

Time is measured for the kinds of work (a gradient by torch is about twelve times a pass by OpenVINO), and follows the
multiply-adds of a pass; memory follows the plan's activations.
"""

from collections.abc import Sequence
from typing import Final

from effviz.explain.methods import METHODS
from effviz.explain.results import Layer, Method
from effviz.scaling import PUBLISHED, Plan, plan
from effviz.ui import decoders
from effviz.ui.turns import Effort
from effviz.zoo.model import ModelRef

LOAD: Final = 3.0  # reading, checking and compiling a network, whatever its size
LOAD_A_PARAMETER: Final = 5e-8
TORCH: Final = 4.0  # times a pass by OpenVINO
GRADIENT: Final = 12.0
KERNEL: Final = 8.0  # KPCA-CAM's comparison of every cell with every other one
FLOAT_BYTES: Final = 4
COPIES: Final = 3  # of the activations that are alive at once: those of the engine, of its results, and of the maps
KEPT: Final = 3  # of all activations, for a gradient: before and after the batch norm, and after the activation
REQUESTS: Final = 4  # passes in flight while many are asked for


def a_photo() -> Effort:
    """A turn of decoding a visitor's photo, which is given away ten times a second."""
    return Effort(1.0, decoders.memory_bytes(), long=True)


def one_pass(ref: ModelRef, *, loaded: bool = True) -> Effort:
    """One forward pass with a map from its features, after loading the network where it is not there yet."""
    load = 0.0 if loaded else LOAD + LOAD_A_PARAMETER * _plan(ref).params
    weights = 0 if loaded else 2 * FLOAT_BYTES * _plan(ref).params
    return Effort(_passes(ref) + load, _live_bytes(ref) + weights)


def one_map(ref: ModelRef, method: Method, layer: Layer) -> Effort:
    """A turn of the work on one map of a loaded network."""
    if METHODS[method].closed_form and layer is Layer.LAST:
        return one_pass(ref)
    if METHODS[method].slow:
        return many_passes(ref)
    match method:
        case Method.KPCACAM:
            return Effort(_passes(ref) + KERNEL, _live_bytes(ref) + 2**28)
        case Method.EIGENCAM | Method.FEM | Method.RANDOMCAM:
            return one_pass(ref)
        case _:
            return gradient(ref)


def gradient(ref: ModelRef) -> Effort:
    """One pass forth and back by torch."""
    return Effort(GRADIENT * _passes(ref), KEPT * _activation_bytes(ref))


def many_passes(ref: ModelRef) -> Effort:
    """A work of many forward passes, which gives its turn away after each of them."""
    return Effort(_passes(ref), REQUESTS * _live_bytes(ref), long=True)


def measuring(refs: Sequence[ModelRef]) -> Effort:
    """A work that loads networks and measures maps of them, and gives its turn away after each pass or two."""
    load = LOAD + max(LOAD_A_PARAMETER * _plan(ref).params for ref in refs)
    return Effort(load, sum(many_passes(ref).nbytes for ref in refs), long=True)


def broken_copies(ref: ModelRef) -> Effort:
    """A work on a copy of the network by torch, which gives its turn away after each map."""
    weights = 2 * FLOAT_BYTES * _plan(ref).params
    return Effort(TORCH * _passes(ref), _activation_bytes(ref) + weights, long=True)


def _plan(ref: ModelRef) -> Plan:
    spec = ref.spec
    return plan(spec.depth, spec.width, ref.resolution_px, spec.family, len(spec.classes))


def _passes(ref: ModelRef) -> float:
    b4 = PUBLISHED["b4"]
    return ref.macs / plan(b4.depth, b4.width, b4.resolution).macs


def _live_bytes(ref: ModelRef) -> int:
    return COPIES * FLOAT_BYTES * max(layer.live for layer in _plan(ref).layers)


def _activation_bytes(ref: ModelRef) -> int:
    return FLOAT_BYTES * sum(layer.activations for layer in _plan(ref).layers)
