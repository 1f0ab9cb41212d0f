"""A small run on the page gives the command's numbers, uses the same functions, and leaves nothing on disk."""

import dataclasses
import hashlib
import io
import itertools
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from effviz import settings
from effviz.errors import SettingsError
from effviz.evaluate import measurements, run_store, run_summary
from effviz.evaluate.dataset_samples import DatasetSample
from effviz.evaluate.masking import MaskBaseline
from effviz.evaluate.measurements import measure_photos
from effviz.evaluate.run_settings import AGREEMENT_METRICS, Metric
from effviz.explain import decoding, images, sample_photos
from effviz.explain.data_types import ActivationMap, Method, Photo
from effviz.explain.images import display
from effviz.explain.overlay import SCREEN
from effviz.progress import Progress
from effviz.report.html_report import evaluation_html, summary_csv
from effviz.ui import cache
from effviz.ui.cache import SizeBoundedCache
from effviz.ui.evaluate import photo_examples, quick_run, run_results, runs
from effviz.ui.evaluate.quick_run import PassTiming, PhotoChoice, QuickRunRequest
from effviz.ui.job_progress import JobProgress
from effviz.ui.job_queue import QUEUE
from effviz.zoo.model import ModelRef

ROOT = Path(__file__).parents[2]
TINY = "lite0@96"


def picture(name: str) -> PhotoChoice:
    data = sample_photos.find(name).path.read_bytes()
    return PhotoChoice(f"{name}.jpg", name, data)


def asked(*names: str, models: tuple[str, ...] = (TINY,)) -> QuickRunRequest:
    return QuickRunRequest(tuple(map(picture, names)), models, (Method.CAM,), (Metric.DROP, Metric.DELETION), "samples")


class Ended(BaseException):
    """Like the exception that Streamlit raises when a visitor stops a run, not an `Exception`."""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(settings.RUNS.name, str(tmp_path / "runs"))
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def ours(temporary: Path) -> list[Path]:
    """Return the remains of runs; torch keeps its own files there."""
    return list(temporary.glob("effviz-*"))


def test_steps_add_up_to_what_the_command_measures_and_nothing_stays_on_disk(temporary: Path) -> None:
    of = asked("cat", "owl")
    models = quick_run.ready(of)
    begun: list[str] = []
    shares: list[float] = []

    def begin(name: str) -> Progress:
        begun.append(name)
        return shares.append

    found = quick_run.measure(of, models, begin)
    whole = [DatasetSample(sample_photos.find(name).path, f"{name}.jpg") for name in ("cat", "owl")]
    expected = {(row.photo, row.method, row.metric): row.value for row in measure_photos(whole, of.settings, models)}
    columns = found.frame[["photo", "method", "metric", "value"]].itertuples(index=False)
    assert {tuple(row[:3]): row[3] for row in columns} == pytest.approx(expected)
    assert len(expected) == 2 * 4 * 2  # photos; CAM and three controls; metrics
    assert begun == ["cat.jpg", "owl.jpg"]
    assert [share for share, _ in itertools.groupby(shares)] == [0, 0.5, 0, 0.5]
    assert ours(temporary) == []
    cells = [cell for metric in found.metrics for cell in run_summary.metric_means(found, (metric,))]
    page = evaluation_html(found, cells)
    assert "2 photos from samples" in page
    assert str(Path.cwd()) not in page  # the download reveals nothing about the server
    assert str(temporary) not in page
    assert summary_csv(found.run, cells).count("\n") == 1 + 4 * 2


ONE_MODEL = tuple(metric for metric in quick_run.OFFERED if metric not in AGREEMENT_METRICS)
TWO_MODELS = (Metric.DROP, *(metric for metric in quick_run.OFFERED if metric in AGREEMENT_METRICS))


