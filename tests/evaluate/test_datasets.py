"""Hand-written data sets in every format."""

import hashlib
import json
import math
import os
import sys
from pathlib import Path
from typing import ClassVar

import pytest
from PIL import Image

from effviz.errors import DatasetError
from effviz.evaluate import datasets, run_store, voc
from effviz.evaluate.datasets import open_dataset
from effviz.evaluate.image_folder import PhotoIndex
from effviz.evaluate.measurements import prepare_photo
from effviz.explain.data_types import Box


def photo(path: Path, size=(60, 40)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "orange").save(path)
    return path


def edges(sample):
    return [(b.x0, b.y0, b.x1, b.y1) for b in sample.boxes]


class TestFolder:
    def test_photos_are_found_at_any_depth_in_one_order(self, tmp_path):
        for name in ("b.png", "a.JPG", "more/deep/c.webp", ".hidden/d.png", "._a.jpg"):
            photo(tmp_path / name) if not name.endswith("JPG") else photo(tmp_path / "a.jpg").rename(tmp_path / name)
        (tmp_path / "notes.txt").write_text("no photo")
        found = open_dataset(tmp_path)
        assert [sample.name for sample in found.samples] == ["a.JPG", "b.png", "more/deep/c.webp"]
        assert not found.annotated
        assert found.labelled  # "more" may be a class of the model

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

    def test_it_is_read_in_the_order_of_the_folders_names(self, tmp_path):
        names = ["a/b.png", "a/c/d.png", "a-b/c.png", "a.png"]  # like a list of folders, "-" sorts before "/"
        for name in names:
            photo(tmp_path / name)
        found = open_dataset(tmp_path)
        assert [sample.name for sample in found.samples] == names
        lines = "".join(f"{name} {(tmp_path / name).stat().st_size}\n" for name in names)
        assert found.fingerprint == hashlib.sha256(lines.encode()).hexdigest()

    def test_links_to_folders_are_followed_but_not_round_and_round(self, tmp_path):
        data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
        photo(data / "in" / "a.png")
        photo(elsewhere / "c.png")
        (data / "in" / "round").symlink_to(data, target_is_directory=True)
        (data / "out").symlink_to(elsewhere, target_is_directory=True)
        (elsewhere / "back").symlink_to(data, target_is_directory=True)
        (data / "b.png").symlink_to(data / "in" / "a.png")
        (data / "lost").symlink_to(data / "lost")
        assert [sample.name for sample in open_dataset(data).samples] == ["b.png", "in/a.png", "out/c.png"]

    def test_of_a_folder_to_train_on_the_photos_to_judge_by_are_taken(self, tmp_path):
        for name in ("train/1/a.png", "train/10/b.png", "val/1/c.png", "val/10/d.png"):
            photo(tmp_path / name)
        found = open_dataset(tmp_path)
        assert [(sample.name, sample.class_names) for sample in found.samples] == [
            ("1/c.png", ("1",)),
            ("10/d.png", ("10",)),
        ]
        assert "val is measured" in found.notes[0]

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
    def test_a_name_in_another_code_can_be_written_and_its_photo_opened(self, tmp_path):
        photo(tmp_path / "a.png").rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
        (sample,) = open_dataset(tmp_path).samples
        assert sample.name == r"caf\udce9.png"
        assert run_store.to_table([run_store.Measurement(sample.name)])["photo"].to_pylist() == [sample.name]
        assert (prepare_photo(sample, []).photo.width, prepare_photo(sample, []).photo.height) == (60, 40)
        assert tmp_path / PhotoIndex(tmp_path).within(sample.name) == sample.path

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
        assert (second.label, second.boxes, second.size) == (None, (), None)
        assert found.annotated
        assert found.labelled

    def test_the_photos_may_lie_elsewhere(self, tmp_path):
        found = open_dataset(self.write(tmp_path, ENTRY), tmp_path / "other")
        assert found.samples[0].path == tmp_path / "other/images/a.jpg"

    @pytest.mark.parametrize(
        ("entry", "reason"),
        [
            ({}, "'file' is missing"),
            ({"file": "a", "boxes_xyxy": [[1, 2, 3]]}, "[1.0, 2.0, 3.0] is not a valid box"),
            ({"file": "a", "boxes_xyxy": [[1, 2, math.nan, 4]]}, "[1.0, 2.0, nan, 4.0] is not a valid box"),
            ({"file": "a", "boxes_xyxy": [[3, 2, 1, 4]]}, "[3.0, 2.0, 1.0, 4.0] is not a valid box"),
            ({"file": "a", "boxes_xyxy": [[1, 4, 3, 2]]}, "[1.0, 4.0, 3.0, 2.0] is not a valid box"),
            ({"file": "a", "label": math.inf}, "inf is neither"),
            ({"file": "a", "label": 6.5}, "6.5 is neither"),
            ({"file": "a", "width": "x", "height": 3}, "'x' x 3 is not a valid size"),
            ({"file": "a", "boxes_xyxy": 5}, "5 is not a list of boxes"),
            ({"file": "a", "boxes_xyxy": [5]}, "5 is not a valid box"),
            (3, "3 is not a JSON object"),
        ],
    )
    def test_a_wrong_entry_costs_its_photo_a_row_and_says_why(self, tmp_path, entry, reason):
        good, wrong = open_dataset(self.write(tmp_path, ENTRY, entry)).samples
        assert (len(edges(good)), good.faults, good.broken) == (2, (), "")
        (sentence,) = {*wrong.faults, wrong.broken} - {""}
        assert "Entry 1 of" in sentence
        assert reason in sentence
        assert wrong.boxes == ()

    def test_a_wrong_box_costs_itself_alone(self, tmp_path):
        (sample,) = open_dataset(self.write(tmp_path, ENTRY | {"boxes_xyxy": [[9, 9, 1, 1], [0, 1, 2, 3]]})).samples
        assert edges(sample) == [(0, 1, 2, 3)]
        assert ["[9.0, 9.0, 1.0, 1.0] is not a valid box" in fault for fault in sample.faults] == [True]

    def test_entries_of_one_photo_are_brought_together(self, tmp_path):
        entries = [ENTRY | {"boxes_xyxy": [[number, 0, 9, 9]]} for number in (1, 2)]
        found = open_dataset(
            self.write(tmp_path, entries[0], {"file": "b.jpg"}, entries[1], ENTRY | {"boxes_xyxy": []})
        )
        assert [sample.name for sample in found.samples] == ["images/a.jpg", "b.jpg"]
        assert (found.samples[0].label, edges(found.samples[0])) == (65, [(1, 0, 9, 9), (2, 0, 9, 9)])

    @pytest.mark.parametrize(
        ("other", "name"), [({"label": 66, "wnid": None, "name": None}, "66"), ({"name": "viper"}, "viper")]
    )
    def test_a_photo_of_two_classes_comes_once_for_each(self, tmp_path, other, name):
        other = {key: value for key, value in (ENTRY | other).items() if value is not None}
        found = open_dataset(self.write(tmp_path, ENTRY, other)).samples
        assert [sample.name for sample in found] == ["images/a.jpg [sea snake]", f"images/a.jpg [{name}]"]
        assert [len(edges(sample)) for sample in found] == [2, 2]

    def test_a_photo_of_two_sizes_has_the_first_and_says_so(self, tmp_path):
        (sample,) = open_dataset(self.write(tmp_path, ENTRY, ENTRY | {"width": 501})).samples
        assert (sample.size, len(edges(sample))) == ((500, 375), 2)
        assert ["500 x 375 and 501 x 375 pixels" in fault for fault in sample.faults] == [True]

    def test_where_nobody_asks_for_classes_they_may_differ(self, tmp_path):
        other = {"file": "images/a.jpg", "width": 500, "height": 375, "label": 3, "boxes_xyxy": [[5, 6, 7, 8]]}
        found = open_dataset(self.write(tmp_path, ENTRY, other), by_class=False)
        (sample,) = found.samples
        assert (sample.label, sample.class_names) == (None, ())
        assert edges(sample) == [(111, 108, 441, 193), (0, 1, 2, 3), (5, 6, 7, 8)]

    @pytest.mark.parametrize("text", ["{", '{"a": 1}', "7", "[" * 100_000])
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
        assert len(zebra.boxes) == len(zebra.outlines) == 1
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
        assert (sample.outlines, sample.boxes) == ((), (Box(1, 2, 4, 6),))

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
        assert (sample.outlines, sample.boxes) == ((), (Box(1, 2, 4, 6),))

    def test_where_one_object_has_no_outline_boxes_do_for_all(self, tmp_path):
        outlined = {"image_id": 1, "category_id": 3, "bbox": [10, 5, 30, 20], "segmentation": [POLYGON]}
        objects = [outlined, {"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]}]
        (sample,) = open_dataset(self.write(tmp_path, annotations=objects)).samples
        assert (sample.outlines, len(edges(sample))) == ((), 2)

    def test_an_endless_photo_is_told(self, tmp_path):
        endless = {"id": 2, "file_name": "2.png", "width": math.inf, "height": 40}
        known = {"id": 1, "file_name": "1.png", "width": 60, "height": 40}
        *_others, sample = open_dataset(self.write(tmp_path, images=[known, endless])).samples
        assert (sample.name, "inf x 40 is not a valid size" in sample.broken) == ("2.png", True)

    GOOD: ClassVar = {"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]}

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"bbox": [1, 2, 3]}, "[1, 2, 3] is not a valid box"),
            ({"bbox": []}, "[] is not a valid box"),
            ({"bbox": [1, 2, math.nan, 4]}, "is not a valid box"),
            ({"bbox": None}, "None is not a valid box"),
            ({"bbox": [50, 50, -20, 10]}, "negative width or height"),
            ({"bbox": {"x": 1}}, "is not a valid box"),
            ({"bbox": ["a", 2, 3, 4]}, "is not a valid box"),
        ],
    )
    def test_a_wrong_object_costs_itself_alone(self, tmp_path, changes, reason):
        objects = [self.GOOD, self.GOOD | {"id": 7} | changes]
        (sample,) = open_dataset(self.write(tmp_path, annotations=objects)).samples
        assert edges(sample) == [(1, 2, 4, 6)]
        assert sample.broken == ""
        (fault,) = sample.faults
        assert "(id 7)" in fault
        assert reason in fault

    @pytest.mark.parametrize(
        ("photo", "name"), [(2, "image 2"), ("x", "image x"), (None, "annotation 1"), ([], "annotation 1")]
    )
    def test_an_object_of_a_photo_that_is_not_listed_is_a_row_of_its_own(self, tmp_path, photo, name):
        good, lost = open_dataset(
            self.write(tmp_path, annotations=[self.GOOD, self.GOOD | {"image_id": photo}])
        ).samples
        assert (edges(good), good.faults) == ([(1, 2, 4, 6)], ())
        assert (lost.name, "images has no entry with the id" in lost.broken) == (name, True)

    @pytest.mark.parametrize(("photo", "asked"), [("1", 1), (1, "1"), (1.0, "1"), (1, 1.0)])
    def test_ids_are_the_same_as_text_and_as_numbers(self, tmp_path, photo, asked):
        images = [{"id": photo, "file_name": "1.png", "width": 60, "height": 40}]
        objects = [self.GOOD | {"image_id": asked, "category_id": "3"}]
        (sample,) = open_dataset(self.write(tmp_path, images=images, annotations=objects)).samples
        assert (sample.name, edges(sample)) == ("1.png [zebra]", [(1, 2, 4, 6)])

    def test_numbers_that_are_texts_are_added_as_numbers(self, tmp_path):
        (sample,) = open_dataset(self.write(tmp_path, annotations=[self.GOOD | {"bbox": ["1", "2", "3", "4"]}])).samples
        assert edges(sample) == [(1, 2, 4, 6)]

    def test_a_photo_without_objects_and_one_without_a_file_are_there(self, tmp_path):
        images = [{"id": 1, "file_name": "1.png"}, {"id": 2}, {"id": 3, "file_name": "3.png"}, 4]
        found = open_dataset(self.write(tmp_path, images=images, annotations=[self.GOOD])).samples
        assert [sample.name for sample in found] == ["1.png [zebra]", "image 2", "3.png", "image 3"]
        assert ["no file_name" in sample.broken for sample in found] == [False, True, False, True]
        assert [sample.boxes == () for sample in found] == [False, True, True, True]

    @pytest.mark.parametrize("name", [r"val2017\1.png", r"C:\data\val2017\1.png", "other/val2017/1.png", "1"])
    def test_a_photo_is_found_in_whatever_way_its_folders_are_written(self, tmp_path, name):
        images = [{"id": 1, "file_name": name, "width": 60, "height": 40}]
        (sample, _person) = open_dataset(self.write(tmp_path, images=images)).samples
        assert sample.path == tmp_path / "val2017/1.png"


