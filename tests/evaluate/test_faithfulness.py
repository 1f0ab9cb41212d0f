import copy
import dataclasses
import functools
import math
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.metrics.arcc import Coherency, Complexity
from pytorch_grad_cam.metrics.cam_mult_image import DropInConfidence, IncreaseInConfidence
from pytorch_grad_cam.metrics.perturbation_confidence import (
    PerturbationConfidenceMetric,
    RemoveLeastRelevantFirst,
    RemoveMostRelevantFirst,
)
from pytorch_grad_cam.metrics.road import NoisyLinearImputer
from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget, ClassifierOutputTarget

from effviz.evaluate import faithfulness
from effviz.evaluate.faithfulness import (
    Adcc,
    Confidence,
    adcc,
    confidence,
    deletion,
    drop,
    gain,
    impute,
    increase,
    insertion,
    road,
)
from effviz.evaluate.heatmaps import Control, control_map
from effviz.evaluate.masking import MaskBaseline, Masking, enlarged, start_input, weights
from effviz.explain import images
from effviz.explain.activation_maps import activation_map
from effviz.explain.data_types import Box, Floats, Forward, Method, Photo, Prepared
from effviz.explain.forward_pass import forward, run_network
from effviz.zoo.catalogue import parse_model
from effviz.zoo.loading import load

CAT = Path(__file__).parents[2] / "assets" / "samples" / "cat.jpg"
TABBY = 281


class BrightShare:
    """A model whose probability of class 0 is the mean of the pixels."""

    def many(self, inputs):
        for pixels in inputs:
            share = np.float64(pixels.mean())
            with np.errstate(divide="ignore"):
                yield np.zeros((1, 1, 8, 8), np.float32), np.log(np.array([[share, 1 - share]]))


@pytest.fixture
def half(monkeypatch) -> Forward:
    """Return an image whose left half is white: the model above gives class 0 the probability 0.5."""
    engine = BrightShare()
    monkeypatch.setattr(faithfulness, "choose", lambda *_: types.SimpleNamespace(engine=engine))

    def run(_, pixels: Floats):
        features, logits = next(engine.many([pixels]))
        return features[0], logits[0]

    monkeypatch.setattr(faithfulness, "run_network", run)
    rgb = np.zeros((8, 8, 3), np.uint8)
    rgb[:, :4] = 255
    prepared = Prepared(rgb, (0, 0, 0), (1, 1, 1), Box(0, 0, 8, 8))
    _, logits = run(None, prepared.pixels)
    lite = types.SimpleNamespace(ref=parse_model("lite0@128"))  # probabilities are a softmax of the logits
    return Forward(lite, Photo(rgb, "0" * 64, "half"), prepared, np.zeros((1, 8, 8), np.float32), logits, 0.0)


@pytest.fixture
def left(make_map):
    """Return a map of columns that get weaker from left to right."""
    return make_map(np.tile(np.arange(8, 0, -1.0), (8, 1)), Box(0, 0, 8, 8), target_index=0)


@pytest.fixture(scope="module")
def cat() -> Forward:
    return forward(load(parse_model("lite0@128")), images.read(CAT.read_bytes(), "cat.jpg"))


@pytest.fixture(scope="module")
def cam(cat):
    return activation_map(cat, TABBY)


def test_deletion_and_insertion_by_hand(half, left):
    # two columns of eight at each of four steps; only the first four columns count an eighth each
    found = deletion(half, left, Masking(steps=4))
    assert found.fractions == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert found.probabilities == pytest.approx([0.5, 0.25, 0, 0, 0], abs=1e-6)
    assert found.auc == pytest.approx(0.25 * (0.375 + 0.125))
    back = insertion(half, left, Masking(steps=4))
    assert back.probabilities == pytest.approx([0, 0.25, 0.5, 0.5, 0.5], abs=1e-6)
    assert back.auc == pytest.approx(0.25 * (0.125 + 0.375 + 0.5 + 0.5))


