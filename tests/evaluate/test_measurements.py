"""Rows of a few photos by a small network; localisation is recomputed from maps upsampled to pixels."""

import dataclasses
import itertools
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from effviz.evaluate import map_similarity, measurements
from effviz.evaluate.dataset_samples import DatasetSample
from effviz.evaluate.datasets import open_dataset
from effviz.evaluate.map_similarity import agreement, evidence
from effviz.evaluate.masking import Masking
from effviz.evaluate.measurements import PreparedPhoto, UnreadablePhoto, measure_photos, prepare_photo
from effviz.evaluate.run_settings import (
    AGREEMENT_METRICS,
    LOCALISATION_METRICS,
    SANITY_METRICS,
    EnergyPhotos,
    Metric,
    RunSettings,
)
from effviz.explain import decoding, images
from effviz.explain.activation_maps import activation_map
from effviz.explain.data_types import Method, TargetLayer
from effviz.explain.forward_pass import forward
from effviz.explain.placement import place

CONTROLS = ("control-random", "control-gaussian", "control-uniform")  # over the photo, or over what a model saw
IN_CROP = ("control-crop-random", "control-crop-gaussian", "control-crop-uniform")
WHERE = tuple(metric for metric in Metric if metric in LOCALISATION_METRICS)


@pytest.fixture(scope="module")
def model(loaded):
    return loaded("lite0@96")


@pytest.fixture(scope="module")
def data(eight_photos):
    return open_dataset(eight_photos)


def settings(**changes):
    return RunSettings(**({"models": ("lite0@96",), "metrics": WHERE, "masking": Masking(steps=4)} | changes))


def table(found):
    return {(row.photo, row.model, row.method, row.metric): row for row in found}


def test_one_row_for_each_photo_model_method_and_metric(data, model):
    wanted = settings(methods=(Method.CAM, Method.EIGENCAM), metrics=tuple(Metric))
    found = measure_photos(data.samples[:2], wanted, [model])
    keys = [(row.photo, row.model, row.method, row.metric) for row in found]
    of_controls = (
        len(Metric) - len(AGREEMENT_METRICS) - len(SANITY_METRICS)
    )  # of one model; a control has no network to break
    of_methods = of_controls + len(SANITY_METRICS)
    of_all = 2 * of_methods + len(CONTROLS) * of_controls + len(IN_CROP) * len(LOCALISATION_METRICS)
    assert len(keys) == len(set(keys)) == 2 * 1 * of_all
    assert {row.method for row in found} == {"cam", "eigencam", *CONTROLS, *IN_CROP}
    assert all(row.error is None for row in found)
    assert all(row.value is not None for row in found if row.metric not in ("maxbox", "maxboxv2"))
    for row in found:
        assert (row.placement, len(row.photo_sha256)) == ("plain", 64)
        assert (row.target_index, row.label) == (281 if row.photo == "cat.jpg" else 207,) * 2
        assert 0 < row.probability < 1
        assert row.box_share == pytest.approx(0.25)  # half the width, half the height
        assert row.off_centre is False


def test_energy_and_pointing_are_those_of_the_map_drawn_out_to_pixels(data, model):
    found = table(measure_photos(data.samples, settings(), [model]))
    hits = []
    for sample in data.samples:
        photo = images.read(sample.path.read_bytes(), sample.name)
        entry = activation_map(forward(model, photo), sample.label)
        positive = dataclasses.replace(entry, values=np.maximum(entry.values, 0))
        drawn = np.nan_to_num(place(positive, photo.height, photo.width).values)
        (box,) = sample.boxes
        y, x = np.mgrid[: photo.height, : photo.width] + 0.5
        inside = (x >= box.x0) & (x < box.x1) & (y >= box.y0) & (y < box.y1)
        key = (sample.name, "lite0@96", "cam")
        assert found[(*key, "energy")].value == pytest.approx(drawn[inside].sum() / drawn.sum(), abs=0.01)
        rows_in, columns_in = np.nonzero(inside)
        strongest = np.argwhere(drawn >= drawn.max() * (1 - 1e-5))  # half of a cell at the map's border is as strong
        gaps = strongest - strongest.clip((rows_in.min(), columns_in.min()), (rows_in.max(), columns_in.max()))
        distances = np.hypot(*gaps.T)  # distance to the box, px
        if not distances.any() or distances.min() > 5:  # otherwise its edge decides, where pixels and cells may differ
            hits.append(bool(not distances.any()))
            assert found[(*key, "pointing")].value == float(hits[-1])
    assert len(hits) >= 5
    assert set(hits) == {True, False}


