"""The block diagram of Table 1 as text; tests/browser checks that it is visible."""

import xml.etree.ElementTree as ET

import pytest

from effviz.scaling import plan
from effviz.ui.components.mbconv import NARROW, WIDE, diagram, short, shortcut, words

B0 = plan(1, 1, 224)


def block(stage: int, number: int):
    return [layer for layer in B0.layers if (layer.stage, layer.block) == (stage, number - 1)]


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter() if element.tag.endswith("text")]


def test_a_repeated_block_adds_its_input_at_the_end() -> None:
    """Stage 4, second block: 28 x 28, 40 channels expanded 6 times, squeezed to a quarter of the 40."""
    drawn = texts(diagram(block(4, 2)))
    assert drawn.count("28 × 28 × 40") == 2
    assert {"Expand ×6: 1 × 1", "Depthwise 5 × 5", "Squeeze: 1 × 1", "Project: 1 × 1", "+", "×"} <= set(drawn)
    assert "40 → 240, 7.53 M MACs" in drawn  # 28 * 28 * 40 * 240
    assert "240 → 240, 4.7 M MACs" in drawn  # 28 * 28 * 240 * 25
    assert "240 → 10, 2.4 k MACs" in drawn
    assert "the input is added at the end" in words(block(4, 2))


def test_the_first_block_of_a_stage_halves_the_map_and_has_no_shortcut() -> None:
    drawn = texts(diagram(block(4, 1)))
    assert "56 × 56 × 24" in drawn
    assert "28 × 28 × 40" in drawn
    assert "Depthwise 5 × 5, stride 2" in drawn
    assert "24 → 144, 10.8 M MACs" in drawn
    assert "+" not in drawn


@pytest.mark.parametrize("stage", range(1, 10))
def test_every_stage_can_be_drawn_and_told(stage: int) -> None:
    layers = block(stage, 1)
    for at in (NARROW, WIDE):
        root = ET.fromstring(diagram(layers, at))
        assert root.get("role") == "img"
        assert root.get("aria-label") == words(layers)
        height = float(root.get("viewBox", "").split()[3])
        for element in root.iter():
            assert float(element.get("y", 0)) <= height
            assert float(element.get("x", 0)) + float(element.get("width", 0)) <= at.width


@pytest.mark.parametrize("stage", range(2, 9))
def test_on_a_slide_words_are_large_and_stay_in_their_boxes(stage: int) -> None:
    """A slide is 1080 px high, 220 of them for title and source; a letter is about half as wide as high."""
    root = ET.fromstring(diagram(block(stage, 2 if stage not in (2, 8) else 1), WIDE))
    scale = (1080 - 220) / float(root.get("viewBox", "").split()[3])
    size = max(WIDE.text_px, 24 / scale)
    for text in texts(ET.tostring(root, "unicode")):
        wide = WIDE.gate_width if text.startswith(("Average", "Squeeze", "Excite")) else WIDE.main_width
        assert 0.5 * size * len(text) <= wide, text


def test_stem_and_head_are_no_mbconv() -> None:
    assert texts(diagram(block(1, 1))) == [
        "224 × 224 × 3",
        "Convolution 3 × 3, stride 2",
        "3 → 32, 10.8 M MACs",
        "112 × 112 × 32",
    ]
    assert texts(diagram(block(9, 1)))[-1] == "1000 logits"


def test_shortcuts_are_those_of_the_official_code() -> None:
    """Stride 1 and equal input and output channels: every block but the first of its stage."""
    for layer in B0.layers:
        if 2 <= layer.stage <= 8:
            assert shortcut(block(layer.stage, layer.block + 1)) == (layer.block > 0)


def test_text_is_the_pages_colour() -> None:
    assert "currentColor" in diagram(block(3, 1))
    assert "#" not in diagram(block(3, 1))


@pytest.mark.parametrize(("macs", "text"), [(256, "256"), (2400, "2.4 k"), (10_838_016, "10.8 M")])
def test_costs_have_three_digits(macs: int, text: str) -> None:
    assert short(macs) == text
