"""What the EfficientNet paper prints (Tan & Le, arXiv 1905.11946): Tables 1, 2 and 4, and its training recipe.

Numbers changed between versions of the paper, so most functions take a version.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from effviz.errors import SettingsError
from effviz.facts.tables import printed_number, record, rows
from effviz.i18n import _
from effviz.scaling import published_plan


class PaperVersion(StrEnum):
    """A version of the paper; params and FLOPs are the same in all, but EfficientNet's accuracies differ."""

    V5 = "v5"
    V3 = "v3"
    V1 = "v1"

    @property
    def label(self) -> str:
        """Display name of the version, with its date."""
        return {"v5": _("v5 (Sep 2020, current)"), "v3": _("v3 (Nov 2019)"), "v1": _("v1, v2 and ICML (2019)")}[self]

    @property
    def url(self) -> str:
        """URL of the paper in this version."""
        return f"https://arxiv.org/abs/1905.11946{self}"

    @property
    def why(self) -> str:
        """Why the accuracies differ from the other versions'."""
        return {
            "v5": _(
                "Retrained with 25,022 training images held out for early stopping. Its Figures 1 and 5 still show the "
                "accuracies of v3."
            ),
            "v3": _("Open-source results with AutoAugment."),
            "v1": _("Results of internal code with implementation bugs, as an author wrote in tensorflow/tpu#623."),
        }[self]


_SUFFIX = {PaperVersion.V5: "", PaperVersion.V3: "_v3", PaperVersion.V1: "_v1v2_icml"}


@dataclass(frozen=True, slots=True)
class PaperPoint:
    """A row of Table 2 as printed."""

    model: str  # as printed, "EfficientNet-B3"
    name: str  # "b3"; "" for other networks
    group: int  # 1..8: Table 2 groups networks of similar accuracy
    is_efficientnet: bool
    version: PaperVersion
    top1_pct: float
    top5_pct: float
    params_millions: float  # printed
    macs_billions: float | None  # printed as "#FLOPS"; the paper gives none for GPipe
    source: str


def _short_name(model: str) -> str:
    return model.split()[0].removeprefix("EfficientNet-").lower() if model.startswith("EfficientNet-") else ""


@cache
def paper_points(version: PaperVersion = PaperVersion.V5) -> tuple[PaperPoint, ...]:
    """Return every network of Table 2 with the accuracies printed in one version of the paper."""
    suffix = _SUFFIX[version]
    return tuple(
        record(
            PaperPoint,
            row,
            name=_short_name(row["model"]),
            is_efficientnet=bool(row["is_efficientnet"]),
            version=version,
            top1_pct=row[f"top1_pct{suffix}"],
            top5_pct=row[f"top5_pct{suffix}"],
            macs_billions=printed_number(row["flops_billions"]),
        )
        for row in rows("table2_imagenet")
    )


# The ratios that Table 2 prints, compared with those of its own numbers.


@dataclass(frozen=True, slots=True)
class Ratio:
    """The cost of a network relative to the EfficientNet of its group."""

    printed: float | None  # None: Table 2 prints none (FLOPs of GPipe)
    computed: float | None  # quotient of the printed numbers
    least: float | None  # bounds, from the rounding of the printed numbers
    most: float | None

    @property
    def possible(self) -> bool:
        """Whether numbers that round to the printed ones can have a ratio that rounds to the printed one."""
        if self.printed is None or self.least is None or self.most is None:
            return True
        half = _half_unit(self.printed)
        return self.least <= self.printed + half and self.printed - half <= self.most


@dataclass(frozen=True, slots=True)
class PaperRatios:
    """The two ratios of a row of Table 2."""

    model: str
    efficientnet: str  # of the same group
    params: Ratio
    macs: Ratio


@cache
def paper_ratios() -> tuple[PaperRatios, ...]:
    """Return the ratios of every row of Table 2 in its order; those of an EfficientNet to itself are 1."""
    table = rows("table2_imagenet")
    ours = {row["group"]: row for row in table if row["is_efficientnet"]}
    return tuple(
        PaperRatios(
            model=row["model"],
            efficientnet=(own := ours[row["group"]])["model"],
            params=_ratio(row["params_millions"], own["params_millions"], row["params_ratio_to_efficientnet"]),
            macs=_ratio(row["flops_billions"], own["flops_billions"], row["flops_ratio_to_efficientnet"]),
        )
        for row in table
    )


