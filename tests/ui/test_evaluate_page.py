"""The Evaluate page opens runs in which every number is known, and handles everything else without errors."""

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from effviz import settings
from effviz.errors import SettingsError
from effviz.evaluate import display_names, run_store, run_summary
from effviz.evaluate.heatmaps import LEVELS
from effviz.evaluate.intervals import Interval
from effviz.evaluate.run_settings import Metric, RunSettings
from effviz.evaluate.run_store import Manifest, MeasuredModel, Measurement
from effviz.evaluate.run_summary import Difference, load_results
from effviz.explain import sample_photos
from effviz.explain.data_types import Method
from effviz.report.html_report import SUMMARY_FILE, summary_csv
from effviz.ui import cache
from effviz.ui.evaluate import photo_examples, run_results, runs
from effviz.ui.evaluate.runs import ResultsView

ROOT = Path(__file__).parents[2]
TITLE = "Does scaling make maps better?"
MODELS = ("lite0@224", "lite2@260")
PHOTOS = ("a.jpg", "b.jpg", "cat.jpg", "d.jpg", "e.jpg", "f.jpg", "g.jpg", "h.jpg")
ENERGY = {
    "lite0@224": (0.1, 0.9, 0.8, 0.3, 0.4, 0.5, 0.6, 0.2),  # mean 3.8 / 8
    "lite2@260": (0.2, 0.8, 0.9, 0.4, 0.5, 0.5, 0.7, 0.4),  # mean 4.4 / 8
}
SMALL = (True, True, False, False, False, False, False, True)
CONTROLS = {"control-random": 0.25, "control-gaussian": 0.35, "control-uniform": 0.15}


def sha256(photo: str) -> str:
    """Return the real hash of cat.jpg, a bundled photo, and invented ones for other names."""
    if photo == "cat.jpg":
        return hashlib.sha256(sample_photos.find("cat").path.read_bytes()).hexdigest()
    return hashlib.sha256(photo.encode()).hexdigest()


def rows() -> Iterator[Measurement]:
    for model, values in ENERGY.items():
        for photo, value, small in zip(PHOTOS, values, SMALL, strict=True):
            row = Measurement(photo, model, "cam", "energy", value, 3, photo_sha256=sha256(photo), off_centre=small)
            yield row
            yield replace(row, metric="deletion", value=value / 2)
            yield replace(row, metric="deletion", method="control-gaussian", value=0.5)
            boxes = (np.linspace(value, 0, LEVELS) + value / 2).astype(np.float32)
            for method in ("cam", *CONTROLS):
                yield replace(row, method=method, metric="maxbox", value=None, curve=boxes)
            for control, level in CONTROLS.items():
                yield replace(row, method=control, value=level)
    yield Measurement("broken.jpg", error="broken.jpg is empty (0 bytes) and contains no photo. Choose another file.")


def unfinished(folder: Path) -> Manifest:
    settings = RunSettings(MODELS, (Method.CAM,), (Metric.ENERGY, Metric.DELETION, Metric.MAXBOX), seed=7)
    networks = tuple(MeasuredModel(model, "a" * 64, "openvino") for model in MODELS)
    run = Manifest(Path(), settings, "/somewhere/cars/annotations.json", "f" * 64, 9, 8, networks, {"effviz": "1"})
    run = run_store.open_run(folder, run)
    run_store.write_chunk(folder, 0, list(rows()))
    return run


def finished(folder: Path) -> Path:
    run = unfinished(folder)
    run_store.save_manifest(run, finished=True, seconds=2.5, thresholds=run_store.merge_chunks(folder))
    run_store.remove_chunks(folder)
    return folder


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(settings.RUNS.name, str(tmp_path / "runs"))
    return tmp_path / "runs"


