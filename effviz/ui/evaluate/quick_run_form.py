"""What to measure on this visit: few enough photos, models and methods for a server that others use, too."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import streamlit as st

from effviz.errors import EffVizError, SettingsError
from effviz.evaluate import display_names
from effviz.evaluate.masking import MaskBaseline, Masking
from effviz.evaluate.run_settings import AGREEMENT_METRICS, LOCALISATION_METRICS, PREDICTION, Metric, RunSettings
from effviz.explain import sample_photos
from effviz.explain.cam_methods import CAM_METHODS
from effviz.explain.data_types import Method
from effviz.explain.sample_photos import SamplePhoto
from effviz.i18n import _
from effviz.ui import photo_shelf
from effviz.ui.guard import guard
from effviz.ui.outputs import amount
from effviz.ui.session import MODELS
from effviz.zoo import catalogue, hub, imagenet_classes
from effviz.zoo.model import ModelRef

OWN: Final = "measure-own"  # the upload box

PHOTOS, NETWORKS, METHOD, METRIC, TARGET, CLASS, BASELINE = (
    f"measure-{name}" for name in ("photos", "models", "methods", "metrics", "target", "class", "baseline")
)

ONE_CLASS: Final = "class"

MOST_PHOTOS: Final = 24

MOST_MODELS: Final = 4

MOST_METHODS: Final = 3

LARGEST_MACS: Final = 2e9  # of a model: one of its steps holds others up for some seconds at most

OFFERED: Final = tuple(
    metric for metric in Metric if metric not in LOCALISATION_METRICS
)  # those need boxes, which nobody drew here

FIRST: Final = (Metric.DELETION, Metric.INSERTION)


@dataclass(frozen=True, slots=True)
class PhotoChoice:
    """A photo's file."""

    name: str  # unlike any other's
    sha256: str
    data: bytes = field(compare=False, repr=False)
    title: str = field(default="", compare=False)  # what the list calls it; "" for the file's name


@dataclass(frozen=True, slots=True)
class QuickRunRequest:
    """A small run; two that are equal have the same numbers."""

    pictures: tuple[PhotoChoice, ...]
    models: tuple[str, ...]  # labels
    methods: tuple[Method, ...]
    metrics: tuple[Metric, ...]
    dataset: str = field(compare=False)  # what the photos are, in words
    targets: str = PREDICTION  # or the name of one class
    baseline: MaskBaseline = MaskBaseline.MEAN

    @property
    def settings(self) -> RunSettings:
        """The same for `effviz.evaluate`."""
        return RunSettings(self.models, self.methods, self.metrics, self.targets, masking=Masking(self.baseline))


def ask() -> QuickRunRequest | None:
    """Show the choices; None while something is missing."""
    left, right = st.columns(2, gap="large")
    with left:
        bundled, own = _bundled(), _own()
        targets = _targets()
    with right:
        models = _models()
        methods = _methods()
        metrics = _possible(_metrics(), models)
        baseline = _baseline()
    st.caption(
        _(
            "At most {photos} photos, {models} models and {methods} methods. Deletion and insertion have {steps} "
            "steps; the random control has seed {seed}. Localisation needs boxes around the objects, and nobody drew "
            "any on these photos: `effviz evaluate` measures it where there are some."
        ).format(
            photos=MOST_PHOTOS,
            models=MOST_MODELS,
            methods=MOST_METHODS,
            steps=Masking().steps,
            seed=RunSettings(()).seed,
        )
    )
    pictures = _unlike([*bundled, *own])[:MOST_PHOTOS]
    if not (pictures and models and methods and metrics):
        st.info(_("Something is missing: choose at least one photo, one model, one method and one measure."))
        return None
    words = [_("bundled samples")] * bool(bundled) + [_("own photos")] * bool(own)
    return QuickRunRequest(pictures, models, methods, metrics, ", ".join(words), targets, baseline)


def _bundled() -> list[PhotoChoice]:
    known = {sample.name: sample for sample in sample_photos.samples()}
    chosen = st.multiselect(
        _("Sample photos"),
        list(known),
        default=list(known)[:3],
        format_func=lambda name: known[name].title,
        max_selections=MOST_PHOTOS,
        key=PHOTOS,
    )
    return [_bundle(known[name]) for name in chosen]


def _bundle(sample: SamplePhoto) -> PhotoChoice:
    data = sample.path.read_bytes()
    return PhotoChoice(sample.path.name, hashlib.sha256(data).hexdigest(), data, sample.title)


def _own() -> list[PhotoChoice]:
    photo_shelf.show(OWN)
    held = photo_shelf.files()
    return [PhotoChoice(photo.name, photo.sha256, held[photo.sha256]) for photo in photo_shelf.shelf().used]


