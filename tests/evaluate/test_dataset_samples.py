"""Masks match images drawn by Pillow and packed by COCO's own code; a mask that does not fit its photo is an error."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageDraw
from pycocotools import mask as coco

from effviz.errors import DatasetError, TargetError
from effviz.evaluate.dataset_samples import DatasetSample, GroundTruth, Mask, draw_outlines, read_outline
from effviz.evaluate.datasets import open_dataset
from effviz.explain.data_types import Box
from effviz.zoo.catalogue import parse_model
from effviz.zoo.imagenet_classes import all_classes

SIZE = (60, 40)  # width, height


def pixels(outlines, size=SIZE) -> np.ndarray:
    """Draw the outlines of a file as a mask (H, W)."""
    found = np.zeros(size[::-1], bool)
    for x0, y0, x1, y1 in draw_outlines([read_outline(outline) for outline in outlines], size).strips.astype(int):
        found[y0:y1, x0:x1] = True
    return found


def rectangles(*edges) -> np.ndarray:
    picture = Image.new("1", SIZE)
    for each in edges:
        ImageDraw.Draw(picture).rectangle(each, fill=1)
    return np.asarray(picture)


def test_polygons_are_filled_together():
    first, second = [10, 5, 40, 5, 40, 25, 10, 25], [30, 20, 50, 20, 50, 35, 30, 35]
    expected = rectangles((10, 5, 39, 24), (30, 20, 49, 34))
    np.testing.assert_array_equal(pixels([[first, second]]), expected)
    np.testing.assert_array_equal(pixels([[first], [second]]), expected)


def test_run_lengths_count_down_the_columns():
    # 2 columns of 40 empty pixels, then 5 marked ones at the top of the third
    found = pixels([{"counts": [80, 5, 60 * 40 - 85], "size": [40, 60]}])
    assert np.argwhere(found).tolist() == [[0, 2], [1, 2], [2, 2], [3, 2], [4, 2]]


@given(arrays.arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_packed_run_lengths_are_those_that_coco_packs(mask):
    packed = coco.encode(np.asfortranarray(mask, np.uint8))
    outline = {"counts": packed["counts"].decode(), "size": packed["size"]}
    np.testing.assert_array_equal(pixels([outline], mask.shape[::-1]), mask)


def test_long_run_lengths_are_read_whole():
    mask = np.zeros((1500, 2000), bool)  # a run of half a million takes four letters
    mask[:, 700:1100] = True
    packed = coco.encode(np.asfortranarray(mask, np.uint8))
    outline = {"counts": packed["counts"].decode(), "size": [1500, 2000]}
    np.testing.assert_array_equal(pixels([outline], (2000, 1500)), mask)


def test_what_is_packed_and_what_is_drawn_go_together():
    polygon, counts = [[10, 5, 40, 5, 40, 25, 10, 25]], {"counts": [0, 40, 60 * 40 - 40], "size": [40, 60]}
    np.testing.assert_array_equal(pixels([polygon, counts]), rectangles((10, 5, 39, 24), (0, 0, 0, 39)))


@pytest.mark.parametrize(
    ("outline", "words"),
    [
        ({"counts": [5, 5], "size": [40, 60]}, "do not add up"),
        ({"counts": [], "size": [40, 60]}, "do not add up"),
        ({"counts": [2401, -1], "size": [40, 60]}, "do not add up"),
        ({"counts": [2**63 - 1, 2**63 - 1, 2402], "size": [40, 60]}, "do not add up"),  # 2400 where numbers wrap around
        ({"counts": [10**12], "size": [10**6, 10**6]}, "another size"),
        ({"counts": "", "size": [40, 60]}, "COCO's compressed format"),
        ({"counts": "no!", "size": [40, 60]}, "COCO's compressed format"),
        ({"counts": "\ud800", "size": [40, 60]}, "surrogates"),
        ({"counts": "0P", "size": [40, 60]}, "COCO's compressed format"),  # ends in the middle of a number
        ({"counts": "o" * 50 + "0", "size": [40, 60]}, "COCO's compressed format"),  # a number of 250 bits
        ({"counts": "PP1", "size": [40, 60]}, "do not add up"),
        ([[0, 0, 1e9, 0, 1e9, 1e9]], "far outside"),
        ([[0, 0, float("nan"), 0, 9, 9]], "far outside"),
    ],
)
def test_an_outline_that_does_not_fit_its_photo_is_said(outline, words):
    with pytest.raises(ValueError, match=words):
        draw_outlines([read_outline(outline)], SIZE)


def test_a_polygon_that_reaches_over_the_border_is_cut_there():
    np.testing.assert_array_equal(pixels([[[50, 30, 90, 30, 90, 70, 50, 70]]]), rectangles((50, 30, 59, 39)))


# A photo's class in a model: ImageNet's number if the model has ImageNet's classes, otherwise by name.

LITE = parse_model("lite0").spec


def sample(tmp_path, **entry):
    (tmp_path / "annotations.json").write_text(json.dumps([{"file": "a.jpg", **entry}]))
    return open_dataset(tmp_path).samples[0]


def other(*names):
    return dataclasses.replace(LITE, name="mine", classes=names)


def test_number_of_an_imagenet_model(tmp_path):
    assert sample(tmp_path, label=340, name="zebra").class_for(LITE) == 340


def test_name_of_any_other(tmp_path):
    assert sample(tmp_path, label=340, name="zebra").class_for(other("horse", "Zebra")) == 1


def test_synset_stands_for_its_names(tmp_path):
    assert sample(tmp_path, wnid="n01440764").class_for(other("cat", "tench")) == 1


def test_a_bare_number_is_the_models_own(tmp_path):
    assert sample(tmp_path, label=1).class_for(other("cat", "dog")) == 1


@pytest.mark.parametrize("entry", [{"label": 10}, {"label": "10"}])
def test_a_number_is_first_the_name_of_a_class(tmp_path, entry):
    numbers = sorted(str(number) for number in range(1, 13))  # 1, 10, 11, 12, 2 ..., the order of folders
    assert numbers[sample(tmp_path, **entry).class_for(other(*numbers))] == "10"
    assert sample(tmp_path, **entry).class_for(other(*"abcdefghijkl")) == 10
    assert sample(tmp_path, **entry).class_for(LITE) == 10


def test_of_two_classes_that_differ_in_their_letters_the_one_that_is_meant_is_taken(tmp_path):
    assert [sample(tmp_path, name=name).class_for(other("A", "a")) for name in ("A", "a")] == [0, 1]


def test_a_number_with_an_unknown_name_is_not_guessed(tmp_path):
    with pytest.raises(TargetError, match="'zebra'"):
        sample(tmp_path, label=1, name="zebra").class_for(other("cat", "dog"))


@pytest.mark.parametrize("label", [-1, 1000, 2019, 20240131123000])
def test_a_number_that_the_model_has_not_is_no_class(tmp_path, label):
    with pytest.raises(TargetError, match=f"a.jpg has label {label}, which does not exist: .* classes 0 to 999"):
        sample(tmp_path, label=label).class_for(LITE)


def test_a_number_is_checked_against_the_models_own_classes(tmp_path):
    with pytest.raises(TargetError, match="classes 0 to 1"):
        sample(tmp_path, label=2).class_for(other("cat", "dog"))


@pytest.mark.parametrize("entry", [{"name": "zebra"}, {"name": "Zebra"}, {"wnid": "n02391049"}])  # class 340
def test_a_number_and_a_name_of_two_classes_are_both_said(tmp_path, entry):
    photo = sample(tmp_path, label=3, **entry)
    with pytest.raises(TargetError, match=r"label 3 \(tiger shark\) .*(zebra|Zebra|n02391049).* 340"):
        photo.class_for(LITE)
    assert photo.class_for(other("horse", "zebra")) == 1  # label numbers do not refer to this model's classes


def test_a_word_that_two_classes_share_goes_with_either(tmp_path):
    # "crane" is a bird (134) and a machine (517), and WordNet calls a projectile (744) a missile (657) too
    for label, name in ((134, "crane"), (517, "crane"), (744, "missile"), (657, "missile"), (3, "Nemo")):
        assert sample(tmp_path, label=label, name=name).class_for(LITE) == label


def test_every_class_goes_with_its_own_words(tmp_path):
    for entry in all_classes():
        words = (entry.name, entry.synset, *entry.lemmas)
        assert DatasetSample(tmp_path, "a.jpg", entry.index, class_names=words).class_for(LITE) == entry.index


def test_no_class_is_said(tmp_path):
    with pytest.raises(TargetError, match="no class"):
        sample(tmp_path).class_for(LITE)


# Ground truth.

PHOTO = (100, 50)  # width, height
corner = st.integers(-5, 25)
boxes = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), corner, corner, st.integers(0, 20), st.integers(0, 20))


def painted(truth: GroundTruth, width: int, height: int) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    for box in truth.boxes:
        mask[max(0, int(box.y0)) : max(0, int(box.y1)), max(0, int(box.x0)) : max(0, int(box.x1))] = True
    return mask


def test_overlapping_boxes_count_once():
    # 40x20 and 40x20 with 20x10 in common: 1600 - 200 of 5000 pixels
    truth = GroundTruth((Box(0, 0, 40, 20), Box(20, 10, 60, 30)))
    assert truth.share(PHOTO) == pytest.approx(1400 / 5000)


@given(st.lists(boxes, max_size=5))
def test_share_and_points_equal_painting(found):
    truth, mask = GroundTruth(tuple(found)), painted(GroundTruth(tuple(found)), 20, 15)
    assert truth.share((20, 15)) == pytest.approx(mask.mean())
    assert [[truth.holds(x + 0.5, y + 0.5, (20, 15)) for x in range(20)] for y in range(15)] == mask.tolist()


@given(st.lists(boxes, max_size=5))
def test_the_parts_of_the_union_do_not_overlap(found):
    parts = GroundTruth(tuple(found)).union((20, 15))
    area = sum((part.x1 - part.x0) * (part.y1 - part.y0) for part in parts)
    assert area == painted(GroundTruth(tuple(found)), 20, 15).sum()
    assert (painted(GroundTruth(parts), 20, 15) == painted(GroundTruth(tuple(found)), 20, 15)).all()


def test_what_lies_outside_the_photo_is_left_out():
    assert GroundTruth((Box(-50, -10, 10, 60),)).share(PHOTO) == pytest.approx(10 * 50 / 5000)
    assert GroundTruth((Box(120, 0, 140, 10),)).share(PHOTO) == 0
    assert GroundTruth((Box(120, 0, 140, 10),)).inside(PHOTO) == ()


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Box(0, 0, 20, 20), True),
        (Box(40, 20, 60, 30), False),  # small, centred
        (Box(0, 0, 45, 50), False),  # 45 %, off-centre
        (Box(0, 0, 25, 50), False),  # exactly a quarter is not less than a quarter
        (Box(0, 0, 24.9, 50), True),
        (Box(30, 0, 50, 50), True),  # ends at the centre
        (Box(50, 25, 60, 40), False),  # begins at the centre
        (Box(200, 0, 210, 10), False),  # outside the photo
    ],
)
def test_small_and_off_centre(box, expected):
    assert GroundTruth((box,)).small_and_off_centre(PHOTO) is expected


def test_a_mask_says_what_is_object_whatever_the_boxes_say():
    mask = np.zeros((50, 100), bool)
    mask[10:20, 30:50] = True
    truth = GroundTruth((Box(0, 0, 100, 50),), Mask.of(mask))
    assert truth.share(PHOTO) == pytest.approx(0.04)
    assert truth.holds(30.5, 10.5, PHOTO)
    assert not truth.holds(29.5, 10.5, PHOTO)
    assert truth.small_and_off_centre(PHOTO)


@given(st.lists(boxes, max_size=5))
def test_strips_cover_the_pixels_that_are_marked(found):
    pixels = painted(GroundTruth(tuple(found)), 20, 15)
    truth = GroundTruth((), Mask.of(pixels))
    assert truth.share((20, 15)) == pytest.approx(pixels.mean())
    assert [[truth.holds(x + 0.5, y + 0.5, (20, 15)) for x in range(20)] for y in range(15)] == pixels.tolist()
    assert sum(x1 - x0 for x0, _y0, x1, _y1 in truth.mask.strips) == pixels.sum()


def test_a_mask_takes_little_memory_whatever_the_photos_size():
    pixels = np.zeros((3000, 4000), bool)
    pixels[1000:2000, 500:3500] = True
    assert Mask.of(pixels).strips.shape == (1000, 4)  # one strip per row: 32 kB for 12 MB


def test_distance_by_hand():
    # 3 px left and 4 px above the corner (30, 10)
    mask = np.zeros((50, 100), bool)
    mask[10:20, 30:50] = True
    for truth in (GroundTruth((Box(30, 10, 50, 20), Box(90, 40, 95, 45))), GroundTruth((), Mask.of(mask))):
        assert truth.distance(27, 6, PHOTO) == pytest.approx(5)
        assert truth.distance(40, 26, PHOTO) == pytest.approx(6)
        assert truth.distance(40, 15, PHOTO) == 0
    assert GroundTruth(()).distance(1, 1, PHOTO) == math.inf


def test_a_point_is_looked_up_without_the_union_of_the_boxes(monkeypatch):
    """The union is quadratic in the number of boxes, 150 ms for a thousand, and every map and control would need it."""
    monkeypatch.setattr(GroundTruth, "union", None)
    truth = GroundTruth((Box(0, 0, 40, 20), Box(20, 10, 60, 30)))
    assert truth.holds(30, 15, PHOTO)
    assert truth.distance(63, 34, PHOTO) == pytest.approx(5)


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(DatasetError, match="A mask is 50 x 100 pixels and its upright photo 100 x 50"):
        GroundTruth((), Mask.of(np.zeros((100, 50), bool))).share(PHOTO)
