"""Printed and recomputed points can always be told apart."""

from effviz.plots.paper_curves import CurvePoint, FigureAxis, FigureCurve, Origin, curve_hover, draw_curves
from effviz.plots.style import LOOKS
from effviz.zoo.presets import ScalingAxis

X, Y = FigureAxis("MACs (billions)", "billion MACs", log=True), FigureAxis("top-1 (%)", "% top-1")
DOTS = (
    CurvePoint("w = 1", 0.5, 76.1, "Figure 3"),
    CurvePoint("w = 2", 1.5, 78.9, "Figure 3", "w = 2", LOOKS[ScalingAxis.COMPOUND]),
)
PRINTED = FigureCurve("Width, printed", LOOKS[ScalingAxis.WIDTH], Origin.PRINTED, DOTS)
COMPUTED = FigureCurve("Width, recomputed", LOOKS[ScalingAxis.WIDTH], Origin.COMPUTED, DOTS, joined=False)


def test_every_point_lies_where_it_should_and_carries_its_name():
    trace = draw_curves([PRINTED], X, Y).data[0]
    assert (trace.x, trace.y) == ((0.5, 1.5), (76.1, 78.9))
    assert [data[0] for data in trace.customdata] == ["w = 1", "w = 2"]
    assert trace.text == ("", "w = 2")


def test_recomputed_points_are_open_and_their_line_is_dotted():
    printed, computed = draw_curves([PRINTED, COMPUTED], X, Y).data
    assert printed.marker.symbol == ("square", "star")
    assert computed.marker.symbol == ("square-open", "star-open")
    assert (printed.mode, computed.mode) == ("lines+markers+text", "markers+text")
    assert (printed.line.width, computed.line.width, computed.line.dash) == (2, 1.5, "dot")


def test_a_point_may_have_a_look_of_its_own():
    trace = draw_curves([PRINTED], X, Y).data[0]
    assert trace.marker.color == (LOOKS[ScalingAxis.WIDTH].colour, LOOKS[ScalingAxis.COMPOUND].colour)
    assert trace.textfont.color is None  # ink: small words need more contrast than marks


def test_hover_tells_the_origin_and_the_source():
    words = curve_hover(DOTS[0], COMPUTED, X, Y)
    assert "0.5 billion MACs (recomputed by EffViz)" in words
    assert "76.1 % top-1" in words
    assert "Source: Figure 3" in words
    assert "(printed in the paper)" in curve_hover(DOTS[0], PRINTED, X, Y)


def test_axes_say_what_they_show():
    layout = draw_curves([PRINTED], X, Y).layout
    assert (layout.xaxis.type, layout.xaxis.title.text) == ("log", "MACs (billions)")
    assert (layout.yaxis.type, layout.yaxis.title.text) == (None, "top-1 (%)")


def test_a_label_may_stand_elsewhere_than_its_curves():
    moved = FigureCurve(
        "Width",
        LOOKS[ScalingAxis.WIDTH],
        Origin.PRINTED,
        (DOTS[0], CurvePoint("w = 2", 1, 2, "", "w", None, "top left")),
    )
    assert draw_curves([moved], X, Y).data[0].textposition == ("bottom right", "top left")
