"""Both sides of the rows that take the peer a minute do the same work, or their times would mean nothing."""

import numpy as np
import pytest

from effviz.bench import peer_comparisons
from effviz.explain.data_types import Floats, Method
from effviz.zoo.catalogue import parse_model
from effviz.zoo.loading import load


@pytest.fixture(scope="module")
def subject() -> peer_comparisons.CamSubject:
    return peer_comparisons.CamSubject.of([load(parse_model("lite0@64"))])


def alike(ours: Floats, theirs: Floats) -> bool:
    """Compare a map of 2 x 2 cells with the library's, which is cut at zero and enlarged."""
    step = theirs.shape[0] // 2
    cells = theirs.reshape(2, step, 2, step).mean(axis=(1, 3))
    return bool(np.corrcoef(np.maximum(ours, 0).ravel(), cells.ravel())[0, 1] > 0.95)


@pytest.mark.parametrize(
    ("row", "method", "peers_name"),
    [("_score", Method.SCORECAM, "ScoreCAM"), ("_ablation", Method.ABLATIONCAM, "AblationCAM")],
)
def test_both_sides_of_a_long_row_run_one_method_for_one_class(
    row: str, method: Method, peers_name: str, subject: peer_comparisons.CamSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not run to the end, which takes the peer 1280 passes: that they then find one map is held in tests/explain."""
    ours: list[tuple[object, ...]] = []
    theirs: list[tuple[object, ...]] = []
    monkeypatch.setattr(peer_comparisons, "activation_map", lambda known, *asked: ours.append((known.model, *asked)))
    monkeypatch.setattr(peer_comparisons, "grad_cam", lambda *asked: lambda pixels: theirs.append((*asked, pixels)))
    sides = getattr(peer_comparisons, row)(subject)
    sides.ours()
    sides.peer()
    assert ours == [(subject.models[0], peer_comparisons.CLASS, method)]
    assert theirs == [(subject.models[0], peer_comparisons.CLASS, peers_name, subject.pixels[0])]


def test_many_photos_are_the_same_maps_on_both_sides(
    subject: peer_comparisons.CamSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_comparisons, "MANY", 5)
    ours, theirs = [], []
    cam, batch = peer_comparisons.closed_form.cam, peer_comparisons.grad_cam_batch

    def noted(*given: object) -> object:
        explain = batch(*given)
        return lambda pixels: theirs.extend(explain(pixels))

    monkeypatch.setattr(peer_comparisons.closed_form, "cam", lambda *given: ours.append(cam(*given)))
    monkeypatch.setattr(peer_comparisons, "grad_cam_batch", noted)
    sides = peer_comparisons._many(subject)
    sides.ours()
    sides.peer()
    assert len(ours) == len(theirs) == 5
    for mine, other in zip(ours, theirs, strict=True):
        assert alike(mine, other) if mine.max() > 0 else not other.any()