def test_the_uniform_control_has_the_objects_share_as_energy(data, model):
    for key, row in table(measure_photos(data.samples[:3], settings(), [model])).items():
        if key[2:] == ("control-uniform", "energy"):
            assert row.value == pytest.approx(row.box_share)


def test_controls_of_place_know_no_model_and_no_method(data, model, loaded):
    other = loaded("lite0@128")
    wanted = settings(models=("lite0@96", "lite0@128"), methods=(Method.EIGENCAM,))
    found = table(measure_photos(data.samples[:2], wanted, [model, other]))
    for (photo, name, method, metric), row in found.items():
        if name == "lite0@128" and method in CONTROLS:
            assert row.value == found[photo, "lite0@96", method, metric].value
    random = [row.value for key, row in found.items() if key[1:] == ("lite0@96", "control-random", "energy")]
    assert random[0] != random[1]  # different for each photo


def test_the_random_control_follows_the_seed(data, model):
    first, again, other = (table(measure_photos(data.samples[:1], settings(seed=seed), [model])) for seed in (1, 1, 2))
    key = (data.samples[0].name, "lite0@96", "control-random", "energy")
    assert first[key].value == again[key].value != other[key].value


def test_methods_that_are_one_map_are_measured_once_and_have_the_same_numbers(data, model, monkeypatch):
    methods = (Method.CAM, Method.GRADCAM, Method.HIRESCAM, Method.XGRADCAM, Method.SHAPLEYCAM)
    wanted = settings(methods=methods, metrics=(*WHERE, Metric.DROP, Metric.DELETION, Metric.SANITY_LOGIT))
    real, asked = measurements.score_map, []
    monkeypatch.setattr(measurements, "score_map", lambda *of: (asked.append(of[2].method), real(*of))[1])
    shared = table(measure_photos(data.samples[:1], wanted, [model]))
    assert asked == [Method.CAM]
    monkeypatch.setattr(measurements, "_SAME", {})
    alone = table(measure_photos(data.samples[:1], wanted, [model]))
    assert tuple(asked[1:]) == methods
    assert shared.keys() == alone.keys()
    for key, row in alone.items():
        if row.value is not None:
            assert shared[key].value == pytest.approx(row.value, abs=1e-5)


def test_earlier_layers_share_nothing(data, model):
    wanted = settings(methods=(Method.GRADCAM, Method.HIRESCAM), layer=TargetLayer.STRIDE_8, metrics=(Metric.ENERGY,))
    found = table(measure_photos(data.samples[:1], wanted, [model]))
    values = [found["cat.jpg", "lite0@96", method, "energy"].value for method in ("gradcam", "hirescam")]
    assert values[0] != pytest.approx(values[1], abs=1e-4)


def test_only_what_is_asked_for_is_measured(data, model, monkeypatch):
    def never(*_):
        raise AssertionError("not asked for")

    monkeypatch.setattr(measurements.heatmaps, "both_box_ious", never)
    found = measure_photos(data.samples[:1], settings(metrics=(Metric.POINTING, Metric.INCREASE)), [model])
    assert {row.metric for row in found} == {"pointing", "increase"}


def test_curves_go_with_the_measures_that_have_them(data, model):
    wanted = settings(metrics=(Metric.MAXBOX, Metric.IOU, Metric.DELETION, Metric.INSERTION))
    found = table(measure_photos(data.samples[:1], wanted, [model]))
    of = {key[3]: row for key, row in found.items() if key[2] == "cam"}
    assert (of["maxbox"].value, len(of["maxbox"].curve)) == (None, 50)
    assert of["iou"].value == pytest.approx(of["maxbox"].curve.max())
    assert len(of["deletion"].curve) == len(of["insertion"].curve) == 5  # step 0, and four steps
    assert of["deletion"].curve[0] == pytest.approx(of["insertion"].curve[-1], abs=1e-4)  # the whole photo
    assert of["deletion"].curve[0] == pytest.approx(of["deletion"].probability, abs=1e-4)
    assert of["deletion"].value == pytest.approx(np.trapezoid(of["deletion"].curve, dx=0.25), abs=1e-3)


def test_the_best_overlap_is_that_of_the_largest_part(data, model):
    wanted = settings(metrics=(Metric.MAXBOX, Metric.MAXBOX_V2, Metric.IOU))
    found = table(measure_photos(data.samples, wanted, [model]))
    best = {key: row.curve.max() for key, row in found.items() if row.curve is not None}
    keys = [key[:3] for key in found if key[3] == "iou"]
    assert [found[(*key, "iou")].value for key in keys] == pytest.approx([best[(*key, "maxbox")] for key in keys])
    assert any(best[(*key, "maxboxv2")] > best[(*key, "maxbox")] for key in keys)  # another part may fit better


