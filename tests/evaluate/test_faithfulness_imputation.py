import numpy as np
import pytest
import torch
from pytorch_grad_cam.metrics.road import NoisyLinearImputer

from effviz.evaluate.faithfulness import impute

PIXELS = np.random.default_rng(0).normal(size=(3, 20, 24)).astype(np.float32)


def blob() -> np.ndarray:
    hidden = np.zeros((20, 24), bool)
    hidden[0:9, 0:11] = True  # into a corner
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
