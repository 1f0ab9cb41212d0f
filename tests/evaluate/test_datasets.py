"""Data sets in each form, written by hand."""

import hashlib
import json
import math
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from effviz.errors import DatasetError
from effviz.evaluate import datasets, records
from effviz.evaluate.datasets import open_dataset
from effviz.evaluate.folders import Places
from effviz.evaluate.opening import opened
from effviz.explain.results import Box


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

    def test_it_is_read_in_the_order_of_the_folders_names(self, tmp_path):
        names = ["a/b.png", "a/c/d.png", "a-b/c.png", "a.png"]  # as a list of folders: a - comes before a /
        for name in names:
            photo(tmp_path / name)
        found = open_dataset(tmp_path)
        assert [sample.name for sample in found.samples] == names
        lines = "".join(f"{name} {(tmp_path / name).stat().st_size}\n" for name in names)
        assert found.fingerprint == hashlib.sha256(lines.encode()).hexdigest()

    def test_a_link_to_a_folder_is_not_followed(self, tmp_path):
        photo(tmp_path / "in" / "a.png")
        (tmp_path / "in" / "round").symlink_to(tmp_path, target_is_directory=True)
        (tmp_path / "b.png").symlink_to(tmp_path / "in" / "a.png")
        assert [sample.name for sample in open_dataset(tmp_path).samples] == ["b.png", "in/a.png"]

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
    def test_a_name_in_another_code_can_be_written_and_its_photo_opened(self, tmp_path):
        photo(tmp_path / "a.png").rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
        (sample,) = open_dataset(tmp_path).samples
        assert sample.name == r"caf\udce9.png"
        assert records.table([records.Row(sample.name)])["photo"].to_pylist() == [sample.name]
        assert (opened(sample, []).photo.width, opened(sample, []).photo.height) == (60, 40)
        assert Places(tmp_path).find(sample.name) == sample.path

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
            ({"file": "a", "boxes_xyxy": [[3, 2, 1, 4]]}, "[3.0, 2.0, 1.0, 4.0] is no box"),
            ({"file": "a", "boxes_xyxy": [[1, 4, 3, 2]]}, "[1.0, 4.0, 3.0, 2.0] is no box"),
            ({"file": "a", "label": math.inf}, "infinity"),
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

    def test_entries_of_one_photo_are_brought_together(self, tmp_path):
        entries = [ENTRY | {"boxes_xyxy": [[number, 0, 9, 9]]} for number in (1, 2)]
        found = open_dataset(
            self.write(tmp_path, entries[0], {"file": "b.jpg"}, entries[1], ENTRY | {"boxes_xyxy": []})
        )
        assert [sample.name for sample in found.samples] == ["images/a.jpg", "b.jpg"]
        assert (found.samples[0].label, edges(found.samples[0])) == (65, [(1, 0, 9, 9), (2, 0, 9, 9)])

    @pytest.mark.parametrize(
        "other", [{"label": 66, "wnid": None, "name": None}, {"name": "viper"}, {"width": 501}, {"width": None}]
    )
    def test_entries_that_differ_name_their_photo(self, tmp_path, other):
        other = {key: value for key, value in (ENTRY | other).items() if value is not None}
        with pytest.raises(DatasetError, match=r"annotations.json lists images/a.jpg more than once"):
            open_dataset(self.write(tmp_path, {"file": "b.jpg"}, ENTRY, other))

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

    def test_where_one_object_has_no_outline_boxes_do_for_all(self, tmp_path):
        outlined = {"image_id": 1, "category_id": 3, "bbox": [10, 5, 30, 20], "segmentation": [POLYGON]}
        objects = [outlined, {"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]}]
        (sample,) = open_dataset(self.write(tmp_path, annotations=objects)).samples
        assert (sample.outlines, len(edges(sample))) == ((), 2)

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
