"""Comparisons that are worth making, each model with its role and what to look for in its map."""

from dataclasses import dataclass, replace
from enum import StrEnum

from effviz.scaling import StagePlan, plan
from effviz.words import later
from effviz.zoo import catalogue, manifest
from effviz.zoo.model import ModelRef


class Role(StrEnum):
    """Which dimension a model scales, against the baseline of its comparison."""

    BASELINE = "baseline"
    DEPTH = "depth"
    WIDTH = "width"
    RESOLUTION = "resolution"
    COMPOUND = "compound"


def role(ref: ModelRef, baseline: ModelRef) -> Role | None:
    """Which dimension a model scales against another one, by its real blocks, channels and pixels.

    None when it is two of the three, or when the families differ. (Lite1 and Lite2 have different depth coefficients
    but the same blocks: between them only the width changes.)
    """
    ours, theirs = _stages(ref), _stages(baseline)
    if ref.spec.family is not baseline.spec.family:
        return None
    changed = [
        dimension
        for dimension, differs in (
            (Role.DEPTH, [stage.layers for stage in ours] != [stage.layers for stage in theirs]),
            (Role.WIDTH, [stage.channels for stage in ours] != [stage.channels for stage in theirs]),
            (Role.RESOLUTION, ref.resolution_px != baseline.resolution_px),
        )
        if differs
    ]
    match changed:
        case []:
            return Role.BASELINE
        case [alone]:
            return alone
        case [_, _]:
            return None
    return Role.COMPOUND


def _stages(ref: ModelRef) -> tuple[StagePlan, ...]:
    return plan(ref.spec.depth, ref.spec.width, ref.resolution_px, ref.spec.family).stages


@dataclass(frozen=True, slots=True)
class Preset:
    """A ready comparison; refs, roles and words run side by side."""

    name: str  # for URLs, "scaling-axes"
    title: str  # for `_`, as are the summary and the words
    summary: str
    refs: tuple[ModelRef, ...]
    roles: tuple[Role, ...]
    words: tuple[str, ...]  # what to look for, one sentence or two a model
    sample: str = ""  # the photo to begin with, where most others are outside the networks' classes


def _preset(name: str, title: str, summary: str, *models: tuple[str, Role, str]) -> Preset:
    refs = tuple(catalogue.parse(ref) for ref, _, _ in models)
    return Preset(
        name, title, summary, refs, tuple(role for _, role, _ in models), tuple(words for *_, words in models)
    )


PRESETS = (
    _preset(
        "scaling-axes",
        later("Scaling axes"),
        later(
            "One dimension at a time, all trained on ImageNet: deeper, wider, higher resolution, and all three at once."
            " Lite0's weights were trained at 224 px, Lite1's at 240, Lite2's at 260: at other sizes a model is less "
            "sure, which is no effect of scaling."
        ),
        ("lite0@224", Role.BASELINE, later("The smallest network: remember which parts of the object it marks.")),
        (
            "lite1@224",
            Role.DEPTH,
            later(
                "Against lite0@224 only deeper: 21 blocks instead of 16, the same channels and pixels. "
                "Look whether the mark moves to other parts of the object."
            ),
        ),
        (
            "lite2@224",
            Role.WIDTH,
            later(
                "Against lite1@224 (not the baseline) only wider: the same blocks, 1.1 times the channels. "
                "Look for finer distinctions inside the object."
            ),
        ),
        (
            "lite0@260",
            Role.RESOLUTION,
            later(
                "The baseline's weights with more pixels: 9 x 9 cells instead of 7 x 7. "
                "Look for a tighter outline; some of it is only the finer grid."
            ),
        ),
        (
            "lite2@260",
            Role.COMPOUND,
            later(
                "Deeper, wider and at higher resolution, as the paper proposes. "
                "Look whether the mark covers more of the object than any single step does."
            ),
        ),
    ),
    _preset(
        "compound-family",
        later("Compound family"),
        later("Three networks of one family, each at the size that it was made for; their weights need no network."),
        ("lite0", Role.BASELINE, later("The start of the family: remember which parts of the object it marks.")),
        ("lite1", Role.COMPOUND, later("Deeper and at higher resolution. Look for what its mark adds.")),
        (
            "lite2",
            Role.COMPOUND,
            later(
                "Deeper, wider and at higher resolution. "
                "Look for parts of the object that the smaller networks leave out."
            ),
        ),
    ),
    _preset(
        "b0-to-b7",
        later("B0 to B7"),
        later("The paper's networks, all trained by one recipe; their weights are fetched once with `effviz fetch`."),
        ("b0", Role.BASELINE, later("The network that all others are scaled from.")),
        ("b1", Role.COMPOUND, later("Deeper and at higher resolution; B0's channels.")),
        ("b2", Role.COMPOUND, later("B1's blocks, wider and at higher resolution.")),
        *(
            (
                f"b{i}",
                Role.COMPOUND,
                later("All three dimensions grow. Look for parts of the object that the smaller networks leave out."),
            )
            for i in range(3, 8)
        ),
    ),
    _preset("custom", later("Custom"), later("Pick any models, at any size.")),
)

MINI = "mini-"  # the names of the mini family in the manifest begin so


def presets() -> tuple[Preset, ...]:
    """Return the ready comparisons; that of the mini family where all its five networks are in `models/`.

    Raises:
        WeightsError: the manifest cannot be read.
    """
    known = {entry.name for entry in manifest.entries()}
    if not all(MINI + part.value in known for part in Role):
        return PRESETS
    first, *others = PRESETS
    return (first, _mini(), *others)


def _mini() -> Preset:
    """The paper's Figure 7 with weights of our own; its order and, in other words, what it says to look for."""
    made = _preset(
        "mini",
        later("One baseline, five scalings (trained here)"),
        later(
            "The paper's comparison with weights of our own: one small baseline and four networks of four times its "
            "MACs, trained alike on ten classes at small sizes (Imagenette). It cannot test the paper's claim; Table 7 "
            "on the page Paper says why. A photo of anything else gets the nearest of the ten classes."
        ),
        (f"{MINI}baseline", Role.BASELINE, later("Half of B0's depth and width at 96 px: 3 x 3 cells.")),
        (
            f"{MINI}depth",
            Role.DEPTH,
            later("Only deeper. Look whether it finds the object as a whole, or only its most telling part."),
        ),
        (
            f"{MINI}width",
            Role.WIDTH,
            later("Only wider. Look whether finer distinctions inside the object count."),
        ),
        (
            f"{MINI}resolution",
            Role.RESOLUTION,
            later("Only more pixels: 6 x 6 cells. Look for a tighter outline; some of it is only the finer grid."),
        ),
        (
            f"{MINI}compound",
            Role.COMPOUND,
            later(
                "All three at once, by the paper's rule with φ = 2. The paper expects it to look at more of what is "
                "relevant, with more of the object's details."
            ),
        ),
    )
    return replace(made, sample="berlin_cathedral")