@pytest.fixture(scope="module")
def pairs(data, model, loaded):
    """Return rows of two models: the second is compared with the first."""
    wanted = settings(
        models=("lite0@96", "lite0@128"), methods=(Method.CAM, Method.EIGENCAM), metrics=tuple(AGREEMENT_METRICS)
    )
    return table(measure_photos(data.samples[:2], wanted, [model, loaded("lite0@128")]))


class TestBesideTheFirstModel:
    @pytest.fixture
    def entry(self, data, loaded):
        photo = images.read(data.samples[0].path.read_bytes(), "cat.jpg")
        return lambda name, method=Method.CAM: activation_map(forward(loaded(name), photo), 281, method)

    def test_each_method_is_compared_with_the_first_models_map_by_that_method(self, entry, pairs):
        for method in (Method.CAM, Method.EIGENCAM):
            pair = agreement(*(entry(name, method) for name in ("lite0@96", "lite0@128")))
            values = [pairs["cat.jpg", "lite0@128", method, metric].value for metric in sorted(AGREEMENT_METRICS)]
            assert values == pytest.approx([pair.centroid_distance, pair.spearman, pair.iou_top20], abs=1e-4)

    def test_the_first_model_has_nothing_to_be_compared_with(self, pairs):
        assert {key[1] for key in pairs} == {"lite0@128"}
        assert {key[2] for key in pairs} == {"cam", "eigencam", *CONTROLS}

    def test_a_control_in_the_place_of_a_map_is_compared_too(self, entry, pairs):
        key = ("cat.jpg", "lite0@128")
        assert pairs[(*key, "control-uniform", "agree_rank")].value is None  # a uniform map has no ranks
        assert "is constant or" in pairs[(*key, "control-uniform", "agree_rank")].error
        assert pairs[(*key, "control-uniform", "agree_distance")].error is None
        # its centre is the middle of what both saw, which is the photo's; the evidence's centre is counted cell by cell
        first = entry("lite0@96")
        place = evidence(first, first.seen)
        x, y = (place.sum(axis=axis) @ (np.arange(64) + 0.5) / 64 - 0.5 for axis in (0, 1))
        side = first.seen.x1 - first.seen.x0
        expected = np.hypot(x, y) * side / np.hypot(*first.photo_size)
        assert pairs[(*key, "control-gaussian", "agree_distance")].value == pytest.approx(expected, abs=2e-3)


def test_sanity_is_what_is_left_at_the_end_of_the_cascade(data, model):
    wanted = settings(metrics=tuple(SANITY_METRICS), methods=(Method.CAM, Method.EIGENCAM), seed=4)
    found = table(measure_photos(data.samples[:1], wanted, [model]))
    assert {key[2] for key in found} == {"cam", "eigencam"}
    photo = images.read(data.samples[0].path.read_bytes(), "cat.jpg")
    steps = list(map_similarity.cascade(forward(model, photo), 281, Method.CAM, seed=4))
    for metric, values in (("spearman", [of.spearman for of in steps]), ("ssim", [of.ssim for of in steps])):
        row = found["cat.jpg", "lite0@96", "cam", f"sanity_{metric}"]
        np.testing.assert_allclose(row.curve, values, atol=1e-3)
        assert (len(row.curve), row.curve[0]) == (11, 1)
        assert row.value == pytest.approx(values[-1], abs=1e-3)
    logits = [found["cat.jpg", "lite0@96", method, "sanity_logit"].value for method in ("cam", "eigencam")]
    assert logits[0] == pytest.approx(
        map_similarity.random_logit(forward(model, photo), 281, Method.CAM, seed=4).spearman
    )
    assert logits[1] == pytest.approx(1)  # EigenCAM does not depend on the class


def test_road_whose_time_is_over_says_so(data, model, monkeypatch):
    ticks = itertools.count()
    monkeypatch.setattr(measurements.faithfulness.time, "monotonic", lambda: next(ticks))
    wanted = settings(metrics=(Metric.ROAD,), road_budget_s=5.0)  # a second a look at the clock, three looks a share
    row = table(measure_photos(data.samples[:1], wanted, [model]))["cat.jpg", "lite0@96", "cam", "road"]
    assert (row.value, len(row.curve)) == (None, 2)
    assert "The 5 s for road ran out after 2 of 5 shares" in row.error
    assert "--road-budget" in row.error
    whole = table(measure_photos(data.samples[:1], settings(metrics=(Metric.ROAD,)), [model]))
    row = whole["cat.jpg", "lite0@96", "cam", "road"]
    assert row.error is None
    assert row.value == pytest.approx(row.curve.mean())


