"""Latency by the paper's protocol: arithmetic by hand, the queue between runs, stored results; no time is asserted."""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from effviz.bench import network_timing
from effviz.cli import app
from effviz.errors import EffVizError, SettingsError
from effviz.evaluate import single_core_latency
from effviz.evaluate.single_core_latency import Latency
from effviz.progress import no_progress

ONE = Latency("b1", 240, (40.0, 50.0, 60.0), 7_794_184, "A processor, 2 cores", "torch 2", 1, "2026-11-24 12:00")
TINY = "scaled-d0.1-w0.1@32"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
    torch.set_flush_denormal(False)


class Clock:
    """A clock that returns times from a list."""

    def __init__(self, *seconds: float) -> None:
        self.seconds = list(seconds)

    def __call__(self) -> float:
        return self.seconds.pop(0)


SHIPPED = ("b0@224", "b1@240", "b2@260", "b3@300", "b4@380", "resnet152@224")


def test_what_is_shipped_was_measured_by_the_protocol_on_one_machine_that_was_not_busy() -> None:
    shipped = single_core_latency.shipped()
    assert {of.label for of in shipped} == set(SHIPPED)
    assert len({(of.machine, of.software) for of in shipped}) == 1
    for of in shipped:
        assert (len(of.runs_ms), of.threads) == (single_core_latency.DEFAULT_RUNS, 1)
        assert "core" in of.machine
        assert of.load is not None
        assert not of.disturbed


def test_mean_spread_and_ratio_by_hand() -> None:
    assert (ONE.label, ONE.mean_ms, ONE.spread_ms) == ("b1@240", 50.0, 10.0)
    assert replace(ONE, runs_ms=(7.0,)).spread_ms == 0
    # Table 4: 0.554 s against 0.098 s is 5.65
    resnet, b1 = replace(ONE, runs_ms=(554.0,)), replace(ONE, runs_ms=(98.0,))
    assert round(b1.times_as_fast_as(resnet), 2) == 5.65


def test_a_run_is_timed_from_its_start_to_its_end() -> None:
    ran, heard = [], []
    clock = Clock(0, 0.01, 1, 1.5, 2, 2.01, 3, 3.25)  # request, release, start, end; twice
    own = Clock(7, 7.5, 8, 8.25)
    assert network_timing.time_runs(lambda: ran.append(1), 2, lambda *at: heard.append(at), (clock, own)) == (500, 250)
    assert heard == [(0, 2), (1, 2)]
    assert len(ran) == 2


def test_after_a_pause_one_run_goes_untimed() -> None:
    ran = []
    clock = Clock(0, 0.2, 1, 1.5)
    assert network_timing.time_runs(lambda: ran.append(1), 1, no_progress, (clock, Clock(0, 0.5))) == (500,)
    assert len(ran) == 2


def test_a_run_whose_core_others_had_is_repeated_twice_and_then_counts() -> None:
    heard = []
    clock, own = Clock(0, 0, 1, 2, 2, 2, 3, 3.5), Clock(0, 0.5, 0.5, 0.99)  # half of a second; 0.49 of half a second
    assert network_timing.time_runs(lambda: None, 1, lambda *at: heard.append(at), (clock, own)) == (500,)
    assert heard == [(0, 1), (0, 1)]
    clock, own = Clock(*[0, 0, 1, 2] * 3), Clock(*[0, 0.5] * 3)
    assert network_timing.time_runs(lambda: None, 1, no_progress, (clock, own)) == (1000,)


