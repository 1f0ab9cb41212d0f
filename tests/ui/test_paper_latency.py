"""Table 4 on the Paper page: measured on request, in one turn, and stopped by the visitor who started it."""

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from effviz.errors import SettingsError
from effviz.evaluate import single_core_latency
from effviz.evaluate.single_core_latency import Latency
from effviz.ui import job_progress
from effviz.ui.job_queue import JobQueue

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120


def known(model: str, px: int, *runs_ms: float, at: str = "2026-11-24 12:00") -> Latency:
    return Latency(model, px, runs_ms, 7_794_184, single_core_latency.machine(), "torch 2", 1, at)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Measure nothing: report 10 ms per letter of a name, in two runs; record the requests."""
    asked: list[str] = []

    def measure(name: str, step: Callable[[int, int], None], beat: Callable[[], None], **_terms: object) -> Latency:
        asked.append(name)
        if name == "wrong":
            raise SettingsError("There is no network 'wrong'.")
        beat()
        for run in range(2):
            step(run, 2)
        return known(name, 224, 10.0 * len(name), 10.0 * len(name))

    monkeypatch.setattr(single_core_latency, "measure_in_child", measure)
    return asked


def open_section() -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S)
    at.switch_page("effviz/ui/pages/paper.py")
    at.query_params["section"] = "latency"
    at.run()
    check(at)
    return at


def check(at: AppTest) -> None:
    assert "Table 4" in at.header[0].value
    assert not at.exception
    assert not at.error


def measure(at: AppTest, *names: str) -> AppTest:
    at.multiselect(key="networks").set_value(list(names)).run()
    at.button(key="measure-latency").click().run()
    check(at)
    return at


def chart(at: AppTest) -> dict[str, dict[str, object]]:
    return {trace["name"]: trace for trace in json.loads(at.get("plotly_chart")[0].proto.spec)["data"]}


def words(at: AppTest) -> str:
    return "\n".join(str(element.value) for kind in ("markdown", "caption") for element in at.get(kind))


def test_before_anything_is_measured_the_printed_numbers_stand_alone(fake: list[str]) -> None:
    at = open_section()
    rows = at.dataframe[0].value.set_index("network")
    assert list(rows["latency_ms_printed"]) == [554, 98, 19000, 3100]
    assert rows["latency_ms_here"].isna().all()
    assert rows["speedup_here"].isna().all()
    assert rows.loc["EfficientNet-B1", "speedup_divided_anew"] == pytest.approx(554 / 98)
    assert len(at.dataframe) == 1
    assert list(chart(at)) == ["EfficientNet, printed in Table 4", "Other networks, printed in Table 4"]
    assert "0 networks measured so far" in words(at)
    assert not fake


def test_measured_networks_get_ratios_places_and_rows(fake: list[str]) -> None:
    for of in (known("b1", 240, 40, 60), known("resnet152", 224, 300), known("b1", 96, 10)):
        single_core_latency.store_latency(of)
    at = open_section()
    rows = at.dataframe[0].value.set_index("network")
    assert rows.loc["EfficientNet-B1", "latency_ms_here"] == 50
    assert rows.loc["EfficientNet-B1", "speedup_here"] == 6  # 300 / 50
    assert rows["speedup_here"].notna().sum() == 1  # nothing next to GPipe
    assert chart(at)["EfficientNet, measured here"]["x"] == [50]
    assert chart(at)["EfficientNet, measured here"]["y"] == [79.1]  # Table 2 of v5
    assert "no accuracy at this input size is known: b1@96" in words(at).replace("\\", "")
    table = at.dataframe[1].value.set_index("network")
    assert dict(table["times_as_fast"]) == {"b1@96": 30, "b1@240": 6, "resnet152@224": 1}
    at.selectbox(key="beside").set_value("b1@240").run()
    assert at.dataframe[1].value.set_index("network").loc["b1@96", "times_as_fast"] == 5


def test_any_name_can_be_measured_and_a_wrong_one_costs_its_own_only(fake: list[str]) -> None:
    at = measure(open_section(), "resnet18", "wrong", "b0")
    assert fake == ["resnet18", "wrong", "b0"]
    assert [warning.value for warning in at.warning] == ["There is no network 'wrong'."]
    assert dict(at.dataframe[1].value.set_index("network")["mean_ms"]) == {"b0@224": 20, "resnet18@224": 80}
    at.run()
    assert len(fake) == 3  # not measured again
    assert len(at.dataframe[1].value) == 2


def test_the_latest_measurement_counts(fake: list[str]) -> None:
    at = measure(open_section(), "b0")
    single_core_latency.store_latency(known("b0", 224, 99.0, at="2026-11-24 13:00"))
    at.run()
    assert list(at.dataframe[1].value["mean_ms"]) == [99]


def test_a_measurement_takes_its_turn_and_lets_others_go_between_runs(
    monkeypatch: pytest.MonkeyPatch, fake: list[str]
) -> None:
    queue = JobQueue(at_once=1)
    monkeypatch.setattr(job_progress, "QUEUE", queue)
    served: list[str] = []
    real = single_core_latency.measure_in_child

    def watched(name: str, step: Callable[[int, int], None], beat: Callable[[], None], **_terms: object) -> Latency:
        assert queue.running == 1
        visitor = threading.Thread(target=quick)
        visitor.start()
        joined.wait(PATIENCE_S)
        result = real(name, lambda *at: (step(*at), served.append(f"run {at[0]}")), beat)
        visitor.join(PATIENCE_S)
        return result

    joined = threading.Event()

    def quick() -> None:
        with queue.turn(lambda before: joined.set()):
            served.append("quick")

    monkeypatch.setattr(single_core_latency, "measure_in_child", watched)
    measure(open_section(), "b0")
    assert served == ["quick", "run 0", "run 1"]
    assert queue.running == queue.waiting == 0


def test_whoever_stops_ends_the_process_and_keeps_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit raises a click on Stop from the bar's next update."""
    from streamlit.runtime.scriptrunner_utils.exceptions import StopException

    queue = JobQueue(at_once=1)
    monkeypatch.setattr(job_progress, "QUEUE", queue)

    def measure_one(name: str, step: Callable[[int, int], None], beat: Callable[[], None], **_terms: object) -> Latency:
        if name == "b1":
            raise StopException
        return known(name, 224, 20.0)

    monkeypatch.setattr(single_core_latency, "measure_in_child", measure_one)
    at = measure(open_section(), "b0", "b1")
    assert queue.running == queue.waiting == 0
    at.run()
    assert list(at.dataframe[1].value["network"]) == ["b0@224"]


