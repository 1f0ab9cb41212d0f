"""The playback shows the measured values."""

import types

import numpy as np
import pytest

from effviz.evaluate import faithfulness
from effviz.evaluate.faithfulness import (
    DeletionInsertion,
    FaithfulAnswer,
    Playback,
    ProbabilityCurve,
    beaten,
    deletion,
    insertion,
    is_faithful,
    make_playback,
    playback_passes,
)
from effviz.evaluate.heatmaps import Control, control_map
from effviz.evaluate.masking import MaskBaseline, Masking, pixel_counts, ranks
from effviz.explain.data_types import Box, Forward, Photo, Prepared
from effviz.zoo.catalogue import parse_model

SIDE = 8


class BrightShare:
    """A model whose probability of class 0 is the mean of the pixels."""

    def many(self, inputs):
        for pixels in inputs:
            share = np.clip(np.float64(pixels.mean()), 0, 1)
            with np.errstate(divide="ignore"):
                yield np.zeros((1, 1, SIDE, SIDE), np.float32), np.log(np.array([[share, 1 - share]]))


def forward(mean: float = 0.0, std: float = 1.0) -> Forward:
    """Return a pass on an image whose left half is white."""
    rgb = np.zeros((SIDE, SIDE, 3), np.uint8)
    rgb[:, :4] = 255
    prepared = Prepared(rgb, (mean,) * 3, (std,) * 3, Box(0, 0, SIDE, SIDE))
    features = np.zeros((1, SIDE, SIDE), np.float32)
    lite = types.SimpleNamespace(ref=parse_model("lite0@128"))  # probabilities are a softmax of the logits
    return Forward(lite, Photo(rgb, "0" * 64, "half"), prepared, features, np.zeros(2, np.float32), 0.0)


@pytest.fixture(autouse=True)
def _bright(monkeypatch):
    monkeypatch.setattr(faithfulness, "choose", lambda *_: types.SimpleNamespace(engine=BrightShare()))


@pytest.fixture
def left(make_map):
    """Return a map of columns that get weaker from left to right."""
    return make_map(np.tile(np.arange(SIDE, 0, -1.0), (SIDE, 1)), Box(0, 0, SIDE, SIDE), target_index=0)


def test_the_curves_by_hand(left):
    found = make_playback(forward(), left, Masking(steps=4))
    # two columns of eight at each of four steps; the first four columns are white
    assert found.map.deletion.probabilities == pytest.approx([0.5, 0.25, 0, 0, 0], abs=1e-6)
    assert found.map.insertion.probabilities == pytest.approx([0, 0.25, 0.5, 0.5, 0.5], abs=1e-6)


def test_every_control_is_measured_as_it_would_be_alone_and_all_in_one_batch(left, monkeypatch):
    batches = []

    class Counting(BrightShare):
        def many(self, inputs):
            batches.append(0)
            for one in super().many(inputs):
                batches[-1] += 1
                yield one

    monkeypatch.setattr(faithfulness, "choose", lambda *_: types.SimpleNamespace(engine=Counting()))
    masking = Masking(steps=4)
    found = make_playback(forward(), left, masking)
    assert batches == [playback_passes(masking)] == [3 + 12 * 2 * 3]
    seeds = [(Control.RANDOM, f"control {left.photo_sha256} {number}") for number in range(10)]
    for ours, (control, seed) in zip(found.controls, [*seeds, (Control.CROP_GAUSSIAN, 0)], strict=True):
        entry = control_map(left, control, seed)
        for mine, other in ((ours.deletion, deletion), (ours.insertion, insertion)):
            alone = other(forward(), entry, masking)
            assert mine.probabilities == pytest.approx(alone.probabilities, abs=1e-6)
            assert mine.fractions == pytest.approx(alone.fractions)


def judged(deletion_area: float, insertion_area: float, gaussian: tuple[float, float] = (0.5, 0.5)) -> Playback:
    """Return a map's two areas among ten random maps with areas from 0.3 to 0.57."""

    def areas(away: float, back: float) -> DeletionInsertion:
        flat = [ProbabilityCurve(np.array([0.0, 1.0]), np.array([area, area])) for area in (away, back)]
        return DeletionInsertion(*flat)

    random = tuple(areas(0.3 + 0.03 * number, 0.3 + 0.03 * number) for number in range(10))
    nothing = np.zeros((1, 1, 3), np.uint8)
    return Playback(areas(deletion_area, insertion_area), random, areas(*gaussian), nothing[..., 0], nothing, nothing)


@pytest.mark.parametrize(
    ("found", "answer", "better"),
    [
        (judged(0.1, 0.9), FaithfulAnswer.YES, (11, 11)),
        (judged(0.1, 0.9, gaussian=(0.05, 0.5)), FaithfulAnswer.CANNOT_TELL, (10, 11)),  # the centre alone does as well
        (judged(0.1, 0.4), FaithfulAnswer.CANNOT_TELL, (11, 4)),  # 0.30, 0.33, 0.36 and 0.39
        (judged(0.4, 0.4), FaithfulAnswer.CANNOT_TELL, (7, 4)),  # 0.42 and up, and the Gaussian
        (judged(0.3, 0.57), FaithfulAnswer.CANNOT_TELL, (10, 10)),  # equal is not better
        (judged(0.1, 0.2), FaithfulAnswer.CANNOT_TELL, (11, 0)),
        (judged(0.9, 0.1), FaithfulAnswer.NO, (0, 0)),
    ],
)
def test_the_answer_is_where_the_map_lies_among_the_controls(found, answer, better):
    assert is_faithful(found) is answer
    assert beaten(found) == better


def test_a_map_of_what_the_model_needs_is_faithful_and_its_opposite_is_not(left, make_map):
    masking = Masking(steps=8)
    assert is_faithful(make_playback(forward(), left, masking)) is FaithfulAnswer.YES
    opposite = make_map(-left.values, left.seen, target_index=0)
    assert is_faithful(make_playback(forward(), opposite, masking)) is FaithfulAnswer.NO
    even = make_map(np.ones_like(left.values), left.seen, target_index=0)
    assert is_faithful(make_playback(forward(), even, masking)) is FaithfulAnswer.CANNOT_TELL


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
    passes = 3 + 12 * 2 * 3  # the ends once; three steps between them for a map and 11 controls, in both directions
    assert told == pytest.approx([done / passes for done in range(1, passes + 1)])
