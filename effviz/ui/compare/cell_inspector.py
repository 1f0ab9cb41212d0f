"""The cell inspector: facts about every cell come with the maps; what matters to one is computed on request."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import streamlit as st

from effviz.errors import EffVizError
from effviz.explain import receptive_fields
from effviz.explain.data_types import Floats, Forward, Method, TargetLayer
from effviz.i18n import _
from effviz.settings import budget_bytes
from effviz.ui import cache, job_progress, job_queue
from effviz.ui.cache import SizeBoundedCache
from effviz.ui.compare.map_cells import FRAME, MapCell
from effviz.ui.components import Json, base64_text
from effviz.ui.components.grid import pack
from effviz.ui.outputs import plain

ASKED: Final = "cell asked about"  # in the session
COUNT: Final = "questions about cells"  # in the session: makes two equal answers in a row differ for the browser
ENERGY_SHARE: Final = 0.9  # share of the gradient's energy inside the box
LONGEST_NAME: Final = 1000  # of a photo or a model
MOST_NUMBERS: Final = 100_000  # no model has as many classes, and no map as many rows


_TOPS: SizeBoundedCache[dict[str, Any]] = SizeBoundedCache(
    budget_bytes(0.02), lambda top: len(top["picks"]) + 64 * len(top["names"]) + 4096
)
_ENERGIES: SizeBoundedCache[Floats] = SizeBoundedCache(budget_bytes(0.01), lambda energy: energy.nbytes)


def of_cells(forward: Forward, indices: Sequence[int]) -> Json | None:
    """Return each cell's evidence, top classes and theoretical receptive field; None for an untrained model."""
    # Imported here so that the page loads without torch.
    from effviz.explain.activation_maps import cell_evidence

    ref = forward.model.ref
    if not ref.spec.trained:
        return None
    top = _TOPS.get(cache.content(ref, forward.photo.sha256), lambda: _top(forward))
    evidence = pack([cell_evidence(forward, index) for index in indices])
    return {"evidence": evidence, "top": top, "field": _field(forward)}


def _top(forward: Forward) -> dict[str, Any]:
    """Return the top classes of every cell: `picks` (H, W, count) are indices into `names`, 16 bits, little-endian."""
    from effviz.explain.activation_maps import cell_top_classes

    classes, best = cell_top_classes(forward)
    indices, picks = np.unique(classes, return_inverse=True)
    names = [forward.model.ref.spec.classes[index] for index in indices]
    packed = base64_text(picks.astype("<u2").tobytes())
    logits = pack(list(np.moveaxis(best, -1, 0)))
    return {"names": names, "picks": packed, "logits": logits, "count": classes.shape[-1]}


def _field(forward: Forward) -> Json:
    """Return the extent of the receptive field of each column and each row of cells, in pixels of the photo."""
    ref, seen = forward.model.ref, forward.prepared.seen
    rows, columns = forward.features.shape[1:]
    across = [receptive_fields.theoretical_box(ref, seen, 0, column) for column in range(columns)]
    down = [receptive_fields.theoretical_box(ref, seen, row, 0) for row in range(rows)]
    return {"x": [[box.x0, box.x1] for box in across], "y": [[box.y0, box.y1] for box in down]}


@dataclass(frozen=True, slots=True)
class Question:
    """The browser's request for what matters to a cell."""

    photo: str  # its id in the grid
    model: str
    index: int  # of the class
    row: int
    column: int


def ask(value: object) -> None:
    """Store the browser's question; ignore anything else."""
    if not isinstance(value, Mapping):
        return
    texts = [value.get(name) for name in ("photo", "model")]
    numbers = [value.get(name) for name in ("index", "row", "column")]
    named = all(type(text) is str and len(text) <= LONGEST_NAME for text in texts)
    placed = all(type(number) is int and 0 <= number < MOST_NUMBERS for number in numbers)  # excludes booleans
    if named and placed:
        job_progress.ask(ASKED, Question(*texts, *numbers))  # type: ignore[arg-type] # checked above
        st.session_state[COUNT] = st.session_state.get(COUNT, 0) + 1


