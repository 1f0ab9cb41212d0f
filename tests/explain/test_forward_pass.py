import dataclasses

import numpy as np
import pytest
import timm.data
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from effviz.explain.data_types import Photo
from effviz.explain.engines import ANY_SIZE, is_ready
from effviz.explain.forward_pass import forward, prepare, run_network
from effviz.scaling.architecture import Family
from effviz.zoo.catalogue import at_resolution
from effviz.zoo.model import Model, ModelRef, ModelSpec, WeightsOrigin, arithmetic


def test_logits_equal_the_modules_own_forward(network):
    with torch.no_grad():
        expected = network.model.module(torch.tensor(network.prepared.pixels))[0]
    assert network.logits == pytest.approx(expected.numpy(), abs=5e-5)


def test_features_are_the_output_of_bn2(small_lite, monkeypatch):
    monkeypatch.setenv("EFFVIZ_ENGINE", "torch")  # hooks see only torch
    kept = []
    handle = small_lite.model.module.bn2.register_forward_hook(lambda _, __, output: kept.append(output.clone()))
    features, _ = run_network(small_lite.model, small_lite.prepared.pixels)
    handle.remove()
    assert np.array_equal(features, kept[0][0].numpy())
    assert features.shape == (1280, 4, 4)


@pytest.mark.parametrize("size_px", [96, 320, 448])
def test_one_engine_for_all_input_sizes_gives_what_torch_gives(small_lite, cat, size_px):
    model = Model(at_resolution(small_lite.model.ref.spec, size_px), small_lite.model.weights)
    found = forward(model, cat, any_size=True)
    with torch.no_grad():
        features = model.module.forward_features(torch.tensor(found.prepared.pixels))
        logits = model.module.forward_head(features)
    assert found.prepared.size_px == size_px
    assert found.features.shape == (1280, size_px // 32, size_px // 32)
    assert np.abs(found.features - features[0].numpy()).max() < 2e-4
    assert found.logits == pytest.approx(logits[0].numpy(), abs=1e-4)
    assert is_ready(model, ANY_SIZE)
    assert not is_ready(model)  # nothing was compiled for this size alone


def test_results_are_read_only_and_timed(small_lite):
    assert not small_lite.features.flags.writeable
    assert not small_lite.logits.flags.writeable
    assert small_lite.forward_ms > 0


def test_a_pass_leaves_the_model_fit_for_gradients(small_lite, cat):
    """Inference-mode tensors would prevent a later backward pass."""
    forward(small_lite.model, cat)
    weight = small_lite.model.module.classifier.weight
    assert not weight.is_inference()
    pixels = torch.tensor(small_lite.prepared.pixels, requires_grad=True)
    small_lite.model.module(pixels)[0, 0].backward()
    assert pixels.grad is not None


# Preprocess.

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def ref(resolution_px=224, crop_pct=0.875, statistics=HALF, interpolation="bicubic") -> ModelRef:
    spec = ModelSpec(
        name="lite0",
        family=Family.LITE,
        depth=1.0,
        width=1.0,
        resolution_px=224,
        architecture="tf_efficientnet_lite0",
        arithmetic=arithmetic(Family.LITE),
        origin=WeightsOrigin.UNTRAINED,
        weights="",
        licence="",
        classes=(),
        top1_pct=None,
        top1_source="",
        crop_pct=crop_pct,
        interpolation=interpolation,
        mean=statistics[0],
        std=statistics[1],
    )
    return ModelRef(spec, resolution_px)


def photo(width, height, rgb=None) -> Photo:
    if rgb is None:
        rgb = np.random.default_rng(width * 10_000 + height).integers(0, 256, (height, width, 3), np.uint8)
    return Photo(rgb, "", "noise.png")


def by_timm(picture: Photo, model: ModelRef) -> np.ndarray:
    transform = timm.data.create_transform(
        input_size=(3, model.resolution_px, model.resolution_px),
        is_training=False,
        interpolation=model.spec.interpolation,
        crop_pct=model.spec.crop_pct,
        mean=model.spec.mean,
        std=model.spec.std,
    )
    return transform(Image.fromarray(picture.rgb)).numpy()[np.newaxis]


# sizes: square, odd, smaller than the crop, very wide, very tall
SIZES = [(224, 224), (256, 256), (301, 397), (768, 432), (17, 23), (64, 64), (1999, 101), (101, 1999), (320, 16)]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize(
    "model",
    [ref(), ref(260, 0.89), ref(240, 0.882, IMAGENET), ref(300, 0.904), ref(380, 0.92, HALF, "bilinear")],
    ids=lambda model: str(model.resolution_px),
)
def test_the_pixels_equal_timms_evaluation_transform(width, height, model):
    picture = photo(width, height)
    pixels = prepare(picture, model).pixels
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels, by_timm(picture, model))


