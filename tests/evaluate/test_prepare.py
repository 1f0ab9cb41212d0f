"""Photos that cannot be measured are an answer with one sentence, whatever annotations say; no model looks at them."""

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from effviz.evaluate.dataset_samples import DatasetSample
from effviz.evaluate.datasets import open_dataset
from effviz.evaluate.measurements import PreparedPhoto, UnreadablePhoto, prepare_photo
from effviz.explain import decoding, images

PHOTO = {"id": 1, "file_name": "1.png", "width": 60, "height": 40}
POLYGON = [10, 5, 40, 5, 40, 25, 10, 25]


def coco(folder: Path, outline: object, **changes: object) -> PreparedPhoto | UnreadablePhoto:
    """Open a photo with one object, at 10..40, 5..25."""
    Image.new("RGB", (60, 40), "orange").save(folder / "1.png")
    marked = {"image_id": 1, "category_id": 3, "bbox": [10, 5, 30, 20], "segmentation": outline}
    content = {"images": [PHOTO | changes], "annotations": [marked], "categories": [{"id": 3, "name": "zebra"}]}
    (folder / "coco.json").write_text(json.dumps(content))
    return prepare_photo(open_dataset(folder / "coco.json").samples[0], [])


def listed(folder: Path, name: str) -> DatasetSample:
    (folder / "annotations.json").write_text(json.dumps([{"file": name, "boxes_xyxy": [[0, 0, 9, 9]]}]))
    return open_dataset(folder).samples[0]


class TestOutlines:
    def test_an_outline_becomes_a_mask(self, tmp_path):
        found = coco(tmp_path, [[0, 0, 30, 0, 30, 20, 0, 20]])
        assert isinstance(found, PreparedPhoto)
        assert found.share == pytest.approx(30 * 20 / 2400)
        assert found.truth.holds(29.5, 19.5, (60, 40))
        assert not found.truth.holds(30.5, 19.5, (60, 40))

    def test_without_an_area_the_box_does(self, tmp_path):
        found = coco(tmp_path, [[1, 2, 3, 4]])
        assert found.share == pytest.approx(30 * 20 / 2400)
        assert found.truth.mask is None

    @pytest.mark.parametrize(
        "outline",
        [
            {"counts": "no!", "size": [40, 60]},
            {"counts": "0P", "size": [40, 60]},
            {"counts": [5, 5], "size": [40, 60]},
            {"counts": [10**12], "size": [10**6, 10**6]},
            [[0, 0, 1e12, 0, 1e12, 1e12]],
        ],
    )
    def test_one_that_cannot_be_drawn_is_said_with_the_photos_name(self, tmp_path, outline):
        found = coco(tmp_path, outline)
        assert isinstance(found, UnreadablePhoto)
        assert found.reason.startswith("An outline in 1.png [zebra] cannot be drawn (")

    def test_no_mask_is_made_at_a_size_that_is_only_claimed(self, tmp_path):
        found = coco(tmp_path, [POLYGON], width=10**6, height=10**6)
        assert isinstance(found, UnreadablePhoto)
        assert "1000000 x 1000000" in found.reason


class TestFiles:
    def test_the_size_is_checked_before_a_byte_is_read(self, tmp_path):
        with (tmp_path / "large.png").open("wb") as file:
            file.truncate(2**40)
        assert "large.png has 1048576.0 MB" in prepare_photo(listed(tmp_path, "large.png"), []).reason

    def test_a_file_that_grows_is_not_read_to_its_end(self, tmp_path, monkeypatch):
        Image.new("RGB", (60, 40)).save(tmp_path / "a.png")
        sample = listed(tmp_path, "a.png")
        monkeypatch.setattr(images, "check_bytes", lambda *_: (tmp_path / "a.png").write_bytes(bytes(2**25)))
        monkeypatch.setattr(decoding, "cropped", lambda data, *_: pytest.fail(f"{len(data)} bytes"))
        with pytest.raises(pytest.fail.Exception, match=f"{images.MAX_BYTES + 1} bytes"):
            prepare_photo(sample, [])

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
    @pytest.mark.parametrize("name", ["pipe.jpg", os.devnull, "."])
    def test_a_pipe_or_a_device_is_not_waited_for(self, tmp_path, name):
        os.mkfifo(tmp_path / "pipe.jpg")
        assert f"{name} cannot be read (it is no file)" in prepare_photo(listed(tmp_path, name), []).reason

    @pytest.mark.parametrize("name", ["a\0b.jpg", "\ud800.jpg", "x" * 5000])
    def test_a_name_that_no_file_can_have(self, tmp_path, name):
        found = prepare_photo(listed(tmp_path, name), [])
        assert isinstance(found, UnreadablePhoto)
        assert "cannot be read" in found.reason
        assert (found.sample.name + found.reason).encode()
