"""Is a map faithful? What it marks is taken from the model, or given to it alone, and the model is asked again."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from effviz.evaluate.masking import Baseline, Masking
from effviz.plots import style
from effviz.plots.masked import Line, Masked, masked
from effviz.plots.style import LOOKS, SERIES, Look
from effviz.report.pictures import jpeg
from effviz.ui import cache, costs, outputs
from effviz.ui.compare import newest, tiles
from effviz.ui.compare.cells import Cell
from effviz.ui.compare.work import Work, resume, stopped
from effviz.ui.components.reel import reel, runs
from effviz.ui.guard import guard
from effviz.ui.memory import Kept, budget_bytes
from effviz.words import _, later

if TYPE_CHECKING:
    from effviz.evaluate.faithfulness import Curve
    from effviz.evaluate.playback import Playback

Json = dict[str, object]

ASKED: Final = "faithful asked"  # in the session
CHART: Final = "faithful-curves"
PAPER: Final = "https://arxiv.org/abs/1806.07421"
START: Final = 4  # the step that is shown first: something is gone, and something is left
PACE_MS: Final = 250
BASELINES: Final = {
    Baseline.MEAN: later("Mean colour"),
    Baseline.BLUR: later("Blurred photo"),
    Baseline.BLACK: later("Black"),
}

_PLAYBACKS: "Kept[Playback]" = Kept(budget_bytes(0.02), lambda made: made.nbytes)


@dataclass(frozen=True, slots=True)
class Request:
    """The maps of one photo, and how the inputs are masked."""

    cells: tuple[Cell, ...]
    masking: Masking

    def key_of(self, cell: Cell) -> Hashable:
        """What decides about the numbers of one map."""
        found = cell.map
        which = (found.model, found.photo_sha256, found.target_index, found.method, found.layer)
        return *which, self.masking.baseline, self.masking.steps

    @property
    def key(self) -> Hashable:
        """What decides about all of them."""
        return tuple(map(self.key_of, self.cells))


def show(cells: Sequence[Cell]) -> None:
    """Choose a photo and what stands where something is taken away; measure on demand, and play it."""
    st.caption(
        _(
            "The strongest {part:.0f} % of the map are taken from the model's input, then the next, until nothing is "
            "left; and the other way round, brought in from nothing. If the model relies on what the map marks, its "
            "probability falls early and rises early. Masked photos are unlike any that a model has learnt from: "
            "compare with the random map."
        ).format(part=100 / Masking().steps)
    )
    trained = [cell for cell in cells if cell.map.trained]
    if len(trained) < len(cells):
        st.caption(_("Untrained networks are left out: their maps mean nothing."))
    if not trained:
        return
    request = _choose(trained)
    if st.session_state.get(ASKED) == request.key and (known(request) or not stopped(request.key)):
        with guard():
            with st.container():  # for the bar: what follows has the same place without it, and stays as it was played
                found = playbacks(request)
            _show(request, found)


def _choose(cells: Sequence[Cell]) -> Request:
    by_photo: dict[str, list[Cell]] = {}
    for cell in cells:
        by_photo.setdefault(f"{cell.chosen.name} {cell.chosen.sha256}", []).append(cell)
    left, middle, right = st.columns([2, 2, 1], vertical_alignment="bottom")
    with left:
        names = {key: some[0].chosen.name for key, some in by_photo.items()}
        newest.follow("faithful_photo", {key: some[0].chosen.sha256 for key, some in by_photo.items()})
        photo = st.selectbox(_("Photo to measure"), list(names), format_func=names.__getitem__, key="faithful_photo")
    with middle:
        baseline = _baseline()
    request = Request(tuple(by_photo[photo]), Masking(baseline))
    with right:
        st.button(_("Measure"), key="faithful", width="stretch", on_click=_ask, args=(request.key,))
    return request


def _baseline() -> Baseline:
    return Baseline(
        st.segmented_control(
            _("In place of what is taken away"),
            [str(baseline) for baseline in BASELINES],
            default=str(Baseline.MEAN),
            required=True,
            format_func=lambda name: _(BASELINES[Baseline(name)]),
            key="faithful_baseline",
        )
    )


def _ask(key: Hashable) -> None:
    st.session_state[ASKED] = key
    resume(key)


def known(request: Request) -> bool:
    """Whether all of it was measured and kept, so that there is nothing to stop."""
    return all(request.key_of(cell) in _PLAYBACKS for cell in request.cells)


def playbacks(request: Request) -> list["Playback"]:
    """What masking does to each model: made in the visitor's turn, one model after the other, and kept.

    Raises:
        EffVizError: too many others wait.
    """
    found = {cell: made for cell in request.cells if (made := _PLAYBACKS.find(request.key_of(cell)))}
    if len(found) < len(request.cells):
        with Work(len(request.cells) - len(found), "faithful").shown(request.key, may_stop=True) as work:
            found |= {cell: _make(request, cell, work) for cell in request.cells if cell not in found}
    return [found[cell] for cell in request.cells]


def _make(request: Request, cell: Cell, work: Work) -> "Playback":
    # Imported here: a page shows itself without torch.
    from effviz.evaluate.playback import playback

    ref, key = cell.entrant.card.ref, request.key_of(cell)
    steps = _("{model} is asked about {count} masked photos")
    work.next(steps.format(model=outputs.plain(ref.label), count=4 * (request.masking.steps + 1)))
    with work.turn(costs.many_passes(ref), key) as progress:
        return _PLAYBACKS.get(
            key, lambda: playback(cache.forward(ref, cell.photo), cell.map, request.masking, progress)
        )


def _show(request: Request, found: Sequence["Playback"]) -> None:
    looks = _looks(request.cells)
    pictures, curves = st.columns(2, gap="large")
    with pictures:
        reel(payload(request, found), "faithful-reel")
    with curves:
        drawn = masked(list(map(_masked, request.cells, looks, found)), found[0].map.deletion.fractions.tolist())
        said = _("The probability of each model's class over the share of its input that is taken away or brought in.")
        st.plotly_chart(drawn, key=CHART, config=style.config("faithful"), alt=said)
    _table(request.cells, found)
    outputs.sources((_("Petsiuk et al. 2018, deletion and insertion"), PAPER))


def _looks(cells: Sequence[Cell]) -> list[Look]:
    """The colours of the roles; others where a model has none, or another one has it already."""
    spare, used = iter(SERIES), set[str]()
    looks = []
    for cell in cells:
        role = cell.entrant.role
        look = LOOKS[role] if role and LOOKS[role].colour not in used else next(spare)
        used.add(look.colour)
        looks.append(look)
    return looks


def _masked(cell: Cell, look: Look, found: "Playback") -> Masked:
    lines = (found.map.deletion, found.map.insertion, found.random.deletion, found.random.insertion)
    return Masked(cell.entrant.card.ref.label, look, *map(_line, lines))


def _line(curve: "Curve") -> Line:
    return Line(tuple(curve.probabilities.tolist()), curve.auc)


def _table(cells: Sequence[Cell], found: Sequence["Playback"]) -> None:
    columns = {
        _("Deletion"): [made.map.deletion.auc for made in found],
        _("Deletion, random map"): [made.random.deletion.auc for made in found],
        _("Insertion"): [made.map.insertion.auc for made in found],
        _("Insertion, random map"): [made.random.insertion.auc for made in found],
    }
    table = pd.DataFrame(
        {
            _("Model"): [cell.entrant.card.ref.label for cell in cells],
            _("Class"): [cell.map.target_name for cell in cells],
            **columns,
            _("Better than random: deletion"): [
                _less(made.map.deletion.auc, made.random.deletion.auc) for made in found
            ],
            _("Better than random: insertion"): [
                _less(made.random.insertion.auc, made.map.insertion.auc) for made in found
            ],
        }
    )
    number = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(table, hide_index=True, column_config=dict.fromkeys(columns, number))
    st.caption(
        _(
            "Areas under the curves, from 0 to 1. Deletion: low is good. Insertion: high is good. A model that is sure "
            "of its class starts higher, so compare each with its own random map before comparing models. "
            "One photo and one random map say little: whether a method is better shows over many photos."
        )
    )


def _less(area: float, other: float) -> str:
    """Whether an area is smaller; areas that read the same in the table are no verdict."""
    if f"{area:.3f}" == f"{other:.3f}":
        return _("no difference")
    return _("yes") if area < other else _("no")


def payload(request: Request, found: Sequence["Playback"]) -> Json:
    """The steps as the browser gets them: the photo once for each model, and when each pixel changes."""
    shares = found[0].map.deletion.fractions
    return {
        "kind": "masked",
        "label": _("Share of the area"),
        "said": [
            _("The strongest {share} % of the area, as the map has it.").format(share=round(100 * share))
            for share in shares.tolist()
        ],
        "ways": [
            {"name": "deletion", "title": _("Take away")},
            {"name": "insertion", "title": _("Bring in")},
        ],
        "chart": CHART,
        "places": (100 * shares).tolist(),
        "start": START,
        "pace": PACE_MS,
        "panels": list(map(_panel, request.cells, _looks(request.cells), found)),
    }


def _panel(cell: Cell, look: Look, found: "Playback") -> Json:
    return {
        "title": cell.entrant.card.ref.label,
        "colour": look.colour,
        "lines": {
            "deletion": _lines(cell, found.map.deletion),
            "insertion": _lines(cell, found.map.insertion),
        },
        "size": len(found.order),
        "photo": tiles.address(jpeg(found.picture)),
        "rest": tiles.address(jpeg(found.rest)),
        "order": runs(found.order),
    }


def _lines(cell: Cell, curve: "Curve") -> list[str]:
    return [f"{cell.map.target_name} {probability:.0%}" for probability in curve.probabilities.tolist()]
