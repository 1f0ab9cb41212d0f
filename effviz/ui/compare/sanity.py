"""Does a map depend on what the model learnt? Its network is broken from the top, and the map looked at all the way."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import streamlit as st

from effviz.explain.methods import METHODS
from effviz.explain.palettes import table
from effviz.plots import style
from effviz.plots.melting import Step, melting
from effviz.ui import cache, costs, outputs
from effviz.ui.compare import look, newest, tiles
from effviz.ui.compare.cells import Cell
from effviz.ui.compare.work import Progress, Work, resume, stopped
from effviz.ui.components.grid import base64_text, pack
from effviz.ui.components.reel import reel
from effviz.ui.guard import guard
from effviz.ui.memory import Kept, budget_bytes
from effviz.words import _

if TYPE_CHECKING:
    from effviz.evaluate.sanity import Broken, OtherClass

Json = dict[str, object]

ASKED: Final = "sanity asked"  # in the session
CHART: Final = "sanity-curve"
PAPER: Final = "https://arxiv.org/abs/1810.03292"
MOST_STEPS: Final = 11  # the whole network, the classifier, the head, seven stages and the stem
PACE_MS: Final = 700


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """What both checks say about one map."""

    steps: tuple["Broken", ...]  # the whole network's map first
    other: "OtherClass"


_CHECKS: Kept[Check] = Kept(
    budget_bytes(0.005), lambda check: 2048 * len(check.steps) + sum(step.map.values.nbytes for step in check.steps)
)


def show(cells: Sequence[Cell]) -> None:
    """Choose one map, break its network on demand, and move through what became of the map."""
    st.caption(
        _(
            "A sanity check: the trained weights are replaced by random ones, part after part, from the classifier "
            "down to the first convolution. A map that stays the same shows edges of the photo, not what the model "
            "learnt. It is the last layer's map that is looked at, and a copy of the network that is broken."
        )
    )
    place, name = st.columns([3, 1], vertical_alignment="bottom")
    with place:
        chosen = newest.one(_("Map to check"), cells, "sanity_cell")
    key = _key(chosen)
    with name:
        st.button(
            _("Break the network"),
            key="sanity",
            width="stretch",
            on_click=_ask,
            args=(key,),
        )
    if st.session_state.get(ASKED) == key and (key in _CHECKS or not stopped(key)):
        with guard():
            with st.container():  # for the bar: what follows has the same place without it, and stays as it was played
                found = check(chosen)
            _show(chosen, found)


def _ask(key: Hashable) -> None:
    st.session_state[ASKED] = key
    resume(key)


def check(cell: Cell) -> Check:
    """Both checks of a cell's map at the last layer, made when it is the visitor's turn.

    Raises:
        EffVizError: too many wait, or the method takes too long for this.
    """
    return _CHECKS.find(_key(cell)) or _make(cell)


def _key(cell: Cell) -> tuple[Hashable, ...]:
    return cell.entrant.card.ref.label, cell.chosen.sha256, cell.map.target_index, cell.map.method


def _make(cell: Cell) -> Check:
    with Work(1, "sanity").shown(_key(cell), may_stop=True) as work:
        work.next(_("A copy of {model} is broken").format(model=outputs.plain(cell.map.model)))
        with work.turn(costs.broken_copies(cell.entrant.card.ref), _key(cell)) as progress:
            return _CHECKS.get(_key(cell), lambda: _checked(cell, progress))


def _checked(cell: Cell, progress: Progress) -> Check:
    # Imported here: a page shows itself without torch.
    from effviz.evaluate.sanity import cascade_from, random_logit

    found, steps = cell.map, []
    whole = cache.forward(cell.entrant.card.ref, cell.photo)
    for step in cascade_from(whole, found.target_index, found.method):
        steps.append(step)
        progress(min(1.0, len(steps) / MOST_STEPS))
    return Check(tuple(steps), random_logit(whole, found.target_index, found.method))


def _show(cell: Cell, found: Check) -> None:
    pictures, curve = st.columns(2, gap="large")
    with pictures:
        reel(payload(cell, found), "sanity-reel")
    with curve:
        drawn = melting([Step(_part(step.stage), step.spearman, step.ssim) for step in found.steps])
        said = _("How alike the map stays to the intact one: {said}")
        st.plotly_chart(drawn, key=CHART, config=style.config("sanity"), alt=said.format(said=_ends(found)))
    st.markdown(f"{_ends(found)} {_other(cell, found)}")
    if not cell.map.trained:
        st.error(_("Untrained: random weights, this map means nothing."), icon=":material/warning:")
    outputs.sources((_("Adebayo et al. 2018"), PAPER), (_("Sixt et al. 2020"), "https://arxiv.org/abs/1912.09818"))


def payload(cell: Cell, found: Check) -> Json:
    """The maps as the browser gets them, one for each part that was broken."""
    lines = [
        _("Rank correlation {spearman}, SSIM {ssim}").format(spearman=_number(step.spearman), ssim=_number(step.ssim))
        for step in found.steps
    ]
    return {
        "kind": "melting",
        "label": _("Break the network from the top"),
        "said": [_said(step.stage, number) for number, step in enumerate(found.steps)],
        "ways": [],
        "chart": CHART,
        "places": list(range(len(found.steps))),
        "start": 0,
        "pace": PACE_MS,
        "look": look.payload(),
        "palette": base64_text(table(look.PALETTE.get()).tobytes()),
        "panels": [
            {
                "title": cell.entrant.card.ref.label,
                "colour": tiles.colour(cell.entrant),
                "lines": {"": lines},
                "photo": tiles.picture(cell.photo),
                "place": tiles.place(found.steps[0].map),
                "maps": pack([step.map.values for step in found.steps]),
            }
        ],
    }


def _part(stage: str) -> str:
    """A part of the network in the visitor's language."""
    names = {"trained": _("intact"), "classifier": _("classifier"), "head": _("head"), "stem": _("stem")}
    return names.get(stage) or _("stage {number}").format(number=stage.removeprefix("stage "))


def _said(stage: str, number: int) -> str:
    if number == 0:
        return _("Nothing is broken: the trained network.")
    if number == 1:
        return _("The classifier is random, all else is trained.")
    return _("All is random from the classifier down to this part: {part}.").format(part=_part(stage))


def _ends(found: Check) -> str:
    """What is left of the map in the end."""
    last = found.steps[-1]
    return _(
        "With all weights random, the map's rank correlation with the intact one is {spearman} and its SSIM {ssim}; "
        "1 would be the same map, 0 is no likeness at all, below 0 is the opposite order."
    ).format(spearman=_number(last.spearman), ssim=_number(last.ssim))


def _other(cell: Cell, found: Check) -> str:
    """What the map of a class drawn at random has to do with it."""
    return _(
        "Another question is whether the map knows its class: for {name}, a class drawn at random, the trained "
        "network's map by {method} has a rank correlation of {spearman} with the one for {own} (SSIM {ssim})."
    ).format(
        name=outputs.plain(found.other.map.target_name),
        method=METHODS[cell.map.method].title,
        own=outputs.plain(cell.map.target_name),
        spearman=_number(found.other.spearman),
        ssim=_number(found.other.ssim),
    )


def _number(value: float) -> str:
    return _("undefined (a map is the same everywhere)") if math.isnan(value) else f"{value:.2f}".replace("-", "−")