@pytest.mark.parametrize(
    ("tiny", "metrics"), [(("lite0@64",), ONE_MODEL), (("lite0@64", "lite1@64"), TWO_MODELS)], ids=["one", "two"]
)
def test_every_metric_that_is_offered_is_the_commands(tiny: tuple[str, ...], metrics: tuple[Metric, ...]) -> None:
    """Similarity also needs the first model's maps, and metrics that share passes are computed together."""
    methods = (Method.CAM, Method.LAYERCAM)
    of = dataclasses.replace(asked("cat", models=tiny), methods=methods, metrics=metrics)
    models = quick_run.ready(of)
    found = quick_run.measure(of, models, lambda _name: lambda _share: None)
    whole = [DatasetSample(sample_photos.find("cat").path, "cat.jpg")]
    expected = {
        (row.model, row.method, row.metric): math.nan if row.value is None else row.value
        for row in measure_photos(whole, of.settings, models)
    }
    columns = found.frame[["model", "method", "metric", "value"]].itertuples(index=False)
    assert {tuple(row[:3]): row[3] for row in columns} == pytest.approx(expected, nan_ok=True)
    assert {metric for _model, _method, metric in expected} == {metric.value for metric in metrics}
    like = {model for model, _method, metric in expected if metric == "agree_rank"}
    assert like == set(tiny[1:])  # the first model is not compared with itself


def test_what_needs_the_same_passes_is_one_step_and_counts_in_the_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    measure = measurements.measure_prepared

    def a_second(*args: Any) -> list[run_store.Measurement]:
        clock[0] += 1
        return measure(*args)

    def others(share: float) -> None:
        clock[0] += 100  # their work is not counted
        shares.append(share)

    shares: list[float] = []
    monkeypatch.setattr(quick_run, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(measurements, "measure_prepared", a_second)
    of = dataclasses.replace(asked("cat", "owl", models=("lite1@64", "lite0@64")), metrics=quick_run.OFFERED)
    timed = quick_run.time_passes(of, quick_run.ready(of), others)
    # deletion, insertion, three from one pass, ROAD, ADCC, two of broken networks, another class; then also similarity
    assert timed.seconds == (7, 8)
    assert timed.total_s == 2 * 15
    assert list(dict.fromkeys(shares)) == [step / 15 for step in range(15)]
    # others may go first before each of ROAD's five shares, for CAM's map and three controls, for two models
    road = quick_run.OFFERED.index(Metric.ROAD) - 2  # gain and increase are not separate steps
    assert [shares.count(step / 15) for step in (road, 7 + road)] == [1 + 4 * 5, 1 + 4 * 5]


def test_a_run_that_is_ended_leaves_nothing(temporary: Path) -> None:
    of = asked("cat")

    def beat(share: float) -> None:
        if share:
            assert ours(temporary)
            raise Ended

    with pytest.raises(Ended):
        quick_run.measure(of, quick_run.ready(of), lambda _name: beat)
    assert ours(temporary) == []


def test_an_estimate_that_is_ended_leaves_nothing(temporary: Path) -> None:
    of = asked("cat")

    def beat(_share: float) -> None:
        assert ours(temporary)
        raise Ended

    with pytest.raises(Ended):
        quick_run.time_passes(of, quick_run.ready(of), beat)
    assert ours(temporary) == []


def test_an_error_leaves_nothing(temporary: Path) -> None:
    of = dataclasses.replace(asked("cat"), metrics=(Metric.ENERGY,))  # there are no boxes
    with pytest.raises(SettingsError, match="has no boxes"):
        quick_run.measure(of, quick_run.ready(of), lambda _name: lambda _share: None)
    assert ours(temporary) == []


def test_a_photo_that_cannot_be_read_is_one_row(temporary: Path) -> None:
    of = dataclasses.replace(asked(), pictures=(PhotoChoice("torn.jpg", "torn", b"torn"), picture("cat")))
    found = quick_run.measure(of, quick_run.ready(of), lambda _name: lambda _share: None)
    errors = found.frame.dropna(subset=["error"])
    assert list(errors["photo"]) == ["torn.jpg"]


def test_the_estimate_is_the_first_photo_times_all_photos() -> None:
    of = asked("cat", "owl", "dog")
    timed = quick_run.time_passes(of, quick_run.ready(of), lambda _share: None)
    assert len(timed.seconds) == 1
    assert timed.seconds[0] > 0
    assert PassTiming(of, (1.5, 2.5)).total_s == 12


def open_page() -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300)
    at.switch_page("effviz/ui/pages/evaluate.py")
    at.run()
    check(at)
    return at


