import copy
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from effviz.errors import SettingsError, TargetError
from effviz.evaluate.map_similarity import (
    POINTS,
    TRAINED,
    agreement,
    cascade,
    common,
    evidence,
    iou_top,
    random_logit,
    spearman,
    ssim,
)
from effviz.explain import images
from effviz.explain.activation_maps import activation_map
from effviz.explain.data_types import Box, Method
from effviz.explain.forward_pass import forward
from effviz.explain.network_stages import private_copy, randomise
from effviz.zoo.catalogue import parse_model
from effviz.zoo.loading import load

CAT = Path(__file__).parents[2] / "assets" / "samples" / "cat.jpg"
TABBY = 281
STAGES = [TRAINED, "classifier", "head", *(f"stage {number}" for number in range(7, 0, -1)), "stem"]


@pytest.fixture(scope="module")
def photo():
    return images.read(CAT.read_bytes(), "cat.jpg")


@pytest.fixture(scope="module")
def model():
    return load(parse_model("lite0@128"))


@pytest.fixture(scope="module")
def steps(model, photo):
    return list(cascade(forward(model, photo), TABBY, Method.CAM, seed=3))


def weights_of(model) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.module.state_dict().items()}


def test_the_stages_from_the_top_down(steps):
    assert [step.stage for step in steps] == STAGES
    assert (steps[0].spearman, steps[0].ssim) == (1, 1)
    assert {step.map.target_index for step in steps} == {TABBY}


def test_each_step_is_the_whole_network_broken_down_to_there(model, photo, steps):
    """Draw the same weights in our own copy, which runs from the photo each time."""
    module, generator = copy.deepcopy(model.module), torch.Generator().manual_seed(3)
    parts = [module.classifier, module.conv_head, *reversed(module.blocks), module.conv_stem]
    pixels = torch.tensor(forward(model, photo).prepared.pixels)
    for part, step in zip(parts, steps[1:], strict=True):
        for layer in part.modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
                spread = layer.weight.detach().std().item()
                layer.weight.data.normal_(0, spread, generator=generator)
                if layer.bias is not None:
                    layer.bias.data.zero_()
        with torch.no_grad():
            features = module.forward_features(pixels)[0]
            expected = torch.tensordot(module.classifier.weight[TABBY], features, dims=1).numpy()
        assert np.abs(step.map.values - expected).max() < 1e-3 * np.abs(expected).max(), step.stage
        assert step.map.logit == pytest.approx(float(module(pixels)[0, TABBY].detach()), abs=1e-3, rel=1e-3)


def test_the_ranks_are_compared_with_the_trained_map(steps):
    for step in steps[1:]:
        expected = scipy.stats.spearmanr(steps[0].map.values.ravel(), step.map.values.ravel()).statistic
        assert step.spearman == pytest.approx(expected)
        assert step.ssim < 0.99


def test_the_shared_model_stays_as_it_was(model, photo, steps):
    before, maps = weights_of(model), activation_map(forward(model, photo), TABBY).values
    for step in itertools.islice(cascade(forward(model, photo), TABBY, Method.CAM), 5):
        assert step.stage
    for name, tensor in model.module.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert np.array_equal(activation_map(forward(model, photo), TABBY).values, maps)
    assert all(parameter.grad is None for parameter in model.module.parameters())


def test_a_private_copy_shares_no_memory(model):
    twin = private_copy(model)
    ours = {tensor.data_ptr() for tensor in model.module.state_dict().values() if tensor.numel()}
    assert not ours & {tensor.data_ptr() for tensor in twin.module.state_dict().values() if tensor.numel()}
    assert twin.weights.lock is not model.weights.lock
    assert not twin.module.training


def test_a_private_copy_made_in_inference_mode_can_take_gradients(model):
    with torch.inference_mode():
        twin = private_copy(model)
    assert not any(parameter.is_inference() for parameter in twin.module.parameters())