def answer(cells: Mapping[str, Sequence[MapCell]]) -> Json | None:
    """Return the gradient energy of the requested cell, or None if it is no longer shown; `cells` are by photo."""
    question: Question | None = st.session_state.get(ASKED)
    if question is None:
        return None
    for cell in cells.get(question.photo, ()):
        if cell.ref.label == question.model:
            return _answer(question, cell)
    return None


def _answer(question: Question, cell: MapCell) -> Json:
    about = {**asdict(question), "count": st.session_state.get(COUNT, 0), "energy": None, "box": None}
    if job_progress.stopped(question) and _key(question, cell) not in _ENERGIES:
        return {**about, "sentence": _("Stopped before the result was ready.")}
    try:
        energy = _energy(question, cell)
    except EffVizError as error:
        return {**about, "sentence": str(error)}
    box = receptive_fields.box_holding(energy, ENERGY_SHARE, cell.map.seen)
    area = round(100 * receptive_fields.area_holding(energy, ENERGY_SHARE), 1)
    sentence = _("{share} % of what matters to the cell (gradient energy) is in {area} % of what the model saw.")
    return {
        **about,
        "sentence": sentence.format(share=round(100 * ENERGY_SHARE), area=area),
        "energy": pack([energy]),
        "box": [box.x0, box.y0, box.x1, box.y1],
    }


def _key(question: Question, cell: MapCell) -> tuple[Hashable, ...]:
    return *cache.content(cell.ref, cell.chosen.sha256), question.index, question.row, question.column


def _energy(question: Question, cell: MapCell) -> Floats:
    """Compute one forward and one backward pass in this visitor's turn."""
    ref, key = cell.ref, _key(question, cell)
    if (energy := _ENERGIES.find(key)) is not None:
        return energy

    def make() -> Floats:
        forward = cache.forward(ref, cell.photo)
        return receptive_fields.gradient_energy(forward, question.index, question.row, question.column)

    with job_progress.JobProgress(1, "cell").shown(question, may_stop=True) as work:
        work.next(_("{model}: computing what matters to the cell").format(model=plain(ref.label)))
        with work.turn(job_queue.gradient_effort(ref)):
            return _ENERGIES.get(key, make)


def inspector_words(method: Method, layer: TargetLayer) -> Json:
    """Return the texts of the cell inspector."""
    other = _("Cells always belong to the last layer's map and evidence is always CAM's, whichever map is shown.")
    hint = _("Point at a map to inspect its cells; click to hold one. On the keyboard: Enter, then the arrow keys.")
    return {
        "hint": f"{_(FRAME)} {hint}",
        "cell": _("Cell at row {row}, column {column} of {model}, and the other models at the same place"),
        "model": _("Model"),
        "adds": _("Contribution to the logit of {name}"),
        "alone": _("Top classes of this cell alone (logit)"),
        "amount": _("{amount} of {logit}"),
        "share": _("{amount} of {logit} ({share})"),
        "unseen": _("not seen"),
        "bubble": _("{amount} of {logit}; this cell alone: {first}"),
        "spoken": _("{model}, row {row}, column {column}: {amount} for {name}. This cell alone: {first}."),
        "field": _("Dashed: the cell's receptive field. Without dashes, it covers all that the model saw."),
        "wholeField": _("The cell's receptive field covers all that the model saw."),
        "square": _("The small square is the cell."),
        "energyField": _("Bright: what matters to the cell. The box holds 90 % of it."),
        "matters": _("Show what this cell reacts to"),
        "asking": _("One moment …"),
        "release": _("Release cell"),
        "cellNote": "" if method is Method.CAM and layer is TargetLayer.LAST else other,
    }