def check(at: AppTest) -> None:
    assert not at.exception
    assert not at.error


def choose(at: AppTest, **values: list[str]) -> AppTest:
    for name, value in values.items():
        at.multiselect(key=f"measure-{name}").set_value(value)
    at.run()
    check(at)
    return at


def test_from_the_choices_to_the_numbers() -> None:
    at = choose(open_page(), photos=["cat", "owl"], models=[TINY], metrics=["drop"])
    at.button(key="estimate").click().run()
    check(at)
    assert any("for 2 photos: one photo took" in text.value for text in at.markdown)
    at.button(key="start").click().run()
    check(at)
    assert at.selectbox(key="run-choice").value == runs.VISIT
    assert any("2 photos of **bundled samples**, 1 model, 1 method; target: prediction" in m.value for m in at.markdown)
    labels = [button.proto.label for button in at.get("download_button")]
    assert {"All means as CSV", "Differences as CSV", "Report as HTML"} <= set(labels)
    at.selectbox(key="of-choice").set_value(TINY).run()
    check(at)
    opened = {button.key for button in at.button if str(button.key).startswith("open-")}
    assert opened == {"open-cat.jpg", "open-owl.jpg"}


def test_masking_and_class_are_shown_and_can_be_chosen() -> None:
    at = choose(open_page(), photos=["cat"], models=[TINY], metrics=["drop"])
    assert "20 steps, and the random control uses seed 0" in said(at)
    assert at.selectbox(key="measure-baseline").options == [
        "Mean pixel",
        "Blurred photo",
        "Black",
        "Like RISE: mean pixel for deletion, blur for insertion",
    ]
    at.selectbox(key="measure-baseline").set_value("black")
    next(group for group in at.get("button_group") if group.key == "measure-target").set_value("class").run()
    at.selectbox(key="measure-class").set_value("lynx").run()
    for button in ("estimate", "start"):
        at.button(key=button).click().run()
        check(at)
    assert any("target: lynx" in text.value for text in at.markdown)
    results = at.session_state["evaluate-here"]
    assert results.run.settings.masking.baseline is MaskBaseline.BLACK
    assert set(results.frame["target_index"]) == {287}  # ImageNet's lynx
    at.selectbox(key="of-choice").set_value(TINY).run()
    check(at)


