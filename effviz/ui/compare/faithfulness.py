"""Is a map faithful? Delete what it marks from the model's input, or insert only that, and run the model again."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

from effviz.evaluate.masking import RANDOM_MAPS, MaskBaseline, Masking
from effviz.explain.images import encode_jpeg
from effviz.i18n import _, lazy_gettext
from effviz.plots import style
from effviz.plots.style import LOOKS, SERIES, TEMPLATE, SeriesStyle
from effviz.settings import budget_bytes
from effviz.ui import cache, inputs, job_queue, outputs
from effviz.ui.cache import SizeBoundedCache
from effviz.ui.compare import photo_picker
from effviz.ui.compare.map_cells import MapCell
from effviz.ui.components import Json, jpeg_address
from effviz.ui.components.picture import Row, chart_menu
from effviz.ui.components.reel import reel, runs
from effviz.ui.guard import guard
from effviz.ui.job_progress import JobProgress, ask, stopped

if TYPE_CHECKING:
    from effviz.evaluate.faithfulness import DeletionInsertion, Playback, ProbabilityCurve

# A class's probability during deletion and insertion, for several models.

HEIGHT_PX = 560
OWN: Final = "its own"


@dataclass(frozen=True, slots=True, eq=False)
class MaskedModel:
    """One model: the curves of its map, and the mean curves of random maps."""

    name: str
    look: SeriesStyle
    own: "DeletionInsertion"
    random: "DeletionInsertion"

    @property
    def curves(self) -> tuple[tuple[str, str, "ProbabilityCurve"], ...]:
        """Every curve with the name of its map and its direction, deletion or insertion."""
        return (
            (OWN, "deletion", self.own.deletion),
            (OWN, "insertion", self.own.insertion),
            ("mean of random", "deletion", self.random.deletion),
            ("mean of random", "insertion", self.random.insertion),
        )


def deletion_insertion_figure(models: Sequence[MaskedModel]) -> go.Figure:
    """Draw deletion above insertion against the share of the area that has changed, 0 to 1; random maps are dotted."""
    chart = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.06)
    for model in models:
        for which, way, curve in model.curves:
            chart.add_trace(_trace(model, curve, which == OWN), 1 if way == "deletion" else 2, 1)
    chart.add_trace(_random_in_legend(models), 1, 1)
    chart.update_layout(template=TEMPLATE, height=HEIGHT_PX, margin={"l": 72, "t": 12})
    chart.update_layout(legend={"y": -0.16, "yanchor": "top"})
    chart.update_xaxes(title_text=_("Area of the input that has changed (%)"), row=2)
    chart.update_yaxes(range=[-3, 103])
    # Beside the curves: between them, the playhead's line would cross the text.
    for row, good in ((1, _("Deletion: lower is better")), (2, _("Insertion: higher is better"))):
        chart.update_yaxes(title_text=f"<b>{good}</b><br>" + _("Probability (%)"), row=row)
    return chart


def _trace(model: MaskedModel, curve: "ProbabilityCurve", own: bool) -> go.Scatter:
    """Return the curve of the map itself, named with both areas, or the dotted mean curve of random maps."""
    areas = _("{model}: areas {deletion:.2f} and {insertion:.2f}")
    name = areas.format(model=model.name, deletion=model.own.deletion.auc, insertion=model.own.insertion.auc)
    random = _("{model}, random maps").format(model=model.name)
    return go.Scatter(
        name=name if own else random,
        legendgroup=model.name,
        showlegend=curve is model.own.deletion,  # once for each model
        x=(100 * curve.fractions).tolist(),
        y=(100 * curve.probabilities).tolist(),
        hovertemplate=f"%{{y:.1f}} %<extra>{model.name if own else random}</extra>",
        mode="lines+markers" if own else "lines",
        line={"color": model.look.colour, "width": 2 if own else 1.5, "dash": "solid" if own else "dot"},
        marker={"color": model.look.colour, "symbol": model.look.symbol, "size": 6},
    )


def _random_in_legend(models: Sequence[MaskedModel]) -> go.Scatter:
    """Return one legend entry for the dotted lines of all models."""
    colour = models[0].look.colour if len(models) == 1 else TEMPLATE.layout.font.color
    line = {"dash": "dot", "width": 1.5, "color": colour}
    return go.Scatter(name=_("mean of the random maps"), x=[None], y=[None], mode="lines", line=line, hoverinfo="skip")


ANSWERS: Final = {"yes": lazy_gettext("yes"), "no": lazy_gettext("no"), "cannot tell": lazy_gettext("cannot tell")}

ASKED: Final = "faithful asked"  # in the session
CHART: Final = "faithful-curves"
PAPER: Final = "https://arxiv.org/abs/1806.07421"
START: Final = 4  # the step shown first: part of the photo is deleted, part is left
PACE_MS: Final = 250

BASELINES: Final = {
    MaskBaseline.MEAN: lazy_gettext("Mean colour"),
    MaskBaseline.BLUR: lazy_gettext("Blurred photo"),
    MaskBaseline.BLACK: lazy_gettext("Black"),
}

_PLAYBACKS: "SizeBoundedCache[Playback]" = SizeBoundedCache(budget_bytes(0.02), lambda playback: playback.nbytes)


@dataclass(frozen=True, slots=True)
class FaithfulnessRequest:
    """The maps of one photo and the masking of the inputs."""

    cells: tuple[MapCell, ...]
    masking: Masking

    def key_of(self, cell: MapCell) -> Hashable:
        """Return everything that determines the results of one map."""
        entry = cell.map
        which = (entry.model, entry.weights_sha256, entry.photo_sha256, entry.target_index, entry.method, entry.layer)
        return *which, self.masking.baseline, self.masking.steps

    @property
    def key(self) -> Hashable:
        """Everything that determines the results of all maps."""
        return tuple(map(self.key_of, self.cells))


def show(cells: Sequence[MapCell]) -> None:
    """Show the choices of photo and baseline; measure on demand and play the result."""
    text = _(
        "Deletion removes the strongest {part:.0f} % of the map's area from the model's input, then the next, until "
        "nothing is left. Insertion starts empty and adds them back. If the model relies on what the map marks, its "
        "probability falls early in deletion and rises early in insertion. Masked photos are unlike any training "
        "photo, so {count} random maps and a Gaussian centred on what the model saw serve as controls."
    )
    st.caption(text.format(part=100 / Masking().steps, count=RANDOM_MAPS))
    trained = [cell for cell in cells if cell.map.trained]
    if len(trained) < len(cells):
        st.caption(_("Untrained networks are left out: their maps mean nothing."))
    if not trained:
        return
    request = _choose(trained)
    kept = all(request.key_of(cell) in _PLAYBACKS for cell in request.cells)  # then nothing needs computing
    if st.session_state.get(ASKED) == request.key and (kept or not stopped(request.key)):
        with guard():
            with st.container():  # holds the progress bar, so that what follows keeps its position and state
                played = playbacks(request)
            _show(request, played)


def _choose(cells: Sequence[MapCell]) -> FaithfulnessRequest:
    photos = {f"{cell.chosen.name} {cell.chosen.sha256}": cell.chosen for cell in cells}
    options = {key: (photo.name, photo.sha256) for key, photo in photos.items()}
    left, middle, right = st.columns([2, 2, 1], vertical_alignment="bottom")
    with left:
        asked = photo_picker.choose(_("Photo to measure"), options, "faithful_photo")
    with middle:
        baselines = {baseline: _(name) for baseline, name in BASELINES.items()}
        label = _("Replace deleted pixels with")
        baseline = inputs.choose_member(label, baselines, "faithful_baseline", MaskBaseline.MEAN)
    request = FaithfulnessRequest(tuple(cell for cell in cells if cell.chosen == photos[asked]), Masking(baseline))
    with right:
        st.button(_("Measure"), key="faithful", width="stretch", on_click=ask, args=(ASKED, request.key))
    return request


def playbacks(request: FaithfulnessRequest) -> list["Playback"]:
    """Return what masking does to each model, computed in the visitor's turn, model by model, and cached.

    Raises:
        EffVizError: too many others are waiting.
    """
    played = {cell: playback for cell in request.cells if (playback := _PLAYBACKS.find(request.key_of(cell)))}
    if len(played) < len(request.cells):
        with JobProgress(len(request.cells) - len(played), "faithful").shown(request.key, may_stop=True) as work:
            played |= {cell: _make(request, cell, work) for cell in request.cells if cell not in played}
    return [played[cell] for cell in request.cells]


def _make(request: FaithfulnessRequest, cell: MapCell, work: JobProgress) -> "Playback":
    # Imported here so that the page loads without torch.
    from effviz.evaluate.faithfulness import make_playback, playback_passes

    ref, key = cell.ref, request.key_of(cell)
    steps = _("{model}: running on {count} masked photos")
    work.next(steps.format(model=outputs.plain(ref.label), count=playback_passes(request.masking)))
    with work.turn(job_queue.many_passes_effort(ref), key) as progress:
        return _PLAYBACKS.get(
            key, lambda: make_playback(cache.forward(ref, cell.photo), cell.map, request.masking, progress)
        )


def _show(request: FaithfulnessRequest, played: Sequence["Playback"]) -> None:
    st.markdown("\n".join(f"- {_answer(cell, playback)}" for cell, playback in zip(request.cells, played, strict=True)))
    text = _(
        "Yes: better than all {count} random maps and the Gaussian in both deletion and insertion. No: worse "
        "than every random map in both. Otherwise one photo cannot tell: the map scores among these controls."
    )
    st.caption(text.format(count=RANDOM_MAPS))
    pictures, curves = st.columns(2, gap="large")
    with pictures:
        reel(payload(request, played), "faithful-reel")
    with curves:
        models = list(map(_masked, request.cells, _looks(request.cells), played))
        chart = deletion_insertion_figure(models)
        alt = _("Probability of each model's class versus the share of its input that is deleted or inserted.")
        st.plotly_chart(chart, key=CHART, config=style.config("faithful"), alt=alt)
        credit = _("Measured and drawn by EffViz (Apache-2.0).")
        chart_menu(CHART, chart, _("Is the map faithful?"), credit, curve_rows(models))
    _table(request.cells, played)
    outputs.sources((_("Petsiuk et al. 2018, deletion and insertion"), PAPER))


def curve_rows(models: Sequence[MaskedModel]) -> list[Row]:
    """Return one row per point of the figure, for the map itself and the mean of the random maps."""
    return [
        {
            "model": model.name,
            "map": which,
            "way": way,
            "area_changed_pct": 100 * share,
            "probability_pct": 100 * probability,
        }
        for model in models
        for which, way, curve in model.curves
        for share, probability in zip(curve.fractions.tolist(), curve.probabilities.tolist(), strict=True)
    ]


def _answer(cell: MapCell, playback: "Playback") -> str:
    """Say whether the map is faithful, and how many controls it beats."""
    from effviz.evaluate.faithfulness import beaten, is_faithful

    away, back = beaten(playback)
    text = _("{model}, {name}: **{answer}** (beats {away} of {all} controls in deletion, {back} of {all} in insertion)")
    return text.format(
        model=outputs.plain(cell.ref.label),
        name=outputs.plain(cell.map.target_name),
        answer=_(ANSWERS[is_faithful(playback)]),
        away=away,
        back=back,
        all=len(playback.controls),
    )


def _looks(cells: Sequence[MapCell]) -> list[SeriesStyle]:
    """Return the roles' colours, or spare ones for models without a role or with a colour already used."""
    spare, used = iter(SERIES), set[str]()
    looks = []
    for cell in cells:
        role = cell.entrant.role
        look = LOOKS[role] if role and LOOKS[role].colour not in used else next(spare)
        used.add(look.colour)
        looks.append(look)
    return looks


