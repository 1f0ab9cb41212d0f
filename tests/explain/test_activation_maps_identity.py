import pytest

from effviz.explain.activation_maps import group_identical, identical_methods, map_difference
from effviz.explain.cam_methods import CAM_METHODS
from effviz.explain.data_types import Method

CLOSED = [method for method in Method if CAM_METHODS[method].closed_form]
ONE_MAP = {Method.CAM, Method.GRADCAM, Method.HIRESCAM, Method.XGRADCAM, Method.SHAPLEYCAM}


def test_five_names_are_one_map_and_relu6_makes_two_more_equal(small_lite):
    found = [set(group) for group in identical_methods(small_lite, 285, CLOSED)]
    assert ONE_MAP in found
    assert {Method.LAYERCAM, Method.ELEMENTWISE_GRADCAM} in found


def test_with_silu_layercam_and_elementwise_gradcam_part(silu):
    found = [set(group) for group in identical_methods(silu, 285, CLOSED)]
    assert ONE_MAP in found
    assert {Method.LAYERCAM} in found
    assert {Method.ELEMENTWISE_GRADCAM} in found


def test_every_quick_method_is_in_one_group_and_slow_ones_are_left_out(small_lite):
    found = identical_methods(small_lite, 285, [*CLOSED, Method.SCORECAM])
    assert sorted(method for group in found for method in group) == sorted(CLOSED)


def test_groups_in_numbers(make_map):
    first = make_map([[0, 2], [1, -1]], method=Method.CAM)
    scaled = make_map([[0, 1], [0.5, -0.5]], method=Method.GRADCAM)
    near = make_map([[0.0001, 2], [1, -1]], method=Method.XGRADCAM)  # 0.00005 of the largest
    shifted = make_map([[1, 3], [2, 0]], method=Method.LAYERCAM)
    turned = make_map([[0, -2], [-1, 1]], method=Method.EIGENCAM)
    found = group_identical([first, scaled, near, shifted, turned])
    assert [group.methods for group in found] == [
        (Method.CAM, Method.GRADCAM, Method.XGRADCAM),
        (Method.LAYERCAM,),
        (Method.EIGENCAM,),
    ]
    assert found[0].difference == pytest.approx(0.00005)
    assert found[1].difference == 0


def test_maps_of_different_grids_or_without_anything(make_map):
    empty, full = make_map([[0, 0]]), make_map([[1, 2]])
    assert map_difference(full, make_map([[1], [2]])) == float("inf")
    assert map_difference(empty, empty) == 0
    assert map_difference(empty, full) == 1
