"""What a cell says, against the real network asked about changed features."""

import dataclasses

import numpy as np
import pytest
import torch

from effviz.errors import TargetError
from effviz.explain import activation_maps
from effviz.explain.targets import top_guesses

CELLS = [(0, 0), (1, 3), (3, 2)]


def head(passed, features) -> np.ndarray:
    """The network's own pooling and classifier, (K,)."""
    with torch.no_grad():
        return passed.model.module.forward_head(torch.tensor(features[None]))[0].numpy()


def test_sum_and_bias_are_the_logit(network):
    for index in (top_guesses(network)[0].index, 0, 999):
        bias = float(network.model.module.classifier.bias[index])
        total = activation_maps.cell_evidence(network, index).sum(dtype=np.float64) + bias
        assert total == pytest.approx(float(network.logits[index]), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_evidence_is_what_the_logit_loses_without_the_cell(network, cell):
    index = top_guesses(network)[0].index
    emptied = network.features.copy()
    emptied[:, *cell] = 0
    lost = head(network, network.features)[index] - head(network, emptied)[index]
    ours = activation_maps.cell_evidence(network, index)
    assert ours.shape == network.features.shape[1:]
    assert ours[cell] == pytest.approx(lost, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("cell", CELLS)
def test_top_classes_are_what_the_head_says_of_a_photo_full_of_that_cell(network, cell):
    full = np.broadcast_to(network.features[:, *cell][:, None, None], network.features.shape)
    expected = head(network, full.copy())
    best = np.argsort(-expected)[:5]
    ours = activation_maps.cell_top_classes(network)
    assert ours.indices.shape == ours.logits.shape == (*network.features.shape[1:], 5)
    assert ours.indices[cell].tolist() == best.tolist()
    assert ours.logits[cell] == pytest.approx(expected[best], rel=1e-4, abs=1e-4)


def test_all_classes_of_all_cells_average_to_the_logits(small_lite):
    ours = activation_maps.cell_top_classes(small_lite, count=2000)
    assert ours.indices.shape[-1] == 1000  # a model has no more
    assert (np.diff(ours.logits, axis=-1) <= 0).all()
    by_class = np.take_along_axis(ours.logits, np.argsort(ours.indices, axis=-1), axis=-1)
    assert by_class.mean(axis=(0, 1)) == pytest.approx(small_lite.logits, abs=1e-4)


def test_results_cannot_be_changed_by_accident(small_lite):
    best = activation_maps.cell_top_classes(small_lite)
    for array in (activation_maps.cell_evidence(small_lite, 0), best.indices, best.logits):
        assert not array.flags.writeable
    assert best.logits.dtype == np.float32
    with pytest.raises(dataclasses.FrozenInstanceError):
        best.indices = best.indices


def test_unknown_class(small_lite):
    with pytest.raises(TargetError, match=r"Class 1000 does not exist.* 0 to 999\. Pick one"):
        activation_maps.cell_evidence(small_lite, 1000)
