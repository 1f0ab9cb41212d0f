"""Batches depend on seed, epoch and position alone."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from effviz.train import batches, data
from effviz.train.training_recipe import TrainingRecipe

SIDE_PX = batches.decoded_side_px(32)


def test_an_epoch_shows_every_picture_at_most_once_and_leaves_out_what_fills_no_batch(
    folder: Path, tiny: Callable[..., TrainingRecipe]
) -> None:
    known = data.data_set(folder, SIDE_PX).train
    found = list(batches.training_batches(known, tiny(batch_size=7), 0))
    assert [tuple(pictures.shape) for pictures, _ in found] == [(7, 3, 32, 32)] * 3  # 24 // 7
    labels = torch.cat([labels for _, labels in found]).tolist()
    assert max(labels.count(0), labels.count(1)) <= 12


def test_the_middle_of_an_epoch_is_the_same_alone(folder: Path, tiny: Callable[..., TrainingRecipe]) -> None:
    known, recipe = data.data_set(folder, SIDE_PX).train, tiny()
    whole = list(batches.training_batches(known, recipe, 1))
    for (ours, our_labels), (theirs, their_labels) in zip(
        batches.training_batches(known, recipe, 1, first=1), whole[1:], strict=True
    ):
        assert torch.equal(ours, theirs)
        assert torch.equal(our_labels, their_labels)


def test_epochs_and_seeds_differ(folder: Path, tiny: Callable[..., TrainingRecipe]) -> None:
    known = data.data_set(folder, SIDE_PX).train
    first = next(batches.training_batches(known, tiny(), 0))[0]
    assert not torch.equal(first, next(batches.training_batches(known, tiny(), 1))[0])
    assert not torch.equal(first, next(batches.training_batches(known, tiny(seed=1), 0))[0])


def test_evaluation_sees_all_pictures_in_order_between_minus_one_and_one(folder: Path) -> None:
    known = data.data_set(folder, SIDE_PX).val
    found = list(batches.evaluation_batches(known, 32, batch_size=4))
    assert [len(labels) for _, labels in found] == [4, 4, 2]
    assert torch.cat([labels for _, labels in found]).tolist() == [0] * 5 + [1] * 5
    pixels = torch.cat([pictures for pictures, _ in found])  # (N, 3, H, W)
    # By hand: the middle 32 of 36 px, and x / 255 / 0.5 - 1.
    middle = known.pixels[:, 2:34, 2:34].transpose(0, 3, 1, 2)
    assert pixels.numpy() == pytest.approx(middle / 127.5 - 1, abs=1e-5)
