"""What a trade-off figure shows: networks with their accuracy and cost, each with its source."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from effviz import facts
from effviz.scaling import PUBLISHED, Plan, plan
from effviz.words import _, later
from effviz.zoo import catalogue
from effviz.zoo.model import IMAGENET, ModelRef


class Cost(StrEnum):
    """What accuracy is paid with; the value stands in addresses."""

    PARAMS = "Params"
    MACS = "MACs"

    @property
    def axis(self) -> str:
        """The title of its axis."""
        return {
            "Params": _("Parameters (millions)"),
            "MACs": _("MACs, the paper's FLOPs (billions)"),
        }[self]


class Count(StrEnum):
    """Who counted a network's MACs, and what they counted; the values are for `_`."""

    PRINTED = later("printed in the paper as FLOPs")
    COMPUTED = later("convolutions and linear layers, counted by EffViz")
    TIMM = later("counted by timm, which includes batch norm")


class Kind(StrEnum):
    """What a series is; it decides how the series is drawn."""

    PAPER_EFFICIENTNETS = "paper-efficientnets"
    PAPER_OTHERS = "paper-others"
    RECIPE = "recipe"
    FAMILY = "family"
    COMPARED = "compared"


@dataclass(frozen=True, slots=True)
class Point:
    """One network."""

    id: str  # unique in a figure: "EfficientNet-B3", "tf_efficientnet_b3.aa_in1k@300"
    label: str  # short: "B3"
    training: str  # how it was trained, for people and for `_`
    top1_pct: float
    top5_pct: float | None
    params_millions: float
    macs_billions: float | None  # None: nobody published it
    macs_count: Count
    macs_billions_with_bn: float | None  # timm's count, where macs_billions is another one
    resolution_px: int | None  # None: the paper does not print it in Table 2
    extra_data: bool  # trained on more pictures than ImageNet-1k
    compare: str  # the model's name on the Compare page, "b3@300"; "" when it cannot be compared
    source: str

    def cost(self, cost: Cost) -> float | None:
        """Millions of parameters or billions of MACs."""
        return self.params_millions if cost is Cost.PARAMS else self.macs_billions


@dataclass(frozen=True, slots=True)
class Series:
    """Networks that belong together."""

    title: str
    kind: Kind
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A network that has a cost but no accuracy, since nobody trained it."""

    label: str
    params_millions: float
    macs_billions: float

    def cost(self, cost: Cost) -> float:
        """Millions of parameters or billions of MACs."""
        return self.params_millions if cost is Cost.PARAMS else self.macs_billions


def mark(label: str, network: Plan) -> Mark:
    """Where a planned network lies on the axes of cost."""
    return Mark(label, network.params / 1e6, network.macs / 1e9)


def compared(refs: Sequence[ModelRef]) -> tuple[Series, tuple[Mark, ...]]:
    """Models of a comparison: points where someone measured them on ImageNet at their size, marks where nobody did."""
    points: list[Point] = []
    marks: list[Mark] = []
    for ref in refs:
        network = plan(ref.spec.depth, ref.spec.width, ref.resolution_px, ref.spec.family, len(ref.spec.classes))
        top1 = _top1(ref)
        if top1 is None:
            marks.append(mark(ref.label, network))
        else:
            points.append(_compared_point(ref, network, *top1))
    return Series(_("In your comparison"), Kind.COMPARED, tuple(points)), tuple(marks)


def paper_series(version: facts.PaperVersion) -> tuple[Series, Series]:
    """Table 2 of the paper: the EfficientNets, and the networks they were compared with."""
    points = facts.paper_points(version)
    ours = tuple(_paper_point(point) for point in points if point.is_efficientnet)
    others = tuple(_paper_point(point) for point in points if not point.is_efficientnet)
    return (
        Series(_("EfficientNet, paper {version}").format(version=version), Kind.PAPER_EFFICIENTNETS, ours),
        Series(_("Other ConvNets, paper"), Kind.PAPER_OTHERS, others),
    )


def recipe_series(recipe: facts.Recipe) -> Series:
    """The EfficientNets that timm measured with weights of one recipe."""
    points = tuple(
        _timm_point(point, f"{recipe.title}: {_(recipe.words)}") for point in facts.recipe_points(recipe.key)
    )
    return Series(_("timm, {name}").format(name=recipe.title), Kind.RECIPE, points)


def family_series(family: facts.NetworkFamily) -> Series:
    """Every network of another family that timm measured; their recipes differ."""
    text = _("timm's tag {tag}")
    points = tuple(_timm_point(point, text.format(tag=point.recipe)) for point in facts.family_points(family))
    return Series(_("timm, {name}").format(name=family.label), Kind.FAMILY, points)


def _top1(ref: ModelRef) -> tuple[float, str] | None:
    """ImageNet accuracy in percent at the size that is compared, and who measured it."""
    measured = facts.timm_point(ref.spec.architecture, ref.resolution_px)
    if measured is not None:
        return measured.top1_pct, measured.source
    spec = ref.spec
    if spec.top1_pct is not None and spec.dataset == IMAGENET and ref.resolution_px == spec.resolution_px:
        return spec.top1_pct, spec.top1_source
    return None


def _compared_point(ref: ModelRef, network: Plan, top1_pct: float, source: str) -> Point:
    return Point(
        id=ref.label,
        label=ref.label,
        training=ref.spec.weights,
        top1_pct=top1_pct,
        top5_pct=None,
        params_millions=network.params / 1e6,
        macs_billions=network.macs / 1e9,
        macs_count=Count.COMPUTED,
        macs_billions_with_bn=None,
        resolution_px=ref.resolution_px,
        extra_data=False,
        compare=ref.label,
        source=source,
    )


def _paper_point(point: facts.PaperPoint) -> Point:
    return Point(
        id=point.model,
        label=point.name.upper() or point.model,
        training=later("as in version {version} of the paper", version=point.version),
        top1_pct=point.top1_pct,
        top5_pct=point.top5_pct,
        params_millions=point.params_millions,
        macs_billions=point.macs_billions,
        macs_count=Count.PRINTED,
        macs_billions_with_bn=None,
        resolution_px=None,
        extra_data=False,
        compare=f"{point.name}@{PUBLISHED[point.name].resolution}" if point.name else "",
        source=point.source,
    )


def _timm_point(point: facts.TimmPoint, training: str) -> Point:
    counted = point.macs_billions is not None
    return Point(
        id=f"{point.architecture}@{point.resolution_px}",
        label=point.name.upper() or point.architecture.partition(".")[0],
        training=training,
        top1_pct=point.top1_pct,
        top5_pct=point.top5_pct,
        params_millions=point.params_millions,
        macs_billions=point.macs_billions if counted else point.macs_billions_with_bn,
        macs_count=Count.COMPUTED if counted else Count.TIMM,
        macs_billions_with_bn=point.macs_billions_with_bn if counted else None,
        resolution_px=point.resolution_px,
        extra_data=point.extra_data,
        compare=_compare(point),
        source=point.source,
    )


def _compare(point: facts.TimmPoint) -> str:
    if point.name not in catalogue.NAMES or point.recipe not in catalogue.recipes(point.name):
        return ""
    return catalogue.at(catalogue.find(point.name, point.recipe), point.resolution_px).label