class TestTargets:
    def test_the_models_own_prediction(self, data, model):
        photo = images.read(data.samples[0].path.read_bytes(), "cat")
        best = int(forward(model, photo).logits.argmax())
        found = measure_photos(data.samples[:1], settings(targets="prediction"), [model])
        assert {row.target_index for row in found} == {row.prediction for row in found} == {best}

    @pytest.mark.parametrize("word", ["340", "zebra"])
    def test_a_fixed_class(self, data, model, word):
        assert {row.target_index for row in measure_photos(data.samples[:1], settings(targets=word), [model])} == {340}

    def test_a_label_that_the_model_has_not_is_one_row(self, data, model):
        lost = dataclasses.replace(data.samples[0], label=None, class_names=("chimera",))
        (row,) = measure_photos([lost], settings(), [model])
        assert (row.photo, row.model, row.method) == ("cat.jpg", "lite0@96", None)
        assert "'chimera'" in row.error
        outside = dataclasses.replace(data.samples[0], label=1000)
        (row,) = measure_photos([outside], settings(), [model])
        assert "label 1000, which does not exist" in row.error


class TestWhatIsWrongIsARow:
    def reasons(self, folder, model, **changes):
        found = measure_photos(open_dataset(folder).samples, settings(**changes), [model])
        return [(row.photo, row.model, row.error) for row in found if row.error]

    def write(self, folder, **entry):
        (folder / "annotations.json").write_text(json.dumps([{"file": "a.jpg", "label": 1, **entry}]))
        return folder

    @pytest.mark.parametrize(
        ("data_of", "words"),
        [(lambda jpeg: jpeg[:2000], "ends before"), (lambda _: b"", "is empty"), (lambda _: b"text", "not an image")],
    )
    def test_a_broken_photo(self, tmp_path, eight_photos, model, data_of, words):
        (tmp_path / "a.jpg").write_bytes(data_of((eight_photos / "cat.jpg").read_bytes()))
        ((photo, of, reason),) = self.reasons(self.write(tmp_path, boxes_xyxy=[[0, 0, 9, 9]]), model)
        assert (photo, of) == ("a.jpg", None)
        assert words in reason

    def test_a_photo_that_is_not_there(self, tmp_path, model):
        ((_, _, reason),) = self.reasons(self.write(tmp_path, boxes_xyxy=[[0, 0, 9, 9]]), model)
        assert "cannot be read" in reason

    def test_annotations_of_another_size(self, tmp_path, eight_photos, model):
        (tmp_path / "a.jpg").write_bytes((eight_photos / "cat.jpg").read_bytes())
        folder = self.write(tmp_path, boxes_xyxy=[[0, 0, 9, 9]], width=50, height=40)
        ((_, _, reason),) = self.reasons(folder, model)
        assert "50 x 40" in reason

    @pytest.mark.parametrize("boxes", [[], [[-50, -50, -10, -10]]])
    def test_no_object_in_the_photo_leaves_the_other_metrics(self, tmp_path, eight_photos, model, boxes):
        (tmp_path / "a.jpg").write_bytes((eight_photos / "cat.jpg").read_bytes())
        wanted = settings(metrics=(Metric.ENERGY, Metric.DROP))
        found = measure_photos(open_dataset(self.write(tmp_path, boxes_xyxy=boxes)).samples, wanted, [model])
        (reason,) = [row.error for row in found if row.error]
        assert "No object is annotated" in reason
        assert {(row.method, row.metric) for row in found if not row.error} == {
            (method, "drop") for method in ("cam", *CONTROLS)
        }

    def test_a_method_without_a_finite_map(self, data, model, monkeypatch):
        real = measurements.activation_map

        def fails(passed, index, method, layer):
            if method is Method.ABLATIONCAM:
                from effviz.errors import TargetError

                raise TargetError("No finite map\nfor this class.")
            return real(passed, index, method, layer)

        monkeypatch.setattr(measurements, "activation_map", fails)
        found = measure_photos(data.samples[:1], settings(methods=(Method.ABLATIONCAM, Method.CAM)), [model])
        (failed,) = [row for row in found if row.error]
        assert (failed.method, failed.metric, failed.error) == ("ablationcam", None, "No finite map for this class.")
        assert {row.method for row in found} == {"ablationcam", "cam", *CONTROLS, *IN_CROP}


