"""Every plotted value is that of its table; recomputed costs are plan()'s."""

import pytest

from effviz.facts import PaperVersion, load
from effviz.plots.paper_curves import Origin, figure3, figure4, figure8, table7
from effviz.plots.style import LOOKS
from effviz.scaling import PUBLISHED, plan
from effviz.zoo.presets import ScalingAxis


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
