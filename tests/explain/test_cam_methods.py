import numpy as np
import pytest

from effviz.explain.activation_maps import activation_map
from effviz.explain.cam_methods import CAM_METHODS, slow, supported
from effviz.explain.data_types import Method, TargetLayer


@pytest.mark.parametrize("method", Method)
def test_every_method_is_explained_in_one_sentence_with_a_source(method):
    fact = CAM_METHODS[method]
    assert fact.title
    assert fact.sentence.endswith(".")
    assert ". " not in fact.sentence
    assert fact.paper.startswith("https://")


@pytest.mark.parametrize("method", Method)
def test_the_table_says_truly_whether_the_class_matters(small_lite, method):
    layer = (
        TargetLayer.LAST
        if CAM_METHODS[method].last_layer_only or CAM_METHODS[method].closed_form
        else TargetLayer.STRIDE_2
    )
    layer = TargetLayer.STRIDE_4 if method is Method.KPCACAM else layer
    one, other = (activation_map(small_lite, index, method, layer).values for index in (285, 3))
    assert np.array_equal(one, other) is not CAM_METHODS[method].uses_target


def test_cam_and_fullgrad_are_for_the_last_layer_and_all_others_for_any():
    everywhere = {method for method in Method if supported(method, TargetLayer.STRIDE_8)}
    assert everywhere == set(Method) - {Method.CAM, Method.FULLGRAD}
    assert all(supported(method, TargetLayer.LAST) for method in Method)


def test_slow_methods_are_those_with_a_pass_a_channel():
    assert {method for method in Method if slow(method, TargetLayer.LAST)} == {Method.SCORECAM}
    assert {method for method in Method if slow(method, TargetLayer.STRIDE_16)} == {Method.SCORECAM, Method.ABLATIONCAM}