def test_only_convolutions_and_the_classifier_are_drawn_anew(model):
    twin = private_copy(model)
    randomise(twin.module, torch.Generator().manual_seed(0))
    drawn = {
        name
        for name, tensor in twin.module.state_dict().items()
        if not torch.equal(tensor, model.module.state_dict()[name])
    }
    expected = {
        f"{name}.weight"
        for name, layer in model.module.named_modules()
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear)
    }
    assert drawn == expected | {"classifier.bias"}
    assert not twin.module.classifier.bias.any()
    new, old = twin.module.conv_head.weight, model.module.conv_head.weight
    assert (new.std() / old.std()).item() == pytest.approx(1, abs=0.02)


def test_the_seed_decides(model, photo, steps):
    again = list(itertools.islice(cascade(forward(model, photo), TABBY, Method.CAM, seed=3), 3))
    other = list(itertools.islice(cascade(forward(model, photo), TABBY, Method.CAM, seed=4), 3))
    assert np.array_equal(again[2].map.values, steps[2].map.values)
    assert not np.array_equal(other[2].map.values, steps[2].map.values)


def test_a_map_of_the_features_alone_does_not_see_the_classifier_break(model, photo):
    found = list(itertools.islice(cascade(forward(model, photo), TABBY, Method.EIGENCAM), 3))
    assert found[1].spearman == pytest.approx(1, abs=1e-3)
    assert found[2].spearman < 0.99


def test_methods_that_need_gradients_take_them_from_the_broken_copy(model, photo):
    closed = list(itertools.islice(cascade(forward(model, photo), TABBY, Method.CAM), 4))
    hooked = list(itertools.islice(cascade(forward(model, photo), TABBY, Method.SHAPLEYCAM), 4))
    for one, other in zip(closed[1:], hooked[1:], strict=True):  # Grad-CAM's twin at the last layer: CAM / n
        assert other.map.values * other.map.values.size == pytest.approx(one.map.values, rel=1e-2, abs=1e-2)


def test_small_numbers_are_flushed_only_meanwhile(steps):
    assert (torch.tensor([1e-39]) * 0.5).item() > 0


def test_what_takes_minutes_is_refused(model, photo):
    with pytest.raises(SettingsError, match="Score-CAM runs the network hundreds of times"):
        next(cascade(forward(model, photo), TABBY, Method.SCORECAM))


def test_a_class_that_does_not_exist(model, photo):
    with pytest.raises(TargetError, match="Class 5000 does not exist"):
        next(cascade(forward(model, photo), 5000, Method.CAM))


def test_another_class_by_the_seed(model, photo):
    passed = forward(model, photo)
    found = random_logit(passed, TABBY, Method.CAM, seed=1)
    assert found.map.target_index != TABBY
    own = activation_map(passed, TABBY)
    expected = scipy.stats.spearmanr(own.values.ravel(), found.map.values.ravel()).statistic
    assert found.spearman == pytest.approx(expected)
    indices = {random_logit(passed, TABBY, Method.CAM, seed).map.target_index for seed in range(8)}
    assert len(indices) > 4
    assert random_logit(passed, TABBY, Method.CAM, 1).map.target_index == found.map.target_index


def test_each_photo_is_compared_with_a_class_of_its_own(model, photo):
    names = ("cat", "dog", "panda", "koala", "teacup", "bee")
    photos = [images.read((CAT.parent / f"{name}.jpg").read_bytes(), f"{name}.jpg") for name in names]
    drawn = [random_logit(forward(model, of), TABBY, Method.CAM).map.target_index for of in photos]
    assert len(set(drawn)) > 4
    assert random_logit(forward(model, photo), TABBY, Method.CAM).map.target_index == drawn[0]  # the cat again


def test_a_map_that_ignores_the_class_is_the_same_for_another(model, photo):
    found = random_logit(forward(model, photo), TABBY, Method.EIGENCAM)
    assert (found.spearman, found.ssim) == pytest.approx((1, 1))