def test_blurred_beyond_the_photo_a_map_is_the_uniform_control_in_its_crop(data, model):
    far, own = (table(measure_photos(data.samples, settings(smooth=smooth), [model])) for smooth in (3, 0))
    for sample in data.samples:
        width, height = images.read(sample.path.read_bytes(), sample.name).rgb.shape[1::-1]
        side = 0.875 * min(width, height)  # of the centre square that the model sees
        edges = ((width, 0.2, 0.7), (height, 0.3, 0.8))  # of the box, as fractions of the photo
        inside = [min(end * of, (of + side) / 2) - max(start * of, (of - side) / 2) for of, start, end in edges]
        for method in ("cam", *IN_CROP):
            found = far[sample.name, "lite0@96", method, "energy"].value
            assert found == pytest.approx(inside[0] * inside[1] / side**2, abs=0.02)
        assert own[sample.name, "lite0@96", "control-crop-uniform", "energy"].value == pytest.approx(found, abs=0.005)
        for control in CONTROLS:  # controls over the photo are not blurred
            values = [found[sample.name, "lite0@96", control, "energy"].value for found in (far, own)]
            assert values[0] == values[1]


def test_controls_in_the_crop_are_of_each_model_and_those_of_one_crop_alike(data, loaded):
    names = ("lite0@112", "lite0@168", "lite2@112")  # 112 of 128, 168 of 192, and 112 of 125 px
    found = table(measure_photos(data.samples[:3], settings(models=names), [loaded(name) for name in names]))
    for sample in data.samples[:3]:
        for control in ("control-crop-gaussian", "control-crop-uniform"):
            one, alike, wider = (found[sample.name, name, control, "energy"].value for name in names)
            assert one == pytest.approx(alike, abs=0.02)  # except for a heatmap cell at the crop's edge
            assert one != wider


def test_the_energy_game_of_scorecams_authors_leaves_photos_out_with_a_reason(eight_photos, tmp_path, model):
    """Of four photos with a box of a quarter one gets a second box, and one a box of 64 %."""
    entries = json.loads((eight_photos / "annotations.json").read_text())[:4]
    width, height = entries[1]["width"], entries[1]["height"]
    entries[0]["boxes_xyxy"].append([0, 0, 20, 20])
    entries[1]["boxes_xyxy"] = [[0, 0, 0.8 * width, 0.8 * height]]
    (tmp_path / "annotations.json").write_text(json.dumps(entries))
    samples = open_dataset(tmp_path / "annotations.json", eight_photos).samples
    found = measure_photos(samples, settings(energy_photos=EnergyPhotos.SCORE_CAM), [model])
    assert {row.method for row in found} == {"cam", *CONTROLS, *IN_CROP}
    for row in found:
        out = row.metric == "energy" and row.photo in (entries[0]["file"], entries[1]["file"])
        assert (row.error is not None) is out
        assert not out or "one box that covers at most half" in row.error
    everybody = measure_photos(samples, settings(), [model])
    assert all(row.error is None for row in everybody)


def test_with_a_tolerance_a_peak_beside_the_box_is_a_hit(data, model):
    found = table(measure_photos(data.samples, settings(), [model]))
    hits = {(photo, metric): row.value for (photo, _, method, metric), row in found.items() if method == "cam"}
    photos = {photo for photo, _ in hits}
    assert all(hits[photo, "pointing15"] >= hits[photo, "pointing"] for photo in photos)


# Unusable photos give one error message, whatever the annotations; no model runs on them.

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
        assert found.truth.share((60, 40)) == pytest.approx(30 * 20 / 2400)
        assert found.truth.holds(29.5, 19.5, (60, 40))
        assert not found.truth.holds(30.5, 19.5, (60, 40))

    def test_without_an_area_the_box_does(self, tmp_path):
        found = coco(tmp_path, [[1, 2, 3, 4]])
        assert found.truth.share((60, 40)) == pytest.approx(30 * 20 / 2400)
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
        assert "large.png is 1048576.0 MB" in prepare_photo(listed(tmp_path, "large.png"), []).reason

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
        assert f"{name} cannot be read (it is not a regular file)" in prepare_photo(listed(tmp_path, name), []).reason

    @pytest.mark.parametrize("name", ["a\0b.jpg", "\ud800.jpg", "x" * 5000])
    def test_a_name_that_no_file_can_have(self, tmp_path, name):
        found = prepare_photo(listed(tmp_path, name), [])
        assert isinstance(found, UnreadablePhoto)
        assert "cannot be read" in found.reason
        assert (found.sample.name + found.reason).encode()
