"""Accuracies that timm measured on ImageNet's validation set, with the weights it distributes."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from effviz.facts.recipes import recipe, recipe_of
from effviz.facts.tables import rows
from effviz.scaling import PUBLISHED, plan

TIMM_URL = "https://github.com/huggingface/pytorch-image-models/blob/aa4b5850/results/results-imagenet.csv"

_SCALED_FROM_B0 = re.compile(r"(?:tf_)?efficientnet_(b[0-8]|l2|lite[0-4])")
_MORE_THAN_IMAGENET = re.compile(r"(?:^|_)(?:in12k|in21k|in22k|jft|yfcc100m|ig1b|laion2b|laiona)(?:_|$)")


class NetworkFamily(StrEnum):
    """The families of networks in `timm_accuracy.csv`; the value is a part of timm's names."""

    EFFICIENTNET = "efficientnet_"
    EFFICIENTNETV2 = "efficientnetv2"
    RESNET = "resnet"
    MOBILENET = "mobilenet"
    CONVNEXT = "convnext"
    REGNET = "regnet"
    DENSENET = "densenet"

    @property
    def label(self) -> str:
        """The family as its authors write it."""
        return _LABELS[self]


_LABELS = {
    NetworkFamily.EFFICIENTNET: "EfficientNet",
    NetworkFamily.EFFICIENTNETV2: "EfficientNetV2",
    NetworkFamily.RESNET: "ResNet",
    NetworkFamily.MOBILENET: "MobileNet",
    NetworkFamily.CONVNEXT: "ConvNeXt",
    NetworkFamily.REGNET: "RegNetY",
    NetworkFamily.DENSENET: "DenseNet",
}


@dataclass(frozen=True, slots=True)
class TimmPoint:
    """One set of weights at one input size."""

    architecture: str  # timm's name with the weights tag, "tf_efficientnet_b3.aa_in1k"
    name: str  # "b3", "lite0"; "" for networks that are not scaled from B0
    family: NetworkFamily
    recipe: str  # EfficientNets: a key of RECIPES; other families: the weights tag
    extra_data: bool  # trained on more pictures than ImageNet-1k
    resolution_px: int
    top1_pct: float
    top5_pct: float
    params_millions: float  # printed by timm
    macs_billions_with_bn: float  # printed by timm, whose count includes batch norm
    macs_billions: float | None  # convolutions and linear layers, by effviz.scaling; None for other families
    crop_pct: float
    source: str


def _macs_billions(name: str, resolution_px: int) -> float:
    published = PUBLISHED[name]
    return plan(published.depth, published.width, resolution_px, published.family).macs / 1e9


def _point(row: dict[Any, Any]) -> TimmPoint:
    model, tag, resolution_px = row["model"], row["weights_tag"], int(row["image_size_px"])
    scaled = _SCALED_FROM_B0.fullmatch(model)
    return TimmPoint(
        architecture=f"{model}.{tag}",
        name=scaled[1] if scaled else "",
        family=next(family for family in NetworkFamily if family in model),
        recipe=recipe_of(model, tag).key if scaled else tag,
        extra_data=_MORE_THAN_IMAGENET.search(tag) is not None,
        resolution_px=resolution_px,
        top1_pct=row["top1_pct"],
        top5_pct=row["top5_pct"],
        params_millions=row["params_millions"],
        macs_billions_with_bn=row["gmacs_counted_with_bn"],
        macs_billions=_macs_billions(scaled[1], resolution_px) if scaled else None,
        crop_pct=row["crop_pct"],
        source=row["source"],
    )


@cache
def timm_points() -> tuple[TimmPoint, ...]:
    """Every measurement in `timm_accuracy.csv`, from few parameters to many."""
    points = [_point(row) for row in rows("timm_accuracy")]
    return tuple(sorted(points, key=lambda point: (point.params_millions, point.resolution_px)))


def recipe_points(key: str) -> tuple[TimmPoint, ...]:
    """The EfficientNets trained by one recipe, from small to large.

    Raises:
        SettingsError: there is no such recipe; pick one of `RECIPES`.
    """
    known = recipe(key)
    return tuple(p for p in timm_points() if p.family is NetworkFamily.EFFICIENTNET and p.recipe == known.key)


def family_points(family: NetworkFamily) -> tuple[TimmPoint, ...]:
    """All measured networks of a family, whatever the recipe, from small to large."""
    return tuple(point for point in timm_points() if point.family is family)


def timm_point(architecture: str, resolution_px: int) -> TimmPoint | None:
    """What timm measured for "tf_efficientnet_b3.aa_in1k" at an input size; None when it did not."""
    for point in timm_points():
        if (point.architecture, point.resolution_px) == (architecture, resolution_px):
            return point
    return None