def _ratio(theirs: float, own: float, printed: float) -> Ratio:
    if math.isnan(theirs):
        return Ratio(None, None, None, None)
    least = (theirs - _half_unit(theirs)) / (own + _half_unit(own))
    most = (theirs + _half_unit(theirs)) / (own - _half_unit(own))
    return Ratio(float(printed), theirs / own, least, most)


def _half_unit(printed: float) -> float:
    """Return half a unit of the last printed digit: Table 2 prints two digits, and whole numbers from 100 on."""
    return 0.5 * 10.0 ** min(math.floor(math.log10(printed)) - 1, 0)


# Table 1 of the paper: EfficientNet-B0, as printed.


@dataclass(frozen=True, slots=True)
class PaperStage:
    """A row of Table 1."""

    stage: int
    operator: str  # "MBConv6, k3x3"
    resolution_px: int  # of the stage's input
    channels: int
    layers: int
    source: str


@cache
def paper_stages(version: PaperVersion = PaperVersion.V5) -> tuple[PaperStage, ...]:
    """Return the nine stages; the first printing (v1 and ICML, not v2) has a wrong resolution in stage 6."""
    column = "input_resolution_printed_in_icml_v1" if version is PaperVersion.V1 else "input_resolution"
    stages = []
    for row in rows("table1_b0"):
        kernel = f", k{row['kernel']}x{row['kernel']}" if "MB" in row["operator"] else ""
        changed = {"resolution_px": int(row[column]), "channels": row["output_channels"]}
        stages.append(record(PaperStage, row, operator=row["operator"] + kernel, **changed))
    return tuple(stages)


# Table 4: latency of a network for one picture on one core of a server CPU.


@dataclass(frozen=True, slots=True)
class PaperLatency:
    """A row of Table 4 as printed in every version of the paper.

    The table was not updated with the accuracies of Table 2, so `top1_pct` differs from what v5 prints elsewhere.
    """

    pair: int  # 1 or 2: the table compares two networks of similar accuracy
    model: str  # as printed, "EfficientNet-B1"
    name: str  # "b1"; "" for other networks
    top1_pct: float  # printed in Table 4
    latency_s: float
    speedup_printed: float | None  # over the other network of the pair; None if the table prints none
    conditions: str
    note: str
    source: str


@cache
def paper_latencies() -> tuple[PaperLatency, ...]:
    """Return the four networks of Table 4 in its order."""
    return tuple(
        record(
            PaperLatency,
            row,
            name=_short_name(row["model"]),
            top1_pct=row["top1_pct_as_printed_in_table4"],
            latency_s=row["latency_seconds"],
            speedup_printed=printed_number(row["speedup_printed"]),
        )
        for row in rows("table4_latency")
    )


def paper_speedup(pair: int) -> float:
    """Return the speedup of the EfficientNet of a pair, recomputed from the printed seconds."""
    slow, fast = sorted((latency.latency_s for latency in paper_latencies() if latency.pair == pair), reverse=True)
    return slow / fast


# How EfficientNets were trained: what section 5.2 of the paper prints, and what only the official code states.

# What earlier versions print differently from v5; "" where they print nothing. Drop connect 0.2 is survival 0.8.
_EARLIER = {
    ("survival", PaperVersion.V1): "drop connect 0.3, in v2 0.2",
    ("held_out", PaperVersion.V3): "",
    ("held_out", PaperVersion.V1): "",
}


@dataclass(frozen=True, slots=True)
class TrainingFact:
    """One training setting as text; "" where the paper or the code states nothing."""

    key: str
    paper: str  # of v5
    code: str  # of tensorflow/tpu
    source: str

    @property
    def printed(self) -> float:
        """The paper's value as a number."""
        return float(self.paper)

    def printed_in(self, version: PaperVersion) -> str:
        """Return what a version of the paper prints; "" if nothing."""
        return _EARLIER.get((self.key, version), self.paper)

    @property
    def coded(self) -> float:
        """The official code's value as a number."""
        return float(self.code)