def _masked(cell: MapCell, look: SeriesStyle, playback: "Playback") -> MaskedModel:
    from effviz.evaluate.faithfulness import DeletionInsertion, ProbabilityCurve

    fractions = playback.map.deletion.fractions
    taken = np.mean([one.deletion.probabilities for one in playback.random], axis=0)
    brought = np.mean([one.insertion.probabilities for one in playback.random], axis=0)
    random = DeletionInsertion(ProbabilityCurve(fractions, taken), ProbabilityCurve(fractions, brought))
    return MaskedModel(cell.ref.label, look, playback.map, random)


def _table(cells: Sequence[MapCell], played: Sequence["Playback"]) -> None:
    table = {
        _("Model"): [cell.ref.label for cell in cells],
        _("Class"): [cell.map.target_name for cell in cells],
        _("Deletion"): [playback.map.deletion.auc for playback in played],
        _("Deletion, random maps"): [_range(one.deletion for one in playback.random) for playback in played],
        _("Deletion, Gaussian"): [playback.gaussian.deletion.auc for playback in played],
        _("Insertion"): [playback.map.insertion.auc for playback in played],
        _("Insertion, random maps"): [_range(one.insertion for one in playback.random) for playback in played],
        _("Insertion, Gaussian"): [playback.gaussian.insertion.auc for playback in played],
    }
    number = st.column_config.NumberColumn(format="%.3f")
    numbers = [_("Deletion"), _("Deletion, Gaussian"), _("Insertion"), _("Insertion, Gaussian")]
    st.dataframe(table, hide_index=True, column_config=dict.fromkeys(numbers, number))
    text = _(
        "The area under a curve is the class's mean probability along the way: lower is better for deletion, "
        "higher for insertion. A confident model starts higher, so compare each model with its own controls. "
        "Only many photos can show whether a method is better."
    )
    st.caption(text)


