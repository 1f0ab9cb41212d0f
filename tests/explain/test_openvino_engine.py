"""Networks built from plans match timm's modules: stage ends, features and logits of every published network."""

from itertools import product

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.models import efficientnet as timm_efficientnet

from effviz.explain import images, sample_photos
from effviz.explain.engines import openvino_engine
from effviz.explain.forward_pass import prepare
from effviz.scaling import PUBLISHED, Family, Padding, plan
from effviz.zoo import state_dicts
from effviz.zoo.catalogue import find_model, parse_model
from effviz.zoo.loading import load
from effviz.zoo.model import Activation, Arithmetic, arithmetic

TOLERANCE = 1e-4  # of the largest value
MINI = ("mini-baseline", "mini-depth", "mini-width", "mini-resolution", "mini-compound")


@pytest.fixture(scope="module", autouse=True)
def _first_weights():
    """Skip initial weights, because the test replaces them."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(timm_efficientnet, "efficientnet_init_weights", lambda *_, **__: None)
        yield


def filled(module):
    """Fill a module with weights that preserve the variance of activations, so that none vanish or explode.

    A block adds little to its shortcut, as in a trained network; otherwise a deep network amplifies rounding errors.
    Repeating a million numbers is cheaper than drawing as many as B8 has.
    """
    generator, module = np.random.default_rng(1), module.to_empty(device="cpu")
    added = sum(len(stage) for stage in module.blocks) ** -0.5
    some = generator.standard_normal(1_000_003, np.float32)  # a prime, so that no two rows are equal
    for name, tensor in module.state_dict().items():
        place = name.rpartition(".")[2]
        if tensor.ndim > 1:
            values = np.resize(some, tensor.shape) * 1.5 / np.sqrt(tensor[0].numel())
        elif place == "running_var":
            values = generator.uniform(0.5, 1.5, tensor.shape)
        elif place == "weight":
            values = generator.normal(added if name.endswith("bn3.weight") else 1, 0.1, tensor.shape)
        else:
            values = generator.normal(0, 0.3, tensor.shape)
        tensor.copy_(torch.as_tensor(values))
    return module.eval()


def tensors_of(module):
    return {name: tensor.numpy() for name, tensor in module.state_dict().items()}


def outputs(built, pixels, size_px=None):
    """Return OpenVINO's outputs, for one input size or for any."""
    part = built if size_px is None else openvino_engine.fix_input_size(built, size_px)
    compiled = openvino_engine.shared_core().compile_model(part, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    request.infer([pixels])
    return [np.array(request.get_output_tensor(place).data) for place in range(len(compiled.outputs))]


def every_layer(module, pixels):
    """Return timm's outputs."""
    with torch.inference_mode():
        features, ends = module.forward_intermediates(torch.tensor(pixels))
        return [tensor.numpy() for tensor in (*ends, features, module.forward_head(features))]


def assert_equal(ours, expected):
    assert len(ours) == len(expected) == 7
    for array, right in zip(ours, expected, strict=True):
        assert array.shape == right.shape
        assert right.size < 10 or np.ptp(right) > 0.1  # lively
        # Logits are sums of larger numbers, so a few may by chance be close together or near zero.
        largest = max(np.abs(right).max(), 0.1 if right.size < 10 else 0)
        assert np.abs(array - right).max() <= TOLERANCE * largest


def noise(channels, size_px):
    return np.random.default_rng(2).standard_normal((1, channels, size_px, size_px), np.float32)


# Symmetric padding in both families; other padding adds nothing new, and other depths and widths are tested below.
@pytest.mark.parametrize(
    ("name", "padding"), [*((name, Padding.SAME) for name in PUBLISHED), *product(("b0", "lite0"), [Padding.SYMMETRIC])]
)
def test_a_published_network_is_timms(name, padding):
    known = PUBLISHED[name]
    with torch.device("meta"):
        module = timm.create_model(f"{'tf_' if padding is Padding.SAME else ''}efficientnet_{name}", pretrained=False)
    layers = plan(known.depth, known.width, known.resolution, known.family)
    assert state_dicts.tensor_shapes(layers) == {
        name: tuple(tensor.shape) for name, tensor in module.state_dict().items()
    }
    if name == "l2":
        return  # two GB
    module = filled(module)
    built = openvino_engine.build_network(layers, tensors_of(module), arithmetic(known.family, padding))
    pixels = noise(3, 75)
    assert_equal(outputs(built, pixels, 75), every_layer(module, pixels))


def scaled(family, sizes, computing, channels):
    """Build any network of the family with the function behind timm's names."""
    lite = family is Family.LITE
    generate = timm_efficientnet._gen_efficientnet_lite if lite else timm_efficientnet._gen_efficientnet
    depth, width, classes = sizes
    with torch.device("meta"):
        module = generate(
            "efficientnet_lite0" if lite else "efficientnet_b0",
            channel_multiplier=width,
            depth_multiplier=depth,
            num_classes=classes,
            in_chans=channels,
            bn_eps=computing.epsilon,
            pad_type="same" if computing.padding is Padding.SAME else "",
            act_layer=computing.activation.value,
        )
    return filled(module)


@settings(max_examples=50, database=None)
@given(
    family=st.sampled_from(Family),
    depth=st.floats(0.1, 1.3),
    width=st.floats(0.1, 0.5),
    size_px=st.integers(32, 80),
    classes=st.integers(1, 30),
    channels=st.sampled_from([1, 3]),
    computing=st.builds(
        Arithmetic, st.sampled_from(Padding), st.sampled_from([1e-3, 1e-5, 0.1]), st.sampled_from(Activation)
    ),
)
def test_any_network_is_timms(family, depth, width, size_px, classes, channels, computing):
    module = scaled(family, (depth, width, classes), computing, channels)
    built = openvino_engine.build_network(plan(depth, width, size_px, family, classes), tensors_of(module), computing)
    pixels = noise(channels, size_px)
    assert_equal(outputs(built, pixels, size_px), every_layer(module, pixels))


def test_a_network_that_was_written_once_takes_any_size():
    known = find_model("mini-baseline")
    weights = load(parse_model("mini-baseline")).weights
    built = openvino_engine.build_network(known.plan, weights.tensors, known.arithmetic)
    for size_px in (32, 95, 128):
        pixels = noise(3, size_px)
        assert_equal(outputs(built, pixels), outputs(built, pixels, size_px))


@pytest.mark.parametrize("name", MINI)
def test_the_mini_family_is_timms_on_photos(name):
    model = load(parse_model(name))
    built = openvino_engine.build_network(model.ref.spec.plan, model.weights.tensors, model.ref.spec.arithmetic)
    for sample in sample_photos.samples()[:2]:
        pixels = prepare(images.read(sample.path.read_bytes(), sample.name), model.ref).pixels
        assert_equal(outputs(built, pixels, model.ref.resolution_px), every_layer(model.module, pixels))


def test_padding_and_epsilon_are_told_and_make_a_difference():
    """The weights of `efficientnet_b0` also fit `tf_efficientnet_b0`."""
    with torch.device("meta"):
        module = timm.create_model("efficientnet_b0", pretrained=False)
    module = filled(module)
    pixels, layers = noise(3, 64), plan(1, 1, 64)
    *_, expected = every_layer(module, pixels)
    for padding, right in ((Padding.SYMMETRIC, True), (Padding.SAME, False)):
        built = openvino_engine.build_network(layers, tensors_of(module), arithmetic(Family.EFFICIENTNET, padding))
        *_, logits = outputs(built, pixels, 64)
        assert bool(np.abs(logits - expected).max() < TOLERANCE * np.abs(expected).max()) is right
