import numpy as np
import pytest

from effviz.evaluate.sanity import ssim

PICTURE = np.random.default_rng(0).random((17, 14))


def by_windows(a, b) -> float:
    """Eq. 13 of the paper, window by window."""
    offsets = np.arange(-5, 6)
    weights = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    weights /= weights.sum()
    scores = []
    for row in range(a.shape[0] - 10):
        for column in range(a.shape[1] - 10):
            x, y = (picture[row : row + 11, column : column + 11] for picture in (a, b))
            mx, my = (weights * x).sum(), (weights * y).sum()
            sx, sy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
            both = (weights * (x - mx) * (y - my)).sum()
            scores.append((2 * mx * my + 1e-4) * (2 * both + 9e-4) / ((mx**2 + my**2 + 1e-4) * (sx + sy + 9e-4)))
    return float(np.mean(scores))


def test_equal_pictures_have_one():
    assert ssim(PICTURE, PICTURE) == pytest.approx(1)


def test_it_equals_the_papers_sum_over_windows():
    other = 0.7 * PICTURE + 0.3 * np.random.default_rng(1).random(PICTURE.shape)
    assert ssim(PICTURE, other) == pytest.approx(by_windows(PICTURE, other))
    assert ssim(PICTURE, 1 - PICTURE) == pytest.approx(by_windows(PICTURE, 1 - PICTURE))
    assert ssim(PICTURE, 1 - PICTURE) < 0


def test_two_even_pictures_by_hand():
    # only the light differs: (2 * 0.2 * 0.6 + 0.0001) / (0.04 + 0.36 + 0.0001)
    assert ssim(np.full((11, 11), 0.2), np.full((11, 11), 0.6)) == pytest.approx(0.2401 / 0.4001)


@pytest.mark.parametrize("shapes", [((10, 30), (10, 30)), ((20, 20), (20, 21))])
def test_pictures_that_do_not_fit_are_a_mistake(shapes):
    with pytest.raises(ValueError, match="pictures of"):
        ssim(*(np.zeros(shape) for shape in shapes))
