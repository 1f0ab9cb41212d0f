"""Networks as torch modules, for what needs gradients or hooks."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from effviz.zoo import scaled
from effviz.zoo.model import Model, ModelRef, ModelSpec, Weights
from effviz.zoo.tensors import Tensors


def build(spec: ModelSpec, tensors: Tensors) -> torch.nn.Module:
    """Make a network's module with copies of its tensors, in evaluation mode and with parameters without gradients."""
    with _lasting(), torch.device("meta"):  # random weights would be made in vain
        module = scaled.build(spec.family, spec.depth, spec.width, len(spec.classes), spec.arithmetic)
    with _lasting():
        module.load_state_dict({name: torch.tensor(array) for name, array in tensors.items()}, assign=True)
        return module.eval().requires_grad_(False)


def model(ref: ModelRef, module: torch.nn.Module, sha256: str = "") -> Model:
    """Take a module as it is for a model; the model's tensors are views of its weights, and change with them."""
    tensors = {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}
    return Model(ref, Weights(ref.spec, tensors, sha256, modules=[module]))


@contextmanager
def _lasting() -> Iterator[None]:
    """Tensors born in inference mode could never take part in a backward pass."""
    with torch.inference_mode(False):
        yield