def open_page(**address: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    at.switch_page("effviz/ui/pages/evaluate.py")
    at.query_params.update(address)
    at.run()
    check(at)
    return at


def check(at: AppTest) -> None:
    assert [title.value for title in at.title] == [TITLE]
    assert not at.exception
    assert not at.error


def chart(at: AppTest) -> dict[str, dict[str, list[object]]]:
    return {trace.get("name"): trace for trace in json.loads(at.get("plotly_chart")[0].proto.spec)["data"]}


def words(at: AppTest) -> str:
    return "\n".join(str(element.value) for kind in ("markdown", "caption", "info") for element in at.get(kind))


def table(at: AppTest, column: str) -> dict[str, str]:
    """Return the first table with this column, by the method's name."""
    found = next(each.value for each in at.dataframe if column in each.value and "method" in each.value)
    rows = zip(found["method"], found[column], strict=True)
    return {method: number for methods, number in rows for method in methods.split(", ")}


def differences(at: AppTest) -> list[tuple[str, str, str, int]]:
    """Return models, subtrahends, means and photo counts from the table of differences."""
    (found,) = (each.value for each in at.dataframe if "difference" in each.value)
    return [(row.model, row.minus, row.difference.partition(" ")[0], row.photos) for row in found.itertuples()]


def view(of: runs.MeasuredRun, metric: Metric = Metric.ENERGY, small: bool = False) -> ResultsView:
    return ResultsView(of, metric, "cam", small)


def test_without_a_folder_the_study_is_open() -> None:
    at = open_page()
    assert not at.warning
    assert at.selectbox(key="run-choice").options == [
        "A first study: 400 photos with boxes",
        "A first study of faithfulness: 100 of the 400 photos",
        "Faithfulness of ten methods: the same 100 photos",
        "The first study with all maps blurred equally: 400 photos with boxes",
    ]
    numbers = table(at, "lite0@224")
    assert numbers["CAM"] == "0.783 (0.757–0.808)"  # docs/study.md, like the others
    assert numbers["Control: Gaussian in the crop"] == "0.711 (0.680–0.740)"
    assert numbers["Control: centre Gaussian"] == "0.627 (0.598–0.656)"
    assert chart(at)["Baseline"]["customdata"] == [["lite0@224"]]
    assert len(chart(at)[None]["text"]) == 9  # each model has its own name
    methods = next(each.value["method"] for each in at.dataframe if "lite0@224" in each.value)
    assert methods.iloc[0] == "CAM, Grad-CAM, HiResCAM, XGrad-CAM"  # at this layer they are the same map
    # docs/study.md: lite2@260 minus lite0@224, and lite0@224 minus the Gaussian in its crop
    assert ("lite2@260", "lite0@224", "0.047", 400) in differences(at)
    assert ("lite0@224", "Gaussian in its crop", "0.072", 400) in differences(at)
    (found,) = (each.value for each in at.dataframe if "certain" in each.value)
    certain = dict(zip(found["model"][:8], found["certain"], strict=False))  # the others are minus the Gaussian
    assert (certain["lite2@260"], certain["lite1@224"]) == ("yes", "no")
    assert "400 photos of **ImageNet's validation set, with boxes**" in words(at)
    at.selectbox(key="of-choice").set_value("lite2@260").run()
    assert "The photos of this run are not on this server, so only their names and values are listed" in words(at)
    check(at)


def test_a_slide_of_the_study_says_without_its_page_what_was_measured_and_what_bars_are() -> None:
    at = open_page(run=":study", by="gradcam", which="small")
    (picture,) = [one for one in at.get("bidi_component") if one.proto.component_name == "effviz_picture"]
    laid = json.loads(picture.proto.json)[0]["slide"]["layout"]
    assert laid["title"]["text"] == "<b>Energy in box, Grad-CAM</b>"
    assert laid["annotations"][-1]["text"] == (
        "46 photos of ImageNet's validation set, with boxes, small and off-centre objects. Error bars: 95 % "
        "intervals (Student's t) over photos, not over training runs. Measured and drawn by EffViz (Apache-2.0)."
    )


def test_the_methods_of_the_study_open_too() -> None:
    at = open_page(run=runs.METHODS_STUDY, metric="insertion")
    numbers = table(at, "lite0@224")
    assert numbers["FinerCAM"].startswith("0.414")  # docs/study.md
    assert numbers["Control: centre Gaussian"].startswith("0.329")


def test_the_study_of_faithfulness_opens_too() -> None:
    at = open_page(run=runs.FAITHFUL, metric="insertion")
    assert table(at, "lite0@224")["CAM"].startswith("0.412")  # docs/study.md, like the lead
    assert chart(at)["Baseline"]["y"] == [pytest.approx(0.083, abs=5e-4)]
    assert "100 photos" in words(at)
    check(at)


def test_the_study_has_the_hard_photos_too() -> None:
    at = open_page(which="small", metric="pointing")
    assert chart(at)["Compound"]["y"] == [pytest.approx(0.609, abs=5e-4)]  # lite2@260 in docs/study.md
    assert "**46**" in words(at)


def plainly(paragraphs: Iterable[str]) -> list[str]:
    """Remove the backslashes that keep names from being markup."""
    return [text.replace("\\", "") for text in paragraphs]


@pytest.mark.parametrize(
    ("asked", "said"),
    [  # the numbers are in docs/study
        (
            {"metric": "energy"},
            (
                "**Yes, a little:** the compound model lite2@260 puts 4.7 points more of its map on the object than "
                "the baseline lite0@224. The baseline with the same larger input (lite0@260), whose grid is just as "
                "fine, gains 3.0.",
                "Energy in box (higher is better) by CAM, compared with lite0@224: better: lite2@260, lite0@260, "
                "lite0@320, lite0@384; worse: lite0@192; no clear difference: lite1@224, lite2@224, lite0@448. The "
                "maps of every model beat the Gaussian in its crop, which does not look at the photo.",
            ),
        ),
        (
            {"run": runs.FAITHFUL, "metric": "deletion"},
            (
                "**Yes, a little:** by Deletion, the map of the compound model lite2@260 leads a Gaussian by 2.4 "
                "points more than that of the baseline lite0@224.",
                "Deletion minus the model's own Gaussian (lower is better) by CAM, compared with lite0@224: a larger "
                "lead: lite2@224, lite2@260, lite1@224; a smaller lead: lite0@260. The maps of every model beat the "
                "centre Gaussian, which does not look at the photo.",
            ),
        ),
        (
            {"run": runs.FAITHFUL, "metric": "insertion"},
            (
                "**No:** by Insertion, the map of the compound model lite2@260 leads a Gaussian by 3.6 points less "
                "than that of the baseline lite0@224.",
            ),
        ),
        (
            {"run": runs.SMOOTH, "metric": "energy"},
            ("All maps were blurred equally, so a finer grid alone gains little.",),
        ),
        (
            {"metric": "pointing"},
            (
                "**No clear difference** between the compound model lite2@260 and the baseline lite0@224: on these "
                "photos, the difference in Pointing game is not statistically significant.",
            ),
        ),
    ],
)
def test_the_question_is_answered_by_the_differences_of_the_measure_that_is_open(
    asked: dict[str, str], said: Sequence[str]
) -> None:
    at = open_page(**asked)
    shown = "\n".join(plainly(text.value for text in at.markdown))
    assert all(sentence in shown for sentence in said)
    assert "too few for a conclusion" not in words(at)


NOTHING = Interval(np.nan, np.nan, np.nan, 0)


def minus(metric: Metric, model: str, mean: float, *, p: float = 0.01, other: str = "m0", n: int = 40) -> Difference:
    found = Interval(mean, mean - 0.05, mean + 0.05, n, p)
    same = (model, "control-gaussian") if other == "gaussian" else (other, "cam")
    return Difference(model, "cam", *same, metric, found, replace(found, mean=found.mean / 10))


def of_networks(run: runs.MeasuredRun, *labels: str) -> runs.MeasuredRun:
    networks = tuple(run_store.MeasuredModel(label, "", "openvino") for label in labels)
    return replace(run, run=replace(run.run, networks=networks, settings=replace(run.run.settings, models=labels)))


def with_models(folder: Path, *labels: str) -> runs.MeasuredRun:
    """Return a run of unknown models."""
    return of_networks(runs.open_folder(finished(folder / "cars"), ("test",)), *labels)


@pytest.mark.parametrize(
    ("metric", "means", "said"),
    [
        (
            Metric.ENERGY,
            {"m1": 0.12},
            "**Yes:** m1 puts 12.0 points more of its map on the object than the baseline m0.",
        ),
        (Metric.ENERGY, {"m1": 0.3, "m2": 0.099}, "**Yes, a little:** m2 puts 9.9 points more"),  # the last one answers
        (Metric.ENERGY, {"m1": -0.01}, "**No:** m1 puts 1.0 points less of its map on the object than"),
        (
            Metric.DELETION,
            {"m1": -0.2},
            "**Yes:** by Deletion, the map of m1 leads a Gaussian by 20.0 points more than",
        ),
        (Metric.DELETION, {"m1": 0.05}, "**No:** by Deletion, the map of m1 leads a Gaussian by 5.0 points less than"),
        (
            Metric.POINTING,
            {"m1": 0.04},
            "**Yes, a little:** the map of m1 peaks on the object in 4.0 more photos out of 100 than",
        ),
        (Metric.SANITY_SSIM, {"m1": 0.4}, "**This metric shows how similar maps are**, not which are better."),
        (Metric.ENERGY, {"m1": -0.2, "lite1@240": 0.04}, "**Yes, a little:** the largest model lite1@240 puts 4.0"),
    ],
)
def test_the_answer_is_yes_or_no_by_rules(folder: Path, metric: Metric, means: dict[str, float], said: str) -> None:
    of = with_models(folder, "m0", *means)
    if "lite1@240" in means:  # a known model, with MACs
        of = of_networks(of, "lite0@224", *means)
    found = [minus(metric, model, mean) for model, mean in means.items()]
    assert said in plainly(run_results.answer(view(of, metric), found))[0]


def test_other_measures_of_the_run_are_named_by_what_they_say_of_the_same_models(folder: Path) -> None:
    of = with_models(folder, "m0", "m1")
    found = {
        Metric.POINTING: [minus(Metric.POINTING, "m1", 0.2)],
        Metric.IOU: [minus(Metric.IOU, "m1", -0.2)],
        Metric.MAXBOX: [minus(Metric.MAXBOX, "m1", 0.2, p=0.06)],
        Metric.MAXBOX_V2: [replace(minus(Metric.MAXBOX_V2, "m1", 0.2), every=NOTHING)],  # no photo has both
    }
    assert run_results.other_measures(view(of), found) == (
        "The same two models compared by the run's other metrics: better (Pointing game); worse (Best IoU); no "
        "clear difference (MaxBoxAcc)."
    )
    assert run_results.other_measures(view(of), {}) == ""


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"metric": "energy"}, "the run's other metrics: no clear difference (Pointing game · "),
        ({"run": runs.FAITHFUL, "metric": "deletion"}, "the run's other metrics: a smaller lead (Insertion · "),
    ],
)
def test_a_yes_by_one_measure_stands_beside_what_the_others_of_its_kind_say(asked: dict[str, str], said: str) -> None:
    assert said in words(open_page(**asked))


