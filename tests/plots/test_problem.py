"""The roof and the cut draw the computed values, each network in its method's colour."""

from effviz.plots.style import LOOKS
from effviz.scaling import plan
from effviz.scaling.feasible_region import BindingLimit, EdgePoint, RegionPoint
from effviz.ui.paper.problem import edge, roof
from effviz.zoo.presets import ScalingAxis

MESH = (
    (RegionPoint(1.0, 224, 3.0, BindingLimit.MEMORY), RegionPoint(1.0, 336, 2.0, BindingLimit.MACS)),
    (RegionPoint(2.0, 224, 1.5, BindingLimit.MEMORY), RegionPoint(2.0, 280, 1.0, BindingLimit.MACS)),
)
NETWORKS = {
    ScalingAxis.BASELINE: plan(1, 1, 224),
    ScalingAxis.DEPTH: plan(3, 1, 224),
    ScalingAxis.WIDTH: plan(1, 2, 224),
}
POINTS = (EdgePoint(1.0, 448, 672), EdgePoint(1.5, 336, 280), EdgePoint(2.0, 280, None))


def traces(drawn):
    return {trace.name: trace for trace in drawn.data if trace.name}


def test_the_roof_is_the_mesh():
    surface = traces(roof(MESH, NETWORKS))["The deepest that fits"]
    assert surface.x == ([1.0, 1.0], [2.0, 2.0])
    assert surface.y == ([1.0, 1.5], [1.0, 1.25])
    assert surface.z == ([3.0, 2.0], [1.5, 1.0])
    assert surface.surfacecolor == ([1, 0], [1, 0])
    assert "r = 1.50 (336 px)<br>at most d = 2.00: Limited by MACs" in surface.customdata[0][1]


def test_each_limit_that_stops_something_has_its_colour_and_its_key():
    drawn = traces(roof(MESH, NETWORKS))
    colours = dict(drawn["The deepest that fits"].colorscale)
    assert drawn["Limited by MACs"].marker.color == colours[0.0]
    assert drawn["Limited by memory"].marker.color == colours[1.0] != colours[0.0]
    only = tuple(tuple(of._replace(stopped_by=BindingLimit.MACS) for of in row) for row in MESH)
    assert "Limited by memory" not in traces(roof(only, NETWORKS))


def test_limits_never_look_like_a_way_of_scaling():
    scaled = {LOOKS[role].colour for role in ScalingAxis if role is not ScalingAxis.BASELINE}
    assert not scaled & {trace.line.color for trace in edge(POINTS, {}, 2.0).data}


def test_networks_stand_in_the_roof_in_their_colours():
    drawn = traces(roof(MESH, NETWORKS))
    for role, title, place in (
        (ScalingAxis.BASELINE, "Baseline", (1, 1, 1)),
        (ScalingAxis.DEPTH, "Depth", (1, 1, 3)),
        (ScalingAxis.WIDTH, "Width", (2, 1, 1)),
    ):
        trace = drawn[title]
        assert (trace.x[0], trace.y[0], trace.z[0]) == place
        assert trace.marker.color == LOOKS[role].colour


def test_names_in_the_roof_are_never_behind_it_and_have_the_pages_ink():
    """A scene's annotations are above everything that it draws; without an explicit colour they take the page's."""
    notes = roof(MESH, NETWORKS).layout.scene.annotations
    assert [(note.text, note.x, note.y, note.z) for note in notes] == [
        ("<b>Depth</b>", 1.0, 1.0, 3.0),
        ("<b>Width</b>", 2.0, 1.0, 1.0),
    ]
    assert {note.font.color for note in notes} == {None}
    assert not any(trace.text for trace in roof(MESH, NETWORKS).data if trace.type == "scatter3d")


def test_a_cut_has_a_line_for_each_limit_and_the_area_below_both():
    drawn = traces(edge(POINTS, {ScalingAxis.WIDTH: NETWORKS[ScalingAxis.WIDTH]}, 2.0))
    assert drawn["MACs limit"].y == (2.0, 1.5, 1.25)
    assert drawn["Memory limit"].y == (3.0, 1.25, None)
    assert drawn["MACs limit"].customdata == (448, 336, 280)
    assert (drawn["Fits"].x, drawn["Fits"].y) == ((1.0, 1.5), (2.0, 1.25))
    assert drawn["MACs limit"].line.dash != drawn["Memory limit"].line.dash
    width = drawn["Width"]
    assert (width.x, width.y, width.marker.color, width.marker.symbol) == (
        (2,),
        (1.0,),
        LOOKS[ScalingAxis.WIDTH].colour,
        "square",
    )


def test_nothing_may_fit():
    assert traces(edge((EdgePoint(1.0, None, None),), {}, 1.0))["Fits"].x == ()
