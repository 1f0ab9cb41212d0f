"""Data sets in each form, written by hand."""

import dataclasses
import json
import math
from pathlib import Path

import pytest
from PIL import Image

from effviz.errors import DatasetError, TargetError
from effviz.evaluate import datasets
from effviz.evaluate.datasets import Sample, open_dataset
from effviz.explain.results import Box
from effviz.zoo.catalogue import parse
from effviz.zoo.classes import imagenet

LITE = parse("lite0").spec


def photo(path: Path, size=(60, 40)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "orange").save(path)
    return path


def edges(sample):
    return [(b.x0, b.y0, b.x1, b.y1) for b in sample.truth.boxes]


class TestFolder:
    def test_photos_are_found_at_any_depth_in_one_order(self, tmp_path):
        for name in ("b.png", "a.JPG", "more/deep/c.webp", ".hidden/d.png", "._a.jpg"):
            photo(tmp_path / name) if not name.endswith("JPG") else photo(tmp_path / "a.jpg").rename(tmp_path / name)
        (tmp_path / "notes.txt").write_text("no photo")
        found = open_dataset(tmp_path)
        assert [sample.name for sample in found.samples] == ["a.JPG", "b.png", "more/deep/c.webp"]
        assert not found.annotated
        assert found.labelled  # "more" may be a class that a model knows

    def test_class_folders_are_numbers_synsets_or_names(self, tmp_path):
        for name in ("7/a.png", "n01440764/b.png", "Tench/c.png", "my cat/d.png", "e.png"):
            photo(tmp_path / name)
        by_name = {sample.name: sample for sample in open_dataset(tmp_path).samples}
        # n01440764 is tench, class 0 of ImageNet
        expected = {"7/a.png": 7, "n01440764/b.png": 0, "Tench/c.png": 0, "my cat/d.png": None, "e.png": None}
        assert {name: sample.label for name, sample in by_name.items()} == expected
        assert by_name["my cat/d.png"].class_names == ("my cat",)

    def test_a_flat_folder_has_no_labels(self, tmp_path):
        photo(tmp_path / "a.png")
        assert not open_dataset(tmp_path).labelled

    def test_its_fingerprint_changes_with_its_photos(self, tmp_path):
        photo(tmp_path / "a.png")
        before = open_dataset(tmp_path).fingerprint
        assert open_dataset(tmp_path).fingerprint == before
        photo(tmp_path / "a.png", (600, 400))
        larger = open_dataset(tmp_path).fingerprint
        photo(tmp_path / "b.png")
        assert len({before, larger, open_dataset(tmp_path).fingerprint}) == 3

    def test_without_photos_it_is_refused(self, tmp_path):
        with pytest.raises(DatasetError, match="has no photos"):
            open_dataset(tmp_path)


ENTRY = {
    "file": "images/a.jpg", "width": 500, "height": 375, "label": 65, "wnid": "n01751748", "name": "sea snake",
    "boxes_xyxy": [[111.0, 108.0, 441.0, 193.0], [0, 1, 2, 3]],
}  # fmt: skip


class TestAnnotations:
    def write(self, folder, *entries):
        (folder / "annotations.json").write_text(json.dumps(entries))
        return folder

    def test_boxes_label_and_size(self, tmp_path):
        found = open_dataset(self.write(tmp_path, ENTRY, {"file": "b.jpg"}))
        first, second = found.samples
        assert (first.path, first.name) == (tmp_path / "images/a.jpg", "images/a.jpg")
        assert (first.label, first.size, edges(first)) == (65, (500, 375), [(111, 108, 441, 193), (0, 1, 2, 3)])
        assert (second.label, second.truth, second.size) == (None, None, None)
        assert found.annotated
        assert found.labelled

    def test_the_photos_may_lie_elsewhere(self, tmp_path):
        found = open_dataset(self.write(tmp_path, ENTRY), tmp_path / "other")
        assert found.samples[0].path == tmp_path / "other/images/a.jpg"

    @pytest.mark.parametrize(
        ("entry", "reason"),
        [
            ({}, "'file' is missing"),
            ({"file": "a", "boxes_xyxy": [[1, 2, 3]]}, "[1.0, 2.0, 3.0] is no box"),
            ({"file": "a", "boxes_xyxy": [[1, 2, math.nan, 4]]}, "[1.0, 2.0, nan, 4.0] is no box"),
            ({"file": "a", "boxes_xyxy": 5}, "5 are no boxes"),
            ({"file": "a", "boxes_xyxy": [5]}, "[5] are no boxes"),
            ({"file": "a", "label": "x"}, "'x'"),
            (3, "3 is no object"),
        ],
    )
    def test_a_wrong_entry_is_named_and_why(self, tmp_path, entry, reason):
        with pytest.raises(DatasetError, match=r"Entry 1 of .*annotations.json") as caught:
            open_dataset(self.write(tmp_path, ENTRY, entry))
        assert reason in str(caught.value)

    @pytest.mark.parametrize("text", ["{", '{"a": 1}', "7"])
    def test_other_json_is_refused(self, tmp_path, text):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(DatasetError, match=r"x\.json"):
            open_dataset(tmp_path / "x.json")


