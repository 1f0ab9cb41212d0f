"""The benchmark's arithmetic and rows on small models; no time is asserted."""

import numpy as np
import pytest

from effviz.bench import peer_comparisons
from effviz.bench.benchmark import PeerRow, against_one, side_by_side
from effviz.bench.peer_comparisons import bench_cam
from effviz.explain.activation_maps import activation_map
from effviz.explain.data_types import Floats, Method
from effviz.zoo.catalogue import parse_model
from effviz.zoo.loading import load
from effviz.zoo.model import Model

REFS = (parse_model("lite0@64"),)


def test_ratio_and_target_by_hand():
    row = PeerRow("maps", (9, 10, 30), (70, 90, 80), 8, "8x or more")
    assert (row.ours_ms, row.peer_ms, row.ratio, row.met) == (10, 80, 8, True)
    assert row.cells() == ("maps", "10.0 (9.0-30.0)", "80.0 (70.0-90.0)", "8.00x", "8x or more: met")
    assert not PeerRow("maps", (10,), (79,), 8, "8x or more").met


def test_each_timed_run_follows_an_untimed_one_of_the_same_side():
    order = []
    ours, peer = side_by_side(lambda: order.append("ours"), lambda: order.append("peer"), 3)
    assert order == ["ours", "ours", "peer", "peer"] * 3
    assert len(ours) == len(peer) == 3


def test_a_peers_long_work_is_timed_once():
    order = []
    ours, peer = against_one(lambda: order.append("ours"), lambda: order.append("peer"), 2)
    assert order == ["ours"] * 4 + ["peer"]
    assert (len(ours), len(peer)) == (2, 1)


def measured() -> tuple[list[PeerRow], list[str]]:
    """Run the rows that do not take minutes, and check the sentences about the others."""
    found = list(bench_cam(1, REFS, long=False))
    return [row for row in found if isinstance(row, PeerRow)], [text for text in found if isinstance(text, str)]


def test_a_run_gives_every_comparison():
    rows, skipped = measured()
    assert len(rows) == 6
    assert [sentence.split(" by")[0] for sentence in skipped] == [
        "Ablation-CAM",
        "Score-CAM",
        "CAM of 200 photos",
    ]
    assert all("--long" in sentence for sentence in skipped)
    assert all(row.ours_ms > 0 and row.peer_ms > 0 and row.target for row in rows)


def test_a_missing_peer_is_said_plainly(monkeypatch):
    monkeypatch.setattr(peer_comparisons, "find_spec", lambda _name: None)
    monkeypatch.setenv("EFFVIZ_ENGINE", "torch")
    rows, skipped = measured()
    assert len(rows) == 4
    assert [sentence.split(":")[0] for sentence in skipped[:2]] == [
        "torchcam is left out",
        "OpenVINO alone is left out",
    ]


@pytest.mark.parametrize("peer", [peer_comparisons.grad_cam, peer_comparisons.torchcam_grad_cam])
def test_both_sides_find_the_same_map(peer):
    """Otherwise the times would compare different work."""
    subject = peer_comparisons.CamSubject.of([load(parse_model("lite0@128"))])
    ours = np.maximum(activation_map(subject.forwards[0], peer_comparisons.CLASS).values, 0)
    theirs = peer(subject.models[0], peer_comparisons.CLASS)(subject.forwards[0].prepared.pixels)
    step = theirs.shape[0] // ours.shape[0]
    cells = theirs.reshape(ours.shape[0], step, ours.shape[1], step).mean(axis=(1, 3))  # upsampled by the library
    assert np.corrcoef(ours.ravel(), cells.ravel())[0, 1] > 0.95


def test_both_sides_of_the_long_rows_do_the_same_work(monkeypatch):
    """Check the images and channels that each side gets, on a small network; both sides run to the end."""
    monkeypatch.setattr(peer_comparisons, "MANY", 20)
    subject = peer_comparisons.CamSubject.of([load(parse_model("lite0@64"))])
    batches = []
    monkeypatch.setattr(
        peer_comparisons, "grad_cam_of_any", lambda _model: lambda pixels, _index: batches.append(pixels.shape)
    )
    many = peer_comparisons._many(subject)
    many.ours()
    many.peer()
    assert batches == [(16, 3, 64, 64), (4, 3, 64, 64)]
    monkeypatch.undo()
    ablation = peer_comparisons._channelwise(Method.ABLATIONCAM, subject)
    ablation.ours()
    assert "Ablation-CAM by lite0@64" in ablation.name


def test_the_peers_batch_is_its_single_maps():
    model = load(parse_model("lite0@64"))
    pixels = np.random.default_rng(0).standard_normal((2, 3, 64, 64), np.float32)
    together = peer_comparisons.grad_cam_of_any(model)(pixels, 281)
    alone = [peer_comparisons.grad_cam(model, 281)(one[None]) for one in pixels]
    assert np.allclose(together, alone, atol=1e-3)


# In rows that take the peer a minute, both sides do the same work; otherwise their times would be meaningless.


@pytest.fixture(scope="module")
def subject() -> peer_comparisons.CamSubject:
    return peer_comparisons.CamSubject.of([load(parse_model("lite0@64"))])


def alike(ours: Floats, theirs: Floats) -> bool:
    """Compare a map of 2 x 2 cells with the library's, which is clipped at zero and upsampled."""
    step = theirs.shape[0] // 2
    cells = theirs.reshape(2, step, 2, step).mean(axis=(1, 3))
    return bool(np.corrcoef(np.maximum(ours, 0).ravel(), cells.ravel())[0, 1] > 0.95)


@pytest.mark.parametrize(("method", "peers_name"), [(Method.SCORECAM, "ScoreCAM"), (Method.ABLATIONCAM, "AblationCAM")])
def test_both_sides_of_a_long_row_run_one_method_for_one_class(
    method: Method, peers_name: str, subject: peer_comparisons.CamSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop early, because the peer needs 1280 passes; tests/explain checks that the full maps agree."""
    ours: list[tuple[object, ...]] = []
    theirs: list[tuple[object, ...]] = []
    monkeypatch.setattr(peer_comparisons, "activation_map", lambda known, *asked: ours.append((known.model, *asked)))
    monkeypatch.setattr(peer_comparisons, "grad_cam", lambda *asked: lambda pixels: theirs.append((*asked, pixels)))
    sides = peer_comparisons._channelwise(method, subject)
    sides.ours()
    sides.peer()
    assert ours == [(subject.models[0], peer_comparisons.CLASS, method)]
    assert theirs == [(subject.models[0], peer_comparisons.CLASS, peers_name, subject.pixels[0])]


def test_many_photos_are_the_same_maps_on_both_sides(
    subject: peer_comparisons.CamSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_comparisons, "MANY", 5)
    ours, theirs = [], []
    cam, batch = peer_comparisons.activation_maps.cam, peer_comparisons.grad_cam_of_any

    def noted(model: Model) -> object:
        explain = batch(model)
        return lambda pixels, index: theirs.extend(explain(pixels, index))

    monkeypatch.setattr(peer_comparisons.activation_maps, "cam", lambda *given: ours.append(cam(*given)))
    monkeypatch.setattr(peer_comparisons, "grad_cam_of_any", noted)
    sides = peer_comparisons._many(subject)
    sides.ours()
    sides.peer()
    assert len(ours) == len(theirs) == 5
    for mine, other in zip(ours, theirs, strict=True):
        assert alike(mine, other) if mine.max() > 0 else not other.any()
