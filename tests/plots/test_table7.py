"""The mini family's figures draw the measured values, in the colours of the scaling methods."""

from dataclasses import replace

import pytest

from effviz.plots.style import LOOKS
from effviz.scaling import Family
from effviz.ui.paper import table7 as plots
from effviz.zoo.manifest import CheckpointEntry
from effviz.zoo.presets import EpochResult, MiniNetwork, ScalingAxis

ENTRY = CheckpointEntry(
    name="mini-width",
    file="mini/width.safetensors",
    sha256="0" * 64,
    family=Family.EFFICIENTNET,
    depth=0.5,
    width=1.11,
    resolution_px=96,
    classes=("a", "b"),
    licence="Apache-2.0",
    origin="trained here",
    top1_pct=75.0,
    top1_source="measured",
    top1_pictures=3925,
)
WIDE = MiniNetwork(
    ScalingAxis.WIDTH, ENTRY, 54_000_000, 75.0, (73.5, 76.2), (EpochResult(1, 40.0, 2.0), EpochResult(2, 75.0, 1.0))
)
BASE = replace(WIDE, role=ScalingAxis.BASELINE, macs=13_500_000, top1_pct=70.0, interval_pct=(68.0, 71.0))


def test_accuracy_stands_over_macs_with_its_interval():
    base, wide = plots.mini_accuracy([BASE, WIDE]).data
    assert (list(base.x), list(base.y)) == ([13.5], [70.0])
    assert (list(wide.x), list(wide.y)) == ([54.0], [75.0])
    assert list(wide.error_y.array) == pytest.approx([1.2])
    assert list(wide.error_y.arrayminus) == pytest.approx([1.5])
    assert wide.marker.color == LOOKS[ScalingAxis.WIDTH].colour
    assert "73.5 to 76.2" in wide.hovertext[0]


def test_learning_is_top1_after_each_epoch():
    [line] = plots.mini_learning([WIDE]).data
    assert (list(line.x), list(line.y)) == ([1, 2], [40.0, 75.0])
    assert (line.line.color, line.line.dash) == (LOOKS[ScalingAxis.WIDTH].colour, LOOKS[ScalingAxis.WIDTH].dash)