POLYGON = [10, 5, 40, 5, 40, 25, 10, 25]


class TestCoco:
    def write(self, folder, **changes):
        photo(folder / "val2017" / "1.png")
        content = {
            "images": [{"id": 1, "file_name": "1.png", "width": 60, "height": 40}],
            "categories": [{"id": 3, "name": "zebra"}, {"id": 4, "name": "person"}],
            "annotations": [
                {"image_id": 1, "category_id": 3, "bbox": [10, 5, 30, 20], "segmentation": [POLYGON]},
                {"image_id": 1, "category_id": 4, "bbox": [50, 30, 5, 6], "segmentation": [[50, 30, 55, 30, 55, 36]]},
                {"image_id": 1, "category_id": 4, "bbox": [0, 0, 9, 9], "segmentation": [], "iscrowd": 1},
            ],
        } | changes
        (folder / "annotations").mkdir()
        file = folder / "annotations" / "instances_val2017.json"
        file.write_text(json.dumps(content))
        return file

    def test_a_photo_comes_once_for_each_class_in_it(self, tmp_path):
        found = open_dataset(self.write(tmp_path))
        zebra, person = found.samples
        assert (zebra.name, zebra.label) == ("1.png [zebra]", 340)  # ImageNet's zebra
        assert (person.name, person.label, person.class_names) == ("1.png [person]", None, ("person",))
        assert zebra.path == tmp_path / "val2017/1.png"
        assert edges(zebra) == [(10, 5, 40, 25)]  # COCO writes x, y, width, height
        assert edges(person) == [(50, 30, 55, 36)]  # without the crowd

    def test_or_once_with_all_that_is_in_it(self, tmp_path):
        found = open_dataset(self.write(tmp_path), by_class=False)
        assert [sample.name for sample in found.samples] == ["1.png"]
        assert len(edges(found.samples[0])) == 2
        assert not found.labelled

    def test_outlines_wait_as_they_are_until_the_photo_is_open(self, tmp_path):
        zebra, _person = open_dataset(self.write(tmp_path)).samples
        assert zebra.truth.mask is None
        ((corners,),) = zebra.outlines
        assert corners.tolist() == POLYGON

    def test_a_photo_or_a_class_that_is_listed_twice_is_one(self, tmp_path):
        photos = [{"id": number, "file_name": "1.png", "width": 60, "height": 40} for number in (1, 2)]
        classes = [{"id": number, "name": "zebra"} for number in (3, 5)]
        objects = [
            {"image_id": photo, "category_id": of, "bbox": [x, 0, 1, 2]} for photo, of, x in ((2, 5, 9), (1, 3, 7))
        ]
        file = self.write(tmp_path, images=photos, categories=classes, annotations=objects)
        (sample,) = open_dataset(file).samples
        assert (sample.name, sample.label, edges(sample)) == ("1.png [zebra]", 340, [(9, 0, 10, 2), (7, 0, 8, 2)])

    def test_objects_of_classes_without_a_name_are_of_none(self, tmp_path):
        objects = [{"image_id": 1, "category_id": of, "bbox": [of, 0, 1, 2]} for of in (8, 9)]
        (sample,) = open_dataset(self.write(tmp_path, annotations=objects)).samples
        assert (sample.name, sample.label, len(edges(sample))) == ("1.png", None, 2)

    def test_without_outlines_boxes_do(self, tmp_path):
        objects = [{"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]}]
        (sample,) = open_dataset(self.write(tmp_path, annotations=objects)).samples
        assert (sample.outlines, sample.truth.boxes) == ((), (Box(1, 2, 4, 6),))

    @pytest.mark.parametrize(
        "outline",
        [
            [[]], [[1, 2, 3]], [[1, 2, 3, 4]], [POLYGON, [1, 2]], [[*POLYGON, 1]], [[[1, 2], [3, 4]]], ["abc"],
            "abc", 7, {}, {"size": [40, 60]}, {"counts": None, "size": [40, 60]}, {"counts": ["x"], "size": [40, 60]},
            {"counts": [10**30], "size": [40, 60]}, {"counts": [2400]},
        ],
    )  # fmt: skip
    def test_an_outline_that_is_none_leaves_the_box(self, tmp_path, outline):
        objects = [{"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "segmentation": outline}]
        (sample,) = open_dataset(self.write(tmp_path, annotations=objects)).samples
        assert (sample.outlines, sample.truth.boxes) == ((), (Box(1, 2, 4, 6),))

    def test_an_endless_photo_is_refused(self, tmp_path):
        endless = [{"id": 1, "file_name": "1.png", "width": math.inf, "height": 40}]
        with pytest.raises(DatasetError, match="not as COCO writes it"):
            open_dataset(self.write(tmp_path, images=endless))

    @pytest.mark.parametrize(
        "changes", [{"image_id": 2}, {"bbox": [1, 2, 3]}, {"bbox": [1, 2, math.nan, 4]}, {"bbox": None}]
    )
    def test_a_wrong_object_is_refused(self, tmp_path, changes):
        objects = [{"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]} | changes]
        with pytest.raises(DatasetError, match="not as COCO writes it"):
            open_dataset(self.write(tmp_path, annotations=objects))


class TestBoxTable:
    def test_kaggles_solution(self, tmp_path):
        photo(tmp_path / "val" / "n01440764" / "ILSVRC2012_val_00000001.png")
        file = tmp_path / "LOC_val_solution.csv"
        file.write_text("ImageId,PredictionString\nILSVRC2012_val_00000001,n01440764 1 2 30 40 n01440764 5 6 7 8 \n")
        found = open_dataset(file, tmp_path / "val")
        (sample,) = found.samples
        assert sample.path == tmp_path / "val" / "n01440764" / "ILSVRC2012_val_00000001.png"
        assert (sample.label, edges(sample)) == (0, [(1, 2, 30, 40), (5, 6, 7, 8)])

    def test_one_box_a_row(self, tmp_path):
        photo(tmp_path / "a.png")
        (tmp_path / "boxes.csv").write_text("file,xmin,ymin,xmax,ymax,label\na.png,1,2,3,4,9\na.png,5,6,7,8,9\n")
        (sample,) = open_dataset(tmp_path).samples  # the only table in the folder stands for it
        assert (sample.path, sample.label) == (tmp_path / "a.png", 9)
        assert edges(sample) == [(1, 2, 3, 4), (5, 6, 7, 8)]

    def test_a_photo_may_have_another_suffix(self, tmp_path):
        photo(tmp_path / "a.png")
        (tmp_path / "boxes.csv").write_text("file,x0,y0,x1,y1\na.JPEG,1,2,3,4\n")
        assert open_dataset(tmp_path / "boxes.csv").samples[0].path == tmp_path / "a.png"

    def test_a_photo_that_is_not_there_stays_in_the_list(self, tmp_path):
        (tmp_path / "boxes.csv").write_text("file,x0,y0,x1,y1\nlost.png,1,2,3,4\n")
        (sample,) = open_dataset(tmp_path / "boxes.csv").samples
        assert (sample.path, sample.label) == (tmp_path / "lost.png", None)

    @pytest.mark.parametrize("line", ["a.png,1,2,3", "a.png,1,2,3,x", "a.png,1,2,3,", "a.png,1,2,3,nan"])
    def test_a_wrong_line_is_named(self, tmp_path, line):
        (tmp_path / "boxes.csv").write_text(f"file,x0,y0,x1,y1\n{line}\n")
        with pytest.raises(DatasetError, match="Line 2"):
            open_dataset(tmp_path / "boxes.csv")

    @pytest.mark.parametrize("line", ["a.png,1,2,3", "a.png,1,2,3,4,5"])
    def test_a_line_of_another_length_is_told_in_words(self, tmp_path, line):
        (tmp_path / "boxes.csv").write_text(f"file,x0,y0,x1,y1\n{line}\n")
        with pytest.raises(DatasetError, match="more or fewer cells than the header"):
            open_dataset(tmp_path / "boxes.csv")

    @pytest.mark.parametrize("words", ["", "n01440764 1 2 3", "n01440764 1 2 3 4 5"])
    def test_an_incomplete_prediction_is_named(self, tmp_path, words):
        (tmp_path / "boxes.csv").write_text(f"ImageId,PredictionString\na,{words}\n")
        with pytest.raises(DatasetError, match="Line 2"):
            open_dataset(tmp_path / "boxes.csv")

    def test_letters_in_another_code_are_refused(self, tmp_path):
        (tmp_path / "boxes.csv").write_bytes("file,x0,y0,x1,y1\nKöln.png,1,2,3,4\n".encode("latin-1"))
        with pytest.raises(DatasetError, match="cannot be read"):
            open_dataset(tmp_path / "boxes.csv")

    def test_other_columns_are_refused(self, tmp_path):
        (tmp_path / "boxes.csv").write_text("name,age\nx,3\n")
        with pytest.raises(DatasetError, match="other columns"):
            open_dataset(tmp_path / "boxes.csv")


def test_a_file_that_may_not_be_read_is_said(tmp_path, monkeypatch):
    (tmp_path / "x.json").write_text("[]")

    def refuses(_):
        raise PermissionError(13, "Permission denied", "x.json")

    monkeypatch.setattr(datasets.Path, "exists", refuses)
    with pytest.raises(DatasetError, match="Permission denied"):
        open_dataset(tmp_path / "x.json")


@pytest.mark.parametrize("name", ["nothing", "text.txt"])
def test_no_data_set_at_all(tmp_path, name):
    (tmp_path / "text.txt").write_text("hello")
    with pytest.raises(DatasetError, match="are allowed"):
        open_dataset(tmp_path / name)


def test_a_choice_depends_on_the_seed_alone(tmp_path):
    for number in range(30):
        photo(tmp_path / f"{number:02d}.png")
    found = open_dataset(tmp_path)
    assert list(found.chosen(None, 0)) == list(found.chosen(99, 3)) == list(range(30))
    some = found.chosen(10, 0)
    assert some == found.chosen(10, 0) != found.chosen(10, 1)
    assert some == sorted(set(some))
    assert len(some) == 10


class TestClassForAModel:
    """ImageNet's number where the model has ImageNet's classes, else by name."""

    def sample(self, tmp_path, **entry):
        (tmp_path / "annotations.json").write_text(json.dumps([{"file": "a.jpg", **entry}]))
        return open_dataset(tmp_path).samples[0]

    def other(self, *names):
        return dataclasses.replace(LITE, name="mine", classes=names)

    def test_number_of_an_imagenet_model(self, tmp_path):
        assert self.sample(tmp_path, label=340, name="zebra").class_for(LITE) == 340

    def test_name_of_any_other(self, tmp_path):
        assert self.sample(tmp_path, label=340, name="zebra").class_for(self.other("horse", "Zebra")) == 1

    def test_synset_stands_for_its_names(self, tmp_path):
        assert self.sample(tmp_path, wnid="n01440764").class_for(self.other("cat", "tench")) == 1

    def test_a_bare_number_is_the_models_own(self, tmp_path):
        assert self.sample(tmp_path, label=1).class_for(self.other("cat", "dog")) == 1

    def test_a_number_with_an_unknown_name_is_not_guessed(self, tmp_path):
        with pytest.raises(TargetError, match="'zebra'"):
            self.sample(tmp_path, label=1, name="zebra").class_for(self.other("cat", "dog"))

    @pytest.mark.parametrize("label", [-1, 1000, 2019, 20240131123000])
    def test_a_number_that_the_model_has_not_is_no_class(self, tmp_path, label):
        with pytest.raises(TargetError, match=f"Class {label} does not exist, which a.jpg has: .* classes 0 to 999"):
            self.sample(tmp_path, label=label).class_for(LITE)

    def test_a_number_is_checked_against_the_models_own_classes(self, tmp_path):
        with pytest.raises(TargetError, match="classes 0 to 1"):
            self.sample(tmp_path, label=2).class_for(self.other("cat", "dog"))

    @pytest.mark.parametrize("entry", [{"name": "zebra"}, {"name": "Zebra"}, {"wnid": "n02391049"}])  # class 340
    def test_a_number_and_a_name_of_two_classes_are_both_said(self, tmp_path, entry):
        sample = self.sample(tmp_path, label=3, **entry)
        with pytest.raises(TargetError, match=r"label 3, which is tiger shark, .*(zebra|Zebra|n02391049).* 340"):
            sample.class_for(LITE)
        assert sample.class_for(self.other("horse", "zebra")) == 1  # its own numbers are the data set's affair

    def test_a_word_that_two_classes_share_goes_with_either(self, tmp_path):
        # "crane" is a bird (134) and a machine (517), and WordNet calls a projectile (744) a missile (657) too
        for label, name in ((134, "crane"), (517, "crane"), (744, "missile"), (657, "missile"), (3, "Nemo")):
            assert self.sample(tmp_path, label=label, name=name).class_for(LITE) == label

    def test_every_class_goes_with_its_own_words(self, tmp_path):
        for entry in imagenet():
            words = (entry.name, entry.synset, *entry.lemmas)
            assert Sample(tmp_path, "a.jpg", entry.index, class_names=words).class_for(LITE) == entry.index

    def test_no_class_is_said(self, tmp_path):
        with pytest.raises(TargetError, match="no class"):
            self.sample(tmp_path).class_for(LITE)
