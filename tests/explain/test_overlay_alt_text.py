import numpy as np
import pytest

from effviz import i18n
from effviz.explain.data_types import Box, Method
from effviz.explain.overlay import describe_map, peak_region, top_share


def test_a_map_without_positive_evidence_says_so(make_map):
    assert describe_map(make_map([[-0.3, -2.0]])) == "No positive evidence for German Shepherd Dog (max -0.3)."


def test_an_untrained_map_means_nothing_whatever_it_shows(make_map):
    text = describe_map(make_map([[5.0, -2.0]], trained=False, model="scaled-d4-w1@224"))
    assert text == "scaled-d4-w1@224 is untrained: its weights are random, and this map means nothing."


def test_the_peak_and_the_concentration_are_told(make_map):
    values = np.zeros((5, 5))
    values[0, 0], values[4, 4] = 3, 1
    # the strongest 20 % are 5 of 25 cells: all of the evidence
    assert describe_map(make_map(values)) == (
        "Evidence for German Shepherd Dog is strongest in the upper left of the photo; "
        "the strongest 20 % of the area seen holds 100 % of it."
    )


def test_a_method_without_a_class_is_not_given_one(make_map):
    text = describe_map(make_map([[1.0, 0.0]], method=Method.EIGENCAM))
    assert "German" not in text
    assert "whatever the class" in text


@pytest.mark.parametrize(
    ("row", "column", "region"),
    [(0, 0, "upper left"), (0, 1, "upper centre"), (1, 0, "middle left"), (1, 1, "centre"), (2, 2, "lower right")],
)
def test_regions_are_ninths_of_the_photo(make_map, row, column, region):
    values = np.zeros((3, 3))
    values[row, column] = 1
    assert peak_region(make_map(values)) == region


def test_the_region_is_of_the_photo_not_of_the_crop(make_map):
    # the model saw only the middle third of a panorama: its leftmost cell is in the centre of the photo
    panorama = make_map([[1.0, 0.0, 0.0]], Box(300, 0, 600, 300), photo_size=(900, 300))
    assert peak_region(panorama) == "centre"


def test_the_share_of_an_even_map_is_the_area():
    assert top_share(np.ones((7, 7), np.float32)) == pytest.approx(0.2)
    assert top_share(np.ones((1, 1), np.float32)) == pytest.approx(0.2)


def test_the_share_by_hand():
    # 10 cells: the strongest two hold 3 + 2 of 3 + 2 + 1 + 1 + 1; negative cells do not count
    values = np.float32([[3, 1, -9, 1, 2, 1, 0, 0, 0, -1]])
    assert top_share(values) == pytest.approx(5 / 8)


def test_without_evidence_there_is_no_share():
    assert top_share(np.zeros((3, 3), np.float32)) == 0


def test_the_sentence_is_in_the_visitors_language(make_map, translate):
    translate(
        "de",
        {
            "Evidence for {name} is strongest in the {region} of the photo; "
            "the strongest {area} % of the area seen holds {share} % of it.": "{share} % davon liegen {region}.",
            "upper left": "oben links",
        },
    )
    token = i18n.thread_language.set("de")
    try:
        # 20 % of the area are 0.8 of a cell, and all evidence lies in one
        assert describe_map(make_map([[1.0, 0.0], [0.0, 0.0]])) == "80 % davon liegen oben links."
    finally:
        i18n.thread_language.reset(token)
