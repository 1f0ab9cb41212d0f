"""Latency against accuracy: Table 4 as printed, and measured networks in their own series."""

from effviz.facts.tables import load
from effviz.facts.timm_results import KnownAccuracy
from effviz.ui.paper.latency import MeasuredLatency, latency_curves, latency_figure

KNOWN = KnownAccuracy(79.1, "some weights", "a table")
B1 = MeasuredLatency("b1@240", 50.0, 2.5, 20, KNOWN, "EffViz on a processor")
RESNET = MeasuredLatency(
    "resnet152@224", 290.0, 9.0, 20, KnownAccuracy(77.8, "others", "a table"), "EffViz on a processor"
)
LITE = MeasuredLatency("lite0@224", 20.0, 1.0, 20, KNOWN, "EffViz on a processor")


def test_table_4_is_printed_in_milliseconds() -> None:
    ours, others = latency_curves([])
    table = load("table4_latency").set_index("model")
    assert [dot.name for dot in ours.dots] == ["EfficientNet-B1", "EfficientNet-B7"]
    assert [dot.name for dot in others.dots] == ["ResNet-152", "GPipe"]
    for dot in (*ours.dots, *others.dots):
        assert dot.x == 1000 * table.loc[dot.name, "latency_seconds"]
        assert dot.y == table.loc[dot.name, "top1_pct_as_printed_in_table4"]
        assert "Intel Xeon" in dot.source


def test_measured_networks_have_their_own_series() -> None:
    shown = {trace.name: trace for trace in latency_figure([B1, RESNET, LITE]).data}
    assert list(shown) == [
        "EfficientNet, printed in Table 4",
        "Other networks, printed in Table 4",
        "EfficientNet, measured here",
        "EfficientNet-Lite, measured here",
        "Other networks, measured here",
    ]
    efficientnets = shown["EfficientNet, measured here"]
    assert (efficientnets.x, efficientnets.y, efficientnets.text) == ((50.0,), (79.1,), ("B1",))
    assert efficientnets.error_x.array == (2.5,)
    assert efficientnets.marker.symbol == ("star-open",)
    assert "standard deviation 2.5 ms, 20 runs" in efficientnets.hovertext[0]
    assert "recomputed" not in efficientnets.hovertext[0]
    assert shown["Other networks, measured here"].x == (290.0,)
    assert shown["EfficientNet-Lite, measured here"].text == ("Lite0",)


def test_a_name_that_begins_like_an_efficientnet_is_none() -> None:
    names = {
        of: MeasuredLatency(of, 1, 0, 1, KNOWN, "").kind
        for of in ("b1@240", "beit_base@224", "lite4@300", "bat_resnext26ts@256")
    }
    assert [kind.split(",")[0] for kind in names.values()] == [
        "EfficientNet",
        "Other networks",
        "EfficientNet-Lite",
        "Other networks",
    ]
