"""Ready comparisons, each model with its scaling axis and what to look for in its map.

One of them is the mini family, whose training results this module reads.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from effviz.i18n import lazy_gettext
from effviz.scaling import plan
from effviz.zoo import catalogue, hub, manifest, state_dicts, timm_networks
from effviz.zoo.manifest import CheckpointEntry, wilson_interval_pct
from effviz.zoo.model import ModelRef


class ScalingAxis(StrEnum):
    """The dimension that a model scales, relative to the baseline of its comparison."""

    BASELINE = "baseline"
    DEPTH = "depth"
    WIDTH = "width"
    RESOLUTION = "resolution"
    COMPOUND = "compound"


BASELINE, DEPTH, WIDTH, RESOLUTION, COMPOUND = ScalingAxis


def scaling_axis(ref: ModelRef, baseline: ModelRef) -> ScalingAxis | None:
    """Return the dimension that a model scales relative to another one, by actual blocks, channels and pixels.

    None if it scales two of the three, or if the families differ. (Lite1 and Lite2 have different depth coefficients
    but the same blocks, so only the width differs between them.)
    """
    if ref.spec.family is None or ref.spec.family is not baseline.spec.family:
        same = ref.spec == baseline.spec
        return (BASELINE if ref == baseline else RESOLUTION) if same else None
    ours, theirs = (network.spec.plan_at(network.resolution_px).stages for network in (ref, baseline))
    unchanged = {
        DEPTH: [stage.layers for stage in ours] == [stage.layers for stage in theirs],
        WIDTH: [stage.channels for stage in ours] == [stage.channels for stage in theirs],
        RESOLUTION: ref.resolution_px == baseline.resolution_px,
    }
    changed = [axis for axis, same in unchanged.items() if not same]
    if len(changed) == 2:
        return None
    return COMPOUND if len(changed) > 2 else next(iter(changed), BASELINE)


def axis_among(ref: ModelRef, before: Sequence[ModelRef]) -> ScalingAxis | None:
    """Return `scaling_axis` relative to the first preceding model that has one; the first model is the baseline.

    Lite2 at 224 px is deeper and wider than Lite0, but only wider than Lite1.
    """
    axes = (scaling_axis(ref, other) for other in before or [ref])
    return next((axis for axis in axes if axis is not None), None)


@dataclass(frozen=True, slots=True)
class Preset:
    """A ready comparison; refs, roles and words are parallel tuples."""

    name: str  # for URLs, "scaling-axes"
    title: str  # marked for translation, like the summary and the words
    summary: str
    refs: tuple[ModelRef, ...]
    roles: tuple[ScalingAxis | None, ...]  # None: another family
    words: tuple[str, ...]  # what to look for, one or two sentences per model
    sample: str = ""  # the first photo, if most others are outside the networks' classes


def _preset(
    name: str, title: str, summary: str, models: Mapping[str, ScalingAxis | None], *words: str, sample: str = ""
) -> Preset:
    refs = tuple(catalogue.parse_model(label) for label in models)
    return Preset(name, title, summary, refs, tuple(models.values()), words, sample)


def _megabytes(*names: str) -> str:
    """Return the disk space of the models' weights, such as `b0 21 MB, b1 31 MB`."""
    sizes = {name: state_dicts.file_bytes(catalogue.find_model(name).plan) / 1e6 for name in names}
    return ", ".join(f"{name} {size:.0f} MB" for name, size in sizes.items())


def _numbers(label: str) -> dict[str, str]:
    """Return a model's accuracy measured by timm and its MACs, formatted for a sentence."""
    ref = catalogue.parse_model(label)
    return {"top1": f"{ref.spec.top1_pct:.1f}", "macs": f"{ref.macs / 1e9:.2f}"}


_MOBILENET, _RESNET, _CONVNEXT = (
    f"{timm_networks.PREFIX}{name}"
    for name in ("mobilenetv3_large_100.ra_in1k", "resnet50.tv_in1k", "convnext_tiny.fb_in1k")
)

# What each network scales relative to the smallest of its family, or Lite2 and B2 at 224 px relative to the one before.
_AXES = {"0@224": BASELINE, "1@224": DEPTH, "2@224": WIDTH, "0@260": RESOLUTION, "2@260": COMPOUND}

_ALL_GROW = lazy_gettext("All three dimensions grow. Look for parts of the object that the smaller networks leave out.")
_FINER_GRID = lazy_gettext(
    "The baseline's weights with more pixels: 9 x 9 cells instead of 7 x 7. Look for a tighter outline; part of it is "
    "just the finer grid."
)
_ALL_THREE = lazy_gettext(
    "Deeper, wider and at higher resolution, as the paper proposes. Does the marked area cover more of "
    "the object than any single step does?"
)


