"""The benchmark's arithmetic and rows on small models; no time is asserted."""

import numpy as np
import pytest

from effviz.bench import cam, peers
from effviz.bench.cam import CamRow, bench
from effviz.bench.timing import Times, side_by_side
from effviz.explain.maps import activation_map
from effviz.zoo.catalogue import parse
from effviz.zoo.loading import load

REFS = (parse("lite0@64"),)


def test_ratio_and_target_by_hand():
    row = CamRow("maps", Times((9, 10, 30)), Times((70, 90, 80)), 8, "8x or more")
    assert (row.ours_ms, row.peer_ms, row.ratio, row.met) == (10, 80, 8, True)
    assert str(row.ours) == "10.0 (9.0-30.0)"
    assert not CamRow("maps", Times((10,)), Times((79,)), 8, "8x or more").met


def test_sides_are_warmed_up_and_run_in_turn():
    order = []
    ours, peer = side_by_side(lambda: order.append("ours"), lambda: order.append("peer"), 3)
    assert order == ["ours", "peer"] * 5
    assert len(ours.runs_ms) == len(peer.runs_ms) == 3


def test_a_run_gives_every_comparison():
    result = bench(1, REFS)
    assert len(result.rows) == 6
    assert not result.skipped
    assert all(row.ours_ms > 0 and row.peer_ms > 0 and row.target for row in result.rows)


def test_a_missing_peer_is_said_plainly(monkeypatch):
    monkeypatch.setattr(peers, "torchcam_missing", lambda: True)
    monkeypatch.setenv("EFFVIZ_ENGINE", "torch")
    result = bench(1, REFS)
    assert len(result.rows) == 4
    assert [sentence.split(":")[0] for sentence in result.skipped] == [
        "torchcam is left out",
        "OpenVINO alone is left out",
    ]


@pytest.mark.parametrize("peer", [peers.grad_cam, peers.torchcam_grad_cam])
def test_both_sides_find_the_same_map(peer):
    """Else the times would compare different work."""
    subject = cam._subject([load(parse("lite0@128"))])
    ours = np.maximum(activation_map(subject.forwards[0], cam.CLASS).values, 0)
    theirs = peer(subject.models[0], cam.CLASS)(subject.forwards[0].prepared.pixels)
    step = theirs.shape[0] // ours.shape[0]
    cells = theirs.reshape(ours.shape[0], step, ours.shape[1], step).mean(axis=(1, 3))  # enlarged by the library
    assert np.corrcoef(ours.ravel(), cells.ravel())[0, 1] > 0.95
