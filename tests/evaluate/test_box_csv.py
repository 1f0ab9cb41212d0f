"""Hand-written tables of boxes, and the photo that each line refers to: never one that only has a similar name."""

import re

import pytest

from effviz.errors import DatasetError
from effviz.evaluate.datasets import open_dataset


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def edges(sample):
    return [(b.x0, b.y0, b.x1, b.y1) for b in sample.boxes]


def test_kaggles_solution(tmp_path):
    touch(tmp_path / "val" / "n01440764" / "ILSVRC2012_val_00000001.png")
    file = tmp_path / "LOC_val_solution.csv"
    file.write_text("ImageId,PredictionString\nILSVRC2012_val_00000001,n01440764 1 2 30 40 n01440764 5 6 7 8 \n")
    found = open_dataset(file, tmp_path / "val")
    (sample,) = found.samples
    assert sample.path == tmp_path / "val" / "n01440764" / "ILSVRC2012_val_00000001.png"
    assert (sample.label, edges(sample)) == (0, [(1, 2, 30, 40), (5, 6, 7, 8)])


def test_one_box_a_row(tmp_path):
    touch(tmp_path / "a.png")
    (tmp_path / "boxes.csv").write_text("file,xmin,ymin,xmax,ymax,label\na.png,1,2,3,4,9\na.png,5,6,7,8,9\n")
    (sample,) = open_dataset(tmp_path).samples  # the folder's only table is used
    assert (sample.path, sample.label) == (tmp_path / "a.png", 9)
    assert edges(sample) == [(1, 2, 3, 4), (5, 6, 7, 8)]


def test_a_photo_may_have_another_suffix(tmp_path):
    touch(tmp_path / "a.png")
    (tmp_path / "boxes.csv").write_text("file,x0,y0,x1,y1\na.JPEG,1,2,3,4\n")
    assert open_dataset(tmp_path / "boxes.csv").samples[0].path == tmp_path / "a.png"


def places(folder, *names):
    (folder / "boxes.csv").write_text("file,x0,y0,x1,y1\n" + "".join(f"{name},1,2,3,4\n" for name in names))
    samples = open_dataset(folder / "boxes.csv").samples
    assert [sample.name for sample in samples] == list(names)
    return [sample.path.relative_to(folder).as_posix() for sample in samples]


def test_photos_of_one_name_are_told_apart_by_their_folders(tmp_path):
    for name in ("cat/001.jpg", "dog/001.jpg", "dog/old/001.jpg", "002.jpg", "dog/002.jpg"):
        touch(tmp_path / name)
    expected = {
        "val/dog/001.jpg": "dog/001.jpg",
        "cat/001.jpg": "cat/001.jpg",
        "cat/001": "cat/001.jpg",
        "x/cat/001.JPEG": "cat/001.jpg",
        "old/001.jpg": "dog/old/001.jpg",
        "002.jpg": "002.jpg",
        "002": "002.jpg",
        "x/002.jpg": "002.jpg",
    }
    assert places(tmp_path, *expected) == list(expected.values())


@pytest.mark.parametrize("name", ["lost.png", "bird/001.jpg", "cat/old/001.jpg", "01.jpg", "../lost.jpg"])
def test_a_photo_that_is_not_there_stays_in_the_list(tmp_path, name):
    for there in ("cat/001.jpg", "dog/001.jpg", "dog/new/001.jpg"):
        touch(tmp_path / there)
    assert places(tmp_path, name) == [(tmp_path / name).relative_to(tmp_path).as_posix()]


@pytest.mark.parametrize("name", ["001.jpg", "001", "001.png", "a", "new/b.jpg"])
def test_a_name_that_several_files_may_have_is_not_guessed(tmp_path, name):
    for there in ("cat/001.jpg", "dog/001.jpg", "a.jpg", "a.png", "cat/new/b.png", "dog/new/b.png"):
        touch(tmp_path / there)
    (tmp_path / "boxes.csv").write_text(f"file,x0,y0,x1,y1\n{name},1,2,3,4\n")
    (sample,) = open_dataset(tmp_path / "boxes.csv").samples
    assert re.match(f"{name} matches both .* and .* in ", sample.broken)


def test_a_file_that_is_called_just_so_is_taken_wherever_it_lies(tmp_path):
    for there in (".hidden/a.png", "up/a.png", "in/up/a.png", "in/hidden/a.png"):
        touch(tmp_path / there)
    (tmp_path / "in" / "boxes.csv").write_text("file,x0,y0,x1,y1\n../up/a.png,1,2,3,4\n../.hidden/a.png,1,2,3,4\n")
    samples = open_dataset(tmp_path / "in" / "boxes.csv").samples
    assert [sample.path for sample in samples] == [tmp_path / "in/../up/a.png", tmp_path / "in/../.hidden/a.png"]


