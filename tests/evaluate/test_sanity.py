import copy
import itertools
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch

from effviz.errors import SettingsError, TargetError
from effviz.evaluate.sanity import TRAINED, cascade, random_logit, ssim
from effviz.explain import images
from effviz.explain.activation_maps import activation_map
from effviz.explain.data_types import Method
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
    return list(cascade(model, photo, TABBY, Method.CAM, seed=3))


def weights_of(model) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.module.state_dict().items()}


def test_the_stages_from_the_top_down(steps):
    assert [step.stage for step in steps] == STAGES
    assert (steps[0].spearman, steps[0].ssim) == (1, 1)
    assert {step.map.target_index for step in steps} == {TABBY}


def test_each_step_is_the_whole_network_broken_down_to_there(model, photo, steps):
    """The same draws in a copy of our own, which runs from the photo each time."""
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
    for step in itertools.islice(cascade(model, photo, TABBY, Method.CAM), 5):
        assert step.stage
    for name, tensor in model.module.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert np.array_equal(activation_map(forward(model, photo), TABBY).values, maps)
    assert all(parameter.grad is None for parameter in model.module.parameters())


def test_a_private_copy_shares_no_memory(model):
    twin = private_copy(model)
    ours = {tensor.data_ptr() for tensor in model.module.state_dict().values() if tensor.numel()}
    assert not ours & {tensor.data_ptr() for tensor in twin.module.state_dict().values() if tensor.numel()}
    assert twin.lock is not model.lock
    assert not twin.module.training


def test_a_private_copy_made_in_inference_mode_can_take_gradients(model):
    with torch.inference_mode():
        twin = private_copy(model)
    assert not any(parameter.is_inference() for parameter in twin.module.parameters())


def test_only_convolutions_and_the_classifier_are_drawn_anew(model):
    twin = private_copy(model)
    randomise((twin.module,), torch.Generator().manual_seed(0))
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
    again = list(itertools.islice(cascade(model, photo, TABBY, Method.CAM, seed=3), 3))
    other = list(itertools.islice(cascade(model, photo, TABBY, Method.CAM, seed=4), 3))
    assert np.array_equal(again[2].map.values, steps[2].map.values)
    assert not np.array_equal(other[2].map.values, steps[2].map.values)


def test_a_map_of_the_features_alone_does_not_see_the_classifier_break(model, photo):
    found = list(itertools.islice(cascade(model, photo, TABBY, Method.EIGENCAM), 3))
    assert found[1].spearman == pytest.approx(1, abs=1e-3)
    assert found[2].spearman < 0.99


def test_methods_that_need_gradients_take_them_from_the_broken_copy(model, photo):
    closed = list(itertools.islice(cascade(model, photo, TABBY, Method.CAM), 4))
    hooked = list(itertools.islice(cascade(model, photo, TABBY, Method.SHAPLEYCAM), 4))
    for one, other in zip(closed[1:], hooked[1:], strict=True):  # Grad-CAM's twin at the last layer: CAM / n
        assert other.map.values * other.map.values.size == pytest.approx(one.map.values, rel=1e-2, abs=1e-2)


def test_small_numbers_are_flushed_only_meanwhile(steps):
    assert (torch.tensor([1e-39]) * 0.5).item() > 0


def test_what_takes_minutes_is_refused(model, photo):
    with pytest.raises(SettingsError, match="Score-CAM runs the network hundreds of times"):
        next(cascade(model, photo, TABBY, Method.SCORECAM))


def test_a_class_that_does_not_exist(model, photo):
    with pytest.raises(TargetError, match="Class 5000 does not exist"):
        next(cascade(model, photo, 5000, Method.CAM))


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
    assert random_logit(forward(model, photo), TABBY, Method.CAM).map.target_index == drawn[0]  # the cat once more


def test_a_map_that_ignores_the_class_is_the_same_for_another(model, photo):
    found = random_logit(forward(model, photo), TABBY, Method.EIGENCAM)
    assert (found.spearman, found.ssim) == pytest.approx((1, 1))


# Similarity.

PICTURE = np.random.default_rng(0).random((17, 14))


def by_windows(a, b) -> float:
    """Eq. 13 of the paper, window by window."""
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
    # only the light differs: (2 * 0.2 * 0.6 + 0.0001) / (0.04 + 0.36 + 0.0001)
    assert ssim(np.full((11, 11), 0.2), np.full((11, 11), 0.6)) == pytest.approx(0.2401 / 0.4001)


@pytest.mark.parametrize("shapes", [((10, 30), (10, 30)), ((20, 20), (20, 21))])
def test_pictures_that_do_not_fit_are_a_mistake(shapes):
    with pytest.raises(ValueError, match="pictures of"):
        ssim(*(np.zeros(shape) for shape in shapes))