def test_a_processor_with_markdown_in_its_name_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single_core_latency, "machine", lambda: "A_B_C *CPU*, 2 cores")
    monkeypatch.setattr("effviz.ui.paper.latency.machine", lambda: "A_B_C *CPU*, 2 cores")
    single_core_latency.store_latency(replace(known("b0", 224, 5.0), machine="A_B_C *CPU*, 2 cores"))
    at = open_section()
    assert r"A\_B\_C \*CPU\*" in words(at)
    assert "1 network measured" in words(at)


def test_strangers_see_what_is_shipped_in_table_4(monkeypatch: pytest.MonkeyPatch, fake: list[str]) -> None:
    monkeypatch.setenv("EFFVIZ_PUBLIC", "1")
    shipped = {of.label: of for of in single_core_latency.shipped()}
    at = open_section()
    rows = at.dataframe[0].value.set_index("network")
    assert rows.loc["EfficientNet-B1", "latency_ms_here"] == shipped["b1@240"].mean_ms
    assert rows.loc["ResNet-152", "latency_ms_here"] == shipped["resnet152@224"].mean_ms
    assert set(at.dataframe[1].value["network"]) == set(shipped)
    assert set(at.dataframe[1].value["machine"]) == {shipped["b1@240"].machine}
    assert f"at most {max(of.load or 0 for of in shipped.values()):.1f} of its cores busy" in at.info[0].value


def test_strangers_see_the_times_of_another_machine_and_measure_the_paper_s_networks_up_to_b4_only(
    monkeypatch: pytest.MonkeyPatch, fake: list[str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("EFFVIZ_PUBLIC", "1")
    others = [
        replace(known(model, px, mean_ms), machine="Another processor, 2 cores", load=load)
        for model, px, mean_ms, load in (("resnet152", 224, 200.0, 0.1), ("b1", 240, 40.0, 0.2))
    ]
    file = tmp_path / "latencies.json"
    file.write_text(json.dumps([asdict(of) for of in others]))
    monkeypatch.setattr(single_core_latency, "SHIPPED_FILE", file)
    single_core_latency.shipped.cache_clear()
    request.addfinalizer(single_core_latency.shipped.cache_clear)
    at = open_section()
    rows = at.dataframe[0].value.set_index("network")
    assert dict(rows["latency_ms_here"].dropna()) == {"ResNet-152": 200, "EfficientNet-B1": 40}
    assert rows.loc["EfficientNet-B1", "speedup_here"] == 5
    table = at.dataframe[1].value.set_index("network")
    assert dict(table["mean_ms"]) == {"b1@240": 40, "resnet152@224": 200}
    assert dict(table["load"]) == {"b1@240": 0.2, "resnet152@224": 0.1}
    assert set(table["machine"]) == {"Another processor, 2 cores"}
    assert "These times come from another machine: Another processor, 2 cores" in at.info[0].value
    assert "at most 0.2 of its cores busy" in at.info[0].value
    assert "2026-11-24 12:00 UTC" in at.info[0].value
    assert "0 networks measured so far" in words(at)
    assert at.multiselect(key="networks").options == ["b0", "b1", "b2", "b3", "b4"]
    assert not at.multiselect(key="networks").proto.accept_new_options
    measure(at, "b0")
    assert fake == ["b0"]
    assert list(at.dataframe[1].value["network"]) == ["b0@224"]  # times from two machines are not comparable
