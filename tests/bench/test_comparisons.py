"""Both sides of the rows that take the peer a minute find the same map: else their times would compare other work."""

import numpy as np
import pytest

from effviz.bench import comparisons, peers
from effviz.explain.results import Floats, Method
from effviz.zoo.catalogue import parse
from effviz.zoo.loading import load


@pytest.fixture(scope="module")
def subject() -> comparisons.Subject:
    return comparisons.Subject.of([load(parse("lite0@96"))])


def alike(ours: Floats, theirs: Floats) -> bool:
    """Compare a map of 3 x 3 cells with the library's, which is cut at zero and enlarged."""
    step = theirs.shape[0] // 3
    cells = theirs.reshape(3, step, 3, step).mean(axis=(1, 3))
    return bool(np.corrcoef(np.maximum(ours, 0).ravel(), cells.ravel())[0, 1] > 0.95)


@pytest.mark.parametrize(("row", "method"), [("_score", Method.SCORECAM), ("_ablation", Method.ABLATIONCAM)])
def test_both_sides_of_a_long_row_find_the_same_map(
    row: str, method: Method, subject: comparisons.Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    explain = comparisons.activation_map
    monkeypatch.setattr(comparisons, "activation_map", lambda *given: found.append(explain(*given)))
    sides = getattr(comparisons, row)(subject)
    sides.ours()
    (ours,) = found
    assert ours.method is method
    assert alike(ours.values, sides.peer())


def test_many_photos_are_the_same_maps_on_both_sides(
    subject: comparisons.Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparisons, "MANY", 5)
    ours, theirs = [], []
    cam, batch = comparisons.closed.cam, peers.grad_cam_batch

    def noted(*given: object) -> object:
        explain = batch(*given)
        return lambda pixels: theirs.extend(explain(pixels))

    monkeypatch.setattr(comparisons.closed, "cam", lambda *given: ours.append(cam(*given)))
    monkeypatch.setattr(peers, "grad_cam_batch", noted)
    sides = comparisons._many(subject)
    sides.ours()
    sides.peer()
    assert len(ours) == len(theirs) == 5
    for mine, other in zip(ours, theirs, strict=True):
        assert alike(mine, other) if mine.max() > 0 else not other.any()
