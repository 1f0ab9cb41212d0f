"""The benchmark's arithmetic, and that both sides use the same networks; no time is asserted."""

import pytest

from effviz.bench.benchmark import PeerRow
from effviz.bench.network_timing import bench_scaling


def test_ratio_and_targets_by_hand():
    row = PeerRow("b0", (0.5,), (200,), 300, "", most_ms=1)
    assert row.ratio == 400
    assert row.met


@pytest.mark.parametrize(("ours_ms", "peer_ms"), [(1.1, 2000), (0.5, 149), (2.0, 100)])
def test_both_targets_have_to_be_met(ours_ms, peer_ms):
    assert not PeerRow("b0", (ours_ms,), (peer_ms,), 300, "", most_ms=1).met


def test_a_run_gives_b0_and_b7():
    rows = bench_scaling(repeats=1)
    assert [(row.name, row.most_ms) for row in rows] == [("b0", 1.0), ("b7", 3.0)]
    assert [row.target for row in rows] == ["at most 1 ms, at least 300x", "at most 3 ms, at least 300x"]
    assert all(row.ours_ms > 0 and row.peer_ms > 0 for row in rows)