def _only_deeper(baseline: str, blocks: int) -> str:
    return lazy_gettext(
        "Only deeper than {baseline}: {blocks} blocks instead of 16, the same channels and pixels. Does the marked "
        "area move to other parts of the object?",
        baseline=baseline,
        blocks=blocks,
    )


def _only_wider(deeper: str) -> str:
    return lazy_gettext(
        "Only wider than {deeper} (which is not the baseline): the same blocks, 1.1 times the channels. Look for finer "
        "distinctions inside the object.",
        deeper=deeper,
    )


PRESETS = (
    _preset(
        "scaling-axes",
        lazy_gettext("Scaling axes"),
        lazy_gettext(
            "One step at a time, all trained on ImageNet: deeper, then wider as well; higher resolution alone; and all "
            "three at once. Lite0's weights were trained at 224 px, Lite1's at 240, Lite2's at 260: at other sizes a "
            "model's probabilities change, which is not an effect of scaling."
        ),
        {f"lite{name}": axis for name, axis in _AXES.items()},
        lazy_gettext("The smallest network: remember which parts of the object it marks."),
        _only_deeper("lite0@224", blocks=21),
        _only_wider("lite1@224"),
        _FINER_GRID,
        _ALL_THREE,
    ),
    _preset(
        "compound-family",
        lazy_gettext("Compound family"),
        lazy_gettext(
            "Three networks of one family, each at its native input size; their weights are available offline."
        ),
        {"lite0": BASELINE, "lite1": COMPOUND, "lite2": COMPOUND},
        lazy_gettext("The start of the family: remember which parts of the object it marks."),
        lazy_gettext("Deeper and at higher resolution. What else does it mark?"),
        lazy_gettext(
            "Deeper, wider and at higher resolution. Look for parts of the object that the smaller networks leave out."
        ),
    ),
    _preset(
        "b0-to-b7",
        lazy_gettext("B0 to B7"),
        lazy_gettext(
            "The paper's networks, all trained with one recipe. Fetch their weights once with `effviz fetch`."
        ),
        {"b0": BASELINE} | {f"b{number}": COMPOUND for number in range(1, 8)},
        lazy_gettext("The network that all others are scaled from."),
        lazy_gettext("Deeper and at higher resolution; B0's channels."),
        lazy_gettext("B1's blocks, wider and at higher resolution."),
        *[_ALL_GROW] * 5,
    ),
    _preset(
        "b0-scaling-axes",
        lazy_gettext("B0's scaling axes"),
        lazy_gettext(
            "The paper's own networks, one dimension at a time, all trained with one recipe (AutoAugment). Unlike the "
            "Lite networks, they have squeeze-and-excitation and SiLU. Fetch their weights once with "
            "`effviz fetch b0 b1 b2` ({sizes}). B0's weights were trained at 224 px, B1's at 240, B2's at 260: at "
            "other sizes a model is less confident.",
            sizes=_megabytes("b0", "b1", "b2"),
        ),
        {f"b{name}": axis for name, axis in _AXES.items()},
        lazy_gettext("The network that all others are scaled from: remember which parts of the object it marks."),
        _only_deeper("b0@224", blocks=23),
        _only_wider("b1@224"),
        _FINER_GRID,
        _ALL_THREE,
    ),
    _preset(
        "families",
        lazy_gettext("Families"),
        lazy_gettext(
            "B0 and three networks of other families: two of about B0's accuracy at different costs, and a modern one "
            "with the MACs of ResNet-50. Their recipes differ, which alone may change their maps. Fetch their weights "
            "once with `effviz fetch b0 {names}`.",
            names=f"{_MOBILENET} {_RESNET} {_CONVNEXT}",
        ),
        {"b0@224": BASELINE} | {f"{name}@224": None for name in (_MOBILENET, _RESNET, _CONVNEXT)},
        lazy_gettext("The network to compare with."),
        lazy_gettext(
            "MobileNetV3: {top1} % with {macs} billion MACs, built from the same kind of blocks as B0. Its head is not "
            "linear after average pooling, so gradients at its last layer replace the classifier's weights.",
            **_numbers(f"{_MOBILENET}@224"),
        ),
        lazy_gettext(
            "ResNet-50: {top1} %, about as accurate as B0, with {macs} billion MACs. Does it mark larger parts?",
            **_numbers(f"{_RESNET}@224"),
        ),
        lazy_gettext(
            "ConvNeXt-T: {top1} % with {macs} billion MACs, as many as ResNet-50. Its features are normalised after "
            "average pooling, so gradients replace the classifier's weights.",
            **_numbers(f"{_CONVNEXT}@224"),
        ),
    ),
    _preset("custom", lazy_gettext("Custom"), lazy_gettext("Pick any models, at any size."), {}),
)


