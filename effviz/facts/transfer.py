"""Transfer to other data sets: Tables 5 and 6, Figure 6; and Table 8, ImageNet's two held-out sets."""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from effviz.facts.tables import rows
from effviz.scaling import PUBLISHED, plan


@dataclass(frozen=True, slots=True)
class Rival:
    """Another network on one data set, and the EfficientNet that Table 5 sets beside it."""

    model: str
    top1_pct: float
    params_millions: float | None  # None: Table 5 prints none (DAT)
    efficientnet: str  # "EfficientNet-B5"
    efficientnet_top1_pct: float
    efficientnet_params_millions: float | None
    ratio_printed: float | None

    @property
    def ratio(self) -> float | None:
        """How many times more parameters the rival has, divided anew from the printed millions."""
        if self.params_millions is None or self.efficientnet_params_millions is None:
            return None
        return self.params_millions / self.efficientnet_params_millions


@dataclass(frozen=True, slots=True)
class TransferResult:
    """A row of Table 5, with the size of its data set from Table 6."""

    dataset: str  # as printed in Table 5
    train_size: int
    test_size: int
    classes: int
    public: Rival  # best network whose weights are public
    best: Rival  # best that was reported
    source: str
    size_source: str


@dataclass(frozen=True, slots=True)
class TransferDot:
    """A dot of an EfficientNet line in Fig. 6; which network it is, is inferred from the order of parameters."""

    dataset: str  # as in Table 5
    name: str  # "b3"
    params_millions: float  # drawn in the figure, without ImageNet's classifier
    params_millions_computed: float  # with a classifier for the data set's classes
    top1_pct: float
    source: str


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A row of Table 8, in v5 alone: ImageNet's validation set, against its test set."""

    name: str  # "b3"
    val_top1_pct: float
    test_top1_pct: float
    val_top5_pct: float
    test_top5_pct: float
    source: str


# Fig. 6 writes some names in another way than Table 5.
_FIGURE_NAMES = {
    "CIFAR10": "CIFAR-10",
    "CIFAR100": "CIFAR-100",
    "StanfordCars": "Stanford Cars",
    "FGVCAircraft": "FGVC Aircraft",
    "Oxford-IIITPets": "Oxford-IIIT Pets",
}


def _number(value: object) -> float | None:
    """A printed number or ratio ("8.7x"); None where the table has a gap."""
    number = float(str(value).removesuffix("x") or math.nan)
    return None if math.isnan(number) else number


def _name(model: str) -> str:
    return model.split()[0].removeprefix("EfficientNet-").lower()


@cache
def transfer_results() -> tuple[TransferResult, ...]:
    """Table 5 with Table 6, eight data sets in the paper's order."""
    sizes = {row["dataset"]: row for row in rows("table6_datasets")}
    return tuple(_result(row, sizes[row["dataset"]]) for row in rows("table5_transfer"))


def _result(row: dict[Any, Any], size: dict[Any, Any]) -> TransferResult:
    return TransferResult(
        dataset=row["dataset"],
        train_size=int(size["train_size"]),
        test_size=int(size["test_size"]),
        classes=int(size["classes"]),
        public=Rival(
            row["public_model"],
            float(row["public_acc_pct"]),
            _number(row["public_params_m"]),
            row["our_model_vs_public"],
            float(row["our_acc_pct"]),
            _number(row["our_params_m"]),
            _number(row["param_ratio"]),
        ),
        best=Rival(
            row["best_reported_model"],
            float(row["best_reported_acc_pct"]),
            _number(row["best_reported_params_m"]),
            row["our_model_vs_best"],
            float(row["our_acc_vs_best_pct"]),
            _number(row["our_params_vs_best_m"]),
            _number(row["param_ratio_vs_best"]),
        ),
        source=row["source"],
        size_source=size["source"],
    )


def geometric_mean(ratios: list[float]) -> float:
    """The mean that Table 5 prints below its ratios."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


@cache
def transfer_dots() -> tuple[TransferDot, ...]:
    """Fig. 6: B0 to B7 on each data set."""
    classes = {result.dataset: result.classes for result in transfer_results()}
    return tuple(
        TransferDot(
            dataset=(dataset := _FIGURE_NAMES.get(row["dataset"], row["dataset"])),
            name=_name(row["model"]),
            params_millions=float(row["params_millions"]),
            params_millions_computed=_params_millions(_name(row["model"]), classes[dataset]),
            top1_pct=float(row["accuracy_pct"]),
            source=row["source"],
        )
        for row in rows("fig6_transfer_efficientnet_line")
    )


def _params_millions(name: str, classes: int) -> float:
    of = PUBLISHED[name]
    return plan(of.depth, of.width, of.resolution, of.family, classes).params / 1e6


@cache
def held_out() -> tuple[HeldOut, ...]:
    """Table 8: B0 to B7."""
    return tuple(
        HeldOut(
            name=_name(row["model"]),
            val_top1_pct=float(row["val_top1_pct"]),
            test_top1_pct=float(row["test_top1_pct"]),
            val_top5_pct=float(row["val_top5_pct"]),
            test_top5_pct=float(row["test_top5_pct"]),
            source=row["source"],
        )
        for row in rows("table8_val_vs_test")
    )