def test_own_photos_have_their_maps_on_the_page_while_they_are_here(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = sample_photos.find("owl").path.read_bytes() + b"\0"  # no longer a bundled photo
    at = upload(choose(open_page(), photos=["cat"], models=[TINY], metrics=["drop"]), ("mine.jpg", mine))
    for button in ("estimate", "start"):
        at.button(key=button).click().run()
        check(at)
    at.selectbox(key="of-choice").set_value(TINY).run()
    made: list[tuple[str, int]] = []
    explain = cache.activation_map

    def noted(ref: ModelRef, photo: Photo, *more: Any) -> ActivationMap:
        made.append((photo.name, QUEUE.running))
        return explain(ref, photo, *more)

    monkeypatch.setattr(cache, "activation_map", noted)
    at.toggle(key=photo_examples.WANTED).set_value(True).run()
    check(at)
    assert made == [("mine.jpg", 1)]
    ((key, (jpeg, sentence)),) = at.session_state[photo_examples.DRAWN].items()
    assert key[1] == hashlib.sha256(mine).hexdigest()
    assert key[3:] == (TINY, "cam")
    assert sentence.startswith("Evidence for ")
    photo = images.read(mine, "mine.jpg")
    drawn = np.asarray(Image.open(io.BytesIO(jpeg)), np.float64)
    assert drawn.shape[:2] == display(photo, SCREEN.longest_px).shape[:2]
    assert np.abs(drawn - display(photo, SCREEN.longest_px)).mean() > 10  # it is not blank
    at.run()
    assert len(made) == 1
    next(button for button in at.button if button.label == "Remove my photos").click().run()
    check(at)
    assert not [toggle for toggle in at.toggle if toggle.key == photo_examples.WANTED]
    assert "drop them on the Compare page" in said(at) or "See its map" in {button.label for button in at.button}


def test_other_choices_need_another_estimate() -> None:
    at = choose(open_page(), photos=["cat"], models=[TINY], metrics=["drop"])
    of = QuickRunRequest((), (), (), (), "")
    at.session_state["evaluate-timed"] = PassTiming(of, (1.0,))
    at.run()
    assert not any("just now" in text.value for text in at.markdown)
    at.button(key="start").click().run()
    check(at)
    assert at.session_state["evaluate-timed"].request.models == (TINY,)


def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the texts of the progress bar."""
    told: list[str] = []
    say = JobProgress.next
    monkeypatch.setattr(JobProgress, "next", lambda work, text: (told.append(text), say(work, text))[1])
    return told


def test_a_start_without_an_estimate_makes_one_first_and_calls_photos_as_the_list_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = choose(open_page(), photos=["lemur", "owl"], models=[TINY], metrics=["drop"])
    told = noted(monkeypatch)
    at.button(key="start").click().run()
    check(at)
    title = sample_photos.find("owl").title
    assert told[:4] == [
        "Timing Ring-tailed lemurs with every model",
        "Loading the models",
        "Measuring Ring-tailed lemurs with every model",
        f"Measuring {title} with every model",
    ]
    assert at.selectbox(key="run-choice").value == runs.VISIT


def test_a_start_of_what_would_take_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_run, "ready", lambda _of, _beat: [])
    monkeypatch.setattr(quick_run, "time_passes", lambda of, _models, _beat: PassTiming(of, (601.0,)))
    at = choose(open_page(), photos=["cat"], models=[TINY])
    at.button(key="start").click().run()
    check(at)
    assert at.button(key="start").disabled
    assert any("The limit here is 10 min" in text.value for text in at.markdown)
    assert "evaluate-here" not in at.session_state


def test_what_would_take_too_long_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_run, "ready", lambda _of, _beat: [])
    monkeypatch.setattr(quick_run, "time_passes", lambda of, _models, _beat: PassTiming(of, (201.0,)))
    at = choose(open_page(), photos=["cat", "owl", "dog"], models=[TINY])
    at.button(key="estimate").click().run()
    assert at.button(key="start").disabled
    assert any("About 10 min" in text.value and "The limit here is 10 min" in text.value for text in at.markdown)


def test_models_that_cannot_be_measured_here_say_why() -> None:
    why = {
        "lite2@600": "at most 2.00 B are allowed here",
        "scaled-d1.1-w1.1@96": "is not trained",
        "nonsense": "There is no model",
        "../../etc": "is not a model",
    }
    at = choose(open_page(), models=list(why))
    said = [warning.value for warning in at.warning]
    assert [part for part in why.values() if not any(part in sentence for sentence in said)] == []
    assert not [button for button in at.button if button.key == "estimate"]


def options(at: AppTest, name: str) -> list[str]:
    return list(at.multiselect(key=f"measure-{name}").options)


def test_models_that_are_compared_come_first_but_only_those_that_can_be_measured_here() -> None:
    at = open_page()
    at.session_state["models"] = ("lite2@600", "scaled-d1.1-w1.1@96", "nonsense", "../../etc", "lite1@96")
    at.run()
    check(at)
    assert options(at, "models")[:2] == ["lite1@96", "lite0@224"]
    assert not {"lite2@600", "scaled-d1.1-w1.1@96", "nonsense"} & set(options(at, "models"))
    fresh = open_page()
    assert fresh.multiselect(key="measure-models").value == ["lite0@224", "lite1@224"]


def test_a_comparison_of_none_that_can_be_measured_starts_with_others() -> None:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300)
    at.switch_page("effviz/ui/pages/evaluate.py")
    at.session_state["models"] = ("lite2@600", "scaled-d1.1-w1.1@96")
    at.run()
    check(at)
    assert at.multiselect(key="measure-models").value == ["lite0@224", "lite1@240"]
    assert not at.warning


def said(at: AppTest) -> str:
    return "\n".join(str(each.value) for kind in ("caption", "info", "warning") for each in at.get(kind))


def test_measures_that_need_boxes_are_not_offered_and_why_is_said() -> None:
    at = open_page()
    offered = options(at, "metrics")
    assert not {"Energy in box", "Pointing game", "MaxBoxAcc", "MaxBoxAccV2", "Best IoU"} & set(offered)
    assert {"ROAD", "Rank correlation with the first model", "Similarity with random weights"} <= set(offered)
    assert "Localisation needs boxes around the objects" in said(at)


def test_likeness_needs_a_second_model() -> None:
    at = choose(open_page(), models=[TINY], metrics=["agree_rank", "drop"])
    assert "Rank correlation with the first model is left out" in said(at)
    assert [button for button in at.button if button.key == "estimate"]
    at = choose(at, metrics=["agree_rank"])
    assert not [button for button in at.button if button.key == "estimate"]
    at = choose(at, models=[TINY, "lite0@64"])
    assert "is left out" not in said(at)
    assert [button for button in at.button if button.key == "estimate"]


def upload(at: AppTest, *files: tuple[str, bytes]) -> AppTest:
    at.file_uploader[0].set_value([(name, data, "image/jpeg") for name, data in files]).run()
    check(at)
    return at


def test_uploads_are_decoded_once_each_in_the_visitors_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[tuple[str, int]] = []
    read = decoding.read

    def noted(data: bytes, name: str, *more: Any) -> Photo:
        decoded.append((name, QUEUE.running))
        return read(data, name, *more)

    monkeypatch.setattr(decoding, "read", noted)
    monkeypatch.setattr(cache, "_PHOTOS", SizeBoundedCache(2**28, lambda photo: photo.rgb.nbytes))
    owl = sample_photos.find("owl").path.read_bytes()
    at = upload(open_page(), ("mine.jpg", owl), ("torn.jpg", owl[:999]))
    assert decoded == [("mine.jpg", 1), ("torn.jpg", 1)]
    assert "torn.jpg ends before the picture is complete" in said(at)
    at.run()
    assert len(decoded) == 2
    assert "torn.jpg ends before the picture is complete" in said(at)
    upload(at, ("mine.jpg", owl))
    assert "torn.jpg" not in said(at)


def test_what_is_taken_home_is_counted_in_the_visitors_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    of = asked("cat")
    found = quick_run.measure(of, quick_run.ready(of), lambda _name: lambda _share: None)
    counted: list[int] = []
    cells = run_summary.metric_means

    def noted(*args: object) -> object:
        counted.append(QUEUE.running)
        return cells(*args)

    monkeypatch.setattr(run_summary, "metric_means", noted)
    text = run_results._table_bytes(found, lambda _results, of: f"{QUEUE.running} {len(of)}")
    assert text == b"1 8"  # CAM and three controls by two metrics
    assert set(counted) == {1}
    assert QUEUE.running == 0


def test_nothing_chosen_is_said() -> None:
    at = choose(open_page(), photos=[])
    assert any("Choose at least one photo" in info.value for info in at.info)


def test_photos_get_names_of_their_own_and_one_that_came_twice_is_measured_once() -> None:
    pictures = [PhotoChoice("a.jpg", "1", b""), PhotoChoice("a.jpg", "2", b""), PhotoChoice("b.jpg", "1", b"")]
    assert [of.name for of in quick_run._unlike(pictures)] == ["b.jpg", "a.jpg"]
    twins = [PhotoChoice("a.jpg", "1", b""), PhotoChoice("a.jpg", "2", b"")]
    assert [of.name for of in quick_run._unlike(twins)] == ["a.jpg", "2 a.jpg"]