def test_the_load_is_what_others_computed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By hand: 30 s of all cores, 10 of them our own, in 20 s."""
    ticks = single_core_latency.os.sysconf("SC_CLK_TCK")
    monkeypatch.setattr(single_core_latency, "CPU_TIMES", tmp_path / "stat")
    monkeypatch.setattr(single_core_latency.time, "perf_counter", Clock(100, 120, 120))
    monkeypatch.setattr(single_core_latency.time, "process_time", Clock(5, 15, 15))
    single_core_latency.CPU_TIMES.write_text("cpu  0 0 0 77 0\n")
    before = single_core_latency.cpu_seconds()
    single_core_latency.CPU_TIMES.write_text(f"cpu  {20 * ticks} {6 * ticks} {4 * ticks} 99 0\n")
    assert single_core_latency.cores_of_others(before) == 1.0
    single_core_latency.CPU_TIMES.unlink()
    assert single_core_latency.cores_of_others(before) is None


def test_what_was_measured_on_a_busy_machine_is_not_kept_for_others() -> None:
    single_core_latency.store_latency(replace(ONE, load=0.6))
    assert single_core_latency.stored_latencies(ONE.machine) == ()
    single_core_latency.store_latency(quiet := replace(ONE, load=0.1))
    assert single_core_latency.stored_latencies(ONE.machine) == (quiet,)


def test_a_run_is_stopped_while_others_want_the_processor_and_killed_at_its_limits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    speak(monkeypatch, "import time; time.sleep(1000)")
    states, started = [], []
    whole = single_core_latency.subprocess.Popen
    monkeypatch.setattr(
        single_core_latency.subprocess,
        "Popen",
        lambda *args, **kwargs: started.append(whole(*args, **kwargs)) or started[-1],
    )

    def state() -> str:
        return Path(f"/proc/{started[0].pid}/stat").read_text().rpartition(")")[2].split()[0]

    def beat() -> None:
        while len(states) == 5 and state() != "T":  # a signal takes a moment to arrive
            pass
        states.append(state())

    with pytest.raises(EffVizError, match=r"stopped after 1 s, the limit on this server"):
        single_core_latency.measure_in_child(
            "b1",
            lambda *_: None,
            beat,
            terms=single_core_latency.ChildLimits(most_beats=10, wanted=lambda: len(states) == 5),
        )
    assert started[0].poll() is not None
    with pytest.raises(EffVizError, match=r"stopped at \d+ MiB of memory: this server allows 0 MiB .*EFFVIZ_MEMORY_MB"):
        single_core_latency.measure_in_child(
            "b1", lambda *_: None, lambda: None, terms=single_core_latency.ChildLimits(most_bytes=2**10)
        )
    assert started[1].poll() is not None
    assert states[5] == "T"
    assert "T" not in states[:5]


@pytest.mark.parametrize(
    ("name", "px", "params"),
    [
        ("b1", 240, 7_794_184),
        ("lite0@64", 64, 4_652_008),
        ("resnet18", 224, 11_689_512),
        ("resnet18@96", 96, 11_689_512),
    ],
)
def test_networks_of_the_catalogue_and_of_timm(name: str, px: int, params: int) -> None:
    _model, resolution_px, module = network_timing.build_network(name)
    assert resolution_px == px
    assert sum(tensor.numel() for tensor in module.parameters()) == params  # torchvision's and the official counts
    assert not module.training


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("resnet1520", r"There is no network 'resnet1520'.*names that timm\.list_models\(\) returns"),
        ("resnet18@9", "input size '9' in resnet18@9 is not allowed: use 32 to 1024 px"),
        ("resnet18@2000", "use 32 to 1024 px"),
        ("resnet18@", "use 32 to 1024 px"),
        ("vit_giant_patch14_224", "has 10.. million parameters, more than the 500 million allowed"),
        ("b1@99999", "at most 500|is allowed|are allowed"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(name: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        network_timing.build_network(name)


@pytest.mark.usefixtures("threads")
def test_a_size_that_a_network_refuses_is_one_sentence() -> None:
    with pytest.raises(SettingsError, match=r"does not accept inputs of 96 px .*its own size is 224"):
        network_timing.measure_network("vit_tiny_patch16_224@96", 1)


@pytest.mark.usefixtures("threads")
def test_a_measurement_has_its_runs_on_one_thread() -> None:
    torch.set_num_threads(2)
    found = network_timing.measure_network(TINY, 3)
    assert len(found.runs_ms) == 3
    assert (found.model, found.resolution_px, found.threads) == ("scaled-d0.1-w0.1", 32, 1)
    assert found.machine == single_core_latency.machine()


def test_results_are_kept_for_each_machine(folder: Path) -> None:
    slow, other = replace(ONE, model="b7", runs_ms=(900.0,)), replace(ONE, machine="Another")
    for of in (slow, replace(ONE, runs_ms=(70.0,)), ONE, other):
        single_core_latency.store_latency(of)
    assert single_core_latency.stored_latencies(ONE.machine) == (ONE, slow)  # the later result of b1, fastest first
    assert single_core_latency.stored_latencies("Another") == (other,)
    assert single_core_latency.stored_latencies("A third") == ()
    assert sorted(path.name for path in folder.rglob("*.*")) == ["b1@240.json", "b1@240.json", "b7@240.json"]


def test_machines_whose_folders_are_the_same_are_told_apart() -> None:
    single_core_latency.store_latency(replace(ONE, model="b7", machine="A processor; 2 cores"))
    single_core_latency.store_latency(ONE)
    assert single_core_latency.stored_latencies(ONE.machine) == (ONE,)


@pytest.mark.parametrize("damage", ["", "{}", "[]", "null", '{"runs_ms": 3}', '{"model": "b1"}'])
def test_a_damaged_file_counts_as_none(damage: str) -> None:
    single_core_latency.store_latency(ONE)
    (single_core_latency.results_folder(ONE.machine) / "b2@260.json").write_text(damage)
    assert single_core_latency.stored_latencies(ONE.machine) == (ONE,)


@pytest.mark.parametrize("damage", ["flip", "swap", "before"])
def test_a_result_that_was_changed_or_exchanged_counts_as_none(damage: str, caplog: pytest.LogCaptureFixture) -> None:
    for of in (ONE, replace(ONE, model="b2", resolution_px=260, runs_ms=(90.0,))):
        single_core_latency.store_latency(of)
    home = single_core_latency.results_folder(ONE.machine)
    file, other = home / "b1@240.json", home / "b2@260.json"
    match damage:
        case "flip":
            file.write_text(file.read_text().replace("40.0", "41.0"))
        case "swap":
            file.write_text(other.read_text())
        case "before":  # from a version without hashes
            file.write_text(json.dumps(asdict(ONE)))
    assert [of.label for of in single_core_latency.stored_latencies(ONE.machine)] == ["b2@260"]
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("change", [{"runs_ms": []}, {"runs_ms": [0.0]}, {"model": 3}, {"more": 1}])
def test_numbers_that_make_no_sense_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a latency"):
        single_core_latency.parse_latency(json.loads(json.dumps(asdict(ONE) | change)))


def test_the_oldest_go_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setattr(single_core_latency, "MAX_STORED", 2)
    for age, model in ((3, "b1"), (2, "b2"), (1, "b3")):
        single_core_latency.store_latency(replace(ONE, model=model))
        os.utime(single_core_latency.results_folder(ONE.machine) / f"{model}@240.json", (10 - age, 10 - age))
    single_core_latency.store_latency(replace(ONE, model="b4"))
    assert {of.model for of in single_core_latency.stored_latencies(ONE.machine)} == {"b3", "b4"}


def test_a_folder_that_cannot_be_written_is_no_error(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "file"))
    single_core_latency.store_latency(ONE)
    assert single_core_latency.stored_latencies(ONE.machine) == ()


@pytest.mark.parametrize(
    ("written", "name"), [("processor : 0\nmodel name\t: A  CPU @ 2 GHz\n", "A  CPU @ 2 GHz"), ("", None)]
)
def test_the_machine_is_its_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, name: str) -> None:
    monkeypatch.setattr(single_core_latency, "CPU_INFO", tmp_path / "cpuinfo")
    single_core_latency.CPU_INFO.write_text(written)
    single_core_latency.machine.cache_clear()
    found = single_core_latency.machine()
    single_core_latency.machine.cache_clear()
    assert found.startswith(f"{name}, ") if name else not found.startswith(",")
    assert found.endswith(" cores")


# A child process that prints like the command: three runs, and then what the test specifies.
CHILD = """
import sys
for run in range(3):
    print(f"{run}/3", file=sys.stderr, flush=True)
    if not sys.stdin.readline():
        sys.exit(1)
    print("a library warns", file=sys.stderr, flush=True)
