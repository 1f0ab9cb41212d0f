"""The parts of a stage add up to the stage."""

from effviz.scaling import Operator, plan
from effviz.ui.paper.table1 import block_parts_figure, part_macs

B0 = plan(1, 1, 224)


def test_bars_of_a_stage_add_up_to_its_macs():
    drawn = block_parts_figure(B0)
    assert drawn.layout.barmode == "stack"
    for position, stage in enumerate(B0.stages):
        assert round(sum(trace.y[position] for trace in drawn.data) * 1e6) == stage.macs


def test_parts_of_stage_2_by_hand():
    """112 x 112 cells: depthwise 3 x 3 on 32 channels, 1 x 1 to 16; 32 channels squeezed to 8 and back."""
    cells = 112 * 112
    assert part_macs(B0, 2, Operator.DEPTHWISE) == cells * 9 * 32
    assert part_macs(B0, 2, Operator.PROJECT) == cells * 32 * 16
    assert part_macs(B0, 2, Operator.SQUEEZE) == part_macs(B0, 2, Operator.EXCITE) == 32 * 8
    assert part_macs(B0, 2, Operator.EXPAND) == 0
    named = {trace.name: trace.y[1] for trace in block_parts_figure(B0).data}
    assert named["project"] == cells * 32 * 16 / 1e6


def test_no_two_parts_look_the_same():
    looks = {(trace.marker.color, trace.marker.pattern.shape) for trace in block_parts_figure(B0).data}
    assert len(looks) == len(block_parts_figure(B0).data) == len(Operator)
