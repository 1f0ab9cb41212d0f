"""The one axis along which trained weights can really be moved: the input size, live.

One compiled network runs at every size. While the slider is dragged the browser has one request under way at a time,
for the newest size. A request takes a page longer than a pass takes a small network, so the sizes around come with it
while they are quick and nobody waits; of a large network, what the hand has left meanwhile is never computed.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

import streamlit as st

from effviz.errors import EffVizError
from effviz.explain.data_types import Forward, Method
from effviz.explain.overlay import Palette, describe_map, palette_colours
from effviz.explain.targets import top_guesses
from effviz.i18n import _
from effviz.ui import cache, job_queue, outputs
from effviz.ui.compare import display_settings, grid_data, photo_picker
from effviz.ui.compare.map_cells import MapCell
from effviz.ui.components import Json, base64_text, jpeg_address
from effviz.ui.components.grid import pack
from effviz.ui.components.input_size import asked_sizes, input_size
from effviz.zoo.model import ModelRef, ModelSpec

SIZES_PX: Final = tuple(range(96, 449, 32))
KEY: Final = "input-size"
AROUND_MS: Final = 100  # after which no further size is begun: about as long as the page takes for a request
QUICK_MACS: Final = 2e9  # lite0 at any size: about 40 ms on one core
FIXRES: Final = "https://arxiv.org/abs/1906.06423"


def show(cells: Sequence[MapCell], choice: display_settings.ExplanationChoice) -> None:
    """Switch the slider on, and choose the network and the photo; nothing is computed before."""
    text = _(
        "Depth and width are built into trained weights; the input size is not. Move it and watch one network's "
        "map, guesses and cost follow, each size a pass of its own."
    )
    st.caption(text)
    # Of other families than B0's there is no engine that runs all sizes.
    movable = [cell for cell in cells if cell.map.trained and cell.ref.spec.family is not None]
    networks = {(cell.ref.spec, cell.chosen.sha256): cell for cell in reversed(movable)}
    if not networks:
        st.caption(_("Untrained networks are left out: their maps mean nothing."))
        return
    if st.toggle(_("Move the input size"), key="input_size_on"):
        chosen = photo_picker.choose_cell(_("Network and photo"), [*reversed(networks.values())], "input_size_cell")
        _slider(chosen, choice.method if choice.quick else Method.CAM)
        outputs.sources((_("Touvron et al. 2019, sizes of training and testing"), FIXRES))


@st.fragment
def _slider(cell: MapCell, method: Method) -> None:
    """Everything that a new size runs again."""
    spec, asked = cell.ref.spec, asked_sizes(KEY)
    sizes, answers = sizes_to_answer(asked.value, spec.resolution_px), list[Json]()
    data = slider_data(cell, method)
    about: Json = {"id": data["id"], "px": sizes[0], "move": asked.move, "answers": answers, "error": ""}
    try:
        answers.extend(answers_at(cell, sizes, method))
    except EffVizError as error:  # those that were made are in the list
        about["error"] = "" if answers else str(error)
    input_size(data, about, KEY)
    warm_up(spec)  # while the hand looks at the first map


def sizes_to_answer(asked: object, trained_px: int) -> list[int]:
    """The sizes that a browser asks for; when it asks for none, the position nearest to a network's own size."""
    wanted = asked if isinstance(asked, list) else []
    sizes = sorted((px for px in SIZES_PX if px in wanted), key=wanted.index)
    return sizes or [min(SIZES_PX, key=lambda px: abs(px - trained_px))]


def answers_at(cell: MapCell, sizes: Sequence[int], method: Method) -> Iterator[Json]:
    """One pass at each size, in the visitor's turn: the first, then others while that takes no time and nobody waits.

    Raises:
        EffVizError: too many others wait, the pass is too dear for this server, or the weights are gone.
    """
    place, started = st.empty(), time.perf_counter()

    def tell(before: int) -> None:
        place.caption(_("{count} others are before you.").format(count=before))

    for ref in (ModelRef(cell.ref.spec, px) for px in sizes):
        effort = job_queue.pass_effort(ref, loaded=cache.is_loaded(ref, any_size=True))
        with job_queue.QUEUE.turn(tell, effort, visitor=job_queue.who_asks()):
            forward = cache.forward(ref, cell.photo, any_size=True)
        yield answer_data(forward, cell.map.target_index, method)
        if job_queue.QUEUE.waiting or 1000 * (time.perf_counter() - started) > AROUND_MS:
            break
    place.empty()


