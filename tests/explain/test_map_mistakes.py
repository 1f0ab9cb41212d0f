"""Each mistake compared with torch: hooked layers, gradients of probabilities, and timm's other padding."""

import numpy as np
import pytest
import timm
import torch

from effviz.explain.data_types import Forward
from effviz.explain.map_mistakes import (
    MapMistake,
    gradcam_before_batch_norm,
    gradcam_of_probability,
    wrong_and_right,
)
from effviz.explain.overlay import Scale

CLASS = 88


def test_gradcam_before_batch_norm_equals_a_hooked_network(network: Forward) -> None:
    """Grad-CAM (Selvaraju et al. 2017, Eqs. 1 and 2 without ReLU) with torch's hook and gradient at `conv_head`."""
    module, kept = network.model.module, []
    hook = module.conv_head.register_forward_hook(lambda _module, _input, output: kept.append(output))
    logits = module(torch.tensor(network.prepared.pixels, requires_grad=True))
    hook.remove()
    (gradient,) = torch.autograd.grad(logits[0, CLASS], kept[0])
    expected = (gradient.mean(dim=(2, 3), keepdim=True) * kept[0]).sum(dim=1)[0].detach().numpy()
    ours = gradcam_before_batch_norm(network, CLASS)
    assert np.abs(ours - expected).max() < 1e-3 * np.abs(expected).max()


def test_gradcam_of_a_probability_equals_torch(network: Forward) -> None:
    module = network.model.module
    features = torch.tensor(network.features[None], requires_grad=True)
    share = module.classifier(features.mean(dim=(2, 3))).softmax(dim=-1)[0, CLASS]
    (gradient,) = torch.autograd.grad(share, features)
    expected = (gradient.mean(dim=(2, 3), keepdim=True) * features).sum(dim=1)[0].detach().numpy()
    ours = gradcam_of_probability(network, CLASS)
    assert np.abs(ours - expected).max() < 1e-4 * np.abs(expected).max()


def test_the_wrong_padding_is_that_of_timms_other_network(small_lite: Forward) -> None:
    """The same weights in `efficientnet_lite0`, with TensorFlow's epsilon; index and row are from the correct map."""
    other = timm.create_model("efficientnet_lite0", bn_eps=1e-3).eval()
    other.load_state_dict(small_lite.model.module.state_dict())
    with torch.no_grad():
        features = other.forward_features(torch.tensor(small_lite.prepared.pixels))[0].numpy()
    pair = wrong_and_right(MapMistake.PADDING, small_lite)
    row = small_lite.model.classifier[0][pair.right.scaled.source.target_index]
    expected = np.tensordot(row, features, axes=1)
    assert np.abs(pair.wrong.scaled.source.values - expected).max() < 1e-3
    assert np.abs(pair.right.scaled.source.values - expected).max() > 0.5


def test_the_wrong_normalisation_is_imagenets(small_lite: Forward) -> None:
    module = small_lite.model.module
    scaled = torch.tensor(small_lite.prepared.rgb).permute(2, 0, 1)[None] / 255
    mean, std = (torch.tensor(of)[None, :, None, None] for of in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        features = module.forward_features((scaled - mean) / std)[0].numpy()
    pair = wrong_and_right(MapMistake.NORMALISATION, small_lite)
    row = small_lite.model.classifier[0][pair.right.scaled.source.target_index]
    assert np.abs(pair.wrong.scaled.source.values - np.tensordot(row, features, axes=1)).max() < 1e-3


@pytest.mark.parametrize("mistake", MapMistake)
def test_every_mistake_shows_something_else(mistake: MapMistake, small_lite: Forward) -> None:
    pair = wrong_and_right(mistake, small_lite)
    wrong, right = pair.wrong, pair.right
    same_values = np.array_equal(*(view.scaled.fractions(view.scaled.values) for view in (wrong, right)))
    same_place = wrong.scaled.source.seen == right.scaled.source.seen
    assert not (same_values and same_place and wrong.style == right.style)


def test_signs_and_places(small_lite: Forward) -> None:
    relu = wrong_and_right(MapMistake.RELU, small_lite)
    assert relu.wrong.scaled.values.min() == 0
    assert relu.right.scaled.values.min() < 0
    assert relu.right.scaled.scale is Scale.DENSITY
    negative = wrong_and_right(MapMistake.NEGATIVE, small_lite).right.scaled.source
    assert negative.logit == pytest.approx(float(small_lite.logits.min()))
    assert negative.logit < 0
    crop = wrong_and_right(MapMistake.CROP, small_lite)
    assert crop.wrong.scaled.source.seen.x0 == 0
    assert crop.right.scaled.source.seen.x0 > 0
