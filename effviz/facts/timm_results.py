"""Accuracies that timm measured on ImageNet's validation set, with the training recipes of the weights.

The module also looks up the known accuracy of a network by name and input size.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from effviz.errors import SettingsError
from effviz.facts.paper_tables import PaperVersion, paper_points
from effviz.facts.tables import Row, record, rows
from effviz.i18n import _, lazy_gettext
from effviz.scaling import PUBLISHED, published_plan

# A recipe is how weights were trained: only networks of the same recipe compare fairly.


@dataclass(frozen=True, slots=True)
class Recipe:
    """A training recipe, used for several EfficientNets."""

    key: str  # timm's tag, with a prefix where two recipes share one
    prefix: str  # of timm's names of the networks that it was used for
    tags: tuple[str, ...]  # timm's names of the weights
    title: str  # short, for legends and links
    words: str  # whose weights, and what is special about them; marked for translation


# Keys without a prefix are Google's weights of B0-B8 and L2, ported by timm. Tags that differ only in the training size
# (_r224, _475) are one recipe. Meanings: timm's model cards and the README of tensorflow/tpu's EfficientNet.
_GOOGLE, _TIMM = "tf_efficientnet_", "efficientnet_"
RECIPES = (
    Recipe("aa_in1k", _GOOGLE, ("aa_in1k",), "AutoAugment", lazy_gettext("Google's weights, the paper's recipe")),
    Recipe("in1k", _GOOGLE, ("in1k",), "Baseline", lazy_gettext("Google's weights, plain ResNet preprocessing")),
    Recipe("ra_in1k", _GOOGLE, ("ra_in1k",), "RandAugment", lazy_gettext("Google's weights")),
    Recipe("ap_in1k", _GOOGLE, ("ap_in1k",), "AdvProp", lazy_gettext("Google's weights, adversarial examples added")),
    Recipe(
        "ns_jft_in1k",
        _GOOGLE,
        ("ns_jft_in1k", "ns_jft_in1k_475"),
        "NoisyStudent",
        lazy_gettext("Google's weights, 300 million more images without labels"),
    ),
    Recipe("lite-in1k", _GOOGLE + "lite", ("in1k",), "Lite", lazy_gettext("Google's weights of the Lite networks")),
    Recipe("timm-ra_in1k", _TIMM, ("ra_in1k",), "timm RandAugment", lazy_gettext("timm's own training")),
    Recipe("timm-ra2_in1k", _TIMM, ("ra2_in1k",), "timm RandAugment 2", lazy_gettext("timm's own training")),
    Recipe("timm-ft_in1k", _TIMM, ("ft_in1k",), "timm fine-tuned", lazy_gettext("timm's own training")),
    Recipe(
        "timm-ra4_in1k",
        _TIMM,
        ("ra4_e3600_r224_in1k", "ra4_e3600_r240_in1k"),
        "timm RandAugment 4",
        lazy_gettext("timm's own training, 3600 epochs"),
    ),
    Recipe(
        "timm-in12k_in1k",
        _TIMM,
        ("sw_in12k_ft_in1k",),
        "timm ImageNet-12k",
        lazy_gettext("timm's own training, first on the 12,000 classes of ImageNet-12k"),
    ),
    Recipe(
        "timm-lite-ra_in1k", _TIMM + "lite", ("ra_in1k",), "timm Lite", lazy_gettext("timm's own training of Lite0")
    ),
)


def recipe(key: str) -> Recipe:
    """Return the recipe with this key; raises SettingsError for keys not in `RECIPES`."""
    by_key = {recipe.key: recipe for recipe in RECIPES}
    if key not in by_key:
        text = _("There is no training recipe {key!r}. Choose one of: {known}.")
        raise SettingsError(text.format(key=key, known=", ".join(by_key)))
    return by_key[key]


def recipe_of(model: str, tag: str) -> Recipe:
    """Return the recipe of an EfficientNet's weights by timm's names: `recipe_of("tf_efficientnet_b0", "aa_in1k")`."""
    fitting = [candidate for candidate in RECIPES if model.startswith(candidate.prefix) and tag in candidate.tags]
    return max(fitting, key=lambda candidate: len(candidate.prefix))  # Lite has its own recipes besides those of B0-B8


_SCALED_FROM_B0 = re.compile(r"(?:tf_)?efficientnet_(b[0-8]|l2|lite[0-4])")
_MORE_THAN_IMAGENET = re.compile(r"(?:^|_)(?:in12k|in21k|in22k|jft|yfcc100m|ig1b|laion2b|laiona)(?:_|$)")


class NetworkFamily(StrEnum):
    """The network families in `timm_accuracy.csv`; the value is part of timm's names."""

    EFFICIENTNET = "efficientnet_"
    EFFICIENTNETV2 = "efficientnetv2"
    RESNET = "resnet"
    MOBILENET = "mobilenet"
    CONVNEXT = "convnext"
    REGNET = "regnet"
    DENSENET = "densenet"

    @property
    def label(self) -> str:
        """Name of the family as its authors write it."""
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
    """A measurement of one set of weights at one input size."""

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