class TestXml:
    """The formats of ImageNet's own files and of Pascal VOC."""

    def write(self, file, *objects, name="a", size=(60, 40)):
        marked = "".join(
            f"<object><name>{of}</name><bndbox>"
            + "".join(f"<{edge}>{value}</{edge}>" for edge, value in zip(voc.EDGES, box, strict=True))
            + "</bndbox></object>"
            for of, box in objects
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        sides = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>"
        file.write_text(f"<annotation><filename>{name}</filename>{sides}{marked}</annotation>")

    def test_beside_the_photos_with_and_without_a_suffix(self, tmp_path):
        for name in ("a.JPEG", "b.png", "c.png"):
            photo(tmp_path / "a.jpg").rename(tmp_path / name)
        self.write(tmp_path / "a.xml", ("n01440764", (1, 2, 30, 40)), ("n01440764", (5, 6, 7, 8)))
        self.write(tmp_path / "b.xml", ("zebra", (1, 2, 3, 4)), ("ox", (5, 6, 7, 8)), name="b.jpg")
        found = open_dataset(tmp_path).samples
        assert [sample.name for sample in found] == ["a.JPEG", "b.png [zebra]", "b.png [ox]", "c.png"]
        assert [sample.label for sample in found] == [0, 340, 345, None]
        assert [edges(sample) for sample in found[:2]] == [[(1, 2, 30, 40), (5, 6, 7, 8)], [(1, 2, 3, 4)]]
        assert found[0].size == (60, 40)
        assert [sample.boxes == () for sample in found] == [False, False, False, True]

    def test_in_folders_of_their_own_and_one_alone(self, tmp_path):
        for name in ("1", "2"):
            photo(tmp_path / "photos" / name / "x.png")
            self.write(tmp_path / "boxes" / name / "x.xml", (name, (1, 2, 30, 40)), name="%s")
        found = open_dataset(tmp_path / "boxes", tmp_path / "photos").samples
        assert [(sample.name, sample.class_names) for sample in found] == [("1/x.png", ("1",)), ("2/x.png", ("2",))]
        (alone,) = open_dataset(tmp_path / "boxes" / "1" / "x.xml", tmp_path / "photos" / "1").samples
        assert alone.path == tmp_path / "photos" / "1" / "x.png"

    def test_what_is_wrong_costs_an_object_or_a_photo_its_row(self, tmp_path):
        for name in ("a", "b"):
            photo(tmp_path / f"{name}.png")
        self.write(tmp_path / "a.xml", ("ox", (1, 2, 30, 40)), ("ox", (9, 9, "x", 4)))
        (tmp_path / "b.xml").write_text("<annotation><object>")
        good, broken = open_dataset(tmp_path).samples
        assert edges(good) == [(1, 2, 30, 40)]
        assert ["is not a valid box" in fault for fault in good.faults] == [True]
        assert ["no element found" in fault for fault in broken.faults] == [True]


class TestFractions:
    def marked(self, folder, *boxes):
        entries = [{"file": f"{number}.png", "boxes_xyxy": [box]} for number, box in enumerate(boxes)]
        (folder / "annotations.json").write_text(json.dumps(entries))
        for number in range(len(boxes)):
            photo(folder / f"{number}.png", (400, 200))
        return open_dataset(folder)

    def test_boxes_within_one_are_scaled_and_that_is_said_once(self, tmp_path):
        found = self.marked(tmp_path, [0.25, 0.5, 0.75, 1], [0, 0, 1.01, 0.5])
        first, second = (prepare_photo(sample, []).truth.inside((400, 200)) for sample in found.samples)
        assert (first, second) == ((Box(100, 100, 300, 200),), (Box(0, 0, 400, 100),))
        assert len(found.notes) == 1
        assert "between 0 and 1" in found.notes[0]

    def test_among_boxes_in_pixels_they_are_left_out_with_the_reason(self, tmp_path):
        found = self.marked(tmp_path, [0.25, 0.5, 0.75, 1], [10, 20, 300, 100], [0, 0, 0, 0])
        assert [edges(sample) for sample in found.samples] == [[], [(10, 20, 300, 100)], [(0, 0, 0, 0)]]
        assert [["in fractions" in fault for fault in sample.faults] for sample in found.samples] == [[True], [], []]
        assert found.notes == ()

    def test_outlines_are_scaled_with_their_boxes(self, tmp_path):
        photo(tmp_path / "a.png", (400, 200))
        marked = {"image_id": 1, "bbox": [0, 0, 0.5, 0.5], "segmentation": [[0, 0, 0.5, 0, 0.5, 0.5, 0, 0.5]]}
        content = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [marked]}
        (tmp_path / "coco.json").write_text(json.dumps(content))
        assert prepare_photo(open_dataset(tmp_path).samples[0], []).truth.share((400, 200)) == pytest.approx(0.25)


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
    with pytest.raises(DatasetError, match="supported are a folder of photos"):
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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("name", ["pipe.csv", "pipe.json"])
def test_a_pipe_is_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(DatasetError, match="it is not a regular file"):
        open_dataset(tmp_path / name)


def test_json_nested_too_deeply_is_one_sentence(tmp_path):
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(DatasetError, match="cannot be read as JSON"):
        open_dataset(tmp_path / "deep.json")
