"""The public functions: what `import effviz` offers to notebooks and scripts."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from html import escape
from pathlib import Path
from typing import Final, TypeVar, overload

import numpy as np
import numpy.typing as npt
from PIL import Image

from effviz import scaling
from effviz.errors import ImageError, SettingsError
from effviz.explain import decoding, sample_photos, targets
from effviz.explain.cam_methods import CAM_METHODS
from effviz.explain.data_types import Floats, Method, Photo, TargetLayer
from effviz.explain.images import encode_jpeg
from effviz.explain.overlay import OverlayStyle, Palette, Scale, ScaledMap, describe_map, overlay, rescale
from effviz.explain.placement import Placement, RasterOptions
from effviz.i18n import _
from effviz.report import explanations
from effviz.report.explanations import Explanation, ExplanationRequest, PhotoSource
from effviz.scaling import PAPER_RULE, Budget, BudgetKind, Family, Plan, ScalingMethod, ScalingPath, Solution
from effviz.scaling.plans import Markup, html_table
from effviz.zoo import catalogue

E = TypeVar("E", bound=StrEnum)
PhotoLike = str | Path | bytes | Photo | Image.Image | npt.NDArray[np.uint8]  # arrays: (H, W, 3)
IN_NOTEBOOK: Final = OverlayStyle(view=RasterOptions(longest_px=320))


@dataclass(frozen=True, slots=True, eq=False)
class Comparison(Sequence[Explanation]):
    """Maps of one or more photos by one or more models, photo by photo; a notebook shows them as a grid."""

    explanations: tuple[Explanation, ...]  # one per photo and model, with its map and the five best guesses
    models: tuple[str, ...]  # labels, the columns of the grid
    scale: Scale = Scale.OWN
    style: OverlayStyle = IN_NOTEBOOK

    @property
    def maps(self) -> tuple[Floats, ...]:
        """The raw maps (H, W), read-only, in the same order: neither clipped at zero nor rescaled to 0..1."""
        return tuple(explanation.map.values for explanation in self.explanations)

    def styled(self, scale: str = Scale.OWN, palette: str = Palette.INFERNO, opacity: float = 0.55) -> "Comparison":
        """Return the same maps drawn with another scale, palette or opacity.

        Raises:
            SettingsError: there is no such scale or palette, or the opacity is not between 0 and 1.
        """
        if not 0 <= opacity <= 1:
            text = _("The opacity is {opacity:g}, but must be from 0 to 1. Choose a value in that range.")
            raise SettingsError(text.format(opacity=opacity))
        style = replace(self.style, palette=_choice(Palette, palette), opacity=opacity)
        return replace(self, scale=_choice(Scale, scale), style=style)

    def save(self, folder: str | Path) -> Path:
        """Write each overlay (PNG), each raw map (NPY) and `result.json`, as `effviz cam` does; return the folder.

        Raises:
            SettingsError: the folder is not writable.
        """
        style = replace(self.style, view=explanations.VIEW)
        explanations.write(self.explanations, Path(folder), self.scale, style)
        return Path(folder)

    @overload
    def __getitem__(self, index: int) -> Explanation: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Explanation]: ...
    def __getitem__(self, index: int | slice) -> Explanation | Sequence[Explanation]:
        return self.explanations[index]

    def __len__(self) -> int:
        return len(self.explanations)

    def __repr__(self) -> str:
        return f"Comparison({len(self)} maps by {', '.join(self.models)})"

    def _repr_html_(self) -> str:
        """Return a table with one row per photo and one column per model."""
        scaled = rescale([explanation.map for explanation in self.explanations], self.scale)
        cells = [
            self._cell(explanation, scaled_map)
            for explanation, scaled_map in zip(self.explanations, scaled, strict=True)
        ]
        rows = [
            (self.explanations[start].map.photo, *cells[start : start + len(self.models)])
            for start in range(0, len(cells), len(self.models))
        ]
        first, text = self.explanations[0].map, _("{method} at {layer}; scale: {scale}")
        method = _(CAM_METHODS[first.method].title)
        caption = text.format(method=method, layer=first.layer.value, scale=self.scale.value)
        return html_table(caption, (_("Photo"), *self.models), rows)

    def _cell(self, explanation: Explanation, scaled: ScaledMap) -> Markup:
        entry = explanation.map
        guess = f"{entry.target_name}: {entry.probability:.1%}"
        words = guess if entry.trained else _("untrained: this map means nothing")
        picture = base64.b64encode(encode_jpeg(overlay(explanations.read(explanation.photo), scaled, self.style)))
        return Markup(
            f'<img alt="{escape(describe_map(entry))}" src="data:image/jpeg;base64,{picture.decode()}"><br>'
            f"{escape(words)}"
        )


class ModelList(tuple[catalogue.ModelCard, ...]):
    """The models that `models` returns; a notebook shows them as a table."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        columns = ("Model", "Depth", "Width", "Pixels", "Parameters", "MACs", "Accuracy", "Weights")
        rows = (
            (
                card.ref.spec.name,
                "" if card.depth is None else f"{card.depth:g}",
                "" if card.width is None else f"{card.width:g}",
                str(card.resolution_px),
                f"{card.params:,}",
                f"{card.macs:,}",
                card.top1_words,
                card.availability.sentence,
            )
            for card in self
        )
        return html_table("Models", columns, rows)


