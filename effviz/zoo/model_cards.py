"""What there is to know about a model before it runs: its numbers, where its weights come from, how good it is."""

from dataclasses import dataclass

from effviz.i18n import _
from effviz.scaling import plan
from effviz.zoo import hub
from effviz.zoo.hub import Availability
from effviz.zoo.model import IMAGENET, ModelRef, ModelSpec


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One model at one input size, in numbers."""

    ref: ModelRef
    depth: float  # multipliers of B0's blocks and channels
    width: float
    resolution_px: int
    params: int
    macs: int  # multiply-adds for one photo, the paper's FLOPs
    map_px: int  # cells along one side of the last map
    weights: str
    licence: str
    top1_pct: float | None  # published; None when nobody measured this model at this size
    top1_on: str  # whose pictures, for people: "Imagenette, 10 classes"
    top1_words: str  # the accuracy for people: value, size and source, or why there is none
    availability: Availability


def model_card(ref: ModelRef) -> ModelCard:
    """Describe a model at an input size; nothing is loaded.

    Raises:
        WeightsError: `models/manifest.json` cannot be read.
    """
    spec = ref.spec
    network = plan(spec.depth, spec.width, ref.resolution_px, spec.family, len(spec.classes))
    return ModelCard(
        ref=ref,
        depth=spec.depth,
        width=spec.width,
        resolution_px=ref.resolution_px,
        params=network.params,
        macs=network.macs,
        map_px=network.stages[-1].out_resolution,
        weights=_(spec.weights),
        licence=spec.licence,
        top1_pct=spec.top1_pct if ref.resolution_px == spec.resolution_px else None,
        top1_on=_top1_on(spec),
        top1_words=_top1_words(ref),
        availability=hub.availability(spec),
    )


def _top1_on(spec: ModelSpec) -> str:
    if spec.dataset == IMAGENET:
        return IMAGENET
    words = _("{dataset}, {count} classes") if spec.dataset else _("{count} classes")
    return words.format(dataset=spec.dataset, count=len(spec.classes))


def _top1_words(ref: ModelRef) -> str:
    spec = ref.spec
    if not spec.trained:
        return _("untrained: no accuracy")
    source = _(spec.top1_source)
    if spec.top1_pct is None:
        return _("not measured ({source})").format(source=source)
    measured = _("{top1:.1f} % at {px} px ({source})").format(top1=spec.top1_pct, px=spec.resolution_px, source=source)
    if ref.resolution_px == spec.resolution_px:
        return measured
    return _("{measured}; not measured at {px} px").format(measured=measured, px=ref.resolution_px)