def test_an_answer_parts_models_by_what_is_clear_after_holms_correction(folder: Path) -> None:
    """Each group lists its farthest model first; the small and off-centre photos have different numbers."""
    of = with_models(folder, "m0", "m1", "m2", "m3", "m4")
    found = [
        minus(Metric.ENERGY, "m1", 0.2),
        minus(Metric.ENERGY, "m2", 0.3),
        minus(Metric.ENERGY, "m3", -0.1),
        minus(Metric.ENERGY, "m4", 0.4, p=0.06),  # far from zero, and one of many
        *(minus(Metric.ENERGY, model, 0.2, other="gaussian") for model in ("m0", "m2")),
        minus(Metric.ENERGY, "m1", -0.2, other="gaussian"),
        minus(Metric.ENERGY, "m3", 0.2, p=0.06, other="gaussian"),
    ]
    headline, others = plainly(run_results.answer(view(of), found))
    assert headline.startswith("**No clear difference** between m4 and the baseline m0")
    assert others == (
        "Energy in box (higher is better) by CAM, compared with m0: better: m2, m1; worse: m3; no clear difference: "
        "m4. No clear lead over the centre Gaussian, which does not look at the photo: m1, m3."
    )
    small = plainly(run_results.answer(view(of, small=True), found[:1]))
    assert small[0].startswith("**Yes, a little:** m1 puts 2.0 points more")
    few = plainly(run_results.answer(view(of), [minus(Metric.ENERGY, "m1", 0.2, n=29)]))
    assert few[0].startswith("On these photos alone, m1 puts 20.0 points more")
    assert few[-1] == "29 photos are too few for a conclusion: they are only examples. Measure 30 or more."