def test_a_map_of_the_background_is_worse(half, left, make_map):
    right = make_map(left.values[:, ::-1], Box(0, 0, 8, 8), target_index=0)
    assert deletion(half, right, Masking(steps=8)).auc > deletion(half, left, Masking(steps=8)).auc
    assert insertion(half, right, Masking(steps=8)).auc < insertion(half, left, Masking(steps=8)).auc


def test_the_other_class_has_the_other_probability(half, left, make_map):
    other = make_map(left.values, Box(0, 0, 8, 8), target_index=1)
    expected = 1 - deletion(half, left, Masking(steps=4)).probabilities
    assert deletion(half, other, Masking(steps=4)).probabilities == pytest.approx(expected)


def test_confidence_by_hand(half, make_map):
    # kept: half of the first two columns and all of the next two, 3 of 8 columns
    values = np.zeros((8, 8))
    values[:, 2:4], values[:, :2] = 2, 1
    found = confidence(half, make_map(values, Box(0, 0, 8, 8), target_index=0), Masking())
    assert (found.whole, found.kept) == pytest.approx((0.5, 3 / 8))
    assert drop(found) == pytest.approx(0.25)


def test_drop_increase_and_gain_by_hand():
    lost, won = Confidence(0.8, 0.6), Confidence(0.6, 0.8)
    assert (drop(lost), increase(lost), gain(lost)) == pytest.approx((0.25, 0, 0))
    assert (drop(won), increase(won), gain(won)) == pytest.approx((0, 1, 0.5))
    assert (drop(Confidence(0, 0)), gain(Confidence(1, 1)), increase(Confidence(0.5, 0.5))) == (0, 0, 0)


def test_a_uniform_map_loses_nothing_and_an_empty_one_all(half, make_map):
    masks = [make_map(np.full((4, 4), value), Box(0, 0, 8, 8), target_index=0) for value in (1, -1)]
    assert drop(confidence(half, masks[0], Masking())) == pytest.approx(0)
    assert drop(confidence(half, masks[1], Masking())) == pytest.approx(1)


@pytest.mark.parametrize("index", [TABBY, 0, 700])
def test_drop_and_increase_equal_pytorch_grad_cams(cat, index):
    entry = activation_map(cat, index, Method.LAYERCAM)
    given = (
        torch.tensor(cat.prepared.pixels),
        weights(entry, 128).astype(np.float32)[None],
        [ClassifierOutputSoftmaxTarget(index)],
        cat.model.module,
    )
    found = confidence(cat, entry, Masking(MaskBaseline.MEAN))
    # the library does not divide by the confidence
    assert drop(found) * found.whole == pytest.approx(float(DropInConfidence()(*given)[0]), abs=1e-4)
    assert increase(found) == IncreaseInConfidence()(*given)[0]


def test_with_black_the_picture_itself_is_multiplied(cat, cam, monkeypatch):
    seen = []
    monkeypatch.setattr(faithfulness, "run_network", lambda _, pixels: (seen.append(pixels), (None, cat.logits))[1])
    confidence(cat, cam, Masking(MaskBaseline.BLACK))
    mean, std = (np.array(part)[:, None, None] for part in (cat.prepared.mean, cat.prepared.std))
    picture = cat.prepared.rgb.transpose(2, 0, 1) / 255 * weights(cam, 128)
    assert seen[0][0] == pytest.approx((picture - mean) / std, abs=1e-4)


def test_adcc_by_hand():
    assert Adcc(0.8, 0.5, 0.2).value == pytest.approx(3 / (1 / 0.8 + 1 / 0.5 + 1 / 0.8))
    assert Adcc(1, 0, 0).value == 1
    assert Adcc(0.9, 1.0, 0).value == 0


