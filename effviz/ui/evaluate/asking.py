"""What to measure on this visit: few enough photos, models and methods for a server that others use, too."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import streamlit as st

from effviz.errors import SettingsError
from effviz.evaluate.settings import EFFECTS, PREDICTION, Metric, Settings
from effviz.explain import samples
from effviz.explain.images import MAX_BYTES
from effviz.explain.methods import METHODS
from effviz.explain.results import Method
from effviz.ui import cache as caches
from effviz.ui.compare.photos import SUFFIXES
from effviz.ui.evaluate import measured, wording
from effviz.ui.guard import guard
from effviz.ui.outputs import amount
from effviz.ui.state import MODELS
from effviz.words import _
from effviz.zoo import catalogue, hub
from effviz.zoo.model import ModelRef

PHOTOS, OWN, NETWORKS, METHOD, METRIC = (
    f"measure-{name}" for name in ("photos", "own", "models", "methods", "metrics")
)
MOST_PHOTOS: Final = 24
MOST_MODELS: Final = 4
MOST_METHODS: Final = 3
LARGEST_MACS: Final = 2e9  # of a model: one of its steps holds others up for some seconds at most
# ROAD fills in a hundred pictures a map: that is the command's work.
OFFERED: Final = tuple(metric for metric in Metric if metric in EFFECTS and metric is not Metric.ROAD)
FIRST: Final = (Metric.DELETION, Metric.INSERTION)


@dataclass(frozen=True, slots=True)
class Picture:
    """A photo's file."""

    name: str  # unlike any other's
    sha256: str
    data: bytes = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """A small run; two that are equal have the same numbers."""

    pictures: tuple[Picture, ...]
    models: tuple[str, ...]  # labels
    methods: tuple[Method, ...]
    metrics: tuple[Metric, ...]
    dataset: str = field(compare=False)  # what the photos are, in words

    @property
    def settings(self) -> Settings:
        """The same for `effviz.evaluate`."""
        return Settings(self.models, self.methods, self.metrics, targets=PREDICTION)


def ask() -> Asked | None:
    """Show the choices; None while something is missing."""
    left, right = st.columns(2, gap="large")
    with left:
        bundled, own = _bundled(), _own()
    with right:
        models = _models()
        methods = _methods()
        metrics = _metrics()
    st.caption(
        _(
            "At most {photos} photos, {models} models and {methods} methods; the class is each model's own first guess."
            " Nobody marked the objects in these photos, so nothing is said about places: for boxes, and for ROAD, "
            "there is `effviz evaluate`."
        ).format(photos=MOST_PHOTOS, models=MOST_MODELS, methods=MOST_METHODS)
    )
    pictures = _unlike([*bundled, *own])[:MOST_PHOTOS]
    if not (pictures and models and methods and metrics):
        st.info(_("Something is missing: choose at least one photo, one model, one method and one measure."))
        return None
    words = [_("bundled samples")] * bool(bundled) + [_("own photos")] * bool(own)
    return Asked(pictures, models, methods, metrics, ", ".join(words))


def _bundled() -> list[Picture]:
    known = {sample.name: sample for sample in samples.samples()}
    chosen = st.multiselect(
        _("Sample photos"),
        list(known),
        default=list(known)[:3],
        format_func=lambda name: known[name].title,
        max_selections=MOST_PHOTOS,
        key=PHOTOS,
    )
    return [
        Picture(known[name].path.name, caches.sample(name).sha256, known[name].path.read_bytes()) for name in chosen
    ]


def _own() -> list[Picture]:
    files = st.file_uploader(
        _("Your own photos"),
        type=SUFFIXES,
        accept_multiple_files=True,
        max_upload_size=MAX_BYTES // 2**20,
        key=OWN,
        help=_("Photos stay in this server's memory until you close the page."),
    )
    if len(files) > MOST_PHOTOS:
        st.info(_("The first {most} photos are measured. Remove some to see the others.").format(most=MOST_PHOTOS))
    found = []
    for file in files[:MOST_PHOTOS]:
        with guard():  # one that cannot be read costs itself only
            data = file.getvalue()
            found.append(Picture(file.name, caches.photo(data, file.name).sha256, data))
    return found


def _models() -> tuple[str, ...]:
    here = [f"{spec.name}@{spec.resolution_px}" for spec in catalogue.catalogue() if hub.availability(spec).available]
    compared = [
        label for label in MODELS.get() if label.rpartition("@")[0] in {name.partition("@")[0] for name in here}
    ]
    options = list(dict.fromkeys([*compared, *(name for name in here if _small(name))]))
    chosen = st.multiselect(
        _("Models to measure"),
        options,
        default=options[:2],
        key=NETWORKS,
        max_selections=MOST_MODELS,
        accept_new_options=True,
        help=_("NAME or NAME@PIXELS, such as lite0@320."),
    )
    found: dict[str, None] = {}
    for name in chosen:
        with guard():
            found[_allowed(catalogue.parse(name)).label] = None
    return tuple(found)


def _small(name: str) -> bool:
    return measured.macs(catalogue.parse(name)) <= LARGEST_MACS


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
    if measured.macs(ref) > LARGEST_MACS:
        raise SettingsError(
            _(
                "{model} takes {macs} MACs a photo: at most {most} are allowed here, since others wait meanwhile. "
                "Choose a smaller one, or measure it with `effviz evaluate`."
            ).format(model=ref.label, macs=amount(measured.macs(ref)), most=amount(LARGEST_MACS))
        )
    return ref


def _methods() -> tuple[Method, ...]:
    options = [method.value for method, fact in METHODS.items() if fact.closed_form]
    chosen = st.multiselect(
        _("Methods to measure"),
        options,
        default=options[:1],
        format_func=wording.method,
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
        format_func=lambda name: wording.metric(Metric(name)),
        key=METRIC,
        help=_("All of them hide or show parts of the photo and ask the model again."),
    )
    return tuple(metric for metric in OFFERED if metric.value in chosen)


def _unlike(pictures: Sequence[Picture]) -> tuple[Picture, ...]:
    """Give each photo a name of its own; one that came twice is measured once."""
    found: dict[str, Picture] = {}
    for picture in {each.sha256: each for each in pictures}.values():
        name, count = picture.name, 1
        while name in found:
            count += 1
            name = f"{count} {picture.name}"
        found[name] = Picture(name, picture.sha256, picture.data)
    return tuple(found.values())
