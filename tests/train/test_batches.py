"""Batches depend only on seed, epoch and position."""

import random
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import auto_augment
from timm.data.auto_augment import AutoAugment, auto_augment_policy_v0, rand_augment_transform

from effviz.train import batches, data
from effviz.train.batches import DeviceBatches, crop_and_resize, random_crops
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


# Training transforms: timm's policies run with the current Pillow.

GREY = Image.fromarray(np.full((8, 8, 3), 200, np.uint8))


@pytest.mark.parametrize(("bits", "level"), [(0, 0), (1, 128), (3, 192), (8, 200)])
def test_posterizing_keeps_the_highest_bits(bits: int, level: int) -> None:
    # By hand: 200 is 11001000 in binary.
    assert set(np.asarray(batches._posterize(GREY, bits)).flat) == {level}


@pytest.mark.parametrize("policy", [AutoAugment(auto_augment_policy_v0({})), rand_augment_transform("rand-m0", {})])
def test_every_operation_of_a_policy_runs(policy: object) -> None:
    batches.mend_posterize(policy)
    operations = [*chain.from_iterable(getattr(policy, "policy", [])), *getattr(policy, "ops", [])]
    assert any(operation.name == "Posterize" for operation in operations)
    random.seed(0)
    for operation in operations:
        operation.prob = 1.0
        assert operation(GREY).size == (8, 8)


# Crops on the device match Pillow's resize, and draws match torchvision's.

RAW = np.random.default_rng(5).integers(0, 256, (2, 61, 47, 3), dtype=np.uint8)
SMOOTH = np.stack(
    [np.asarray(Image.fromarray(one).resize((9, 7)).resize((47, 61), Image.Resampling.BICUBIC)) for one in RAW]
)


@pytest.mark.parametrize("crop", [(0, 0, 61, 47), (7, 3, 40, 30), (20, 11, 12, 17), (0, 5, 61, 9)])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_crop_is_pillows(crop: tuple[int, int, int, int], mirrored: bool) -> None:
    top, left, height, width = crop
    rows = np.array([[*crop, float(mirrored)]] * 2)
    ours = crop_and_resize(torch.from_numpy(SMOOTH), rows, 24)
    for one, picture in zip(ours, SMOOTH, strict=True):
        cut = Image.fromarray(picture[top : top + height, left : left + width]).resize(
            (24, 24), Image.Resampling.BICUBIC
        )
        expected = np.asarray(cut, float)[:, :: -1 if mirrored else 1]
        assert np.abs(one.permute(1, 2, 0).numpy() - expected).max() < 1.2  # Pillow rounds to bytes after each axis


def test_crops_are_drawn_as_torchvisions() -> None:
    from torchvision.transforms import RandomResizedCrop

    torch.manual_seed(0)
    size, smallest, count = (61, 47), 0.35, 4000
    theirs = np.array(
        [
            RandomResizedCrop.get_params(torch.zeros(3, *size), (smallest, 1.0), batches.CROP_RATIOS)
            for _ in range(count)
        ],
        float,
    )
    ours = random_crops(count, size, smallest, [0])
    assert (ours[:, 0] + ours[:, 2]).max() <= 61
    assert (ours[:, 1] + ours[:, 3]).max() <= 47
    assert ours[:, :4].mean(0) == pytest.approx(theirs.mean(0), abs=0.7)
    assert ours[:, :4].std(0) == pytest.approx(theirs.std(0), rel=0.08)
    assert ours[:, 4].mean() == pytest.approx(0.5, abs=0.03)