def test_adccs_parts_equal_pytorch_grad_cams(cat, cam):
    module = copy.deepcopy(cat.model.module).requires_grad_(True)
    masks = weights(cam, 128).astype(np.float32)[None]
    with GradCAM(module, [module.bn2]) as library:
        expected = Coherency()(
            torch.tensor(cat.prepared.pixels), masks, [ClassifierOutputTarget(TABBY)], module, library
        )[0]
    found = adcc(cat, cam, Masking(MaskBaseline.MEAN))
    assert found.coherency == pytest.approx(float(expected), abs=5e-3)  # EffViz rounds to 8 bits
    assert found.complexity == pytest.approx(float(Complexity()(masks)[0]), abs=1e-5)
    assert found.drop == drop(confidence(cat, cam, Masking(MaskBaseline.MEAN)))


def test_adcc_of_a_control_asks_what_it_would_mark_again(cat, cam):
    gaussian = control_map(cam, Control.GAUSSIAN, 0)
    assert adcc(cat, gaussian, Masking(), lambda _: gaussian).coherency == pytest.approx(1)
    assert adcc(cat, gaussian, Masking()).coherency < 0.99
    uniform = control_map(cam, Control.UNIFORM, 0)
    assert adcc(cat, uniform, Masking(), lambda _: uniform).coherency == 0.5
    assert adcc(cat, uniform, Masking(), lambda _: uniform).value == 0


def test_adcc_explains_the_masked_picture_with_methods_that_run_the_network_again(cat):
    entry = activation_map(cat, TABBY, Method.FULLGRAD)
    found = adcc(cat, entry, Masking())
    assert 0.5 < found.coherency < 1


def test_road_equals_pytorch_grad_cams(cat, cam, monkeypatch):
    """Compare without noise, which would differ; a slight tilt avoids ties, which the library handles differently."""
    monkeypatch.setattr(faithfulness, "impute", functools.partial(impute, noise=0))
    tilted = dataclasses.replace(cam, values=enlarged(cam.values, 128) + np.arange(128**2).reshape(128, 128) * 1e-7)
    masks = weights(tilted, 128)[None]
    target, module, pixels = [ClassifierOutputSoftmaxTarget(TABBY)], cat.model.module, torch.tensor(cat.prepared.pixels)
    most, least = (
        PerturbationConfidenceMetric(remove(80, NoisyLinearImputer(noise=0)))(pixels, masks, target, module)[0]
        for remove in (RemoveMostRelevantFirst, RemoveLeastRelevantFirst)
    )
    found = road(cat, tilted, shares=[0.2])
    assert found.value == pytest.approx((least - most) / 2, abs=2e-3)
    assert abs(found.value) > 0.03
    assert found.halves == (found.value,)


def test_road_with_its_noise_is_near_to_it(cat, cam, monkeypatch):
    noisy = road(cat, cam, shares=(0.5,)).value
    monkeypatch.setattr(faithfulness, "impute", functools.partial(impute, noise=0))
    assert road(cat, cam, shares=(0.5,)).value == pytest.approx(noisy, abs=0.03)