def warm_up(spec: ModelSpec) -> None:
    """Have the network ready for every size that is quick: at large ones the pass itself takes longer."""
    refs = [ModelRef(spec, px) for px in SIZES_PX if spec.plan_at(px).macs < QUICK_MACS]
    if not refs or cache.is_warm(refs[0]):
        return
    effort = sum(map(job_queue.pass_effort, refs), start=job_queue.Effort(0.0))
    with suppress(EffVizError), job_queue.QUEUE.turn(lambda _before: None, effort, visitor=job_queue.who_asks()):
        cache.warm_up(refs)


def answer_data(forward: Forward, target: int, method: Method) -> Json:
    """The map of a class and the guesses of one pass, as the browser gets them."""
    # Imported here: a page shows itself without torch.
    from effviz.explain.activation_maps import activation_map

    entry = activation_map(forward, target, method)
    return {
        "px": forward.prepared.size_px,
        "alt": describe_map(entry),
        "ms": _("{ms:.1f} ms").format(ms=forward.forward_ms),
        "place": grid_data.map_place(entry),
        "map": pack([entry.values]),
        "guesses": [
            {"text": f"{guess.name} {guess.probability:.0%}", "explained": guess.index == target}
            for guess in top_guesses(forward)
        ],
    }


def slider_data(cell: MapCell, method: Method) -> Json:
    """What stays while the size changes."""
    spec = cell.ref.spec
    beyond = spec.resolution_px > SIZES_PX[-1]
    trained_at = _("trained at {px} px, beyond the slider") if beyond else _("trained at {px} px")
    palettes = {"chosen": display_settings.PALETTE.get(), "diverging": Palette.DIVERGING}
    return {
        "id": f"{spec.name} {cell.chosen.sha256} {cell.map.target_index} {method}",
        "sizes": [size_facts(spec, px) for px in SIZES_PX],
        "trained": {"px": spec.resolution_px, "label": trained_at.format(px=spec.resolution_px)},
        "photo": jpeg_address(cache.thumbnail(cell.photo)),
        "look": display_settings.display_payload(),
        "palettes": {name: base64_text(palette_colours(palette).tobytes()) for name, palette in palettes.items()},
        "words": _words(spec, cell.map.target_name),
    }


def size_facts(spec: ModelSpec, px: int) -> Json:
    """What is known of a size without a pass: its cost, its cells, and what to expect beyond the training's size."""
    trained_px = spec.resolution_px
    if px == trained_px:
        note = _("{px} px is the size it was trained at.")
    elif px < trained_px:
        note = _("Below the {px} px of its training: fewer cells, and objects look smaller than those it learnt from.")
    else:
        note = _(
            "Beyond the {px} px of its training: a little more often helps, since training enlarges objects by its "
            "crops; much more hurts, since no object that it learnt was as large."
        )
    network = spec.plan_at(px)
    side, macs = network.stages[-1].out_resolution, outputs.amount(network.macs)
    return {"px": px, "macs": macs, "cells": f"{side} × {side}", "note": note.format(px=trained_px)}


def _words(spec: ModelSpec, target: str) -> dict[str, str]:
    return {
        "size": _("Input size"),
        "pixels": _("{px} px"),
        "at": _("{model} at {px} px, map of {name}").replace("{model}", spec.name).replace("{name}", target),
        "macs": _("MACs"),
        "cells": _("Map (cells)"),
        "ms": _("Forward pass"),
        "guesses": _("First guesses at this size:"),
        "value": _("{px} pixels: {macs} MACs, {cells} cells"),
    }
