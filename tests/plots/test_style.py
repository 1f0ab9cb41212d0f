"""Colours are readable and distinguishable, measured by published formulas."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import plotly.graph_objects as go
import pytest

from effviz.i18n import thread_language
from effviz.plots.paper_curves import CurvePoint, FigureAxis, FigureCurve, Origin, draw_curves
from effviz.plots.style import (
    LINES,
    LOOKS,
    SERIES,
    VISITOR,
    Frame,
    Label,
    NamedBar,
    NamePlace,
    config,
    drawn_numbers,
    figure,
    frame_around,
    log_axis,
    place_bar_names,
    place_labels,
    remembered,
    slide,
    stack_labels,
    vertical,
)
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
    """Return WCAG 2's contrast, from 1 (equal) to 21."""
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
    """A difference of 2.3 is just noticeable."""
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
    laid = slide(made, "What grows", "Source: a paper")["layout"]
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
    assert made.layout.title.text is None  # the page's figure is unchanged


def test_on_a_slide_a_line_to_a_name_reaches_the_name_whose_letters_are_larger():
    made = figure(300).add_annotation(x=1, y=2, ax=0, ay=-26, text="", showarrow=True)
    line = slide(made, "What grows", "Source: a paper")["layout"]["annotations"][0]
    assert (line["ax"], line["ay"]) == (0, -26 * 24 / 13)  # from 13 px to 24 px


def test_a_legend_below_the_plot_gives_way_to_the_source_on_a_slide():
    made = figure(300).update_layout(legend={"y": -0.16, "yanchor": "top"})
    legend = slide(made, "What grows", "Source: a paper")["layout"]["legend"]
    assert (legend["y"] > 1, legend["yanchor"]) == (True, "bottom")
    assert made.layout.legend.y == -0.16


def test_a_figures_file_has_its_points_under_columns_that_no_language_changes():
    made = figure(300).add_scatter(name="深度", x=[1, None, 3], y=[70, None, 72])
    made.add_scatter(x=[1, 3], y=[70, 72])  # only connects points
    made.add_scatter(name="寬度", x=[2], y=[71], customdata=[["w = 2", "more"]])
    made.update_xaxes(title_text="MACs（十億）").update_yaxes(title_text="Top-1（%）")
    assert drawn_numbers(made, "macs_billions", "top1_pct") == [
        {"series": "深度", "macs_billions": 1, "top1_pct": 70},
        {"series": "深度", "macs_billions": 3, "top1_pct": 72},
        {"series": "寬度", "network": "w = 2", "macs_billions": 2, "top1_pct": 71},
    ]


def test_a_figure_is_drawn_once_for_the_same_numbers_and_anew_for_other_ones_and_in_another_language() -> None:
    drawn: list[object] = []

    @remembered
    def draw(heights: Sequence[float], names: Mapping[str, Sequence[str]], px: int = 300) -> go.Figure:
        drawn.append((heights, names, px))
        return figure(px)

    first = draw([1.0, 2.0], {"a": ["b"]})
    assert draw([1.0, 2.0], {"a": ["b"]}) is first
    draw([1.0, 3.0], {"a": ["b"]})
    draw([1.0, 2.0], {"a": ["c"]})
    draw([1.0, 2.0], {"a": ["b"]}, px=400)
    assert len(drawn) == 4
    language = thread_language.set("zh_TW")
    try:
        assert draw([1.0, 2.0], {"a": ["b"]}) is not first
    finally:
        thread_language.reset(language)


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


# Names avoid bars, marks, lines and each other, in pixels recomputed in this file.

LINE, LETTER, HEIGHT, WIDTH = 13, 6.2, 290, 270  # px per line and letter, and of the axes on a phone
FRAME = Frame(0, WIDTH, 0, HEIGHT)  # one unit is one pixel, counted from below


def box(bar: NamedBar, place: NamePlace, across: float = 1, up: float = 1) -> tuple[float, float, float, float]:
    """Return left, bottom, right and top of a name in FRAME, scaled in width and height; letters keep their size."""
    half = LETTER * len(bar.name) / 2
    end = (bar.high + 3) * up + LINE * place.lines if place.above else (bar.low - 3) * up - LINE * (place.lines + 1)
    return bar.x * across - half, end, bar.x * across + half, end + LINE


