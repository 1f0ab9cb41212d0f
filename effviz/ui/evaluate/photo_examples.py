"""The best, median and worst photos of one model by a metric, with links to their maps."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st
from cachetools import TTLCache, cached

from effviz import settings
from effviz.errors import DatasetError, ImageError, WeightsError
from effviz.evaluate import display_names
from effviz.evaluate.image_folder import RunPhotos
from effviz.evaluate.run_settings import FAITHFULNESS_METRICS, worse
from effviz.explain import sample_photos
from effviz.explain.data_types import Method
from effviz.explain.overlay import OverlayStyle, Scale, describe_map, rescale
from effviz.explain.sample_photos import SamplePhoto
from effviz.explain.targets import Target, TargetKind
from effviz.i18n import _, lazy_gettext
from effviz.progress import Progress
from effviz.ui import cache as caches
from effviz.ui import inputs, job_queue, photo_shelf
from effviz.ui.compare.display_settings import LAYER, METHOD
from effviz.ui.evaluate.runs import VISIT, ResultsView
from effviz.ui.guard import guard
from effviz.ui.job_progress import JobProgress
from effviz.ui.outputs import plain
from effviz.ui.session import MODELS, SAMPLES
from effviz.zoo import catalogue

LISTED_S: Final = 600  # how long the list of the folder's files is cached
WANTED: Final = "evaluate-own"  # the widget
DRAWN: Final = "evaluate-drawn"  # in the session: pictures of the maps on the page
COLUMNS: Final = 3
MapPicture = tuple[bytes, str]  # JPEG and its alt text
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RatedPhoto:
    """A photo and its value by the metric."""

    place: str  # best, median or worst; marked for translation
    photo: str
    value: float
    sha256: str  # "" if unknown
    target: int  # index of the class that was measured


# Maps of photos that a link to Compare cannot include: a visitor's own, and those in the server's folder of photos.

Files = Mapping[RatedPhoto, Callable[[], bytes]]  # a function that reads the file of each available photo


def show_maps(examples: Sequence[RatedPhoto], view: ResultsView, model: str) -> bool:
    """Offer the maps of photos whose files are available; return whether there were any."""
    if view.measured.key[0] == VISIT:
        title, own = _("Show the maps of your own photos"), photo_shelf.files()
        files: Files = {one: partial(own.__getitem__, one.sha256) for one in examples if one.sha256 in own}
    else:
        title, files = _("Show the maps of these photos"), _folder(examples)
    if files and st.toggle(title, key=WANTED):
        _draw(_pictures(files, view, model))
    return bool(files)


def _folder(examples: Sequence[RatedPhoto]) -> Files:
    """Return the photos in the server's own folder; visitors cannot name another one."""
    path = settings.PHOTOS.value()
    originals = _listed(path) if path else None
    if originals is None:
        return {}
    here = [example for example in examples if originals.find(example.photo) is not None]
    return {example: partial(originals.read, example.photo, example.sha256) for example in here}


@cached(TTLCache(4, LISTED_S), lock=threading.Lock())
def _listed(path: Path) -> RunPhotos | None:
    if path.is_dir():
        return RunPhotos(path)
    logger.warning("%s names no folder: %s", settings.PHOTOS.name, path)
    return None


def _draw(pictures: Mapping[RatedPhoto, MapPicture | None]) -> None:
    for number, (example, picture) in enumerate(pictures.items()):
        if number % COLUMNS == 0:
            columns = st.columns(COLUMNS)
        with columns[number % COLUMNS]:
            if picture:
                st.image(picture[0], alt=picture[1], width="stretch")
            else:
                st.info(_("This is not the photo that was measured, so its map is not shown."))
            st.caption(f"{_(example.place)}: {example.value:.3f}, {plain(example.photo)}")


def _pictures(files: Files, view: ResultsView, model: str) -> dict[RatedPhoto, MapPicture | None]:
    """Draw missing pictures, each in the visitor's turn; keep only those on the page."""
    ref, layer = catalogue.parse_model(model), view.measured.run.settings.layer
    kept: dict[tuple[object, ...], MapPicture | None] = st.session_state.get(DRAWN, {})
    keys = {example: (view.measured.key, example.sha256, example.target, model, view.method) for example in files}
    drawn = {key: kept[key] for key in keys.values() if key in kept}
    if missing := [example for example, key in keys.items() if key not in drawn]:
        with JobProgress(len(missing), "own").shown((WANTED, *keys.values()), may_stop=False) as work:
            for example in missing:
                work.next(_("{model}: map of {photo}").format(model=plain(model), photo=plain(example.photo)))
                effort = job_queue.map_effort(ref, Method(view.method), layer) + caches.effort(ref)
                with work.turn(effort) as progress:
                    drawn[keys[example]] = _picture(example, files[example], view, model, progress)
    st.session_state[DRAWN] = drawn
    return {example: drawn[key] for example, key in keys.items()}


def _picture(
    example: RatedPhoto, read: Callable[[], bytes], view: ResultsView, model: str, progress: Progress
) -> MapPicture | None:
    """Draw the map of the class that was measured; None if the photo is not the one that was measured."""
    settings, ref = view.measured.run.settings, catalogue.parse_model(model)
    _check_weights(view, model)
    try:
        photo = caches.own(read(), example.photo).open()
    except (DatasetError, ImageError):  # its message may contain a path of this server
        logger.warning("There is no map of the photo %s", example.sha256[:12])  # its name may be a visitor's
        return None
    target = Target(TargetKind.CLASS, example.target)
    entry = caches.activation_map(ref, photo, target, Method(view.method), settings.layer, progress)
    (scaled,) = rescale([entry], Scale.OWN)
    return caches.picture(photo, scaled, OverlayStyle(placement=settings.placement)), describe_map(entry)