"""


def speak(monkeypatch: pytest.MonkeyPatch, rest: str) -> None:
    monkeypatch.setattr(single_core_latency, "child_command", lambda *_: [sys.executable, "-c", CHILD + rest])


def test_the_process_waits_before_each_run(monkeypatch: pytest.MonkeyPatch) -> None:
    speak(monkeypatch, f"print('''[{json.dumps(asdict(ONE))}]''')")
    steps = []
    assert single_core_latency.measure_in_child("b1", lambda *at: steps.append(at), lambda: None) == ONE
    assert steps == [(0, 3), (1, 3), (2, 3)]


class Stopped(Exception):  # noqa: N818 - as Streamlit's
    """The exception that a stopped script raises."""


@pytest.mark.parametrize("where", ["step", "beat"])
def test_a_stop_ends_the_process(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    speak(monkeypatch, "import time; time.sleep(1000)")
    started = []
    whole = single_core_latency.subprocess.Popen

    def popen(*args, **kwargs):
        started.append(whole(*args, **kwargs))
        return started[0]

    monkeypatch.setattr(single_core_latency.subprocess, "Popen", popen)
    runs = []

    def stop(here: str) -> None:
        if here == where and (where == "step" or len(runs) == 3):
            raise Stopped

    def step(run: int, _runs: int) -> None:
        runs.append(run)
        stop("step")

    with pytest.raises(Stopped):
        single_core_latency.measure_in_child("b1", step, lambda: stop("beat"))
    assert started[0].poll() is not None
    assert started[0].stdin.closed


@pytest.mark.parametrize(
    ("rest", "kind", "sentence"),
    [
        ("print('effviz: No such network.', file=sys.stderr); sys.exit(1)", SettingsError, "^No such network.$"),
        ("import os; os.kill(os.getpid(), 9)", EffVizError, r"without a result \(exit status -9\)"),
        ("raise RuntimeError('torch')", EffVizError, r"without a result \(exit status 1\)"),
    ],
)
def test_an_end_without_a_result_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, rest: str, kind: type[EffVizError], sentence: str
) -> None:
    speak(monkeypatch, rest)
    with pytest.raises(kind, match=sentence):
        single_core_latency.measure_in_child("b1", lambda *_: None, lambda: None)


@pytest.mark.parametrize("name", ["", "--help", "-b1", "a b", "b1;ls", "../b1", "b1@", "b" * 101, "b1\n--runs", "é"])
def test_only_names_reach_the_command(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(single_core_latency, "child_command", lambda *_: pytest.fail("started"))
    with pytest.raises(SettingsError, match="is not a valid network name"):
        single_core_latency.measure_in_child(name, lambda *_: None, lambda: None)


def test_the_real_command_measures_in_a_process_of_its_own() -> None:
    before, steps = torch.get_num_threads(), []
    found = single_core_latency.measure_in_child(TINY, lambda *at: steps.append(at), lambda: None, runs=2)
    assert list(dict.fromkeys(steps)) == [(0, 2), (1, 2)]  # a disturbed run is repeated
    assert (found.label, found.threads, len(found.runs_ms)) == (TINY, 1, 2)
    assert single_core_latency.stored_latencies(single_core_latency.machine()) == (() if found.disturbed else (found,))
    assert torch.get_num_threads() == before


@pytest.mark.usefixtures("threads")
def test_what_the_command_says_of_a_wrong_network_is_what_the_process_is_asked_to_say() -> None:
    """`single_core_latency` takes the error message from the command's last line."""
    ended = CliRunner().invoke(app, ["bench", "latency", "--in-turns", "resnet1520"])
    assert ended.exit_code == 1
    assert ended.stderr.splitlines()[-1].startswith("effviz: There is no network 'resnet1520'")


