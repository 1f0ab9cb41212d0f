"""Crops on the device beside Pillow's own resize, and draws beside torchvision's."""

import numpy as np
import pytest
import torch
from PIL import Image

from effviz.train import batches, data
from effviz.train.batches import DeviceBatches, crop_and_resize, random_crops

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
        assert np.abs(one.permute(1, 2, 0).numpy() - expected).max() < 1.2  # it rounds to bytes after each axis


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
    assert len(first) == 3  # 24 pictures by eights
    assert all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(first, again, strict=True))
    assert torch.cat([labels for _, labels in first]).bincount().tolist() == [12, 12]
    assert first[0][0].shape == (8, 3, 32, 32)
    assert -1 <= float(first[0][0].min()) < float(first[0][0].max()) <= 1
    later = list(make(known.train, recipe, 3, first=2))
    assert torch.equal(later[0][0], first[2][0])
    other = list(make(known.train, recipe, 4))
    assert not torch.equal(other[0][0], first[0][0])