def test_of_a_compound_models_gain_the_larger_input_alone_is_named(folder: Path) -> None:
    cars = runs.open_folder(finished(folder / "cars"), ("test",))
    of = of_networks(cars, "lite0@224", "lite0@260", "lite2@260")
    compound = minus(Metric.ENERGY, "lite2@260", 0.05)
    for alone, said in (
        (0.01, "lite0@260), whose grid is just as fine, gains 3.0."),
        (0.2, "(lite0@260) brings no clear gain"),
    ):
        found = [compound, minus(Metric.ENERGY, "lite0@260", 0.03, p=alone)]
        assert said in plainly(run_results.answer(view(of), found))[0]
    assert "lite0@260" not in plainly(run_results.answer(view(of), [compound]))[0]


def test_a_run_shows_its_means_controls_and_differences(folder: Path) -> None:
    finished(folder / "cars")
    at = open_page()
    assert at.selectbox(key="run-choice").value == "cars"
    assert "9 photos of **cars**, 2 models, 1 method; target: label, placement: plain, seed: 7." in words(at)
    assert table(at, "lite0@224")["CAM"].startswith("0.475 (")
    assert table(at, "lite2@260")["CAM"].startswith("0.550 (")
    assert table(at, "lite2@260")["Control: random"] == "0.250 (0.158–0.526)"  # eight equal photos are no proof
    assert chart(at)["Control: centre Gaussian"]["y"] == [0.35, 0.35]
    assert differences(at) == [
        ("lite2@260", "lite0@224", "0.075", 8),  # 0.6 more over eight photos
        ("lite0@224", "centre Gaussian", "0.125", 8),
        ("lite2@260", "centre Gaussian", "0.200", 8),
    ]
    assert "8 photos are too few for a conclusion" in words(at)
    assert any("broken.jpg is empty" in text for each in at.dataframe for text in each.value.get("error", ()))


