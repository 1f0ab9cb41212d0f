"""timm's transforms for training, and one of its operations mended."""

from collections.abc import Iterator
from typing import Any

from PIL import Image
from timm.data import auto_augment, create_transform
from timm.data.auto_augment import AugmentOp, AutoAugment, RandAugment

from effviz.train.recipe import TrainingRecipe
from effviz.zoo.transforms import HALF_STATISTICS

MEAN, STD = HALF_STATISTICS
CROP = 0.875  # evaluation sees the middle of the picture, training random parts of it


def training(recipe: TrainingRecipe) -> Any:
    """A random part of a picture, perhaps mirrored and recoloured, as a tensor (3, H, W)."""
    of = recipe.augmentation
    transform = create_transform(
        recipe.network.resolution_px,
        is_training=True,
        scale=(of.smallest_crop, 1.0),
        auto_augment=of.policy or None,
        color_jitter=None,
        interpolation="bicubic",
        mean=MEAN,
        std=STD,
    )
    for part in transform.transforms:
        mend(part)
    return transform


def evaluation(resolution_px: int) -> Any:
    """The middle of a picture as a tensor (3, H, W)."""
    return create_transform(
        resolution_px, is_training=False, crop_pct=CROP, interpolation="bicubic", mean=MEAN, std=STD
    )


def mend(part: Any) -> None:
    """Let timm's policies posterize to 0 bits, which is black.

    The v0 policy, EfficientNet's own, and low magnitudes ask for 0 bits; today's Pillow refuses that.
    """
    for operation in _operations(part):
        if operation.aug_fn is auto_augment.posterize:
            operation.aug_fn = _posterize


def _operations(part: Any) -> Iterator[AugmentOp]:
    if isinstance(part, AutoAugment):
        for pair in part.policy:
            yield from pair
    elif isinstance(part, RandAugment):
        yield from part.ops


def _posterize(picture: Image.Image, bits: int, **rest: Any) -> Image.Image:
    black = Image.new(picture.mode, picture.size)
    return black if bits < 1 else auto_augment.posterize(picture, bits, **rest)
