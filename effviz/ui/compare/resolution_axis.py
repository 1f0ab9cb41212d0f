"""The live input-size slider: input size is the one axis that can change without new weights.

One compiled network runs at every size. While the slider is dragged, the browser has one request in flight at a time,
for the newest size. For a small network a request takes longer than a forward pass, so the answer includes nearby sizes
while that is quick and nobody is waiting. For a large network, sizes already passed are never computed.
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
AROUND_MS: Final = 100  # no further size is started after this time, about the duration of a request
QUICK_MACS: Final = 2e9  # lite0 at any size: about 40 ms on one core
FIXRES: Final = "https://arxiv.org/abs/1906.06423"


def show(cells: Sequence[MapCell], choice: display_settings.ExplanationChoice) -> None:
    """Show the toggle and, once on, the network, the photo and the slider; nothing is computed before."""
    text = _(
        "Depth and width are fixed in trained weights, but the input size is not. Change it to see how one "
        "network's map, guesses and cost follow. Each size is a separate forward pass."
    )
    st.caption(text)
    # Other families than B0's have no engine that runs all sizes.
    movable = [cell for cell in cells if cell.map.trained and cell.ref.spec.family is not None]
    networks = {(cell.ref.spec, cell.chosen.sha256): cell for cell in reversed(movable)}
    if not networks:
        st.caption(_("Untrained networks are left out: their maps mean nothing."))
        return
    if st.toggle(_("Change the input size"), key="input_size_on"):
        chosen = photo_picker.choose_cell(_("Network and photo"), [*reversed(networks.values())], "input_size_cell")
        _slider(chosen, choice.method if choice.quick else Method.CAM)
        outputs.sources((_("Touvron et al. 2019, sizes of training and testing"), FIXRES))


@st.fragment
def _slider(cell: MapCell, method: Method) -> None:
    """Show the slider; a new size runs only this fragment again."""
    spec, asked = cell.ref.spec, asked_sizes(KEY)
    sizes, answers = sizes_to_answer(asked.value, spec.resolution_px), list[Json]()
    data = slider_data(cell, method)
    about: Json = {"id": data["id"], "px": sizes[0], "move": asked.move, "answers": answers, "error": ""}
    try:
        answers.extend(answers_at(cell, sizes, method))
    except EffVizError as error:  # answers computed before the error are in the list
        about["error"] = "" if answers else str(error)
    input_size(data, about, KEY)
    warm_up(spec)  # while the visitor looks at the first map


def sizes_to_answer(asked: object, trained_px: int) -> list[int]:
    """Return the sizes that the browser asks for, or else the size nearest to the network's own."""
    wanted = asked if isinstance(asked, list) else []
    sizes = sorted((px for px in SIZES_PX if px in wanted), key=wanted.index)
    return sizes or [min(SIZES_PX, key=lambda px: abs(px - trained_px))]


def answers_at(cell: MapCell, sizes: Sequence[int], method: Method) -> Iterator[Json]:
    """Compute one pass per size in the visitor's turn: the first, then more while that is quick and nobody is waiting.

    Raises:
        EffVizError: too many others are waiting, the pass is too expensive for this server, or the weights are gone.
    """
    place, started = st.empty(), time.perf_counter()

    def tell(before: int) -> None:
        place.caption(_("{count} others are ahead of you.").format(count=before))

    for ref in (ModelRef(cell.ref.spec, px) for px in sizes):
        effort = job_queue.pass_effort(ref, loaded=cache.is_loaded(ref, any_size=True))
        with job_queue.QUEUE.turn(tell, effort, visitor=job_queue.who_asks()):
            forward = cache.forward(ref, cell.photo, any_size=True)
        yield answer_data(forward, cell.map.target_index, method)
        if job_queue.QUEUE.waiting or 1000 * (time.perf_counter() - started) > AROUND_MS:
            break
    place.empty()


def warm_up(spec: ModelSpec) -> None:
    """Prepare the network for every quick size; at large sizes the pass itself takes longer."""
    refs = [ModelRef(spec, px) for px in SIZES_PX if spec.plan_at(px).macs < QUICK_MACS]
    if not refs or cache.is_warm(refs[0]):
        return
    effort = sum(map(job_queue.pass_effort, refs), start=job_queue.Effort(0.0))
    with suppress(EffVizError), job_queue.QUEUE.turn(lambda _before: None, effort, visitor=job_queue.who_asks()):
        cache.warm_up(refs)


def answer_data(forward: Forward, target: int, method: Method) -> Json:
    """Return the map of a class and the guesses of one pass, as the browser receives them."""
    # Imported here so that the page loads without torch.
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
    """Return what does not depend on the size."""
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
    """Return what is known about a size without a pass: cost, cells, and what to expect away from the training size."""
    trained_px = spec.resolution_px
    if px == trained_px:
        note = _("{px} px is the training size.")
    elif px < trained_px:
        note = _("Below the training size of {px} px: fewer cells, and objects look smaller than in training.")
    else:
        note = _(
            "Above the training size of {px} px: a little more often helps, because training crops enlarge "
            "objects; much more hurts, because no object was as large in training."
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