def test_another_run_drops_what_it_does_not_have(folder: Path) -> None:
    finished(folder / "cars")
    at = open_page(run=runs.STUDY, metric="pointing", by="eigencam", of="lite1@224")
    assert at.selectbox(key="by-choice").value == "eigencam"
    at.selectbox(key="run-choice").set_value("cars").run()
    check(at)
    chosen = [at.selectbox(key=f"{name}-choice").value for name in ("metric", "by", "of")]
    assert chosen == ["energy", "cam", "none"]
    assert at.query_params == {}


@pytest.mark.parametrize(
    ("metric", "note", "controls"),
    [
        (Metric.ENERGY, False, True),
        (Metric.AGREE_RANK, True, True),
        (Metric.SANITY_SSIM, False, False),
    ],
)
def test_what_has_no_value_by_its_nature_is_said(folder: Path, metric: Metric, note: bool, controls: bool) -> None:
    found = runs.open_folder(finished(folder / "cars"), ("test",))
    said = " ".join(run_results._notes(view(found, metric), [], run_summary.measured_refs(found.run)))
    assert ("has no value itself, because" in said) is note
    assert ("Controls have no value" not in said) is controls


def test_small_and_off_centre_objects_are_a_set_of_their_own(folder: Path) -> None:
    finished(folder / "cars")
    at = open_page(which="small")
    assert chart(at)["Baseline"]["y"] == [pytest.approx(0.4)]  # 0.1, 0.9 and 0.2
    assert "**3**" in words(at)
    assert differences(at) == [
        ("lite2@260", "lite0@224", "0.067", 3),  # 0.2 - 0.1, 0.8 - 0.9 and 0.4 - 0.2
        ("lite0@224", "centre Gaussian", "0.050", 3),
        ("lite2@260", "centre Gaussian", "0.117", 3),
    ]
    at.selectbox(key="metric-choice").set_value("deletion").run()
    check(at)
    # half of 0.1, 0.9 and 0.2, minus the Gaussian's 0.5: metrics that run the model are leads, and 0 is the Gaussian
    assert chart(at)["Baseline"]["y"] == [pytest.approx(-0.3)]
    assert chart(at)["Control: centre Gaussian"]["y"] == [0, 0]
    assert "these values cannot be compared between models" in words(at)
    assert differences(at)[0] == ("lite2@260", "lite0@224 (leads)", "0.033", 3)


def test_a_model_has_its_best_median_and_worst_photos(folder: Path) -> None:
    found = runs.open_folder(finished(folder / "cars"), ("test",))
    names = [(of.place, of.photo, of.value) for of in photo_examples.picked(view(found), "lite0@224")]
    assert names == [
        ("best", "b.jpg", 0.9),
        ("best", "cat.jpg", 0.8),
        ("median", "f.jpg", 0.5),
        ("median", "e.jpg", 0.4),
        ("worst", "h.jpg", 0.2),
        ("worst", "a.jpg", 0.1),
    ]
    lowest = [of.photo for of in photo_examples.picked(view(found, Metric.DELETION), "lite0@224")]
    assert lowest == ["a.jpg", "h.jpg", "e.jpg", "f.jpg", "cat.jpg", "b.jpg"]  # lower is better
    hard = [(of.place, of.photo) for of in photo_examples.picked(view(found, small=True), "lite0@224")]
    assert hard == [("best", "b.jpg"), ("median", "h.jpg"), ("worst", "a.jpg")]


def test_of_a_likeness_to_a_broken_network_the_photos_nearest_to_zero_are_best(folder: Path) -> None:
    found = runs.open_folder(finished(folder / "cars"), ("test",))
    frame = found.frame
    energy = frame["metric"] == "energy"
    frame.loc[energy, "value"] -= 0.45  # 0.1 to 0.9 become -0.35 to 0.45
    frame["metric"] = frame["metric"].cat.rename_categories({"energy": "sanity_logit"})
    chosen = photo_examples.picked(view(found, Metric.SANITY_LOGIT), "lite0@224")
    assert [of.photo for of in chosen[:2]] == ["e.jpg", "f.jpg"]  # 0.4 and 0.5
    assert chosen[-1].photo == "b.jpg"  # 0.9
    assert display_names.axis(Metric.SANITY_LOGIT) == "Rank correlation with another class (closer to 0 is better)"