@cache
def training_facts() -> tuple[TrainingFact, ...]:
    """Return every training setting in the order of the table."""
    return tuple(record(TrainingFact, row) for row in rows("training"))


def training_fact(key: str) -> TrainingFact:
    """Return a training setting by its key; raises SettingsError for keys not in `training_facts()`."""
    by_key = {fact.key: fact for fact in training_facts()}
    if key not in by_key:
        text = _("There is no training setting {key!r}. Choose one of: {known}.")
        raise SettingsError(text.format(key=key, known=", ".join(by_key)))
    return by_key[key]


# Transfer to other data sets: Tables 5 and 6, Figure 6; and Table 8, ImageNet's two held-out sets.


@dataclass(frozen=True, slots=True)
class Rival:
    """Another network on one data set, and the EfficientNet that Table 5 compares it with."""

    model: str
    top1_pct: float
    params_millions: float | None  # None: Table 5 prints none (DAT)
    efficientnet: str  # "EfficientNet-B5"
    efficientnet_top1_pct: float
    efficientnet_params_millions: float | None
    ratio_printed: float | None

    @property
    def ratio(self) -> float | None:
        """Ratio of the rival's parameters to the EfficientNet's, recomputed from the printed millions."""
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
    public: Rival  # best network with public weights
    best: Rival  # best reported network
    source: str
    size_source: str


@dataclass(frozen=True, slots=True)
class TransferDot:
    """A dot of an EfficientNet line in Fig. 6; the network is inferred from the order of parameters."""

    dataset: str  # as in Table 5
    name: str  # "b3"
    params_millions: float  # drawn in the figure, without ImageNet's classifier
    params_millions_computed: float  # with a classifier for the data set's classes
    top1_pct: float
    source: str


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A row of Table 8, only in v5: accuracy on ImageNet's validation set and on its test set."""

    name: str  # "b3"
    val_top1_pct: float
    test_top1_pct: float
    val_top5_pct: float
    test_top5_pct: float
    source: str


# Fig. 6 spells some names differently from Table 5.
_FIGURE_NAMES = {
    "CIFAR10": "CIFAR-10",
    "CIFAR100": "CIFAR-100",
    "StanfordCars": "Stanford Cars",
    "FGVCAircraft": "FGVC Aircraft",
    "Oxford-IIITPets": "Oxford-IIIT Pets",
}


@cache
def transfer_results() -> tuple[TransferResult, ...]:
    """Return Table 5 with Table 6, eight data sets in the paper's order."""
    sizes = {row["dataset"]: row for row in rows("table6_datasets")}
    results = []
    for row in rows("table5_transfer"):
        size, columns = sizes[row["dataset"]], list(row.values())
        rivals = {"public": _rival(columns[1:8]), "best": _rival(columns[8:15])}
        results.append(record(TransferResult, size, **rivals, source=row["source"], size_source=size["source"]))
    return tuple(results)


def _rival(columns: Sequence[Any]) -> Rival:
    model, top1, params, own, own_top1, own_params, ratio = columns  # Table 5's columns are in the order of the fields
    return Rival(model, top1, printed_number(params), own, own_top1, printed_number(own_params), printed_number(ratio))


@cache
def transfer_dots() -> tuple[TransferDot, ...]:
    """Return the dots of Fig. 6, B0 to B7 on each data set."""
    classes = {result.dataset: result.classes for result in transfer_results()}
    dots = []
    for row in rows("fig6_transfer_efficientnet_line"):
        name, dataset = _short_name(row["model"]), str(_FIGURE_NAMES.get(row["dataset"], row["dataset"]))
        computed = published_plan(name, classes=classes[dataset]).params / 1e6
        values = {"top1_pct": row["accuracy_pct"], "params_millions_computed": computed}
        dots.append(record(TransferDot, row, dataset=dataset, name=name, **values))
    return tuple(dots)


@cache
def held_out() -> tuple[HeldOut, ...]:
    """Return the rows of Table 8, B0 to B7."""
    return tuple(record(HeldOut, row, name=_short_name(row["model"])) for row in rows("table8_val_vs_test"))
