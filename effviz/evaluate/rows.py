"""Photos to rows: the one function that every worker runs, on this machine or on another."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from effviz.errors import EffVizError, TargetError
from effviz.evaluate import scores
from effviz.evaluate.controls import IN_CROP, Control, in_place_of
from effviz.evaluate.opening import Broken, Opened, opened
from effviz.evaluate.records import Row
from effviz.evaluate.samples import Sample
from effviz.evaluate.scores import Scores
from effviz.evaluate.settings import EFFECTS, LABEL, PLACES, PREDICTION, Settings
from effviz.explain import targets
from effviz.explain.engines import choose
from effviz.explain.maps import activation_map
from effviz.explain.results import ActivationMap, Floats, Forward, Layer, Method
from effviz.words import _
from effviz.zoo.model import Model

# At the last layer these are one map up to a factor (see `explain.closed`), which no metric sees.
_SAME: Final = MappingProxyType(
    dict.fromkeys((Method.GRADCAM, Method.HIRESCAM, Method.XGRADCAM, Method.SHAPLEYCAM), Method.CAM)
)


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """One photo, asked of one model."""

    opened: Opened
    forward: Forward
    settings: Settings
    controls: dict[Control, Scores]  # where they lie
    first: dict[Method, ActivationMap]  # maps of the run's first model, which the others are compared with
    row: Row  # what all its rows have in common


def rows_of(samples: Sequence[Sample], settings: Settings, models: Sequence[Model]) -> list[Row]:
    """Measure photos with every model, method, control and metric of a run; the same input gives the same rows.

    What is wrong with a photo, or what a model cannot answer about it, is a row too. `models` are those of
    `settings.models`, loaded, in that order.
    """
    refs = [model.ref for model in models]
    return rows_from([opened(sample, refs) for sample in samples], settings, models)


def rows_from(found: Sequence[Opened | Broken], settings: Settings, models: Sequence[Model]) -> list[Row]:
    """Do the same with photos that are opened already."""
    rows = [Row(of.sample.name, error=fault) for of in found for fault in of.sample.faults]
    rows += [Row(of.sample.name, error=of.reason) for of in found if isinstance(of, Broken)]
    usable = [of for of in found if isinstance(of, Opened)]
    if scores.asks(settings, *PLACES):
        rows += [_unmarked(of) for of in usable if of.truth is None and not of.sample.faults]
    shared = [(scores.of_controls(of, settings), dict[Method, ActivationMap]()) for of in usable]
    for number, model in enumerate(models):
        passes = _passes(usable, model, number)
        for of, forward, (whole, first) in zip(usable, passes, shared, strict=True):
            controls = whole | scores.of_controls(of, settings, of.prepared[number].seen)
            rows += _rows(_Asked(of, forward, settings, controls, first, _start(of, forward, settings)))
    return rows


def _passes(usable: Sequence[Opened], model: Model, number: int) -> Iterator[Forward]:
    """Yield a forward pass for each photo, several at a time as suits the engine."""
    engine = choose(model, model.ref.resolution_px).engine
    outputs = engine.many(of.prepared[number].pixels for of in usable)
    for of, (features, logits) in zip(usable, outputs, strict=True):
        yield Forward(model, of.photo, of.prepared[number], _frozen(features[0]), _frozen(logits[0]), 0.0)


def _rows(asked: _Asked) -> Iterator[Row]:
    try:
        index = _target(asked)
    except TargetError as error:
        yield dataclasses.replace(asked.row, error=_sentence(error))
        return
    probability = float(targets.probabilities(asked.forward)[index])
    row = dataclasses.replace(asked.row, target_index=index, probability=probability)
    yield from _measured(dataclasses.replace(asked, row=row), index)


def _measured(asked: _Asked, index: int) -> Iterator[Row]:
    known: dict[Method, Scores] = {}
    template: ActivationMap | None = None
    for method in asked.settings.methods:
        same = _SAME.get(method, method) if asked.settings.layer is Layer.LAST else method
        try:
            if same not in known:
                entry = activation_map(asked.forward, index, method, asked.settings.layer)
                known[same] = scores.of_map(asked.opened, asked.forward, entry, asked.settings)
                known[same] |= _beside_first(asked, same, entry)
                template = entry
        except EffVizError as error:
            yield dataclasses.replace(asked.row, method=method.value, error=_sentence(error))
            continue
        yield from _scored(asked, method, known[same])
    for control, where in asked.controls.items():
        inside = control in IN_CROP  # what runs the model has such controls already: its maps are all inside
        more = {} if template is None or inside else _in_place_of(template, asked, control)
        yield from _scored(asked, control, where | more)


def _beside_first(asked: _Asked, method: Method, entry: ActivationMap) -> Scores:
    """Compare a map with that of the run's first model; the first one's are kept for the others."""
    if _leads(asked):
        asked.first[method] = entry
        return {}
    return scores.of_pair(asked.first[method], entry, asked.settings) if method in asked.first else {}


def _in_place_of(template: ActivationMap, asked: _Asked, control: Control) -> Scores:
    """Return what a control does to the model, and how like the first model's map it is, by the first method."""
    settings, found = asked.settings, Scores()
    if scores.asks(settings, *EFFECTS):
        found |= scores.of_control(asked.forward, template, control, settings)
    if asked.first and not _leads(asked):
        entry = in_place_of(template, control, scores.control_seed(template.photo_sha256, settings))
        found |= scores.of_pair(next(iter(asked.first.values())), entry, settings)
    return found


def _leads(asked: _Asked) -> bool:
    return asked.row.model == asked.settings.models[0]


def _scored(asked: _Asked, method: Method | Control, found: Scores) -> Iterator[Row]:
    row = asked.row
    for metric in asked.settings.metrics:
        if (score := found.get(metric)) is not None:
            yield Row(
                photo=row.photo,
                model=row.model,
                method=method.value,
                metric=metric.value,
                value=score.value,
                target_index=row.target_index,
                error=score.error,
                placement=row.placement,
                photo_sha256=row.photo_sha256,
                label=row.label,
                prediction=row.prediction,
                probability=row.probability,
                box_share=row.box_share,
                off_centre=row.off_centre,
                curve=score.curve,
            )


def _start(of: Opened, forward: Forward, settings: Settings) -> Row:
    try:
        label = of.sample.class_for(forward.model.ref.spec)
    except TargetError:
        label = None
    return Row(
        photo=of.sample.name,
        model=forward.model.ref.label,
        placement=settings.placement.value,
        photo_sha256=of.photo.sha256,
        label=label,
        prediction=int(forward.logits.argmax()),
        box_share=of.share,
        off_centre=of.off_centre,
    )


def _unmarked(of: Opened) -> Row:
    reason = _("No object is marked in {name}: measures of place need one. Mark it, or leave the photo out.")
    return Row(of.sample.name, photo_sha256=of.photo.sha256, error=reason.format(name=of.sample.name))


def _target(asked: _Asked) -> int:
    wanted = asked.settings.targets
    if wanted == LABEL:
        return targets.resolve(asked.opened.sample.class_for(asked.forward.model.ref.spec), asked.forward)
    target = targets.TOP1 if wanted == PREDICTION else targets.parse(wanted)
    return targets.resolve(target, asked.forward)


def _sentence(error: EffVizError) -> str:
    return " ".join(str(error).split())


def _frozen(array: Floats) -> Floats:
    array.setflags(write=False)
    return array