# Similarity.

PICTURE = np.random.default_rng(0).random((17, 14))


def by_windows(a, b) -> float:
    """Compute Eq. 13 of the paper, window by window."""
    offsets = np.arange(-5, 6)
    weights = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    weights /= weights.sum()
    scores = []
    for row in range(a.shape[0] - 10):
        for column in range(a.shape[1] - 10):
            x, y = (picture[row : row + 11, column : column + 11] for picture in (a, b))
            mx, my = (weights * x).sum(), (weights * y).sum()
            sx, sy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
            both = (weights * (x - mx) * (y - my)).sum()
            scores.append((2 * mx * my + 1e-4) * (2 * both + 9e-4) / ((mx**2 + my**2 + 1e-4) * (sx + sy + 9e-4)))
    return float(np.mean(scores))


def test_equal_pictures_have_one():
    assert ssim(PICTURE, PICTURE) == pytest.approx(1)


def test_it_equals_the_papers_sum_over_windows():
    other = 0.7 * PICTURE + 0.3 * np.random.default_rng(1).random(PICTURE.shape)
    assert ssim(PICTURE, other) == pytest.approx(by_windows(PICTURE, other))
    assert ssim(PICTURE, 1 - PICTURE) == pytest.approx(by_windows(PICTURE, 1 - PICTURE))
    assert ssim(PICTURE, 1 - PICTURE) < 0


def test_two_even_pictures_by_hand():
    # only the brightness differs: (2 * 0.2 * 0.6 + 0.0001) / (0.04 + 0.36 + 0.0001)
    assert ssim(np.full((11, 11), 0.2), np.full((11, 11), 0.6)) == pytest.approx(0.2401 / 0.4001)


@pytest.mark.parametrize("shapes", [((10, 30), (10, 30)), ((20, 20), (20, 21))])
def test_pictures_that_do_not_fit_are_a_mistake(shapes):
    with pytest.raises(ValueError, match="pictures of"):
        ssim(*(np.zeros(shape) for shape in shapes))


# Agreement.

SQUARE = Box(0, 0, 64, 64)


def at(row: int, column: int, cells: int = 8) -> np.ndarray:
    values = np.zeros((cells, cells))
    values[row, column] = 1
    return values


def test_a_map_agrees_with_itself_and_with_a_multiple(make_map):
    values = np.random.default_rng(0).random((7, 7))
    found = agreement(make_map(values), make_map(5 * values))
    assert found.spearman == pytest.approx(1)
    assert found.iou_top20 == 1
    assert found.centroid_distance == pytest.approx(0, abs=1e-6)


def test_opposite_corners_have_nothing_in_common(make_map):
    # centres of corner cells 8 px wide: interpolation reaches 8 px further, flat at the border.
    left, right = make_map(at(0, 0), SQUARE, photo_size=(64, 64)), make_map(at(7, 7), SQUARE, photo_size=(64, 64))
    found = agreement(left, right)
    assert found.iou_top20 == 0
    assert found.spearman < 0
    # along one side: weight 1 on 4 px, then down to 0 over 8 px: (4*2 + 4*(4 + 8/3)) / 8 = 13/3 px from the border
    assert found.centroid_distance == pytest.approx((64 - 2 * 13 / 3) / 64, abs=2e-3)


def test_centroid_distance_is_a_share_of_the_photos_diagonal_not_of_the_crops(make_map):
    # a 300 x 400 photo has a diagonal of 500; two single-cell columns, one crop apart in x only
    box = Box(100, 0, 228, 128)
    a, b = (make_map(at(4, column, 16), box, photo_size=(300, 400)) for column in (4, 10))
    assert agreement(a, b).centroid_distance == pytest.approx(6 * 8 / 500, abs=1e-6)


