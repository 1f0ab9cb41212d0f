"""Table 2 of the EfficientNet paper (Tan & Le, arXiv 1905.11946), whose accuracies changed between its versions."""

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from effviz.errors import SettingsError
from effviz.facts.tables import rows
from effviz.words import _


class PaperVersion(StrEnum):
    """A state of the paper; params and FLOPs are the same in all, EfficientNet's accuracies are not."""

    V5 = "v5"
    V3 = "v3"
    V1 = "v1"

    @property
    def label(self) -> str:
        """For people: which version, and when."""
        return {"v5": _("v5 (Sep 2020, current)"), "v3": _("v3 (Nov 2019)"), "v1": _("v1, v2 and ICML (2019)")}[self]

    @property
    def url(self) -> str:
        """The paper in this version."""
        return f"https://arxiv.org/abs/1905.11946{self}"

    @property
    def why(self) -> str:
        """Why the accuracies differ from the other versions'."""
        return {
            "v5": _(
                "Re-trained with 25,022 training images held out for early stopping. "
                "Its Figures 1 and 5 still draw the accuracies of v3."
            ),
            "v3": _("Open-source results with AutoAugment."),
            "v1": _("Results of internal code that had implementation bugs, as an author wrote in tensorflow/tpu#623."),
        }[self]


_SUFFIX = {PaperVersion.V5: "", PaperVersion.V3: "_v3", PaperVersion.V1: "_v1v2_icml"}


@dataclass(frozen=True, slots=True)
class PaperPoint:
    """A row of Table 2, as printed."""

    model: str  # as printed, "EfficientNet-B3"
    name: str  # "b3"; "" for other networks
    group: int  # 1..8: Table 2 sets networks of like accuracy together
    is_efficientnet: bool
    version: PaperVersion
    top1_pct: float
    top5_pct: float
    params_millions: float  # printed
    macs_billions: float | None  # printed as "#FLOPS"; the paper gives none for GPipe
    source: str


def _name(model: str) -> str:
    return model.removeprefix("EfficientNet-").lower() if model.startswith("EfficientNet-") else ""


@cache
def paper_points(version: PaperVersion = PaperVersion.V5) -> tuple[PaperPoint, ...]:
    """Every network of Table 2 with the accuracies printed in one version of the paper."""
    suffix = _SUFFIX[version]
    return tuple(
        PaperPoint(
            model=row["model"],
            name=_name(row["model"]),
            group=int(row["group"]),
            is_efficientnet=bool(row["is_efficientnet"]),
            version=version,
            top1_pct=float(row[f"top1_pct{suffix}"]),
            top5_pct=float(row[f"top5_pct{suffix}"]),
            params_millions=float(row["params_millions"]),
            macs_billions=None if math.isnan(row["flops_billions"]) else float(row["flops_billions"]),
            source=row["source"],
        )
        for row in rows("table2_imagenet")
    )


def paper_top1(model: str, version: PaperVersion = PaperVersion.V5) -> float:
    """Top-1 accuracy in percent that Table 2 prints for a network, "b3" or "ResNet-50".

    Raises:
        SettingsError: Table 2 has no such network; pick one that it has.
    """
    points = paper_points(version)
    for point in points:
        if model and model in (point.name, point.model):
            return point.top1_pct
    raise SettingsError(
        _("Table 2 of the paper has no network {model!r}: it has {known}. Pick one of them.").format(
            model=model, known=", ".join(p.name or p.model for p in points)
        )
    )
