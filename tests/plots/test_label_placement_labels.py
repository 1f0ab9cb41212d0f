"""Labels keep off the edges and off each other; a browser test measures the drawn ones."""

from effviz.plots.label_placement import Label, place_labels, stack_labels
from effviz.plots.paper_curves import CurvePoint, FigureAxis, FigureCurve, Origin, draw_curves
from effviz.plots.style import LOOKS
from effviz.zoo.presets import ScalingAxis

CORNERS = ((0.0, 0.0), (1.0, 1.0))


def test_a_label_stays_where_it_is_wanted_when_there_is_room() -> None:
    assert place_labels([Label("B3", 0.5, 0.5, "top left")], CORNERS) == ["top left"]


def test_a_label_at_the_right_edge_turns_to_the_left() -> None:
    side, *rest = place_labels([Label("Oxford-IIIT Pets", 1.0, 0.5, "bottom right")], CORNERS)
    assert side.endswith("left")
    assert not rest


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
    beside = (0.54, 0.5)  # just where the label would stand
    assert place_labels([label], [*CORNERS, (0.5, 0.5)]) == ["middle right"]
    assert place_labels([label], [*CORNERS, (0.5, 0.5), beside]) != ["middle right"]
    everywhere = [(0.5 + x / 50, 0.5 + y / 50) for x in range(-9, 10) for y in range(-9, 10)]
    assert place_labels([label], [*CORNERS, *everywhere]) == ["middle right"]


def test_a_label_keeps_off_a_line_or_stays_away() -> None:
    label = Label("lite0@224", 0.5, 0.5, "bottom right")
    points = [*CORNERS, (0.5, 0.5)]
    assert place_labels([label], points, [0.49]) == ["bottom right"]  # the line is at its other side
    assert place_labels([label], points, [0.6]) == ["bottom left"]
    assert place_labels([label], points, [0.4, 0.6]) == [""]


def test_words_beside_a_line_stand_below_those_that_the_line_would_run_through() -> None:
    ends = (0.0, 1.0)  # of 270 px: nine letters and their distance take 63, less than a quarter
    assert stack_labels([("lite0@224", 0.1), ("lite1@224", 0.2), ("lite2@224", 0.3)], ends) == [0, 1, 2]
    assert stack_labels([("lite0@224", 0.1), ("lite1@224", 0.6)], ends) == [0, 0]
    # The third is clear of the first, but still above the second's end.
    assert stack_labels([("lite0@224", 0.1), ("lite1@224", 0.2), ("φ = 1", 0.38)], ends) == [0, 1, 2]
    assert stack_labels([], ends) == []