@settings(max_examples=60)
@given(st.integers(16, 400), st.integers(16, 400), st.integers(32, 300), st.floats(0.5, 1.0))
def test_the_pixels_equal_timms_at_any_size(width, height, resolution_px, crop_pct):
    picture, model = photo(width, height), ref(resolution_px, crop_pct)
    np.testing.assert_array_equal(prepare(picture, model).pixels, by_timm(picture, model))


def test_the_pixels_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        prepare(photo(64, 64), ref()).pixels[0] = 0


def box(width, height, model):
    return dataclasses.astuple(prepare(photo(width, height), model).seen)


def test_the_seen_box_is_the_centre_crop_by_hand():
    # 256 x 256 -> 256 x 256 (224 / 0.875), crop from 16 to 240
    assert box(256, 256, ref()) == (16, 16, 240, 240)
    # 512 x 512 -> 256 x 256: doubled in the photo
    assert box(512, 512, ref()) == (32, 32, 480, 480)
    # 1024 x 512 -> 512 x 256, crop from x = 144 to 368, y = 16 to 240
    assert box(1024, 512, ref()) == (288, 32, 736, 480)
    # 64 x 64 is upscaled by four
    assert box(64, 64, ref()) == (4, 4, 60, 60)


def test_the_seen_box_follows_the_rounding_of_the_long_side():
    # 301 x 200 -> int(256 * 301 / 200) = int(385.28) = 385 x 256; crop x from round(80.5) = 80 to 304, y 16 to 240
    x0, y0, x1, y1 = box(301, 200, ref())
    assert (x0, x1) == pytest.approx((80 * 301 / 385, 304 * 301 / 385), abs=1e-12)
    assert (y0, y1) == pytest.approx((12.5, 187.5), abs=1e-12)


@pytest.mark.parametrize(("width", "height"), [(301, 397), (768, 432), (1999, 101), (101, 1999), (64, 50)])
def test_a_mark_at_the_edge_of_the_seen_box_is_at_the_edge_of_the_input(width, height):
    """Check without the arithmetic: a ramp's values in the input show where in the photo each pixel came from."""
    model = ref(224, 0.875, ((0.0,) * 3, (1.0,) * 3))
    ramp = np.zeros((height, width, 3), np.uint8)
    ramp[:, :, 0] = np.linspace(0, 255, width)[np.newaxis].round()
    ramp[:, :, 1] = np.linspace(0, 255, height)[:, np.newaxis].round()
    prepared = prepare(photo(width, height, ramp), model)
    seen, middle = prepared.seen, 112
    x = prepared.pixels[0, 0, middle] * (width - 1) + 0.5  # photo coordinate of the centre of each input column
    y = prepared.pixels[0, 1, :, middle] * (height - 1) + 0.5
    step_x, step_y = (seen.x1 - seen.x0) / 224, (seen.y1 - seen.y0) / 224
    tolerance = max(width, height) / 255 + 0.5  # the ramp has 256 steps
    assert x[[10, 213]] == pytest.approx((seen.x0 + 10.5 * step_x, seen.x0 + 213.5 * step_x), abs=tolerance)
    assert y[[10, 213]] == pytest.approx((seen.y0 + 10.5 * step_y, seen.y0 + 213.5 * step_y), abs=tolerance)