def _point(row: Row) -> TimmPoint:
    model, tag, resolution_px = row["model"], row["weights_tag"], int(row["image_size_px"])
    scaled = _SCALED_FROM_B0.fullmatch(model)
    return record(
        TimmPoint,
        row,
        architecture=f"{model}.{tag}",
        name=scaled[1] if scaled else "",
        family=next(family for family in NetworkFamily if family in model),
        recipe=recipe_of(model, tag).key if scaled else tag,
        extra_data=_MORE_THAN_IMAGENET.search(tag) is not None,
        resolution_px=resolution_px,
        macs_billions_with_bn=row["gmacs_counted_with_bn"],
        macs_billions=published_plan(scaled[1], resolution_px).macs / 1e9 if scaled else None,
    )


@cache
def timm_points() -> tuple[TimmPoint, ...]:
    """Return every measurement in `timm_accuracy.csv`, by increasing number of parameters."""
    points = [_point(row) for row in rows("timm_accuracy")]
    return tuple(sorted(points, key=lambda point: (point.params_millions, point.resolution_px)))


def recipe_points(key: str) -> tuple[TimmPoint, ...]:
    """Return the EfficientNets trained with one recipe, from small to large; raises as `recipe`."""
    chosen = recipe(key)
    return tuple(p for p in timm_points() if p.family is NetworkFamily.EFFICIENTNET and p.recipe == chosen.key)


def family_points(family: NetworkFamily) -> tuple[TimmPoint, ...]:
    """Return all measured networks of a family, with any recipe, from small to large."""
    return tuple(point for point in timm_points() if point.family is family)


def timm_point(architecture: str, resolution_px: int) -> TimmPoint | None:
    """Return timm's measurement of weights such as "tf_efficientnet_b3.aa_in1k" at an input size; None without one."""
    wanted = architecture, resolution_px
    return next((point for point in timm_points() if (point.architecture, point.resolution_px) == wanted), None)


# The known ImageNet accuracy of a network by name, without its weights.

# Networks of Table 2 by timm's names, with the input size at which the paper's numbers were measured.
_IN_TABLE_2 = {("resnet152", 224): "ResNet-152", ("resnet50", 224): "ResNet-50"}
_LITE = "lite-in1k"


@dataclass(frozen=True, slots=True)
class KnownAccuracy:
    """A published accuracy at one input size."""

    top1_pct: float
    weights: str  # display name of the weights that it belongs to
    source: str


def known_accuracy(model: str, resolution_px: int) -> KnownAccuracy | None:
    """Return the accuracy of `b1`, `lite0` or timm's `resnet152` at an input size; None if nobody measured it.

    The paper's Table 2 (v5) takes precedence over timm's measurements. Among several weights of timm, the most accurate
    ones trained only on ImageNet-1k count, for EfficientNet-Lite the official ones.
    """
    printed = _IN_TABLE_2.get((model, resolution_px), model)
    for row in paper_points(PaperVersion.V5):
        at_its_size = model not in PUBLISHED or PUBLISHED[model].resolution == resolution_px
        if printed in (row.name, row.model) and at_its_size:
            return KnownAccuracy(row.top1_pct, f"as in version {row.version} of the paper", row.source)
    measured = [point for point in timm_points() if _fits(point, model) and point.resolution_px == resolution_px]
    if not measured:
        return None
    best = max(measured, key=lambda point: point.top1_pct)
    return KnownAccuracy(best.top1_pct, f"timm's {best.architecture}", best.source)


def _fits(point: TimmPoint, model: str) -> bool:
    if point.extra_data:
        return False
    if model.startswith("lite"):
        return point.name == model and point.recipe == _LITE
    return point.name == model or point.architecture.partition(".")[0] == model
