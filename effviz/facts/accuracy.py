"""Which ImageNet accuracy is known for a network whose weights nobody has loaded."""

from dataclasses import dataclass

from effviz.facts.measured import TimmPoint, timm_points
from effviz.facts.paper import PaperVersion, paper_points
from effviz.scaling import PUBLISHED

# timm's names of networks that Table 2 prints, at the size at which the paper's numbers were measured.
_IN_TABLE_2 = {("resnet152", 224): "ResNet-152", ("resnet50", 224): "ResNet-50"}
_LITE = "lite-in1k"


@dataclass(frozen=True, slots=True)
class KnownAccuracy:
    """What somebody measured at one input size."""

    top1_pct: float
    weights: str  # which weights it belongs to, for people
    source: str


def known_accuracy(model: str, resolution_px: int) -> KnownAccuracy | None:
    """The accuracy of `b1`, `lite0` or timm's `resnet152` at an input size; None where nobody measured it.

    The paper's Table 2 (v5) comes first, where it has the network. Otherwise timm's measurement; of several weights
    the most accurate that were trained on ImageNet-1k alone count, for EfficientNet-Lite the official ones.
    """
    printed = _IN_TABLE_2.get((model, resolution_px), model)
    for row in paper_points(PaperVersion.V5):
        at_its_size = model not in PUBLISHED or PUBLISHED[model].resolution == resolution_px
        if printed in (row.name, row.model) and at_its_size:
            return KnownAccuracy(row.top1_pct, f"as in version {row.version} of the paper", row.source)
    measured = [of for of in timm_points() if _fits(of, model) and of.resolution_px == resolution_px]
    if not measured:
        return None
    best = max(measured, key=lambda of: of.top1_pct)
    return KnownAccuracy(best.top1_pct, f"timm's {best.architecture}", best.source)


def _fits(of: TimmPoint, model: str) -> bool:
    if of.extra_data:
        return False
    if model.startswith("lite"):
        return of.name == model and of.recipe == _LITE
    return of.name == model or of.architecture.partition(".")[0] == model
