"""Accuracy versus latency: Table 4 as printed, and measured networks in their own series."""

from effviz.evaluate.single_core_latency import Latency
from effviz.facts.timm_results import KnownAccuracy
from effviz.ui.paper.latency import latency_curves, latency_figure, series_title
from tests.facts.conftest import load

KNOWN = KnownAccuracy(79.1, "some weights", "a table")


def measured(model: str, px: int, *runs_ms: float) -> Latency:
    return Latency(model, px, runs_ms, 7_794_184, "a processor", "torch 2", 1, "2026-11-24 12:00")


# Twenty runs: 50 ms on average, and squares of the differences that add up to 19 times 2.5 squared.
B1 = measured("b1", 240, 57.5, 42.5, 51.75, 48.25, 50.25, 49.75, *[50.0] * 14)
RESNET = measured("resnet152", 224, 290.0)
LITE = measured("lite0", 224, 20.0)


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
    shown = {trace.name: trace for trace in latency_figure([(B1, KNOWN), (RESNET, KNOWN), (LITE, KNOWN)]).data}
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
    titles = map(series_title, ("b1", "beit_base", "lite4", "bat_resnext26ts"))
    assert [title.split(",")[0] for title in titles] == [
        "EfficientNet",
        "Other networks",
        "EfficientNet-Lite",
        "Other networks",
    ]
