"""Printed and recomputed points can always be told apart."""

import pytest

from effviz.facts.paper_tables import PaperVersion
from effviz.plots.paper_curves import (
    CurvePoint,
    FigureAxis,
    FigureCurve,
    Origin,
    curve_hover,
    draw_curves,
    figure3,
    figure4,
    figure8,
    table7,
)
from effviz.plots.style import LOOKS
from effviz.scaling import PUBLISHED, plan
from effviz.zoo.presets import ScalingAxis
from tests.facts.conftest import load

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


# Every plotted value equals its table; recomputed costs come from plan().


def points(curve):
    return [(dot.x, dot.y) for dot in curve.dots]


def titled(drawn):
    return {curve.title: curve for curve in drawn}


def expected(name, column, value):
    table = load(name)
    return list(
        table[table[column] == value][["flops_billions", "imagenet_top1_pct"]].itertuples(index=False, name=None)
    )


@pytest.mark.parametrize("method", ["width", "depth", "resolution"])
def test_figure_3_printed_and_recomputed(method):
    drawn = titled(figure3())
    assert points(drawn[f"{method.title()}, printed"]) == expected("fig3_single_dimension", "dimension", method)
    factors = load("fig3_single_dimension").query("dimension == @method")["coefficient"]
    planned = {
        "width": lambda by: plan(1, by, 224),
        "depth": lambda by: plan(by, 1, 224),
        "resolution": lambda by: plan(1, 1, round(224 * by)),
    }[method]
    computed = drawn[f"{method.title()}, recomputed"]
    assert [dot.x for dot in computed.dots] == [planned(by).macs / 1e9 for by in factors]
    assert [dot.y for dot in computed.dots] == [dot.y for dot in drawn[f"{method.title()}, printed"].dots]


@pytest.mark.parametrize("method", ["width", "depth", "resolution", "compound"])
def test_figure_8_printed_in_the_methods_colour(method):
    drawn = titled(figure8())
    printed, computed = drawn[f"{method.title()}, printed"], drawn[f"{method.title()}, recomputed"]
    assert points(printed) == expected("fig8_scaling_methods", "method", method)
    assert printed.look == computed.look == LOOKS[ScalingAxis(method)]
    assert (printed.origin, computed.origin) == (Origin.PRINTED, Origin.COMPUTED)


def test_the_compound_curve_is_recomputed_from_the_published_coefficients():
    computed = titled(figure8())["Compound, recomputed"]
    networks = [PUBLISHED[f"b{i}"] for i in range(5)]
    assert [dot.x for dot in computed.dots] == [plan(n.depth, n.width, n.resolution).macs / 1e9 for n in networks]


@pytest.mark.parametrize(
    ("depth", "resolution", "role"),
    [
        (1.0, 1.0, ScalingAxis.WIDTH),
        (1.0, 1.3, ScalingAxis.RESOLUTION),
        (2.0, 1.0, ScalingAxis.DEPTH),
        (2.0, 1.3, ScalingAxis.COMPOUND),
    ],
)
def test_figure_4_has_a_line_for_each_baseline(depth, resolution, role):
    line = titled(figure4())[f"d = {depth:g}, r = {resolution:g}, printed"]
    rows = load("fig4_width_by_baseline").query("baseline_d == @depth and baseline_r == @resolution")
    assert points(line) == list(rows[["flops_billions", "imagenet_top1_pct"]].itertuples(index=False, name=None))
    assert line.look == LOOKS[role]


def test_figure_4_is_recomputed_where_the_width_is_known_and_says_where_not():
    computed = figure4()[-1]
    assert computed.origin is Origin.COMPUTED
    assert [dot.x for dot in computed.dots] == [plan(1, w, 224).macs / 1e9 for w in (1, 1.4, 1.8, 2.6, 3.8, 5)]
    names = [dot.name for curve in figure4()[:-1] for dot in curve.dots]
    assert sum("w not printed" in name for name in names) == 34 - 6


@pytest.mark.parametrize("version", PaperVersion)
def test_table_7_printed_and_recomputed(version):
    printed, computed = table7(version)
    table = load("table7_scaled")
    column = "top1_pct_v1v2" if version is PaperVersion.V1 else "top1_pct"
    assert [dot.x for dot in printed.dots] == list(table["flops_billions"])
    assert [dot.y for dot in printed.dots] == [dot.y for dot in computed.dots] == list(table[column])
    sizes = [(1, 1, 224), (4, 1, 224), (1, 2, 224), (1, 1, 448), (1.4, 1.2, 300)]
    assert [dot.x for dot in computed.dots] == [plan(*size).macs / 1e9 for size in sizes]
    assert [dot.look for dot in printed.dots] == [LOOKS[ScalingAxis(method)] for method in table["scaling"]]


def test_every_recomputed_point_says_so_in_its_source():
    for curve in (*figure3(), *figure4(), *figure8(), *table7(PaperVersion.V5)):
        for dot in curve.dots:
            assert dot.source.startswith("MACs counted by EffViz") == (curve.origin is Origin.COMPUTED)