def _check_weights(view: ResultsView, model: str) -> None:
    then = {network.label: network.weights_sha256 for network in view.measured.run.networks}
    if then.get(model) != caches.model(model).weights_sha256:
        text = _("{model} has other weights here than in the run, so its maps cannot be shown. Choose another model.")
        raise WeightsError(text.format(model=plain(model)))


MODEL: Final = "of"  # key of the widget and name in the address
NONE: Final = "none"
EACH: Final = 3  # photos in each of best, median and worst
_OWN: Final = lazy_gettext("To see maps of your own photos, drop them on the Compare page.")

_ELSEWHERE: Final = lazy_gettext(
    "The photos of this run are not on this server, so only their names and values are listed. The Compare "
    "page draws maps of this model on other photos and on your own."
)

PLACES: Final = (lazy_gettext("best"), lazy_gettext("median"), lazy_gettext("worst"))


def clicked_example(chart: str) -> None:
    """Choose the model that was clicked; clicks on a control or on empty space change nothing."""
    points = st.session_state[chart].selection.points
    if points and points[0].get("customdata"):
        st.session_state[inputs.widget_key(MODEL)] = points[0]["customdata"][0]


def show_examples(view: ResultsView) -> None:
    """Show the choice of a model and its photos; photos that come with EffViz have a button to Compare."""
    run = view.measured
    names = {NONE: _("No model chosen")} | {model: model for model in run.models}
    model = inputs.choose_listed(_("Model: click a point, or choose one here"), names, MODEL, NONE)
    if model == NONE:
        return
    examples = picked(view, model)
    if not examples:
        st.caption(_("No photo has a value for {model} with this method.").format(model=plain(model)))
        return
    others = [example for example in examples if example.sha256 not in sample_photos.by_sha256()]
    if others:
        _names(view, examples)
    drawn = _cards(view, model, examples)
    with guard():
        drawn |= show_maps(others, view, model)
    if not drawn:
        st.caption(_(_OWN if run.key[0] == VISIT else _ELSEWHERE))


def picked(view: ResultsView, model: str) -> list[RatedPhoto]:
    """Return the best, median and worst photos, each once; ties are ordered by name."""
    results = view.measured
    rows = results.rows(view.metric, (view.method,))
    rows = rows[rows["model"] == model].dropna(subset=["value"]).astype({"photo": object}).sort_values("photo")
    if view.small:
        hard = results.small()
        rows = rows[hard.reindex(rows["photo"], fill_value=False).to_numpy(dtype=bool)]
    if view.metric in FAITHFULNESS_METRICS:  # low confidence in a photo must not count as a good value
        own = results.compared(view.method, view.metric)[model]
        rows = rows.assign(value=own.reindex(rows["photo"]).to_numpy()).dropna(subset=["value"])
    rows = rows.sort_values("value", key=lambda some: some.map(partial(worse, view.metric)), kind="stable")
    places, hashes = _numbers(len(rows)), view.measured.hashes
    chosen = rows.iloc[list(places)].to_dict("records")
    return [
        RatedPhoto(place, row["photo"], row["value"], hashes.get(row["photo"], ""), int(row["target_index"]))
        for place, row in zip(places.values(), chosen, strict=True)
    ]


def _numbers(count: int) -> dict[int, str]:
    """Return the ranks to show, each with its place's name; with few photos, fewer per place."""
    best, median, worst = PLACES
    per_place = min(EACH, max(1, count // 3), count)
    middle = (count - per_place) // 2
    places = dict.fromkeys(range(per_place), best)
    for first, place in ((count - per_place, worst), (middle, median)):
        places |= {number: place for number in range(first, first + per_place) if number not in places}
    return dict(sorted(places.items()))


def _names(view: ResultsView, examples: Sequence[RatedPhoto]) -> None:
    rows = pd.DataFrame([{"place": _(row.place), "value": row.value, "photo": row.photo} for row in examples])
    columns = {
        "place": st.column_config.TextColumn(_("Place"), width="small"),
        "value": st.column_config.NumberColumn(display_names.compared(view.metric), format="%.3f", width="small"),
        "photo": st.column_config.Column(_("Photo")),
    }
    st.dataframe(rows, hide_index=True, height="content", column_config=columns)


def _cards(view: ResultsView, model: str, examples: Sequence[RatedPhoto]) -> bool:
    """Show the photos that come with EffViz, one column per place; return whether there were any."""
    samples = sample_photos.by_sha256()
    bundled = [(example, samples[example.sha256]) for example in examples if example.sha256 in samples]
    places = [place for place in PLACES if any(example.place == place for example, _sample in bundled)]
    for place, column in zip(places, st.columns(len(PLACES)), strict=False):
        with column:
            st.markdown(f"**{_(place).capitalize()}**")
            for example, sample in bundled:
                if example.place == place:
                    _card(view, model, example, sample)
    return bool(bundled)


def _card(view: ResultsView, model: str, example: RatedPhoto, sample: SamplePhoto) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.image(caches.thumbnail(caches.sample(sample.name)), width=120, alt=sample.title)
        with st.container(width=170, gap="xsmall"):
            st.markdown(f"{sample.title}: {example.value:.3f}")
            label = _("See its map")
            if st.button(label, icon=":material/grid_view:", key=f"open-{example.photo}", help=_("Opens Compare")):
                _open(view, model, sample)


def _open(view: ResultsView, model: str, sample: SamplePhoto) -> None:
    MODELS.put((model,))
    SAMPLES.put((sample.name,))
    st.session_state[METHOD] = view.method
    st.session_state[inputs.widget_key(LAYER)] = view.measured.run.settings.layer.value
    st.switch_page("effviz/ui/pages/compare.py")
