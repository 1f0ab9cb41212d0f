"""Inspecting state dicts: every wrapper, prefix, naming and kind gives the right network from names and shapes."""

import re
from itertools import product

import numpy as np
import pytest
import timm
import torch
from torchvision.models.efficientnet import EfficientNet, MBConvConfig

from effviz.errors import WeightsError
from effviz.scaling import PUBLISHED, Family, Padding, plan
from effviz.zoo import registration, state_dicts, torch_modules, weights_inspection
from effviz.zoo.model import arithmetic
from effviz.zoo.weights_inspection import Naming, inspect, unwrap

DEPTH, WIDTH, CLASSES = 0.3, 0.25, 3


def lively(module):
    """Set batch norm statistics that differ between channels, so that a swapped tensor changes the logits."""
    generator = torch.Generator().manual_seed(7)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            noise = torch.rand(tensor.shape, generator=generator)
            tensor.copy_(noise + 0.5 if "bn" in name or name.endswith("running_var") else (noise - 0.5) * 0.5)
    return module.eval()


def by_torchvision():
    """Return torchvision's network of that depth and width."""
    rows = [(1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3)]
    rows += [(6, 5, 1, 80, 112, 3), (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1)]
    return EfficientNet(
        [MBConvConfig(*row, width_mult=WIDTH, depth_mult=DEPTH) for row in rows], 0.0, num_classes=CLASSES
    )


def lukemelas_names(tensors):
    """Return EfficientNet-PyTorch's names, copied from its `model.py`: blocks in sequence, batch norms from 0 or 1."""
    order = sorted(
        {tuple(map(int, found.groups())) for name in tensors if (found := re.match(r"blocks\.(\d+)\.(\d+)", name))}
    )
    plain = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1", "classifier": "_fc"}
    first = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}
    later = {"conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv", "bn2": "_bn1"}
    later |= {"conv_pwl": "_project_conv", "bn3": "_bn2"}
    gate = {"se.conv_reduce": "_se_reduce", "se.conv_expand": "_se_expand"}
    found = {}
    for name, tensor in tensors.items():
        layer, kind = name.rsplit(".", 1)
        if block := re.match(r"blocks\.(\d+)\.(\d+)\.(.+)", layer):
            stage, number, part = int(block[1]), int(block[2]), block[3]
            known = gate | (later if stage else first)
            found[f"_blocks.{order.index((stage, number))}.{known[part]}.{kind}"] = tensor
        else:
            found[f"{plain[layer]}.{kind}"] = tensor
    return found


@pytest.fixture(scope="module")
def networks():
    """Return for each naming a state dict, and a module of another library with the same weights."""
    torch.manual_seed(0)
    tensorflow = lively(torch_modules.build_untrained(Family.EFFICIENTNET, DEPTH, WIDTH, CLASSES))
    vision = lively(by_torchvision())
    named = {name: of.numpy() for name, of in tensorflow.state_dict().items()}
    return {
        Naming.TIMM: (named, tensorflow),
        Naming.EFFICIENTNET_PYTORCH: (lukemelas_names(named), tensorflow),
        Naming.TORCHVISION: ({name: of.numpy() for name, of in vision.state_dict().items()}, vision),
    }


def logits_of(found, padding):
    of = found.plan
    module = torch_modules.build_untrained(of.family, of.depth, of.width, of.classes, arithmetic(of.family, padding))
    module.load_state_dict({name: torch.tensor(of) for name, of in found.tensors.items()})
    return module.eval()


WRAPS = {
    "": lambda state: state,
    "state_dict": lambda state: {"state_dict": state, "epoch": 3, "arch": "efficientnet_b0"},
    "model": lambda state: {"model": state, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}},
    " beside settings": lambda state: state | {"config": {"lr": 0.1}, "epoch": 3},
    "model_state_dict": lambda state: {"model_state_dict": state, "loss": 0.3},
    "state_dict beside averages": lambda state: {
        "state_dict": state,
        "state_dict_ema": {"conv_stem.weight": np.ones(3)},
    },
    "state_dict_ema": lambda state: {"state_dict": {"conv_stem.weight": np.ones(3)}, "state_dict_ema": state},
    "model_ema": lambda state: {"model": {"conv_stem.weight": np.ones(3)}, "model_ema": state},
}

PREFIXES = ("", "module.", "model.", "_orig_mod.", "net.", "module._orig_mod.", "backbone.encoder.")

KINDS = {
    "float32": lambda array: array,
    "float16": lambda array: array.astype(np.float16),
    "float64": lambda array: array.astype(np.float64),
    "counters left out": lambda array: array,
}


@pytest.mark.parametrize("naming", Naming)
def test_every_wrapper_prefix_and_kind_gives_the_same_network(networks, naming):
    state, _module = networks[naming]
    expected = inspect(state, "plain")
    numbers = joined(expected.tensors)
    kinds = list(KINDS.items())
    for (row, (wrapper, wrap)), (column, prefix) in product(enumerate(WRAPS.items()), enumerate(PREFIXES)):
        kind, cast = kinds[(row + column) % len(kinds)]  # so that any two of the three meet
        bare = {name: of for name, of in state.items() if kind != "counters left out" or "num_batches" not in name}
        content = wrap({prefix + name: cast(of) if of.dtype.kind == "f" else of for name, of in bare.items()})
        taken = unwrap(content, ema=wrapper in ("state_dict_ema", "model_ema"))
        found = inspect(taken.tensors, wrapper)
        assert (found.naming, found.prefix) == (naming, prefix), (wrapper, prefix, kind)
        told = (found.plan.depth, found.plan.width, found.plan.family, found.plan.classes, found.channels)
        assert told == (expected.plan.depth, expected.plan.width, Family.EFFICIENTNET, CLASSES, 3)
        assert taken.wrapper == wrapper.partition(" ")[0]
        assert taken.averages == ("state_dict_ema" if wrapper.endswith("averages") else "")
        assert found.counters is (kind != "counters left out")
        assert list(found.tensors) == list(expected.tensors)
        assert np.abs(joined(found.tensors) - numbers).max() < 1e-3


