"""Links from before modules got their current names still open the same views."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[2]

# Each as that version wrote it to the address, with what its widgets showed.
LINKS = [
    (
        "compare",
        "models=scaled-lite-d1-w0.5@64,lite0@64&photos=owl,cat&method=EigenCAM&layer=stride16&target=class"
        "&class=tench&scale=shared"
        "&opacity=80&contour=30&threshold=40&cells=true&still=true",
        {
            "picked": ["scaled-lite-d1-w0.5@64", "lite0@64"],
            "method-choice": "eigencam",
            "layer-choice": "stride16",
            "class shown": "tench",
            "look_scale": "shared",
            "look_opacity": 80,
            "look_contour": 30,
            "look_threshold": 40,
            "look_cells": True,
            "still": True,
        },
    ),
    (
        "scale",
        "phi=2.5&alpha=1.3&beta=1.05&gamma=1.1&budget=params&method=resolution",
        {"alpha": 1.3, "beta": 1.05, "gamma": 1.1, "budget-choice": "params", "method-choice": "resolution"},
    ),
    (
        "tradeoff",
        "cost=Params&phi=2.5&models=lite0@224,lite2@260,b3@300",
        {"cost-choice": "Params", "tradeoff-phi": 2.5},
    ),
    ("evaluate", "run=:faithfulness&metric=insertion", {"run-choice": ":faithfulness", "metric-choice": "insertion"}),
    (
        "paper",
        "section=objective&series=paper-others,timm-resnet",
        {"paper-section": "objective", "series-choice": ["paper-others", "timm-resnet"]},
    ),
    ("paper", "cut=depth&stages=depth", {"paper-section": "problem", "cut-choice": "depth", "stages-choice": "depth"}),
]
GONE = "target"  # a class in the address alone determines what maps explain
KINDS = ("selectbox", "multiselect", "slider", "select_slider", "toggle", "number_input", "radio", "button_group")


@pytest.mark.parametrize(("page", "link", "shown"), LINKS, ids=[link[1][:30] for link in LINKS])
def test_a_link_of_before_opens_what_it_opened(page: str, link: str, shown: dict[str, object]) -> None:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    if page != "compare":
        at.switch_page(f"effviz/ui/pages/{page}.py")
    address = dict(part.split("=", 1) for part in link.split("&"))
    at.query_params.update(address)
    at.run()
    assert not at.exception
    found = {widget.key: widget.value for kind in KINDS for widget in at.get(kind) if getattr(widget, "key", None)}
    kept = {key: at.session_state[key] for key in shown if key in at.session_state}  # also of collapsed parts
    assert kept | {key: value for key, value in found.items() if key in shown} == shown
    after = {key: value[0] if isinstance(value, list) else value for key, value in at.query_params.items()}
    if "method" in address:  # by title then, by name now
        address["method"] = str(shown["method-choice"])
    assert after == {key: value for key, value in address.items() if key != GONE}