def test_an_epoch_has_every_picture_at_most_once_and_comes_again_the_same(folder, tiny) -> None:
    known, recipe = data.data_set(folder, 36), tiny()
    make = DeviceBatches(torch.device("cpu"))
    first, again = (list(make(known.train, recipe, 3)) for _ in range(2))
    assert len(first) == 3  # 24 images in batches of eight
    assert all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(first, again, strict=True))
    assert torch.cat([labels for _, labels in first]).bincount().tolist() == [12, 12]
    assert first[0][0].shape == (8, 3, 32, 32)
    assert -1 <= float(first[0][0].min()) < float(first[0][0].max()) <= 1
    later = list(make(known.train, recipe, 3, first=2))
    assert torch.equal(later[0][0], first[2][0])
    other = list(make(known.train, recipe, 4))
    assert not torch.equal(other[0][0], first[0][0])


# A draw from AutoAugment is timm's, seeded, and reports its operations.

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
NEVER = {("ShearX", 0.0), ("Equalize", 0.0)}  # two operations in the policy have probability 0


class Scripted:
    """Replace the randomness: always the same pair, all of its operations, and the same sign."""

    def __init__(self, pair: int, sign: int) -> None:
        self._pair, self._sign = pair, sign

    def __call__(self, seed: int) -> "Scripted":
        return self

    def choice(self, options: Sequence[Any]) -> Any:
        return self._sign if tuple(options) == (-1, 1) else options[self._pair]

    def random(self) -> float:
        return 0.0


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("pair", range(25))
def test_every_pair_gives_timms_own_picture(pair: int, sign: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    from effviz.train.batches import mend_posterize

    scripted = Scripted(pair, sign)
    monkeypatch.setattr(auto_augment, "random", scripted)
    monkeypatch.setattr(auto_augment, "_randomly_negate", lambda value: sign * value)
    theirs = auto_augment.auto_augment_transform(
        "v0", {"img_mean": (128, 128, 128), "interpolation": Image.Resampling.BICUBIC}
    )
    mend_posterize(theirs)
    monkeypatch.setattr(batches, "Random", scripted)
    made = batches.draw(PICTURE, 0)
    assert [step.name for step in made.steps] == [operation.name for operation in theirs.policy[pair]]
    assert np.array_equal(made.picture, np.asarray(theirs(Image.fromarray(PICTURE))))


def test_a_seed_decides_and_others_differ() -> None:
    first, again = batches.draw(PICTURE, 7), batches.draw(PICTURE, 7)
    assert np.array_equal(first.picture, again.picture)
    assert first.steps == again.steps
    assert len({batches.draw(PICTURE, seed).steps for seed in range(60)}) > 20


def test_the_shared_generator_is_left_alone() -> None:
    random.seed(3)
    before = random.getstate()
    batches.draw(PICTURE, 1)
    # timm may draw a sign and discard it; the seed must determine the result all the same.
    random.seed(4)
    assert np.array_equal(batches.draw(PICTURE, 1).picture, batches.draw(PICTURE, 1).picture)
    assert before == random.Random(3).getstate()


def test_operations_come_as_often_as_the_policy_says() -> None:
    """For the pair (Rotate 1.0, TranslateYRel 0.8): Rotate always, its partner in four of five draws."""
    draws = [batches.draw(PICTURE[:8, :8], seed) for seed in range(3000)]
    pair = [made.steps for made in draws if [step.name for step in made.steps] == ["Rotate", "TranslateYRel"]]
    assert len(pair) == pytest.approx(120, abs=40)  # 3000 / 25; four standard deviations
    assert all(rotate.done for rotate, _ in pair)
    assert sum(moved.done for _, moved in pair) / len(pair) == pytest.approx(0.8, abs=0.15)
    signs = [rotate.level for rotate, _ in pair]
    assert set(map(abs, signs)) == {21.0}  # magnitude 7 of 10 at 30 degrees
    assert min(signs) == -21.0
    assert max(signs) == 21.0


def test_nothing_done_is_the_picture_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(200):
        made = batches.draw(PICTURE, seed)
        if not any(step.done for step in made.steps):
            assert np.array_equal(made.picture, PICTURE)
            return
    pytest.fail("in 200 draws there was none without an operation")
