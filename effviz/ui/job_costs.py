"""What work costs, estimated before it is done: time in passes of B4 at 380 px, and memory.

Time is measured for the kinds of work (a gradient by torch is about twelve times a pass by OpenVINO), and follows the
multiply-adds of a pass; memory follows the plan's activations. The decoders of photos get a share of all memory.
"""

from collections.abc import Sequence
from typing import Final

from effviz.explain import decoding
from effviz.explain.cam_methods import CAM_METHODS
from effviz.explain.data_types import Method, TargetLayer
from effviz.scaling import PUBLISHED, plan
from effviz.ui import job_queue
from effviz.ui.job_queue import Effort
from effviz.ui.memory import budget_bytes
from effviz.zoo.model import ModelRef

# The processes that decode visitors' photos take a share of the memory that work in flight may have.

DECODER_SHARE: Final = 0.25  # of the memory, for all of them together

MOST_DECODER_BYTES: Final = 2**29  # for one photo: 50 megapixels in most formats, 25 with transparency


def decoder_memory_bytes() -> int:
    """Return how much one photo may take while it is decoded."""
    return min(MOST_DECODER_BYTES, budget_bytes(DECODER_SHARE))


def start_decoders() -> None:
    """Start them, where they do not run yet; they load what they need while nobody waits."""
    most = min(job_queue.capacity(), budget_bytes(DECODER_SHARE) // decoder_memory_bytes())
    decoding.configure(most, decoding.DecodeLimits(memory_bytes=decoder_memory_bytes())).start()


LOAD: Final = 3.0  # reading, checking and compiling a network, whatever its size

LOAD_A_PARAMETER: Final = 5e-8

TORCH: Final = 4.0  # times a pass by OpenVINO

GRADIENT: Final = 12.0

KERNEL: Final = 8.0  # KPCA-CAM's comparison of every cell with every other one

FLOAT_BYTES: Final = 4

COPIES: Final = 3  # of the activations that are alive at once: those of the engine, of its results, and of the maps

KEPT: Final = 3  # of all activations, for a gradient: before and after the batch norm, and after the activation

REQUESTS: Final = 4  # passes in flight while many are asked for


def photo_effort() -> Effort:
    """A turn of decoding a visitor's photo, which is given away ten times a second."""
    return Effort(1.0, decoder_memory_bytes(), long=True)


def pass_effort(ref: ModelRef, *, loaded: bool = True) -> Effort:
    """One forward pass with a map from its features, after loading the network where it is not there yet."""
    load = 0.0 if loaded else LOAD + LOAD_A_PARAMETER * ref.cost.params
    weights = 0 if loaded else 2 * FLOAT_BYTES * ref.cost.params
    return Effort(_passes(ref) + load, _live_bytes(ref) + weights)


def map_effort(ref: ModelRef, method: Method, layer: TargetLayer) -> Effort:
    """A turn of the work on one map of a loaded network."""
    if CAM_METHODS[method].closed_form and layer is TargetLayer.LAST:
        return pass_effort(ref)
    if CAM_METHODS[method].slow:
        return many_passes_effort(ref)
    match method:
        case Method.KPCACAM:
            return Effort(_passes(ref) + KERNEL, _live_bytes(ref) + 2**28)
        case Method.EIGENCAM | Method.FEM | Method.RANDOMCAM:
            return pass_effort(ref)
        case _:
            return gradient_effort(ref)


def gradient_effort(ref: ModelRef) -> Effort:
    """One pass forth and back by torch."""
    return Effort(GRADIENT * _passes(ref), KEPT * _activation_bytes(ref))


def many_passes_effort(ref: ModelRef) -> Effort:
    """A work of many forward passes, which gives its turn away after each of them."""
    return Effort(_passes(ref), REQUESTS * _live_bytes(ref), long=True)


def quick_run_effort(refs: Sequence[ModelRef]) -> Effort:
    """A work that loads networks and measures maps of them, and gives its turn away after each pass or two."""
    load = LOAD + max(LOAD_A_PARAMETER * ref.cost.params for ref in refs)
    return Effort(load, sum(many_passes_effort(ref).nbytes for ref in refs), long=True)


def randomization_effort(ref: ModelRef) -> Effort:
    """A work on a copy of the network by torch, which gives its turn away after each map."""
    weights = 2 * FLOAT_BYTES * ref.cost.params
    return Effort(TORCH * _passes(ref), _activation_bytes(ref) + weights, long=True)


def _passes(ref: ModelRef) -> float:
    b4 = PUBLISHED["b4"]
    return ref.macs / plan(b4.depth, b4.width, b4.resolution).macs


def _live_bytes(ref: ModelRef) -> int:
    return COPIES * FLOAT_BYTES * ref.cost.live


def _activation_bytes(ref: ModelRef) -> int:
    return FLOAT_BYTES * ref.cost.activations