def first_comparison() -> Preset:
    """Return the comparison that Compare opens with: B0's scaling axes if their weights are here, otherwise Lite0's."""
    by_name = {preset.name: preset for preset in PRESETS}
    ours = by_name["b0-scaling-axes"]
    return ours if all(hub.availability(ref.spec).available for ref in ours.refs) else by_name["scaling-axes"]


MINI = "mini-"  # prefix of the mini family's names in the manifest


def all_presets() -> tuple[Preset, ...]:
    """Return the ready comparisons, with the mini family if `models/` has all five. Raises as `manifest.entries`."""
    return _with_mini(manifest.entries())


@lru_cache(maxsize=4)  # a page calls this on each click
def _with_mini(entries: tuple[CheckpointEntry, ...]) -> tuple[Preset, ...]:
    names = {entry.name for entry in entries}
    if not all(MINI + part.value in names for part in ScalingAxis):
        return PRESETS
    return (PRESETS[0], _mini_preset(), *PRESETS[1:])


def _mini_preset() -> Preset:
    """Return the paper's Figure 7 with our own weights, in its order; what to look for paraphrases the paper."""
    return _preset(
        "mini",
        lazy_gettext("One baseline, five scalings (trained here)"),
        lazy_gettext(
            "The paper's comparison with weights of our own: one small baseline and four networks with four times "
            "its MACs, all trained alike on ten classes at small sizes (Imagenette). It cannot test the paper's "
            "claim: see Table 7 on the Paper page. A photo of anything else gets the nearest of the ten classes."
        ),
        {MINI + axis.value: axis for axis in ScalingAxis},
        lazy_gettext("Half of B0's depth and width at 96 px: 3 x 3 cells."),
        lazy_gettext("Only deeper. Does it find the whole object, or only its most telling part?"),
        lazy_gettext("Only wider. Does it distinguish finer parts inside the object?"),
        lazy_gettext("Only more pixels: 6 x 6 cells. Look for a tighter outline; part of it is just the finer grid."),
        lazy_gettext(
            "All three at once, by the paper's rule with φ = 2. The paper expects it to focus on more relevant "
            "regions, with more object details."
        ),
        sample="berlin_cathedral",
    )


# The mini family: a baseline and four scalings of it, trained by this project with one recipe (`models/mini/`).


@dataclass(frozen=True, slots=True)
class EpochResult:
    """Accuracy and loss of a network after a training epoch."""

    epoch: int  # from 1
    top1_pct: float  # on the pictures held out from training
    loss: float  # mean over the training pictures, with label smoothing


@dataclass(frozen=True, slots=True)
class MiniNetwork:
    """A network of the mini family."""

    role: ScalingAxis  # which dimension it scales
    entry: CheckpointEntry
    macs: int
    top1_pct: float  # measured once, after the last epoch
    interval_pct: tuple[float, float]  # 95 %, of the validation pictures only: other seeds would differ by more
    epochs: tuple[EpochResult, ...]


def mini_family() -> tuple[MiniNetwork, ...]:
    """Return the mini networks in `models/` with a measured accuracy, by axis. Raises as `manifest.entries`."""
    entries = {entry.name: entry for entry in manifest.entries()}
    return tuple(
        MiniNetwork(
            role=role,
            entry=entry,
            macs=plan(entry.depth, entry.width, entry.resolution_px, entry.family, len(entry.classes)).macs,
            top1_pct=entry.top1_pct,
            interval_pct=wilson_interval_pct(round(entry.top1_pct * entry.top1_pictures / 100), entry.top1_pictures),
            epochs=_epochs(role),
        )
        for role in ScalingAxis
        if (entry := entries.get(MINI + role.value)) and entry.top1_pct is not None and entry.top1_pictures is not None
    )


def _epochs(role: ScalingAxis) -> tuple[EpochResult, ...]:
    """Read the training log beside the weights, written by `effviz train`."""
    log = manifest.locate(f"mini/{role.value}.csv")
    if not log.exists():
        return ()
    with log.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["top1_pct"]]
    return tuple(EpochResult(int(row["epoch"]), float(row["top1_pct"]), float(row["loss"])) for row in rows)