def joined(tensors):
    """Return all weights concatenated, without the optional counters, to compare them at once."""
    return np.concatenate([of.ravel() for name, of in tensors.items() if "num_batches" not in name])


@pytest.mark.parametrize("naming", Naming)
def test_other_names_give_the_logits_of_the_library_that_they_are_of(networks, naming):
    state, module = networks[naming]
    padding = padding_of(naming)
    photo = torch.rand(1, 3, 75, 75, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        ours, theirs = logits_of(inspect(state, "file"), padding)(photo), module(photo)
    assert theirs.abs().max() > 1e-3
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * float(theirs.abs().max()))


def padding_of(naming):
    return Padding.SYMMETRIC if naming is Naming.TORCHVISION else Padding.SAME


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_the_published_depth_and_width_are_found_from_shapes_alone(name):
    of = PUBLISHED[name]
    shapes = state_dicts.tensor_shapes(plan(of.depth, of.width, of.resolution, of.family))
    found = weights_inspection.infer({key: np.broadcast_to(np.float32(0), shape) for key, shape in shapes.items()})
    assert (found.depth, found.width, found.family, found.classes) == (of.depth, of.width, of.family, 1000)


@pytest.mark.parametrize(("depth", "width"), [(0.5, 0.5), (2.01, 0.5), (1.55, 1.33), (0.1, 0.1), (4.7, 3.9)])
@pytest.mark.parametrize("family", Family)
def test_any_scaled_network_is_found_by_its_layers(depth, width, family):
    wanted = plan(depth, width, 224, family, 7)
    shapes = state_dicts.tensor_shapes(wanted)
    found = weights_inspection.infer({key: np.broadcast_to(np.float32(0), shape) for key, shape in shapes.items()})
    assert found.layers == wanted.layers


@pytest.mark.parametrize("name", state_dicts.PACKAGE_FILES)
def test_files_of_the_packages_are_networks_like_others(name):
    found = inspect(state_dicts.read_legacy_pickle(state_dicts.locate_package_weights(name)), name)
    assert (found.naming, found.plan.family) == (Naming.EFFICIENTNET_PYTORCH, Family.LITE)
    assert (found.plan.depth, found.plan.width) == (PUBLISHED[name].depth, PUBLISHED[name].width)


@pytest.mark.parametrize(
    ("content", "ema", "words"),
    [
        ({"epoch": 3}, False, r"contains no state dict\. .* found epoch"),
        ({"state_dict_ema": {"conv_stem.weight": np.ones(3)}}, False, "only moving averages, .* add --ema"),
        ({"state_dict": {"conv_stem.weight": np.ones(3)}}, True, "no moving averages, which --ema looks for"),
    ],
)
def test_a_file_without_the_state_dict_asked_for_is_one_sentence(content, ema, words):
    with pytest.raises(WeightsError, match=words):
        unwrap(content, ema)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda state: {"conv1.weight": np.ones((3, 3))},
            "contains no EfficientNet: its tensors are conv1.weight.*such as timm:resnet50.a1_in1k",
        ),
        (
            lambda state: state | {"teacher." + name: of for name, of in state.items()},
            "several networks, under '', 'teacher.'",
        ),
        (
            lambda state: state | {"blocks.3.9.conv_pw.weight": np.ones((8, 8, 1, 1))},
            "not of a scaled B0 or Lite0 .*blocks in",
        ),
        (lambda state: state | {"conv_head.weight": np.ones((999, 80, 1, 1))}, "not of a scaled B0 or Lite0 .*999"),
        (lambda state: state | {"conv_stem.weight": np.ones((8, 4, 3, 3))}, "takes 4 channels"),
        (
            lambda state: state | {"conv_stem.weight": np.float32(1)},
            "not of a scaled B0 or Lite0 .*such as timm:resnet50",
        ),
        (lambda state: state | {"bn2.weight": state["bn2.weight"].astype(np.int8)}, "bn2.weight contains integers"),
        (lambda state: {name: of for name, of in state.items() if "classifier" not in name}, "no linear layer"),
        (lambda state: state | {"extra.weight": np.ones(3)}, "missing or unexpected, the first is extra"),
    ],
)
def test_other_networks_are_one_sentence(networks, change, words):
    with pytest.raises(WeightsError, match=words):
        inspect(change(networks[Naming.TIMM][0]), "file")


ARCHITECTURES = [
    name
    for name in timm.list_models("*efficientnet_*")
    if registration.usual_transform(name) and not re.match(r"efficientnet_b[5-9]|tf_efficientnet_(b[678]|l2)", name)
]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_is_evaluated_as_timm_does_by_default(name):
    ours, theirs = registration.usual_transform(name), timm.get_pretrained_cfg(name)
    assert (ours.resolution_px, ours.crop_pct) == (theirs.input_size[-1], theirs.crop_pct)
    assert ours.interpolation == theirs.interpolation
    assert ours.statistics == (tuple(theirs.mean), tuple(theirs.std))
