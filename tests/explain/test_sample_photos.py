import csv
from pathlib import Path

import numpy as np
import pytest
import timm.data
from PIL import Image

from effviz.errors import DatasetError
from effviz.explain import sample_photos
from effviz.explain.forward_pass import prepare
from effviz.explain.images import read
from effviz.zoo.catalogue import parse_model

# Share-alike licences are excluded on purpose, because they would extend to images made from the samples.
FREE = {"public-domain", "CC0-1.0", "CC-BY-2.0", "CC-BY-3.0"}
COLLECTED = Path(__file__).with_name("attribution.csv")  # as recorded when the photos were collected


def test_every_bundled_file_has_exactly_one_attribution_row():
    files = sorted(path.name for path in sample_photos.FOLDER.iterdir() if path.suffix != ".csv")
    assert sorted(sample.path.name for sample in sample_photos.samples()) == files


def test_every_photo_names_author_source_and_a_free_licence():
    for sample in sample_photos.samples():
        assert sample.licence in FREE, sample.name
        assert sample.author, sample.name
        assert sample.source.startswith("https://"), sample.name
        assert sample.labels, sample.name
        assert all(0 <= label < 1000 for label in sample.labels), sample.name


def test_the_photos_are_few_and_small():
    assert 16 <= len(sample_photos.samples()) <= 25
    assert sum(path.stat().st_size for path in sample_photos.FOLDER.iterdir()) < 4_000_000


def test_every_photo_can_be_read_and_is_what_the_row_says():
    with (sample_photos.FOLDER / "ATTRIBUTION.csv").open(encoding="utf-8", newline="") as file:
        sizes = {row["file"]: (int(row["w"]), int(row["h"])) for row in csv.DictReader(file)}
    for sample in sample_photos.samples():
        photo = read(sample.path.read_bytes(), sample.path.name)
        assert (photo.width, photo.height) == sizes[sample.path.name]
        assert photo.notes == ()


def test_the_attribution_is_that_of_the_collection():
    with COLLECTED.open(encoding="utf-8", newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    own = {"berlin_cathedral"}  # from the same package as most of the collection
    for sample in sample_photos.samples():
        if sample.name in own:
            continue
        row = rows[sample.path.name]
        assert (sample.author, sample.licence) == (row["author"], row["licence"])
        assert sample.source.endswith(row["source"])  # the collection lists photos of skimage.data without an address
        assert " ".join(map(str, sample.labels)) == row["labels"]


def test_a_sample_is_found_by_its_name():
    assert sample_photos.find("red_panda").labels == (387,)


def test_an_unknown_sample_is_refused():
    with pytest.raises(DatasetError, match="There is no sample photo 'unicorn'"):
        sample_photos.find("unicorn")


def test_without_the_folder_there_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(sample_photos, "FOLDER", tmp_path)
    with pytest.raises(DatasetError, match="assets/samples"):
        sample_photos.samples.__wrapped__()


@pytest.mark.parametrize("model", ["lite0", "lite2@300", "b4", "scaled-d1.4-w1.2@150"])
@pytest.mark.parametrize("name", ["koala", "bee", "teacup"])
def test_a_sample_is_prepared_as_timm_evaluates_it(name, model):
    photo, ref = read(sample_photos.find(name).path.read_bytes(), name), parse_model(model)
    transform = timm.data.create_transform(
        input_size=(3, ref.resolution_px, ref.resolution_px),
        is_training=False,
        interpolation=ref.spec.interpolation,
        crop_pct=ref.spec.crop_pct,
        mean=ref.spec.mean,
        std=ref.spec.std,
    )
    expected = transform(Image.fromarray(photo.rgb)).numpy()
    np.testing.assert_array_equal(prepare(photo, ref).pixels[0], expected)