def compare(
    photos: PhotoLike | Sequence[PhotoLike],
    models: str | Sequence[str] = ("lite0@224", "lite2@260"),
    target: str | int = "top1",
    method: str = Method.CAM,
    layer: str = TargetLayer.LAST,
) -> Comparison:
    """Compute the maps of one or more photos by one or more models.

    Args:
        photos: one or more: a file, its bytes, an array, a PIL image, or the name of a sample photo such as "owl".
        models: names such as "lite0@224"; `models()` lists them.
        target: "top1" (each model's first guess), "rank2", or the name or index of a class.
        method: the CAM method; `effviz cam --help` lists them all.
        layer: where the features are read: "last", or the end of a stage such as "stride16".

    Raises:
        EffVizError: a photo, model, class, method or layer does not exist or cannot be used.
    """
    refs = [catalogue.parse_model(name) for name in ([models] if isinstance(models, str) else models)]
    given: Sequence[PhotoLike] = photos if isinstance(photos, list | tuple) else [photos]  # type: ignore[list-item]
    request = ExplanationRequest(
        photos=tuple(map(_photo, given)),
        refs=tuple(dict.fromkeys(refs)),
        target=targets.parse_target(str(target)),
        method=_choice(Method, method),
        layer=_choice(TargetLayer, layer),
        placement=Placement.PLAIN,
    )
    if not request.photos or not request.refs:
        raise SettingsError(_("There is nothing to compare: give at least one photo and one model."))
    return Comparison(tuple(explanations.explain(request)), tuple(ref.label for ref in request.refs))


def models() -> ModelList:
    """Return every model: its size, cost, accuracy with its source, and whether its weights are on this machine."""
    return ModelList(catalogue.cards())


def plan(  # noqa: PLR0913  # each is one of the network's numbers
    phi: float | None = None,
    *,
    depth: float = 1.0,
    width: float = 1.0,
    resolution: int | None = None,
    family: str = Family.EFFICIENTNET,
    classes: int = 1000,
) -> Plan:
    """Plan B0 scaled by phi, or by depth, width and resolution: every stage with its parameters and MACs.

    With `phi`, `resolution` fixes the input size, and only depth and width scale.

    Raises:
        SettingsError: phi is given together with depth or width, or a number is out of range.
    """
    if phi is None:
        return scaling.plan(depth, width, resolution or 224, _choice(Family, family), classes)
    if (depth, width) != (1.0, 1.0):
        raise SettingsError(_("phi sets both depth and width: give either phi, or depth and width."))
    return ScalingPath(family=_choice(Family, family), resolution_px=resolution, classes=classes).network(phi)


def solve(  # noqa: PLR0913
    macs: float | None = None,
    params: float | None = None,
    memory: float | None = None,
    *,
    method: str = ScalingMethod.COMPOUND,
    resolution: int | None = None,
    family: str = Family.EFFICIENTNET,
    classes: int = 1000,
) -> Solution:
    """Find the largest network within one or more limits: MACs, parameters, peak memory of activations in bytes.

    Raises:
        SettingsError: no limit is given, or nothing fits.
    """
    amounts = {BudgetKind.MACS: macs, BudgetKind.PARAMS: params, BudgetKind.ACTIVATION_MEMORY: memory}
    budgets = [Budget(kind, amount) for kind, amount in amounts.items() if amount is not None]
    if not budgets:
        raise SettingsError(_("No limit was given: give at least one of macs, params and memory."))
    way = _choice(ScalingMethod, method)
    return scaling.solve_within(budgets, ScalingPath(way, PAPER_RULE, _choice(Family, family), resolution, classes))


def _choice(choices: type[E], text: str) -> E:
    try:
        return choices(str(text))
    except ValueError as error:
        sentence = _("{text!r} is not an option: the options are {allowed}. Choose one of them.")
        raise SettingsError(sentence.format(text=text, allowed=", ".join(choices))) from error


def _photo(given: PhotoLike) -> PhotoSource:
    if isinstance(given, Photo):
        return given
    if isinstance(given, bytes):
        return decoding.read(given, _("photo"))
    if isinstance(given, str | Path):
        path = Path(given)
        samples = {sample.name: sample.path for sample in sample_photos.samples()}
        file = samples[path.name] if str(path) in samples and not path.exists() else path
        decoding.read_file(file)  # fail early if it cannot be read
        return file
    return _pixels(np.asarray(given.convert("RGB") if isinstance(given, Image.Image) else given))


def _pixels(rgb: npt.NDArray[np.generic]) -> Photo:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        text = _("An array {shape} of {kind} is not a photo: it must be (height, width, 3) in uint8. Convert it.")
        raise ImageError(text.format(shape=rgb.shape, kind=rgb.dtype))
    pixels = np.array(rgb, np.uint8)
    pixels.setflags(write=False)
    return Photo(pixels, hashlib.sha256(pixels.tobytes()).hexdigest(), _("array"))