def _models() -> tuple[str, ...]:
    options = list(dict.fromkeys(_fit()))
    chosen = st.multiselect(
        _("Models to measure"),
        options,
        default=options[:2],
        key=NETWORKS,
        max_selections=MOST_MODELS,
        select_all=False,
        accept_new_options=True,
        help=_("NAME or NAME@PIXELS, such as lite0@320."),
    )
    found: dict[str, None] = {}
    for name in chosen:
        with guard():
            found[_allowed(catalogue.parse_model(name)).label] = None
    return tuple(found)


def _fit() -> Iterator[str]:
    """Yield the models that can be measured here: those of the comparison first, then all others."""
    known = (f"{spec.name}@{spec.resolution_px}" for spec in catalogue.catalogue())
    for name in (*MODELS.get(), *known):
        try:
            yield _allowed(catalogue.parse_model(name)).label
        except EffVizError:
            continue  # an untrained, large or absent one says why only to whoever asks for it


def _allowed(ref: ModelRef) -> ModelRef:
    """Return a model that is trained, here, and small enough.

    Raises:
        SettingsError: it is not.
    """
    if not ref.spec.trained:
        raise SettingsError(
            _("{model} is not trained, so its maps mean nothing: take a trained model from the list.").format(
                model=ref.label
            )
        )
    known = hub.availability(ref.spec)
    if not known.available:
        raise SettingsError(known.sentence)
    if ref.macs > LARGEST_MACS:
        raise SettingsError(
            _(
                "{model} takes {macs} MACs a photo: at most {most} are allowed here, since others wait meanwhile. "
                "Choose a smaller one, or measure it with `effviz evaluate`."
            ).format(model=ref.label, macs=amount(ref.macs), most=amount(LARGEST_MACS))
        )
    return ref


def _methods() -> tuple[Method, ...]:
    options = [method.value for method, fact in CAM_METHODS.items() if fact.closed_form]
    chosen = st.multiselect(
        _("Methods to measure"),
        options,
        default=options[:1],
        format_func=display_names.method,
        key=METHOD,
        max_selections=MOST_METHODS,
        help=_("Those that need one pass through the network; the controls are always measured, too."),
    )
    return tuple(map(Method, chosen))


def _metrics() -> tuple[Metric, ...]:
    chosen = st.multiselect(
        _("Measures"),
        [metric.value for metric in OFFERED],
        default=[metric.value for metric in FIRST],
        format_func=lambda name: display_names.metric(Metric(name)),
        key=METRIC,
        help=_(
            "Most hide or show parts of the photo and ask the model again; others compare with the first model's map, "
            "or with that of a broken network. ROAD and broken networks take longest."
        ),
    )
    return tuple(metric for metric in OFFERED if metric.value in chosen)


def _targets() -> str:
    """Ask which class the maps explain."""
    names = {PREDICTION: _("Each model's own first guess"), ONE_CLASS: _("One class for all")}
    kind = st.segmented_control(
        _("Class to measure"), list(names), default=PREDICTION, format_func=names.__getitem__, key=TARGET, required=True
    )
    if kind != ONE_CLASS:
        return PREDICTION
    chosen = st.selectbox(_("Class"), imagenet_classes.names(), None, key=CLASS, placeholder=_("Search 1000 classes"))
    return chosen or PREDICTION


def _baseline() -> MaskBaseline:
    """Ask what stands where something is taken away."""
    chosen = st.selectbox(
        _("Masked with"),
        [baseline.value for baseline in MaskBaseline],
        format_func=lambda name: _(display_names.BASELINES[MaskBaseline(name)]),
        key=BASELINE,
        help=_("What replaces a hidden part of the photo; ROAD fills it from its neighbours instead."),
    )
    return MaskBaseline(chosen)


def _possible(metrics: tuple[Metric, ...], models: Sequence[str]) -> tuple[Metric, ...]:
    """Leave out what compares a model with the first one where there is no second."""
    lonely = [metric for metric in metrics if metric in AGREEMENT_METRICS and len(models) < 2]
    if lonely:
        st.info(
            _("{metric} is left out: it compares each model with the first one. Choose a second model for it.").format(
                metric=display_names.metric(lonely[0])
            )
        )
    return tuple(metric for metric in metrics if metric not in lonely)


def _unlike(pictures: Sequence[PhotoChoice]) -> tuple[PhotoChoice, ...]:
    """Give each photo a name of its own; one that came twice is measured once."""
    found: dict[str, PhotoChoice] = {}
    for picture in {each.sha256: each for each in pictures}.values():
        name, count = picture.name, 1
        while name in found:
            count += 1
            name = f"{count} {picture.name}"
        found[name] = replace(picture, name=name)
    return tuple(found.values())
