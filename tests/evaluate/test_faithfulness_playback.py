"""What is played back is what was measured."""

import types

import numpy as np
import pytest

from effviz.evaluate import faithfulness
from effviz.evaluate.faithfulness import make_playback
from effviz.evaluate.heatmaps import Control, control_map
from effviz.evaluate.masking import MaskBaseline, Masking, pixel_counts, ranks
from effviz.explain.data_types import Box, Forward, Photo, Prepared

SIDE = 8


class BrightShare:
    """A model that is as sure of class 0 as the input is white: its probability is the mean of the pixels."""

    def many(self, inputs):
        for pixels in inputs:
            share = np.clip(np.float64(pixels.mean()), 0, 1)
            with np.errstate(divide="ignore"):
                yield np.zeros((1, 1, SIDE, SIDE), np.float32), np.log(np.array([[share, 1 - share]]))


def forward(mean: float = 0.0, std: float = 1.0) -> Forward:
    """A pass of a picture whose left half is white."""
    rgb = np.zeros((SIDE, SIDE, 3), np.uint8)
    rgb[:, :4] = 255
    prepared = Prepared(rgb, (mean,) * 3, (std,) * 3, Box(0, 0, SIDE, SIDE))
    features = np.zeros((1, SIDE, SIDE), np.float32)
    return Forward(None, Photo(rgb, "0" * 64, "half"), prepared, features, np.zeros(2, np.float32), 0.0)


@pytest.fixture(autouse=True)
def _bright(monkeypatch):
    monkeypatch.setattr(faithfulness, "choose", lambda *_: types.SimpleNamespace(engine=BrightShare()))


@pytest.fixture
def left(make_map):
    """Columns from the left, each weaker than the one before."""
    return make_map(np.tile(np.arange(SIDE, 0, -1.0), (SIDE, 1)), Box(0, 0, SIDE, SIDE), target_index=0)


def test_the_curves_by_hand(left):
    found = make_playback(forward(), left, Masking(steps=4))
    # two columns of eight at each of four steps; the first four columns are white
    assert found.map.deletion.probabilities == pytest.approx([0.5, 0.25, 0, 0, 0], abs=1e-6)
    assert found.map.insertion.probabilities == pytest.approx([0, 0.25, 0.5, 0.5, 0.5], abs=1e-6)


def test_the_random_map_has_the_same_ends_and_another_way(left):
    found = make_playback(forward(), left, Masking(steps=4))
    assert found.random.deletion.probabilities[[0, -1]] == pytest.approx([0.5, 0], abs=1e-6)
    assert found.random.insertion.probabilities[[0, -1]] == pytest.approx([0, 0.5], abs=1e-6)
    assert found.random.deletion.auc > found.map.deletion.auc
    assert found.random.insertion.auc < found.map.insertion.auc
    again = make_playback(forward(), left, Masking(steps=4))
    assert (again.random.deletion.probabilities == found.random.deletion.probabilities).all()


def test_two_columns_change_at_each_step(left):
    order = make_playback(forward(), left, Masking(steps=4)).order
    assert (order == np.arange(SIDE) // 2 + 1).all()
    assert order.dtype == np.uint8


@pytest.mark.parametrize("steps", [1, 7, 20])
def test_a_pixel_changes_when_it_was_changed_for_the_model(left, steps):
    noise = control_map(left, Control.RANDOM, "noise")
    order = make_playback(forward(), noise, Masking(steps=steps)).order
    places, counts = ranks(noise, SIDE), pixel_counts(steps, SIDE * SIDE)
    for step, count in enumerate(counts):
        assert ((order <= step) == (places < count)).all()


def test_what_is_left_when_all_is_gone(left):
    masking = Masking(MaskBaseline.MEAN, 4)
    assert (make_playback(forward(0.6, 0.25), left, masking).rest == 153).all()  # 0.6 * 255
    assert (make_playback(forward(0.6, 0.25), left, Masking(MaskBaseline.BLACK, 4)).rest == 0).all()
    assert (make_playback(forward(0.6, 0.25), left, masking).picture[:, :4] == 255).all()


def test_progress_is_told_after_each_pass(left):
    told: list[float] = []
    make_playback(forward(), left, Masking(steps=4), told.append)
    assert told == pytest.approx([done / 20 for done in range(1, 21)])  # 4 curves of 5 passes