def test_photos_with_objects_of_several_classes(tmp_path):
    touch(tmp_path / "a.png")
    (tmp_path / "boxes.csv").write_text("file,x0,y0,x1,y1,label\na.png,1,2,3,4,9\na.png,5,6,7,8,3\n")
    found = open_dataset(tmp_path).samples
    assert [(sample.name, sample.label) for sample in found] == [("a.png [9]", 9), ("a.png [3]", 3)]
    assert [edges(sample) for sample in found] == [[(1, 2, 3, 4)], [(5, 6, 7, 8)]]
    (sample,) = open_dataset(tmp_path, by_class=False).samples
    assert (sample.label, edges(sample)) == (None, [(1, 2, 3, 4), (5, 6, 7, 8)])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a.png,1,2,3", "more or fewer cells than the header"),
        ("a.png,1,2,3,4,5", "more or fewer cells than the header"),
        ("a.png,1,2,3,x", "is not a valid box"),
        ("a.png,1,2,3,", "is not a valid box"),
        ("a.png,1,2,3,nan", "is not a valid box"),
        ("a.png,9,2,3,4", "is not a valid box"),
        ("a.png,,,,", "marks no object"),
    ],
)
def test_a_wrong_line_costs_its_object_a_row(tmp_path, line, reason):
    (tmp_path / "boxes.csv").write_text(f"file,x0,y0,x1,y1\na.png,5,6,7,8\n{line}\nb.png,1,2,3,4\n")
    one, other = open_dataset(tmp_path / "boxes.csv").samples
    assert (edges(one), edges(other), other.faults) == ([(5, 6, 7, 8)], [(1, 2, 3, 4)], ())
    (fault,) = one.faults
    assert reason in fault
    assert "Line 3" in fault or "marks" in fault


def test_a_line_without_a_photo_is_a_row_of_its_own(tmp_path):
    (tmp_path / "boxes.csv").write_text("file,x0,y0,x1,y1\na.png,5,6,7,8\n,1,2,3,4\n")
    good, lost = open_dataset(tmp_path / "boxes.csv").samples
    assert (good.faults, lost.name, "Line 3" in lost.broken) == ((), "line 3", True)


@pytest.mark.parametrize("words", ["", "n01440764 1 2 3", "n01440764 1 2 3 4 5", "n01440764 9 2 3 4"])
def test_an_incomplete_prediction_is_named(tmp_path, words):
    (tmp_path / "boxes.csv").write_text(f"ImageId,PredictionString\na,{words}\n")
    (sample,) = open_dataset(tmp_path / "boxes.csv").samples
    assert sample.boxes == ()
    assert ["Line 2" in fault for fault in sample.faults] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "file;x0;y0;x1;y1;label\na.png;1;2;3;4;zebra\n",
        "file\tx1\ty1\tx2\ty2\tclass\na.png\t1\t2\t3\t4\tzebra\n",
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,60,40,zebra,1,2,3,4\n",
        "a.png,1,2,3,4,zebra\n",  # RetinaNet's has no header
        "ImageID,Source,LabelName,XMin,XMax,YMin,YMax\na.png,x,zebra,1,3,2,4\n",  # Open Images
    ],
)
@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_as_other_programs_write_them(tmp_path, text, code):
    (tmp_path / "boxes.csv").write_bytes(text.encode(code))
    (sample,) = open_dataset(tmp_path).samples
    assert (sample.name, sample.label, edges(sample)) == ("a.png", 340, [(1, 2, 3, 4)])


@pytest.mark.parametrize("name", [r"fish\a.png", r"C:\photos\fish\a.png", "fish/a\u0308.png"])
def test_names_as_other_systems_write_them(tmp_path, name):
    touch(tmp_path / "fish" / ("\u00e4.png" if "\u0308" in name else "a.png"))
    (tmp_path / "boxes.csv").write_text(f"file,x0,y0,x1,y1\n{name},1,2,3,4\n", encoding="utf-8")
    (sample,) = open_dataset(tmp_path).samples
    assert sample.path.is_file()


def test_letters_in_another_code_are_refused(tmp_path):
    (tmp_path / "boxes.csv").write_bytes("file,x0,y0,x1,y1\nKöln.png,1,2,3,4\n".encode("latin-1"))
    with pytest.raises(DatasetError, match="Save it as UTF-8"):
        open_dataset(tmp_path / "boxes.csv")


def test_other_columns_are_refused(tmp_path):
    (tmp_path / "boxes.csv").write_text("name,age\nx,3\n")
    with pytest.raises(DatasetError, match="not have the expected columns"):
        open_dataset(tmp_path / "boxes.csv")
