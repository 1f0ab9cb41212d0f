"""A small run made on the page: the numbers of the command, shown by the same functions, and nothing left on disk."""

import dataclasses
import tempfile
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from effviz.evaluate.rows import rows_of
from effviz.evaluate.samples import Sample
from effviz.evaluate.settings import Metric
from effviz.explain import samples
from effviz.explain.results import Method
from effviz.report.evaluation import evaluation_html, summary_csv
from effviz.ui.evaluate import asking, measured, measuring, runs
from effviz.ui.evaluate.asking import Asked, Picture
from effviz.ui.evaluate.measuring import Timed

ROOT = Path(__file__).parents[2]
TINY = "lite0@96"


def picture(name: str) -> Picture:
    data = samples.find(name).path.read_bytes()
    return Picture(f"{name}.jpg", name, data)


def asked(*names: str, models: tuple[str, ...] = (TINY,)) -> Asked:
    return Asked(tuple(map(picture, names)), models, (Method.CAM,), (Metric.DROP, Metric.INCREASE), "samples")


class Ended(BaseException):
    """What Streamlit raises when a visitor stops a run is no Exception either."""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(runs.SETTING, str(tmp_path / "runs"))
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def ours(temporary: Path) -> list[Path]:
    """What is left of runs; torch keeps something of its own there."""
    return list(temporary.glob("effviz-*"))


def test_steps_add_up_to_what_the_command_measures_and_nothing_stays_on_disk(temporary: Path) -> None:
    of = asked("cat", "owl")
    models = measuring.ready(of)
    begun: list[str] = []
    shares: list[float] = []

    def begin(name: str) -> measured.Beat:
        begun.append(name)
        return shares.append

    found = measuring.measure(of, models, begin)
    whole = [Sample(samples.find(name).path, f"{name}.jpg") for name in ("cat", "owl")]
    expected = {(row.photo, row.method, row.metric): row.value for row in rows_of(whole, of.settings, models)}
    assert found.results is not None
    columns = found.results.frame[["photo", "method", "metric", "value"]].itertuples(index=False)
    assert {tuple(row[:3]): row[3] for row in columns} == pytest.approx(expected)
    assert len(expected) == 2 * 4 * 2  # photos; CAM and three controls; metrics
    assert begun == ["cat.jpg", "owl.jpg"]
    assert shares == [0, 0.5, 0, 0.5]
    assert ours(temporary) == []
    cells = [cell for metric in found.metrics for cell in found.cells_of(TINY, metric)]
    page = evaluation_html(found.results, cells)
    assert "2 photos of samples" in page
    assert str(Path.cwd()) not in page  # what is taken home says nothing about the server
    assert str(temporary) not in page
    assert summary_csv(found.results, cells).count("\n") == 1 + 4 * 2


def test_a_run_that_is_ended_leaves_nothing(temporary: Path) -> None:
    of = asked("cat")

    def beat(share: float) -> None:
        if share:
            assert ours(temporary)
            raise Ended

    with pytest.raises(Ended):
        measuring.measure(of, measuring.ready(of), lambda _name: beat)
    assert ours(temporary) == []


def test_a_photo_that_cannot_be_read_is_one_row(temporary: Path) -> None:
    of = dataclasses.replace(asked(), pictures=(Picture("torn.jpg", "torn", b"torn"), picture("cat")))
    found = measuring.measure(of, measuring.ready(of), lambda _name: lambda _share: None)
    assert found.results is not None
    errors = found.results.frame.dropna(subset=["error"])
    assert list(errors["photo"]) == ["torn.jpg"]


def test_the_estimate_is_the_first_photo_times_all_photos() -> None:
    of = asked("cat", "owl", "dog")
    timed = measuring.time(of, measuring.ready(of), lambda _share: None)
    assert len(timed.seconds) == 1
    assert timed.seconds[0] > 0
    assert Timed(of, (1.5, 2.5)).total_s == 12


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
    assert any("for 2 photos: one took" in text.value for text in at.markdown)
    at.button(key="start").click().run()
    check(at)
    assert at.selectbox(key="run-choice").value == measured.VISIT
    assert any("2 photos of **bundled samples**, 1 model, 1 method; target: prediction" in m.value for m in at.markdown)
    labels = [button.proto.label for button in at.get("download_button")]
    assert {"All means as CSV", "Report as HTML"} <= set(labels)
    at.selectbox(key="of-choice").set_value(TINY).run()
    check(at)
    opened = {button.key for button in at.button if str(button.key).startswith("open-")}
    assert opened == {"open-cat.jpg", "open-owl.jpg"}


def test_other_choices_need_another_estimate() -> None:
    at = choose(open_page(), models=[TINY])
    of = Asked((), (), (), (), "")
    at.session_state["evaluate-timed"] = Timed(of, (1.0,))
    at.run()
    assert not [button for button in at.button if button.key == "start"]


def test_what_would_take_too_long_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "ready", lambda _of: [])
    monkeypatch.setattr(measuring, "time", lambda of, _models, _beat: Timed(of, (201.0,)))
    at = choose(open_page(), photos=["cat", "owl", "dog"], models=[TINY])
    at.button(key="estimate").click().run()
    assert at.button(key="start").disabled
    assert any("About 10 min" in text.value and "At most 10 min" in text.value for text in at.markdown)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("lite2@600", "at most 2.00 B are allowed here"),
        ("scaled-d1.1-w1.1@96", "is not trained"),
        ("nonsense", "There is no model"),
        ("../../etc", "is not a model"),
    ],
)
def test_models_that_cannot_be_measured_here_say_why(name: str, part: str) -> None:
    at = choose(open_page(), models=[name])
    assert any(part in warning.value for warning in at.warning)
    assert not [button for button in at.button if button.key == "estimate"]


def test_nothing_chosen_is_said() -> None:
    at = choose(open_page(), photos=[])
    assert any("Something is missing" in info.value for info in at.info)


def test_photos_get_names_of_their_own_and_one_that_came_twice_is_measured_once() -> None:
    pictures = [Picture("a.jpg", "1", b""), Picture("a.jpg", "2", b""), Picture("b.jpg", "1", b"")]
    assert [of.name for of in asking._unlike(pictures)] == ["b.jpg", "a.jpg"]
    twins = [Picture("a.jpg", "1", b""), Picture("a.jpg", "2", b"")]
    assert [of.name for of in asking._unlike(twins)] == ["a.jpg", "2 a.jpg"]