def _range(curves: Iterable["ProbabilityCurve"]) -> str:
    areas = [curve.auc for curve in curves]
    return _("{least:.3f} to {most:.3f}").format(least=min(areas), most=max(areas))


def payload(request: FaithfulnessRequest, played: Sequence["Playback"]) -> Json:
    """Return the steps for the browser: the photo once per model, and the step at which each pixel changes."""
    shares = played[0].map.deletion.fractions
    said = _("The strongest {share} % of the area, as ranked by the map.")
    return {
        "kind": "masked",
        "label": _("Share of the area"),
        "said": [said.format(share=round(100 * share)) for share in shares.tolist()],
        "ways": [{"name": "deletion", "title": _("Deletion")}, {"name": "insertion", "title": _("Insertion")}],
        "chart": CHART,
        "places": (100 * shares).tolist(),
        "start": START,
        "pace": PACE_MS,
        "panels": list(map(_panel, request.cells, _looks(request.cells), played)),
    }


def _panel(cell: MapCell, look: SeriesStyle, playback: "Playback") -> Json:
    return {
        "title": cell.ref.label,
        "colour": look.colour,
        "lines": {"deletion": _lines(cell, playback.map.deletion), "insertion": _lines(cell, playback.map.insertion)},
        "size": len(playback.order),
        "photo": jpeg_address(encode_jpeg(playback.picture)),
        "rest": jpeg_address(encode_jpeg(playback.rest)),
        "order": runs(playback.order),
    }


def _lines(cell: MapCell, curve: "ProbabilityCurve") -> list[str]:
    return [f"{cell.map.target_name} {probability:.0%}" for probability in curve.probabilities.tolist()]
