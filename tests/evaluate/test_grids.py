"""Maps averaged to a common grid."""

import numpy as np
import pytest

from effviz.evaluate.grids import averaged


def test_four_cells_become_their_mean(make_map):
    fine = [[1, 3, 0, 0], [5, 7, 0, 8], [2, 2, 1, 1], [2, 2, 1, -5]]
    assert averaged(make_map(fine), 2).values.tolist() == [[4, 2], [2, -0.5]]


def test_a_cell_in_two_parts_counts_by_its_share_of_each(make_map):
    # Four columns as three parts: each part is 4/3 columns wide, so the second holds 2/3 of columns 1 and 2.
    row = averaged(make_map(np.tile([3.0, 6.0, 0.0, 9.0], (3, 1))), 3).values[0]
    assert row.tolist() == pytest.approx([(3 + 6 / 3) / (4 / 3), (6 * 2 / 3) / (4 / 3), (9 + 0) / (4 / 3)])


def test_the_mean_stays_and_the_map_says_the_same_about_itself(make_map):
    entry = make_map(np.random.default_rng(0).normal(size=(7, 9)))
    found = averaged(entry, 3)
    assert found.values.mean() == pytest.approx(entry.values.mean(), abs=1e-6)
    assert (found.model, found.seen, found.photo_size) == (entry.model, entry.seen, entry.photo_size)
    assert not found.values.flags.writeable


def test_a_coarser_map_keeps_its_cells(make_map):
    coarse = [[1.0, 2.0], [3.0, 4.0]]
    assert averaged(make_map(coarse), 3).values.tolist() == coarse
