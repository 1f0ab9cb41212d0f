"""Tables of small runs in which every number is known."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from effviz.errors import SettingsError
from effviz.evaluate import run_store, run_summary
from effviz.evaluate.heatmaps import LEVELS
from effviz.evaluate.intervals import mean, share
from effviz.evaluate.run_settings import Metric, RunSettings
from effviz.evaluate.run_store import Manifest, MeasuredModel, Measurement
from effviz.evaluate.run_summary import find_differences
from effviz.explain.data_types import Method

MODELS = ("lite0@224", "lite2@260")
ENERGY = {"lite0@224": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "lite2@260": [0.2, 0.4, 0.3, 0.1, 0.9, 0.8]}
SMALL = [True, False, False, True, False, False]
LABELS = [3, 3, 3, 9, 9, 9]
PREDICTED = {"lite0@224": [3, 3, 0, 9, 0, 9], "lite2@260": [3, 3, 3, 9, 9, 0]}


def curves(model):
    return np.random.default_rng(len(model) + (model == MODELS[1])).random((6, LEVELS)).astype(np.float32) ** 2


def rows():
    for model, values in ENERGY.items():
        for number, value in enumerate(values):
            base = Measurement(
                photo=f"{number}.jpg",
                model=model,
                method="cam",
                metric="energy",
                value=value,
                label=LABELS[number],
                prediction=PREDICTED[model][number],
                off_centre=SMALL[number],
            )
            yield base
            yield dataclasses.replace(base, method="control-uniform", value=0.35)
            yield dataclasses.replace(base, metric="maxbox", value=None, curve=curves(model)[number])
    yield Measurement("6.jpg", error="6.jpg is empty (0 bytes) and contains no photo. Choose another file.")
    yield Measurement("7.jpg", "lite0@224", "ablationcam", error="No finite map.")


def finished(folder: Path) -> Path:
    settings = RunSettings(MODELS, (Method.CAM,), (Metric.ENERGY, Metric.MAXBOX))
    networks = tuple(MeasuredModel(model, "a" * 64, "openvino") for model in MODELS)
    run = Manifest(Path(), settings, "/data", "f" * 64, 8, 32, networks, {"effviz": "1"})
    run = run_store.open_run(folder, run)
    run_store.write_chunk(folder, 0, list(rows()))
    run_store.save_manifest(run, finished=True, seconds=2.5, thresholds=run_store.merge_chunks(folder))
    return folder


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    return run_summary.load_results(finished(tmp_path_factory.mktemp("run")))


def cell(found, model, method="cam", metric=Metric.ENERGY):
    (one,) = [one for one in found if (one.model, one.method, one.metric) == (model, method, metric)]
    return one


def test_means_have_intervals_for_all_photos_and_for_the_small_and_off_centre(known):
    found = cell(run_summary.metric_means(known), "lite2@260")
    assert found.every.mean == pytest.approx(2.7 / 6)
    assert found.every == mean(ENERGY["lite2@260"])
    assert found.small == mean([0.2, 0.1])
    assert found.small.n == 2


def test_controls_stand_in_the_table(known):
    found = run_summary.metric_means(known)
    assert cell(found, "lite0@224", "control-uniform").every.mean == pytest.approx(0.35)
    assert not [one for one in found if one.method == "control-random"]  # no rows, no cell
    assert len(found) == 6


def test_box_accuracy_is_a_share_at_the_threshold_that_is_best_for_all_photos(known):
    found = cell(run_summary.metric_means(known), "lite0@224", metric=Metric.MAXBOX)
    fits = curves("lite0@224") >= 0.5
    assert found.every == share(fits[:, fits.mean(axis=0).argmax()])
    assert found.every.mean == pytest.approx(fits.mean(axis=0).max())
    best = fits.mean(axis=0).argmax()  # small objects use the threshold of all photos
    assert found.small.mean == pytest.approx(fits[SMALL, best].mean())


def test_ranks_put_the_best_first(known):
    found = run_summary.metric_means(known)
    (energy, _) = run_summary.rank_means(found).values()
    names = [(one.model, one.method) for one in energy]
    assert names[0] == ("lite2@260", "cam")
    assert set(names[1:]) >= {("lite0@224", "cam"), ("lite0@224", "control-uniform")}
    low = [dataclasses.replace(one, metric=Metric.DELETION) for one in energy]
    worst = run_summary.rank_means(low)[Metric.DELETION][-1]  # for deletion, the lowest is best
    assert (worst.model, worst.method) == ("lite2@260", "cam")


def test_of_a_likeness_to_a_broken_network_that_nearest_to_zero_ranks_first(known):
    two = [of for of in run_summary.metric_means(known) if of.method == "cam" and of.metric is Metric.ENERGY]
    means = [dataclasses.replace(two[0].every, mean=mean) for mean in (-0.9, 0.3, -0.1)]
    found = [dataclasses.replace(two[0], metric=Metric.SANITY_LOGIT, every=every) for every in means]
    assert [of.every.mean for of in run_summary.rank_means(found)[Metric.SANITY_LOGIT]] == [-0.1, 0.3, -0.9]


def test_classes_have_their_means_and_names_beside_the_controls(known):
    shark, ostrich = run_summary.class_means(known, "cam", Metric.ENERGY)
    assert (shark.label, shark.name, shark.photos) == (3, "tiger shark", 3)  # classes 3 and 9 of ImageNet
    assert (ostrich.label, ostrich.name, ostrich.photos) == (9, "ostrich", 3)
    expected = {"control-uniform": 0.35, "lite0@224": 0.2, "lite2@260": 0.3}
    assert shark.means == pytest.approx(expected)
    assert ostrich.means == pytest.approx(expected | {"lite0@224": 0.5, "lite2@260": 0.6})


def test_classes_have_leads_of_what_runs_the_model_again(known):
    """A less confident model has lower areas in every class, so a table of raw areas would rank confidence."""
    names = {"control-uniform": "control-gaussian", "energy": "deletion"}
    columns = {name: known.frame[name].astype(object).replace(names) for name in ("method", "metric")}
    again = known.frame.assign(**columns)
    shark, ostrich = run_summary.class_means(dataclasses.replace(known, frame=again), "cam", Metric.DELETION)
    assert shark.means == pytest.approx({"lite0@224": 0.2 - 0.35, "lite2@260": 0.3 - 0.35})
    assert ostrich.means == pytest.approx({"lite0@224": 0.5 - 0.35, "lite2@260": 0.6 - 0.35})


def test_disputes_are_where_models_differ_most(known):
    first, second = run_summary.find_disputes(known, "cam", count=2)
    assert (first.photo, first.values) == ("4.jpg", {"lite0@224": 0.5, "lite2@260": 0.9})
    assert first.spread == pytest.approx(0.4)
    assert first.controls == pytest.approx({"control-uniform": 0.35, "control-gaussian": np.nan}, nan_ok=True)
    assert second.photo == "3.jpg"


def test_the_best_the_median_and_the_worst_photo_of_each_model(known):
    extremes = run_summary.find_extremes(known, "cam", Metric.ENERGY)
    assert list(extremes) == ["lite0@224", "lite2@260"]
    assert extremes["lite0@224"] == [  # 0.1 to 0.6: the better of the two in the middle
        run_summary.PhotoValue("5.jpg", 0.6),
        run_summary.PhotoValue("3.jpg", 0.4),
        run_summary.PhotoValue("0.jpg", 0.1),
    ]
    assert [of.photo for of in extremes["lite2@260"]] == ["4.jpg", "1.jpg", "3.jpg"]


@pytest.mark.parametrize(
    ("metric", "values", "ordered"),
    [
        (Metric.DELETION, (0.5, 0.2, 0.2, 0.9), ["c.jpg", "b.jpg", "a.jpg"]),  # the lowest; the first if equal
        (Metric.SANITY_SSIM, (-0.5, 0.2, 0.3, -0.9), ["c.jpg", "b.jpg", "a.jpg"]),  # the value nearest to 0
    ],
)
def test_what_is_best_depends_on_the_metric(tmp_path, metric, values, ordered):
    settings = RunSettings(("lite0@224",), (Method.CAM,), (metric,))
    run = Manifest(Path(), settings, "/d", "f", 4, 32, (MeasuredModel("lite0@224", "a", "torch"),), {})
    run = run_store.open_run(tmp_path, run)
    named = zip(("d.jpg", "c.jpg", "b.jpg", "a.jpg"), values, strict=True)
    maps = [Measurement(name, "lite0@224", "cam", metric.value, value) for name, value in named]
    control = [dataclasses.replace(row, method="control-gaussian", value=0.0) for row in maps]
    run_store.write_chunk(tmp_path, 0, maps + control)
    run_store.save_manifest(run, finished=True, thresholds=run_store.merge_chunks(tmp_path))
    (three,) = run_summary.find_extremes(run_summary.load_results(tmp_path), "cam", metric).values()
    assert [of.photo for of in three] == ordered


def test_a_model_that_all_others_are_compared_with_is_left_out_of_disputes(tmp_path):
    settings = RunSettings((*MODELS, "lite1@224"), (Method.CAM,), (Metric.AGREE_RANK,))
    networks = tuple(MeasuredModel(model, "a", "torch") for model in settings.models)
    run = run_store.open_run(tmp_path, Manifest(Path(), settings, "/d", "f", 2, 32, networks, {}))
    values = {("a", MODELS[1]): 0.5, ("b", MODELS[1]): 0.9, ("a", "lite1@224"): 0.6, ("b", "lite1@224"): 0.5}
    some = [Measurement(photo, model, "cam", "agree_rank", value) for (photo, model), value in values.items()]
    run_store.write_chunk(tmp_path, 0, some)
    run_store.save_manifest(run, finished=True, thresholds=run_store.merge_chunks(tmp_path))
    first, _ = run_summary.find_disputes(run_summary.load_results(tmp_path), "cam", Metric.AGREE_RANK)
    assert (first.photo, first.values) == ("b", {MODELS[1]: 0.9, "lite1@224": 0.5})


def test_accuracy_counts_first_choices(known):
    assert [(one.model, one.top1.mean, one.top1.n) for one in run_summary.model_accuracies(known)] == [
        ("lite0@224", pytest.approx(4 / 6), 6),
        ("lite2@260", pytest.approx(5 / 6), 6),
    ]


def test_failures_say_what_and_why(known):
    broken, undefined = run_summary.find_failures(known)
    assert (broken.photo, broken.model, broken.method) == ("6.jpg", "", "")
    assert "empty" in broken.reason
    assert (undefined.model, undefined.method) == ("lite0@224", "ablationcam")


def test_reasons_are_counted_whatever_the_photo_is_called():
    failed = [run_summary.Failure(f"{name}.jpg", "", "", f"{name}.jpg is empty.") for name in "abc"]
    failed.insert(1, run_summary.Failure("d.jpg", "lite0@224", "cam", "No finite map."))
    assert run_summary.count_reasons(failed) == [("… is empty.", 3), ("No finite map.", 1)]


def test_a_run_that_is_not_finished_is_refused(tmp_path, known):
    run_store.open_run(tmp_path / "a", dataclasses.replace(known.run, finished=False))
    with pytest.raises(SettingsError, match="not finished"):
        run_summary.load_results(tmp_path / "a")
    with pytest.raises(SettingsError, match="not a run folder"):
        run_summary.load_results(tmp_path)


def test_a_manifest_comes_back_as_it_was(known):
    assert run_store.read_manifest(known.run.folder) == known.run
    assert known.run.seconds == 2.5
    assert len(known.run.thresholds) == 2


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/secret/cars/annotations.json", "cars"),
        ("/secret/coco/annotations/instances_val2017.json", "instances_val2017.json"),
        ("/secret/val/boxes.csv", "boxes.csv"),
        ("/secret/photos", "photos"),
    ],
)
def test_a_data_set_is_called_by_its_name_and_never_by_its_path(known, path, name):
    assert run_summary.Results(dataclasses.replace(known.run, dataset=path), known.frame).dataset == name


def test_a_run_in_which_nothing_could_be_measured_is_empty_and_not_an_error(tmp_path, known):
    run = run_store.open_run(tmp_path, dataclasses.replace(known.run, finished=False, thresholds=()))
    run_store.write_chunk(
        tmp_path, 0, [Measurement("a.jpg", error="It is broken."), Measurement("b.jpg", error="It is empty.")]
    )
    run_store.save_manifest(run, finished=True, thresholds=run_store.merge_chunks(tmp_path))
    nothing = run_summary.load_results(tmp_path)
    assert run_summary.metric_means(nothing) == ()
    assert run_summary.rank_means(()) == {}
    assert run_summary.class_means(nothing, "cam", Metric.ENERGY) == ()
    assert run_summary.find_disputes(nothing, "cam") == ()
    assert run_summary.find_extremes(nothing, "cam", Metric.ENERGY) == {}
    assert [one.reason for one in run_summary.find_failures(nothing)] == ["It is broken.", "It is empty."]
    assert [one.top1.n for one in run_summary.model_accuracies(nothing)] == [0, 0]
    assert find_differences(nothing, ("cam",), Metric.MAXBOX) == ()
