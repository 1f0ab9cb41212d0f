import cv2
import numpy as np
import pytest
import scipy.ndimage
import torch
from pytorch_grad_cam.utils.image import scale_cam_image

from effviz.evaluate.masking import (
    MaskBaseline,
    baseline_input,
    enlarged,
    pixel_counts,
    ranks,
    replaced,
    start_input,
    weights,
)
from effviz.explain.data_types import Box, Prepared

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def prepared(rgb: np.ndarray) -> Prepared:
    return Prepared(rgb.astype(np.uint8), MEAN, STD, Box(0, 0, 1, 1))


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(7, 7), (1, 1), (3, 8), (40, 40)])
def test_enlarging_is_torchs(shape):
    expected = torch.nn.functional.interpolate(torch.tensor(noise(*shape))[None, None], (32, 32), mode="bilinear")
    assert enlarged(noise(*shape), 32) == pytest.approx(expected[0, 0].numpy(), abs=1e-5)


def test_weights_are_pytorch_grad_cams(make_map):
    values = noise(7, 7)
    expected = scale_cam_image(scale_cam_image(np.maximum(values, 0)[None], (64, 64)))[0]  # like the library
    assert weights(make_map(values), 64) == pytest.approx(expected, abs=1e-5)


def test_a_flat_map_keeps_all_or_nothing(make_map):
    assert (weights(make_map(np.full((3, 3), 0.3)), 8) == 1).all()
    assert (weights(make_map(np.zeros((3, 3))), 8) == 0).all()
    assert (weights(make_map(np.full((3, 3), -2)), 8) == 0).all()
    assert (weights(make_map([[5.0]]), 8) == 1).all()


def test_ranks_by_hand(make_map):
    assert ranks(make_map([[3, -1], [7, 0]]), 2).tolist() == [[1, 3], [0, 2]]


def test_negative_evidence_has_an_order_too(make_map):
    values = -np.arange(16.0).reshape(4, 4)
    assert ranks(make_map(values), 4).ravel().tolist() == list(range(16))


def test_equal_pixels_do_not_follow_the_reading_order(make_map):
    order = ranks(make_map(np.ones((7, 7))), 56)
    assert sorted(order.ravel()) == list(range(56 * 56))
    rows = np.indices(order.shape)[0]
    assert abs(np.corrcoef(order.ravel(), rows.ravel())[0, 1]) < 0.5
    # blotches like a random map, not scattered dots: neighbours are removed at about the same time
    assert np.corrcoef(order[:, 1:].ravel(), order[:, :-1].ravel())[0, 1] > 0.9
    assert np.array_equal(order, ranks(make_map(np.ones((7, 7)), model="lite2@260"), 56))
    assert not np.array_equal(order, ranks(make_map(np.ones((7, 7)), photo_sha256="1" * 64), 56))


def test_ties_never_come_before_what_is_stronger(make_map):
    values = np.zeros((8, 8))
    values[5, 5], values[2, 2] = 1, -1
    order = ranks(make_map(values), 8)
    assert (order[5, 5], order[2, 2]) == (0, 63)


def test_steps_are_equal_parts_of_the_area_whatever_the_size():
    assert pixel_counts(4, 100).tolist() == [0, 25, 50, 75, 100]
    assert pixel_counts(20, 224 * 224) / 224**2 == pytest.approx(pixel_counts(20, 448 * 448) / 448**2, abs=1e-4)


def test_replaced_takes_the_first_pixels_of_the_order(make_map):
    pixels, others = noise(1, 3, 2, 2), np.zeros((1, 3, 2, 2), np.float32)
    masked = list(replaced(pixels, others, ranks(make_map([[3, -1], [7, 0]]), 2), [0, 1, 4]))
    assert np.array_equal(masked[0], pixels)
    expected = pixels.copy()
    expected[0, :, 1, 0] = 0
    assert np.array_equal(masked[1], expected)
    assert not masked[2].any()
    assert masked[1].dtype == np.float32


def test_the_mean_is_the_mean_pixel_of_the_training():
    assert not baseline_input(prepared(noise(16, 16, 3) * 50 + 100), MaskBaseline.MEAN).any()


def test_black_is_what_a_black_picture_gives():
    black = prepared(np.zeros((16, 16, 3))).pixels
    found = baseline_input(prepared(noise(16, 16, 3) * 50 + 100), MaskBaseline.BLACK)
    assert found == pytest.approx(black)
    assert found.shape == (1, 3, 16, 16)


def test_blur_is_the_same_share_of_any_size():
    picture = cv2.resize((noise(28, 28, 3) * 40 + 120).clip(0, 255), (112, 112), interpolation=cv2.INTER_CUBIC).clip(
        0, 255
    )
    small = baseline_input(prepared(picture), MaskBaseline.BLUR)[0]
    large = baseline_input(prepared(np.kron(picture, np.ones((2, 2, 1)))), MaskBaseline.BLUR)[0]
    assert large.reshape(3, 112, 2, 112, 2).mean(axis=(2, 4)) == pytest.approx(small, abs=0.05)
    assert small.std() < 0.6 * prepared(picture).pixels.std()


def test_blur_spreads_a_point_by_ten_pixels_at_224():
    rgb = np.full((224, 224, 3), 100.0)
    rgb[112, 112] = 250
    found = baseline_input(prepared(rgb), MaskBaseline.BLUR)[0, 0].astype(np.float64)
    spot = found - found[0, 0]
    x = np.arange(224) - 112
    assert np.sqrt((spot.sum(axis=0) * x**2).sum() / spot.sum()) == pytest.approx(10, rel=0.03)


def test_rise_blurs_as_its_authors_do():
    """Compute `gkern(11, 5)` and the convolution of https://github.com/eclique/RISE, evaluation.py, at its 224 px."""
    before = prepared(np.random.default_rng(2).integers(0, 256, (224, 224, 3)))
    point = np.zeros((11, 11))
    point[5, 5] = 1
    kernel = np.zeros((3, 3, 11, 11))
    for channel in range(3):
        kernel[channel, channel] = scipy.ndimage.gaussian_filter(point, 5)
    expected = torch.nn.functional.conv2d(torch.tensor(before.pixels).double(), torch.tensor(kernel), padding=5)
    assert start_input(before, MaskBaseline.RISE) == pytest.approx(expected.numpy(), abs=1e-5)
    assert not baseline_input(before, MaskBaseline.RISE).any()  # deletion ends with the mean pixel
    for other in (MaskBaseline.MEAN, MaskBaseline.BLUR, MaskBaseline.BLACK):
        np.testing.assert_array_equal(start_input(before, other), baseline_input(before, other))
