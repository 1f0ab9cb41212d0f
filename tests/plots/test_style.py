"""Colours that can be read and told apart, measured by published formulas."""

from itertools import combinations

import numpy as np
import pytest

from effviz.plots.style import LOOKS, SERIES, VISITOR, config, drawn_numbers, figure, log_axis, slide, vertical
from effviz.zoo.presets import ScalingAxis

BACKGROUNDS = ("#FFFFFF", "#10161D")  # of the app, light and dark

# Machado, Oliveira and Fernandes (2009), severity 1.0: linear RGB as seen by a colour-blind eye.
EYES = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
# Linear sRGB to XYZ, relative to D65 white.
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) / np.array(
    [[0.9505], [1.0], [1.089]]
)


def linear(colour: str) -> np.ndarray:
    srgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2: from 1 (the same) to 21."""
    light, dark = sorted((float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lab(colour: str, eye: np.ndarray) -> np.ndarray:
    xyz = TO_XYZ @ np.clip(eye @ linear(colour), 0, 1)
    x, y, z = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_the_measures_themselves():
    assert contrast("#FFFFFF", "#000000") == pytest.approx(21)
    assert contrast("#FFFFFF", "#767676") == pytest.approx(4.54, abs=0.01)  # WCAG's known grey
    red = lab("#FF0000", EYES["normal"])
    assert red == pytest.approx([53.2, 80.1, 67.2], abs=0.2)  # CIELAB of sRGB red


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_every_colour_stands_out_on_light_and_dark(background):
    for look in (*LOOKS.values(), *SERIES):
        assert contrast(look.colour, background) > 3, look  # WCAG 1.4.11, graphical objects


@pytest.mark.parametrize("eye", EYES)
def test_colour_blind_people_can_tell_the_scaling_methods_apart(eye):
    """A difference of 2.3 can just be seen."""
    for one, other in combinations(LOOKS.values(), 2):
        difference = np.linalg.norm(lab(one.colour, EYES[eye]) - lab(other.colour, EYES[eye]))
        assert difference > 10, (one, other)


def test_colour_is_never_the_only_difference():
    assert set(LOOKS) == set(ScalingAxis)
    assert len({look.symbol for look in LOOKS.values()}) == len(LOOKS)
    assert len(set(SERIES)) == 16
    for one, other in combinations(SERIES, 2):
        assert (one.symbol, one.dash) != (other.symbol, other.dash)


def test_no_other_series_has_the_colour_of_an_axis():
    axes = {look.colour for look in LOOKS.values()}
    assert not axes & {look.colour for look in (*SERIES, VISITOR)}
    assert VISITOR.symbol not in {look.symbol for look in LOOKS.values()}


def test_a_slide_has_its_words_in_it_and_none_is_small():
    made = figure(300).update_xaxes(title_text="MACs").update_layout(title=None)
    laid = slide(made, "What grows", "Source: a paper").payload()["layout"]
    assert "What grows" in laid["title"]["text"]
    assert [note["text"] for note in laid["annotations"]] == ["Source: a paper"]
    sizes = [laid["font"], laid["title"]["font"], laid["legend"]["font"], laid["annotations"][0]["font"]]
    sizes += [
        laid[axis][part]["font"] if part else laid[axis]["tickfont"]
        for axis in ("xaxis", "yaxis")
        for part in ("title", "")
    ]
    assert min(size["size"] for size in sizes) >= 24
    assert (laid["paper_bgcolor"], laid["plot_bgcolor"]) == ("white", "white")
    assert made.layout.title.text is None  # the page's figure is left as it was


def test_a_figures_file_has_its_points_under_the_axes_titles():
    made = figure(300).add_scatter(name="Depth", x=[1, None, 3], y=[70, None, 72])
    made.update_xaxes(title_text="MACs (billions)").update_yaxes(title_text="Top-1 (%)")
    assert drawn_numbers(made) == [
        {"series": "Depth", "MACs (billions)": 1, "Top-1 (%)": 70},
        {"series": "Depth", "MACs (billions)": 3, "Top-1 (%)": 72},
    ]


def test_background_is_left_to_the_page():
    layout = figure(300).layout
    assert layout.height == 300
    assert layout.template.layout.paper_bgcolor == layout.template.layout.plot_bgcolor == "rgba(0, 0, 0, 0)"


def test_downloads_are_vector_graphics():
    assert config("growth")["toImageButtonOptions"] == {"format": "svg", "filename": "growth"}


def test_log_ticks_are_whole_numbers_that_thin_out():
    axis = log_axis("MACs", [0.4, 37])
    assert axis["type"] == "log"
    assert dict(zip(axis["ticktext"], axis["tickvals"], strict=True))["0.5"] == 0.5
    assert {"1", "2", "5", "10", "20", "50", "100"} < set(axis["ticktext"])
    assert {"1", "10", "100", "1000"} < set(log_axis("MACs", [0.03, 480])["ticktext"])
    assert "2" not in log_axis("MACs", [0.03, 480])["ticktext"]
    assert log_axis("MACs", [])["type"] == "log"


def test_a_vertical_line_has_its_label_at_the_top():
    line = vertical("φ = 1", 2.5, 70, 85)
    assert (line.x, line.y) == ((2.5, 2.5), (70, 85))
    assert [text.strip() for text in line.text] == ["", "φ = 1"]