def apart(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_a_name_with_room_stands_on_its_bar() -> None:
    assert place_bar_names([NamedBar("lite0@224", 135, 100, 150)], FRAME) == [NamePlace(above=True, lines=0)]


def test_what_is_above_sends_a_name_below() -> None:
    bar, tower = NamedBar("lite0@224", 135, 100, 150), NamedBar("x", 140, 151, 289)
    assert place_bar_names([bar], FRAME, marks=[(140, 160)]) == [NamePlace(above=False, lines=0)]
    assert place_bar_names([bar], FRAME, levels=[160]) == [NamePlace(above=False, lines=0)]
    assert place_bar_names([bar, tower], FRAME)[0] == NamePlace(above=False, lines=0)


def test_a_name_may_stand_a_line_away() -> None:
    bar = NamedBar("lite0@224", 135, 100, 150)
    assert place_bar_names([bar], FRAME, levels=[160, 95]) == [NamePlace(above=True, lines=1)]
    assert place_bar_names([bar], FRAME, levels=[160, 175, 95]) == [NamePlace(above=False, lines=1)]


def test_a_name_without_room_is_left_out() -> None:
    assert place_bar_names([NamedBar("lite0@224", 135, 10, 280)], FRAME) == [None]
    assert place_bar_names([NamedBar("lite0@224", 5, 100, 150)], FRAME) == [
        None
    ]  # half of it would be outside the figure
    assert place_bar_names([NamedBar("lite0@224", 265, 100, 150)], FRAME) == [None]


SIZES = [(1, 1), (1110 / WIDTH, 370 / HEIGHT)]  # a phone, and a wide screen: the same places on both


@pytest.mark.parametrize("seed", range(20))
def test_names_touch_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lows = rng.uniform(60, 180, 12)
    bars = [
        NamedBar(f"lite{number}@224", x, low, low + tall)
        for number, (x, low, tall) in enumerate(zip(rng.uniform(0, 270, 12), lows, rng.uniform(0, 60, 12), strict=True))
    ]
    marks = [(float(x), float(y)) for x, y in rng.uniform(40, 230, (3, 2))]
    found = place_bar_names(bars, FRAME, marks, [40.0])
    assert all(place.lines < LINES for place in found if place)
    assert len([place for place in found if place]) >= 3
    for across, up in SIZES:
        names = [box(bar, place, across, up) for bar, place in zip(bars, found, strict=True) if place]
        assert all(itertools.starmap(apart, itertools.combinations(names, 2)))
        for name in names:
            assert all(apart(name, (of.x * across - 4, of.low * up, of.x * across + 4, of.high * up)) for of in bars)
            assert all(apart(name, (x * across - 7, y * up - 7, x * across + 7, y * up + 7)) for x, y in marks)
            assert not name[1] < 40 * up < name[3]
            assert name[0] >= -10
            assert name[2] <= WIDTH * across + 10
            assert name[1] >= 0
            assert name[3] <= HEIGHT * up


def test_a_frame_has_all_in_it_and_room_above_and_below() -> None:
    found = frame_around([1, 3], [0.2, 0.4, 0.6])
    assert (found.left, found.right) == pytest.approx((0.9, 3.1))
    assert (found.low, found.high) == pytest.approx((0.14, 0.66))
    bar, gap = NamedBar("one", 2, 0.3, 0.4), 3 * 0.52 / HEIGHT
    assert found.end(bar, NamePlace(above=True, lines=0)) == pytest.approx(0.4 + gap)
    assert found.end(bar, NamePlace(above=False, lines=2)) == pytest.approx(0.3 - gap)
    one = frame_around([1], [0.5])  # one model, one photo
    assert one.left < 1 < one.right
    assert one.low < 0.5 < one.high


# Labels avoid the edges and each other; a browser test measures the drawn ones.

CORNERS = ((0.0, 0.0), (1.0, 1.0))


def test_a_label_stays_where_it_is_wanted_when_there_is_room() -> None:
    assert place_labels([Label("B3", 0.5, 0.5, "top left")], CORNERS) == ["top left"]


def test_a_label_at_the_right_edge_turns_to_the_left() -> None:
    side, *rest = place_labels([Label("Oxford-IIIT Pets", 1.0, 0.5, "bottom right")], CORNERS)
    assert side.endswith("left")
    assert not rest


def test_where_axes_end_at_the_points_labels_at_the_edge_have_less_room() -> None:
    """Of 270 px, 234 or 244 are to its left; "w = 5" takes 31 and its distance of 7, and 10 px are beyond the edge."""
    label = Label("w = 5", 0.905, 0.5, "middle right")
    assert place_labels([label], CORNERS) == ["middle right"]
    assert place_labels([label], CORNERS, pad=0) != ["middle right"]


def test_a_label_on_another_one_moves_and_the_last_has_no_room() -> None:
    same = [Label("x" * 20, 0.5, 0.5, "middle right")] * 9
    sides = place_labels(same, CORNERS)
    assert sides[0] == "middle right"
    assert len(set(filter(None, sides))) == len([side for side in sides if side])
    assert sides[-1] == ""


def test_a_figure_writes_nothing_where_there_is_no_room() -> None:
    crowd = tuple(CurvePoint(f"{i}", 1.0, 1.0, "Figure 9", "a long name") for i in range(9))
    trace = draw_curves(
        [FigureCurve("All", LOOKS[ScalingAxis.DEPTH], Origin.PRINTED, crowd)],
        FigureAxis("x", "x"),
        FigureAxis("y", "y"),
    ).data[0]
    assert trace.text[0] == "a long name"
    assert trace.text[-1] == ""


def test_a_label_keeps_off_another_point_where_it_can() -> None:
    label = Label("B3", 0.5, 0.5, "middle right")
    beside = (0.54, 0.5)  # exactly where the label would be
    assert place_labels([label], [*CORNERS, (0.5, 0.5)]) == ["middle right"]
    assert place_labels([label], [*CORNERS, (0.5, 0.5), beside]) != ["middle right"]
    around = [(0.5 + x / 50, 0.5 + y / 50) for x in range(-9, 10) for y in range(-9, 10)]
    assert place_labels([label], [*CORNERS, *around]) == [""]


def test_a_label_is_nearer_to_its_own_point_than_to_one_with_another_name() -> None:
    """At the upper left it would begin 7 px to the left of its point, just above the other point."""
    label, other = Label("r = 2.2", 0.5, 0.5, "top left"), (0.5 - 9 / 245, 0.5 - 4 / 264)
    assert place_labels([label], [*CORNERS, (0.5, 0.5)]) == ["top left"]
    assert place_labels([label], [*CORNERS, (0.5, 0.5), other]) != ["top left"]
    assert place_labels([replace(label, same=(other,))], [*CORNERS, (0.5, 0.5), other]) == ["top left"]


def test_a_label_keeps_off_a_line_or_stays_away() -> None:
    label = Label("lite0@224", 0.5, 0.5, "bottom right")
    points = [*CORNERS, (0.5, 0.5)]
    assert place_labels([label], points, [0.49]) == ["bottom right"]  # the line is on its other side
    assert place_labels([label], points, [0.6]) == ["bottom left"]
    assert place_labels([label], points, [0.4, 0.6]) == [""]


def test_words_beside_a_line_stand_below_those_that_the_line_would_run_through() -> None:
    ends = (0.0, 1.0)  # of 270 px: nine letters and their distance take 63, less than a quarter
    assert stack_labels([("lite0@224", 0.1), ("lite1@224", 0.2), ("lite2@224", 0.3)], ends) == [0, 1, 2]
    assert stack_labels([("lite0@224", 0.1), ("lite1@224", 0.6)], ends) == [0, 0]
    # The third is clear of the first, but still above the second's end.
    assert stack_labels([("lite0@224", 0.1), ("lite1@224", 0.2), ("φ = 1", 0.38)], ends) == [0, 1, 2]
    assert stack_labels([], ends) == []