@pytest.mark.usefixtures("threads")
def test_the_command_prints_a_table_and_json(monkeypatch: pytest.MonkeyPatch) -> None:
    times = {"b1": (40.0, 50.0, 60.0), "b7": (900.0, 900.0, 1050.0)}
    monkeypatch.setattr(
        network_timing, "measure_network", lambda name, *_: replace(ONE, model=name, runs_ms=times[name])
    )
    shown = CliRunner().invoke(app, ["bench", "latency", "b1", "b7"])
    assert shown.exit_code == 0, shown.output
    row = next(line.split() for line in shown.stdout.splitlines() if line.startswith("b1@240"))
    assert row[1:] == ["50.0", "10.0", "40.0-60.0", "7.79", "19.00x"]  # 950 / 50
    printed = CliRunner().invoke(app, ["bench", "latency", "b1", "b7", "--json"])
    assert [of["runs_ms"] for of in json.loads(printed.stdout)] == [list(times["b1"]), list(times["b7"])]


@pytest.mark.usefixtures("threads")
def test_nobody_who_lets_go_means_no_run() -> None:
    ended = CliRunner().invoke(app, ["bench", "latency", "--in-turns", TINY], input="")
    assert ended.exit_code == 1
    assert ended.stderr.strip() == "0/20"
    assert single_core_latency.stored_latencies(single_core_latency.machine()) == ()