def test_road_stops_when_its_time_is_over_and_what_others_do_meanwhile_is_not_its_time(cat, cam, monkeypatch):
    clock = [0.0]

    def four_seconds(*given):
        clock[0] += 4
        return given[-1]

    def others():
        clock[0] += 100

    monkeypatch.setattr(faithfulness.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(faithfulness, "_road_difference", four_seconds)
    found = road(cat, cam, budget_s=8, shares=(0.5, 0.3, 0.9), passed=others)
    assert found.halves == (0.25, 0.15)
    assert math.isnan(found.value)  # a mean over two shares is not a mean over three
    assert road(cat, cam, budget_s=0).halves == ()


def test_road_is_the_mean_over_all_shares(cat, cam, monkeypatch):
    monkeypatch.setattr(faithfulness, "_road_difference", lambda *given: given[-1])
    found = road(cat, cam)
    assert found.halves == (0.25, 0.1, 0.4, 0.05, 0.45)
    assert found.value == pytest.approx((0.5 + 0.2 + 0.8 + 0.1 + 0.9) / 5 / 2)


def test_real_maps_beat_the_random_control(cat, cam):
    control = control_map(cam, Control.RANDOM, "s")
    assert insertion(cat, cam, Masking(MaskBaseline.BLUR)).auc > insertion(cat, control, Masking(MaskBaseline.BLUR)).auc
    assert deletion(cat, cam, Masking()).auc < deletion(cat, control, Masking()).auc


def test_rise_deletes_to_the_mean_pixel_and_inserts_into_a_blurred_photo(cat, cam):
    found, back, mean = (
        curve(cat, cam, Masking(baseline, 2)).probabilities
        for curve, baseline in (
            (deletion, MaskBaseline.RISE),
            (insertion, MaskBaseline.RISE),
            (deletion, MaskBaseline.MEAN),
        )
    )
    assert found == pytest.approx(mean)
    assert back[-1] == pytest.approx(cam.probability, abs=1e-4)
    _, logits = run_network(cat.model, start_input(cat.prepared, MaskBaseline.RISE))
    assert back[0] == pytest.approx(torch.tensor(logits).softmax(0)[cam.target_index].item(), abs=1e-4)


@pytest.mark.parametrize("baseline", [baseline for baseline in MaskBaseline if baseline is not MaskBaseline.RISE])
def test_curves_begin_and_end_with_whole_and_nothing(cat, cam, baseline):
    found, back = (curve(cat, cam, Masking(baseline, 2)).probabilities for curve in (deletion, insertion))
    assert found[0] == pytest.approx(cam.probability, abs=1e-4)
    assert back[-1] == pytest.approx(cam.probability, abs=1e-4)
    assert found[-1] == pytest.approx(back[0], abs=1e-4)


# Imputation.

PIXELS = np.random.default_rng(0).normal(size=(3, 20, 24)).astype(np.float32)


def blob() -> np.ndarray:
    hidden = np.zeros((20, 24), bool)
    hidden[0:9, 0:11] = True  # towards a corner
    hidden[15, 3:20] = True
    return hidden


@pytest.mark.parametrize("hidden", [blob(), ~blob(), np.random.default_rng(1).random((20, 24)) < 0.6])
def test_it_solves_pytorch_grad_cams_equations(hidden):
    expected = NoisyLinearImputer(noise=0)(torch.tensor(PIXELS), torch.tensor(np.float32(~hidden))).numpy()
    found = impute(PIXELS, hidden, noise=0)
    assert found == pytest.approx(expected, abs=1e-5)
    assert np.array_equal(found[:, ~hidden], PIXELS[:, ~hidden])


def test_one_missing_pixel_by_hand():
    # sides count 1/6, corners 1/12
    picture = np.array([[[1, 2, 1], [4, 99, 6], [1, 8, 1]]], np.float32)
    hidden = np.zeros((3, 3), bool)
    hidden[1, 1] = True
    assert impute(picture, hidden, noise=0)[0, 1, 1] == pytest.approx((2 + 4 + 6 + 8) / 6 + 4 / 12)


def test_noise_is_seeded_and_of_its_size():
    hidden = np.ones((20, 24), bool)
    hidden[0, 0] = False
    quiet, noisy = impute(PIXELS, hidden, noise=0), impute(PIXELS, hidden)
    assert np.array_equal(noisy, impute(PIXELS, hidden))
    assert not np.array_equal(noisy, impute(PIXELS, hidden, seed=1))
    assert (noisy - quiet)[:, hidden].std() == pytest.approx(0.01, rel=0.1)


def test_nothing_hidden_and_all_hidden():
    assert np.array_equal(impute(PIXELS, np.zeros((20, 24), bool)), PIXELS)
    assert not impute(PIXELS, np.ones((20, 24), bool), noise=0).any()