def test_another_grid_and_another_crop_of_the_same_thing_agree(make_map):
    """Compare a blob at (100, 120) in photo pixels, seen by two models with different crops and grids."""

    def blob(box: Box, cells: int) -> np.ndarray:
        x = box.x0 + (np.arange(cells) + 0.5) * (box.x1 - box.x0) / cells
        y = box.y0 + (np.arange(cells) + 0.5) * (box.y1 - box.y0) / cells
        return np.exp(-((x - 100) ** 2 + (y[:, None] - 120) ** 2) / 2 / 40**2)

    one, other = Box(0, 0, 224, 224), Box(20, 30, 200, 210)
    found = agreement(make_map(blob(one, 14), one), make_map(blob(other, 9), other))
    assert found.spearman > 0.99
    assert found.iou_top20 > 0.9
    assert found.centroid_distance < 0.01


@given(st.integers(3, 9).flatmap(lambda n: arrays(np.float64, (2, n, n), elements=st.integers(0, 5))))
def test_spearman_equals_scipy(pair):
    ours = spearman(*pair)
    if np.ptp(pair[0]) == 0 or np.ptp(pair[1]) == 0:
        assert math.isnan(ours)
    else:
        assert ours == pytest.approx(scipy.stats.spearmanr(pair[0].ravel(), pair[1].ravel()).statistic)


def test_spearman_by_hand():
    # ranks 1 2 3 4 against 1 2 4 3: 1 - 6*2/(4*15) = 0.8
    assert spearman(np.array([[1.0, 2, 3, 4]]), np.array([[10.0, 20, 40, 30]])) == pytest.approx(0.8)


def test_iou_by_hand():
    # the strongest two of ten: places 8, 9 and 7, 8: one in common of three
    a, b = np.arange(10.0), np.array([0, 1, 2, 3, 4, 5, 6, 9, 8, 7.0])
    assert iou_top(a, b) == pytest.approx(1 / 3)


def test_places_without_evidence_are_never_among_the_strongest():
    # one place against the same and another: 1 of 2, though a fifth of ten would be two places
    a, b = np.zeros(10), np.zeros(10)
    a[3], b[3], b[4] = 1, 2, 1
    assert iou_top(a, b) == 0.5


@pytest.mark.parametrize("cells", [3, 7, 9])
def test_evidence_is_linear_interpolation_between_cell_centres(make_map, cells):
    values = np.random.default_rng(cells).normal(size=(cells, cells))
    box = Box(10, 20, 50, 90)
    ours = evidence(make_map(values, Box(0, 0, 64, 128)), box)
    x = 10 + (np.arange(POINTS) + 0.5) * 40 / POINTS
    y = 20 + (np.arange(POINTS) + 0.5) * 70 / POINTS
    places = np.meshgrid(y / 128 * cells - 0.5, x / 64 * cells - 0.5, indexing="ij")
    expected = scipy.ndimage.map_coordinates(np.maximum(values, 0), places, order=1, mode="nearest")
    assert ours == pytest.approx(expected / expected.sum(), rel=1e-5, abs=1e-9)
    assert ours.sum() == pytest.approx(1)


def test_only_what_both_models_saw_is_compared():
    assert common(Box(0, 0, 10, 10), Box(5, -2, 20, 8)) == Box(5, 0, 10, 8)


def test_no_positive_evidence_has_no_agreement(make_map):
    found = agreement(make_map([[-1, -2]]), make_map([[1, 2]]))
    assert all(math.isnan(value) for value in (found.spearman, found.iou_top20, found.centroid_distance))


def test_maps_of_different_photos_are_refused(make_map):
    with pytest.raises(SettingsError, match=r"The maps are of dog\.jpg and cat\.jpg"):
        agreement(make_map([[1]]), make_map([[1]], photo="cat.jpg", photo_sha256="1" * 64))


def test_crops_that_do_not_overlap_are_refused(make_map):
    with pytest.raises(SettingsError, match="do not overlap"):
        agreement(make_map([[1]], Box(0, 0, 5, 5)), make_map([[1]], Box(5, 0, 9, 5)))