@pytest.mark.parametrize(
    ("count", "places"),
    [
        (0, {}),
        (1, {0: "best"}),
        (2, {0: "best", 1: "worst"}),
        (
            10,
            {
                0: "best",
                1: "best",
                2: "best",
                3: "median",
                4: "median",
                5: "median",
                7: "worst",
                8: "worst",
                9: "worst",
            },
        ),
    ],
)
def test_few_photos_are_not_named_twice(count: int, places: dict[int, str]) -> None:
    assert photo_examples._numbers(count) == places


def test_photos_that_come_with_effviz_can_be_opened_and_others_have_names_only(folder: Path) -> None:
    finished(folder / "cars")
    at = open_page(of="lite0@224")
    shown = next(each.value for each in at.dataframe if "place" in each.value)
    assert list(shown["photo"])[:2] == ["b.jpg", "cat.jpg"]
    assert list(shown["value"])[:2] == [0.9, 0.8]
    assert [button.key for button in at.button if str(button.key).startswith("open-")] == ["open-cat.jpg"]
    at.button(key="open-cat.jpg").click().run()
    assert at.session_state["models"] == ("lite0@224",)
    assert at.session_state["photos"] == ("cat",)


def originals(folder: Path) -> Path:
    """Return a folder with the run's only real photo; the others have invented names and hashes."""
    folder.mkdir()
    shutil.copy(sample_photos.find("cat").path, folder / "a.jpg")
    shutil.copy(sample_photos.find("dog").path, folder / "b.jpg")
    return folder


def real(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure as if a.jpg were the cat, although no sample has that hash, and b.jpg a missing file."""
    hashes = {"a.jpg": hashlib.sha256(sample_photos.find("cat").path.read_bytes()).hexdigest()}
    monkeypatch.setitem(globals(), "sha256", lambda photo: hashes.get(photo, "0" * 64))
    monkeypatch.setattr(sample_photos, "by_sha256", dict)
    monkeypatch.setattr(photo_examples, "_check_weights", lambda _view, _model: None)


def test_photos_in_the_servers_own_folder_have_maps_of_the_class_that_was_measured(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real(monkeypatch)
    finished(folder / "cars")
    at = open_page(of="lite0@224")
    assert not [toggle for toggle in at.toggle if toggle.key == photo_examples.WANTED]
    monkeypatch.setenv(settings.PHOTOS.name, str(originals(tmp_path / "originals")))
    at.run()
    asked: list[tuple[str, str]] = []
    explain = cache.activation_map
    monkeypatch.setattr(
        cache, "activation_map", lambda ref, of, target, *more: (
            asked.append((of.name, str(target))), explain(ref, of, target, *more)
        )[1]
    )  # fmt: skip
    at.toggle(key=photo_examples.WANTED).set_value(True).run()
    check(at)
    assert asked == [("a.jpg", "3")]  # b.jpg is not the measured photo
    assert "This is not the photo that was measured" in words(at)
    assert str(tmp_path) not in words(at)


def test_maps_need_the_weights_of_the_run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_weights = photo_examples._check_weights
    real(monkeypatch)
    monkeypatch.setattr(photo_examples, "_check_weights", check_weights)
    monkeypatch.setenv(settings.PHOTOS.name, str(originals(tmp_path / "originals")))
    finished(folder / "cars")
    at = open_page(of="lite0@224")
    at.toggle(key=photo_examples.WANTED).set_value(True).run()
    assert ["lite0@224 has other weights" in warning.value for warning in at.warning] == [True]
    check(at)


@pytest.mark.parametrize("name", ["gone", "a file"])
def test_a_folder_of_photos_that_is_none_leaves_names_and_numbers(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "a file").write_text("no folder")
    monkeypatch.setenv(settings.PHOTOS.name, str(tmp_path / name))
    finished(folder / "cars")
    at = open_page(of="lite2@260")
    assert not [toggle for toggle in at.toggle if toggle.key == photo_examples.WANTED]
    check(at)


def test_a_bundled_photo_under_two_names_has_two_buttons(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cat = sha256("cat.jpg")
    monkeypatch.setitem(globals(), "sha256", lambda _photo: cat)
    finished(folder / "cars")
    at = open_page(of="lite0@224")
    assert len([button for button in at.button if str(button.key).startswith("open-")]) == 6


def test_an_unfinished_run_says_how_far_it_is(folder: Path) -> None:
    unfinished(folder / "cars")
    at = open_page(run="cars")
    assert "cars (unfinished: 8 of 9 photos)" in at.selectbox(key="run-choice").options
    assert [warning.value for warning in at.warning] == [
        "cars is not finished (8 of 9 photos): only complete runs can be shown. Resume it with the command that "
        "started it, or choose another run."
    ]


def test_a_broken_run_json_is_one_sentence(folder: Path) -> None:
    finished(folder / "cars")
    (folder / "cars" / run_store.MANIFEST_FILE).write_text("{")
    at = open_page(run="cars")
    assert "cars (cannot be read)" in at.selectbox(key="run-choice").options
    (warning,) = at.warning
    assert warning.value.startswith("cars cannot be read: it must have a complete run.json")
    assert str(folder) not in warning.value


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"format": 1}', '{"format": 1, "settings": []}', "\udcff", "[" * 100_000]
)
def test_a_run_json_that_is_none_is_broken(folder: Path, text: str) -> None:
    finished(folder / "cars")
    (folder / "cars" / run_store.MANIFEST_FILE).write_bytes(text.encode(errors="surrogateescape"))
    assert [entry.state for entry in runs.list_runs()] == [runs.RunState.BROKEN]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("versions", ["1"]),
        ("dataset", {"path": 3, "fingerprint": "f", "photos": 9}),
        ("models", None),
        ("models", [{"label": "lite0@224", "weights_sha256": 3, "engine": "openvino"}]),
    ],
)
def test_a_run_json_of_odd_values_is_broken(folder: Path, key: str, value: object) -> None:
    file = finished(folder / "cars") / run_store.MANIFEST_FILE
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    assert [entry.state for entry in runs.list_runs()] == [runs.RunState.BROKEN]


@pytest.mark.parametrize("damage", ["garbage", "cut", "columns"])
def test_broken_results_are_one_sentence(folder: Path, damage: str) -> None:
    import pyarrow.parquet as pq

    file = finished(folder / "cars") / run_store.RESULTS_FILE
    match damage:
        case "garbage":
            file.write_bytes(b"no parquet")
        case "cut":
            file.write_bytes(file.read_bytes()[:-100])
        case "columns":
            pq.write_table(pq.read_table(file).drop_columns(["label"]), file)
    (entry,) = runs.list_runs()
    with pytest.raises(SettingsError, match=r"^The results of cars cannot be read") as caught:
        runs.open_entry(entry)
    assert str(folder) not in str(caught.value)


def test_a_run_too_large_for_the_page_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished(folder / "cars")
    monkeypatch.setattr(runs, "LARGEST_ROWS", 10)
    (warning,) = open_page(run="cars").warning
    assert "at most 10 rows" in warning.value


def test_a_file_where_the_folder_should_be_is_one_sentence(folder: Path) -> None:
    folder.write_text("no folder")
    at = open_page()
    (warning,) = at.warning
    assert "EFFVIZ_RUNS does not name a folder" in warning.value
    assert at.selectbox(key="run-choice").value == runs.STUDY


def test_an_empty_folder_and_folders_that_are_no_runs_are_left_out(folder: Path) -> None:
    folder.mkdir()
    assert runs.list_runs() == ()
    (folder / "notes").mkdir()
    (folder / "file.txt").write_text("hello")
    finished(folder / ".hidden")
    assert runs.list_runs() == ()


def test_links_out_of_the_folder_are_left_out(folder: Path, tmp_path: Path) -> None:
    elsewhere = finished(tmp_path / "elsewhere")
    finished(folder / "cars")
    (folder / "out").symlink_to(elsewhere)
    for name in (run_store.MANIFEST_FILE, run_store.RESULTS_FILE):
        finished(folder / f"linked-{name}")
        (folder / f"linked-{name}" / name).unlink()
        (folder / f"linked-{name}" / name).symlink_to(elsewhere / name)
    assert [entry.name for entry in runs.list_runs()] == ["cars"]


def test_a_link_to_itself_hides_no_other_run(folder: Path) -> None:
    finished(folder / "cars")
    looped = finished(folder / "looped") / run_store.RESULTS_FILE
    looped.unlink()
    looped.symlink_to(looped)
    assert [entry.name for entry in runs.list_runs()] == ["cars"]


@pytest.mark.parametrize("asked", ["../elsewhere", "/etc", ""])
def test_an_address_opens_nothing_outside_the_list(folder: Path, tmp_path: Path, asked: str) -> None:
    finished(tmp_path / "elsewhere")
    finished(folder / "cars")
    at = open_page(run=asked)
    assert at.selectbox(key="run-choice").value == "cars"
    assert not at.warning


def test_a_model_that_is_not_here_has_numbers_but_no_place_in_the_figure(folder: Path) -> None:
    text = (finished(folder / "cars") / run_store.MANIFEST_FILE).read_text()
    (folder / "cars" / run_store.MANIFEST_FILE).write_text(text.replace("lite2@260", "gone@64"))
    at = open_page()
    assert "Unknown models, not in the figure: gone@64" in words(at)
    assert "Compound" not in chart(at)


def summed(run: Path) -> Path:
    """Write the table that `effviz report` leaves next to the results."""
    known = load_results(run)
    file = run / SUMMARY_FILE
    file.write_text(summary_csv(known.run, run_summary.metric_means(known)))
    return file


@pytest.mark.parametrize("part", ["mean", "low", "small_mean"])
def test_a_table_beside_the_results_never_stands_for_them(folder: Path, part: str) -> None:
    """`effviz report` writes one, but nothing ties it to its results: a digit may have changed since."""
    file = summed(finished(folder / "cars"))
    rows = list(csv.DictReader(file.read_text().splitlines()))
    with file.open("w", newline="") as text:
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {part: 0.999} for row in rows)
    (entry,) = runs.list_runs()
    found = run_summary.metric_means(runs.open_entry(entry), (Metric.ENERGY,))
    assert found[0].every == run_summary.metric_means(load_results(folder / "cars"))[0].every
    assert found[0].every.mean == pytest.approx(0.475)


def _huge(file: Path) -> None:
    with file.open("ab") as text:
        text.truncate(10**10)  # a sparse file


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def test_pipes_are_not_waited_for_and_hide_no_other_run(folder: Path) -> None:
    finished(folder / "cars")
    for name, file in (("a", run_store.MANIFEST_FILE), ("b", run_store.RESULTS_FILE)):
        finished(folder / name)
        _pipe(folder / name / file)
    unfinished(folder / "c")
    os.mkfifo(folder / "c" / run_store.CHUNKS_FOLDER / "part-000000032.parquet")
    states = {entry.name: entry.state for entry in runs.list_runs()}
    assert states.pop("cars") is runs.RunState.FINISHED
    assert states == dict.fromkeys("abc", runs.RunState.BROKEN)


def test_a_huge_run_json_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _huge(finished(folder / "cars") / run_store.MANIFEST_FILE)
    read: list[Path] = []
    monkeypatch.setattr(run_store, "read_manifest", read.append)
    assert [entry.state for entry in runs.list_runs()] == [runs.RunState.BROKEN]
    assert read == []


def test_a_run_json_is_read_once_until_it_changes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished(folder / "cars")
    read: list[Path] = []
    reads = run_store.read_manifest
    monkeypatch.setattr(run_store, "read_manifest", lambda run: (read.append(run), reads(run))[1])
    assert runs.list_runs() == runs.list_runs()
    assert len(read) == 1
    file = folder / "cars" / run_store.MANIFEST_FILE
    file.write_text(file.read_text().replace('"photos": 9', '"photos": 10'))
    assert [entry.photos for entry in runs.list_runs()] == [10]


def test_a_run_that_is_removed_while_the_page_lists_it_hides_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(folder / "cars")
    finished(folder / "gone")
    inside = runs._inside

    def removed(path: Path, root: Path) -> bool:
        found = inside(path, root)
        if path.name == "gone":
            shutil.rmtree(path)
        return found

    monkeypatch.setattr(runs, "_inside", removed)
    assert [entry.name for entry in runs.list_runs()] == ["cars"]


def test_a_run_that_is_removed_after_it_was_listed_is_one_sentence(folder: Path) -> None:
    finished(folder / "cars")
    (entry,) = runs.list_runs()
    shutil.rmtree(folder / "cars")
    assert (entry.name, len(entry.stamp)) == ("cars", 2)
    with pytest.raises(SettingsError, match="The results of cars cannot be read"):
        runs.open_entry(entry)


def test_a_run_that_is_removed_while_it_is_shown_keeps_its_numbers(folder: Path) -> None:
    found = runs.open_folder(finished(folder / "cars"), ("test",))
    before = run_summary.metric_means(found, (Metric.MAXBOX,))
    shutil.rmtree(folder / "cars")
    assert run_summary.metric_means(found, (Metric.MAXBOX,)) == before
    assert run_summary.find_differences(found, ("cam",), Metric.MAXBOX)
