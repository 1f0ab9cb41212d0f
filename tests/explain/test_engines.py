"""OpenVINO's values compared with torch's on sample photos; the choice of the engine; memory use."""

import gc
import logging
import os
import re
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from effviz import cpu
from effviz.errors import SettingsError
from effviz.explain import activation_maps, engines, images
from effviz.explain.data_types import STRIDES, TargetLayer
from effviz.explain.engines import EngineName, choose, held_bytes, is_ready, openvino_engine
from effviz.explain.engines.openvino_engine import WHOLE, Hint, OpenVinoEngine
from effviz.explain.engines.torch_engine import TorchEngine
from effviz.explain.forward_pass import prepare
from effviz.zoo.catalogue import parse_model
from effviz.zoo.loading import load

SAMPLES = sorted((Path(__file__).parents[2] / "assets" / "samples").glob("*.jpg"))
TINY = "scaled-lite-d1-w0.5@64"
# One of each family; the second has B0's architecture: SiLU, squeeze-and-excitation
NETWORKS = ("lite0", "scaled-d1-w1@224")


@pytest.fixture
def tiny(lively, monkeypatch):
    monkeypatch.delenv("EFFVIZ_ENGINE", raising=False)
    return lively(TINY)


def pixels_of(model, count=1):
    size = model.ref.resolution_px
    return np.random.default_rng(1).standard_normal((count, 3, size, size), np.float32)


def assert_close(ours, expected):
    for ours_part, expected_part in zip(ours, expected, strict=True):
        assert ours_part.shape == expected_part.shape
        assert np.abs(ours_part - expected_part).max() <= 1e-4 * np.abs(expected_part).max()


@pytest.mark.parametrize("ref", [*NETWORKS, "lite1", "lite2"])
def test_openvino_equals_torch_on_sample_photos(ref, lively):
    """Compare features, logits and maps."""
    model = lively(ref)
    fast, rows = choose(model).engine, model.module.classifier.weight.detach().numpy()
    assert fast.name is EngineName.OPENVINO
    pixels = list(prepared(model, SAMPLES[::12]))
    for given, streamed in zip(pixels, fast.many(pixels), strict=True):
        *_, features, logits = every_layer(model, given)
        row = rows[logits[0].argmax()]
        for ours in (fast.run(given), streamed):
            assert_close(ours, (features, logits))
            assert np.array_equal(np.argsort(-ours[1][0])[:5], np.argsort(-logits[0])[:5])
            assert_maps_close(activation_maps.cam(ours[0][0], row), activation_maps.cam(features[0], row))


@pytest.mark.parametrize("ref", NETWORKS)
def test_openvino_cuts_at_every_stage(ref, lively, monkeypatch):
    """Run up to a stage's end, and from there to the logits."""
    monkeypatch.setattr(openvino_engine, "OTHER_PARTS", 2 * len(STRIDES) + 1)  # each is compiled once
    model = lively(ref)
    fast = choose(model).engine
    for given in prepared(model, SAMPLES[::30]):
        *ends, _, logits = every_layer(model, given)
        for layer, end in zip(STRIDES, ends, strict=True):
            ours = fast.features_at(given, layer)
            assert_close([ours, *fast.logits_from([end], layer)], [end, logits])
            assert_maps_close(activation_maps.eigencam(ours[0]), activation_maps.eigencam(end[0]))


def prepared(model, paths):
    """Return photos prepared for the model."""
    for path in paths:
        yield prepare(images.read(path.read_bytes(), path.name), model.ref).pixels


def every_layer(model, pixels):
    """Return the outputs of torch's own module: stage ends, features and logits."""
    with torch.inference_mode():
        features, ends = model.module.forward_intermediates(torch.tensor(pixels))
        return [tensor.numpy() for tensor in (*ends, features, model.module.forward_head(features))]


def assert_maps_close(ours, expected):
    """The maps agree within a ten-thousandth of their range."""
    assert np.abs(ours - expected).max() <= 1e-4 * np.ptp(expected)


@pytest.mark.parametrize("ref", NETWORKS)
def test_the_torch_engine_cuts_at_every_stage(ref, lively):
    model = lively(ref)
    reference, (given,) = TorchEngine.of(model.weights), prepared(model, SAMPLES[:1])
    *ends, features, logits = every_layer(model, given)
    assert_close(reference.run(given), (features, logits))
    for layer, end in zip(STRIDES, ends, strict=True):
        assert_close([reference.features_at(given, layer), *reference.logits_from([end], layer)], [end, logits])


def test_torch_engine_equals_the_modules_own_forward(tiny):
    pixels = pixels_of(tiny, 2)
    features, logits = TorchEngine.of(tiny.weights).run(pixels)
    with torch.no_grad():
        assert np.allclose(logits, tiny.module(torch.tensor(pixels)).numpy(), atol=1e-5)
    assert features.shape == (2, 1280, 2, 2)


def test_a_batch_is_run_photo_by_photo(tiny):
    pixels = pixels_of(tiny, 3)
    assert_close(choose(tiny).engine.run(pixels), TorchEngine.of(tiny.weights).run(pixels))


def test_results_are_arrays_of_their_own(tiny):
    """The next call reuses a request's buffers."""
    engine, first = choose(tiny).engine, pixels_of(tiny)
    features, _ = engine.run(first)
    kept = features.copy()
    engine.run(-first)
    assert np.array_equal(features, kept)


def test_many_inputs_come_back_in_order(tiny):
    engine, inputs = choose(tiny).engine, list(pixels_of(tiny, 30)[:, None])
    for streamed, given in zip(engine.many(iter(inputs)), inputs, strict=True):
        assert_close(streamed, engine.run(given))


@pytest.mark.parametrize(("size_px", "together"), [(224, [8, 2]), (448, [2] * 5), (896, [1] * 10)])
def test_torch_takes_fewer_large_inputs_at_once(tiny, monkeypatch, size_px, together):
    taken = []
    monkeypatch.setattr(TorchEngine, "run", lambda _, pixels: taken.append(len(pixels)) or (pixels, pixels))
    inputs = [np.full((1, 3, size_px, size_px), number, np.float32) for number in range(10)]
    given = [int(features[0, 0, 0, 0]) for features, _ in TorchEngine.of(tiny.weights).many(inputs)]
    assert given == list(range(10))
    assert taken == together


def test_a_stream_may_be_left_early(tiny):
    engine, inputs = choose(tiny).engine, list(pixels_of(tiny, 30)[:, None])
    stream = engine.many(iter(inputs))
    first = next(stream)
    stream.close()
    assert_close(first, engine.run(inputs[0]))
    assert_close(next(engine.many(inputs[1:])), engine.run(inputs[1]))


def test_four_threads_give_the_serial_results(tiny):
    engine = choose(tiny).engine
    jobs = list(pixels_of(tiny, 40)[:, None])
    serial = [engine.run(job) for job in jobs]
    with ThreadPoolExecutor(4) as pool:
        for ours, expected in zip(pool.map(engine.run, jobs), serial, strict=True):
            assert_close(ours, expected)
    assert engine.requests.idle.qsize() <= 4


def test_four_threads_compile_a_model_once(tiny, monkeypatch):
    made = []
    original = OpenVinoEngine.of
    monkeypatch.setattr(OpenVinoEngine, "of", lambda *given: made.append(given) or original(*given))
    with ThreadPoolExecutor(4) as pool:
        engines = list(pool.map(lambda _: choose(tiny).engine, range(8)))
    assert len(made) == 1
    assert len({id(engine) for engine in engines}) == 1


def test_only_the_last_parts_stay_beside_the_network_for_one_photo(tiny):
    engine, pixels = choose(tiny).engine, pixels_of(tiny)
    for layer in (TargetLayer.STRIDE_2, TargetLayer.STRIDE_8, TargetLayer.STRIDE_32):
        engine.features_at(pixels, layer)
    list(engine.many([pixels]))
    assert list(engine.parts) == [
        (WHOLE, Hint.LATENCY),
        (f"to {TargetLayer.STRIDE_32}", Hint.LATENCY),
        (WHOLE, Hint.THROUGHPUT),
    ]
    first = engine.requests
    assert_close([engine.features_at(pixels, TargetLayer.STRIDE_2)], [every_layer(tiny, pixels)[0]])
    assert engine.requests is first


def test_another_size_gets_its_own_engine(tiny):
    pixels = np.random.default_rng(1).standard_normal((1, 3, 96, 96), np.float32)
    assert_close(choose(tiny, 96).engine.run(pixels), TorchEngine.of(tiny.weights).run(pixels))


def test_sizes_of_one_network_share_its_numbers(tiny):
    """The second size adds its compiled parts, not the network."""
    first, both = tiny, type(tiny)(parse_model("scaled-lite-d1-w0.5@96"), tiny.weights)
    assert not is_ready(first)
    choose(first)
    assert is_ready(first)
    assert not is_ready(both)
    one = held_bytes(tiny.weights)
    choose(both)
    assert is_ready(both)
    parts = openvino_engine.COPIES_A_PART * tiny.weights.tensor_bytes
    assert held_bytes(tiny.weights) - one == pytest.approx(parts, abs=2)
    constants = [numbers(choose(model).engine.source) for model in (first, both)]
    assert constants[0]
    assert constants[0] == constants[1]


def numbers(source):
    """Return the memory addresses of a network's weights."""
    return {node.get_friendly_name(): node.get_data().ctypes.data for node in source.get_ordered_ops() if large(node)}


def large(node):
    return node.get_type_name() == "Constant" and np.prod(node.get_output_shape(0)) > 1000


def test_the_engine_goes_with_its_weights():
    gc.collect()  # engines of other tests
    model = load(parse_model(TINY))
    choose(model)
    weights = weakref.ref(model.weights)
    before = len(engines._engines_of), len(openvino_engine._written)
    del model
    gc.collect()
    assert weights() is None
    assert (len(engines._engines_of), len(openvino_engine._written)) == (before[0] - 1, before[1] - 1)


@pytest.mark.parametrize("word", ["torch", " Torch "])
def test_the_setting_picks_torch(word, tiny, monkeypatch):
    monkeypatch.setenv("EFFVIZ_ENGINE", word)
    assert choose(tiny).engine.name is EngineName.TORCH
    assert choose(tiny).fallback == ""


@pytest.fixture
def gpu(monkeypatch, tmp_path):
    """Simulate a machine with a GPU, according to its files and torch; the CPU does the work."""
    monkeypatch.setattr(engines, "DEVICES", (tmp_path,))
    monkeypatch.setattr(engines, "_BUILT_FOR", re.compile("cuda"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    engines.present_engines.cache_clear()
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, *_: self)
    monkeypatch.setattr(TorchEngine, "_tensor", lambda _, array: torch.tensor(array))
    yield
    engines.present_engines.cache_clear()


def test_a_gpu_is_taken_where_there_is_one(tiny, gpu):
    engine = choose(tiny).engine
    assert engine.name is EngineName.CUDA
    assert engine.module is not tiny.module  # a copy: the visitors' module stays on the CPU
    assert choose(tiny).engine is engine
    pixels = pixels_of(tiny, 3)
    assert_close(engine.run(pixels), TorchEngine.of(tiny.weights).run(pixels))


def test_a_gpu_goes_without_tf32_from_the_first_engine_on(tiny, gpu, monkeypatch):
    engine = choose(tiny).engine
    assert not torch.backends.cudnn.allow_tf32
    monkeypatch.setattr(torch.backends.cudnn, "flags", lambda **_: pytest.fail("a switch of the whole process"))
    engine.run(pixels_of(tiny))


def test_a_gpu_with_other_numbers_is_not_used(tiny, gpu, monkeypatch):
    monkeypatch.setattr(TorchEngine, "_tensor", lambda self, a: torch.tensor(a) * (1.01 if self.name == "cuda" else 1))
    chosen = choose(tiny)
    assert chosen.engine.name is EngineName.OPENVINO
    assert "does not run on cuda" in chosen.fallback
    assert "other numbers" in chosen.fallback


def test_a_missing_gpu_that_is_asked_for_is_said(tiny, monkeypatch):
    monkeypatch.setenv("EFFVIZ_ENGINE", "mps")
    with pytest.raises(SettingsError, match=r"allows only mps.*Change the setting to auto"):
        choose(tiny)


def test_an_unknown_setting_is_refused(tiny, monkeypatch):
    monkeypatch.setenv("EFFVIZ_ENGINE", "fast")
    with pytest.raises(SettingsError, match=r"'fast'.*auto, openvino, torch, cuda, mps.*Correct"):
        choose(tiny)


@pytest.mark.parametrize("error", [ImportError("No module named 'openvino'"), RuntimeError("no such operation")])
def test_without_openvino_torch_runs_and_says_so(error, tiny, monkeypatch, caplog):
    def fail(*_):
        raise error

    monkeypatch.setattr(openvino_engine, "build_network", fail)
    with caplog.at_level(logging.WARNING):
        chosen = choose(tiny)
        choose(tiny)
    assert chosen.engine.name is EngineName.TORCH
    assert str(error) in chosen.fallback
    assert [record.getMessage() for record in caplog.records] == [chosen.fallback]  # once
    assert str(error) in caplog.text.partition("Traceback")[2]
    monkeypatch.setenv("EFFVIZ_ENGINE", "openvino")
    with pytest.raises(SettingsError, match="does not run on openvino"):
        choose(tiny)


RAW = (
    """Exception from src/core/src/node.cpp:12:
Check 'is_dynamic' failed at src/core/src/node.cpp:34:
OpConversionFailure: no rule for aten::complex, which """
    + 50 * "a very long list of names "
)


def test_a_long_error_is_one_clear_line_and_the_log_has_the_rest(tiny, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError(RAW)

    monkeypatch.setattr(openvino_engine, "build_network", fail)
    said = choose(tiny).fallback
    assert "OpConversionFailure: no rule for aten::complex" in said
    assert "node.cpp" not in said
    assert "\n" not in said
    assert len(said) < 220
    assert RAW in caplog.text


@pytest.mark.parametrize(("said", "threads"), [("1", 1), ("2,1", 2), ("", None), ("many", None)])
def test_threads_follow_the_setting(said, threads, tiny, monkeypatch):
    monkeypatch.setenv(cpu.OMP_VARIABLE, said)
    compiled = choose(tiny).engine.requests.compiled
    assert compiled.get_property("INFERENCE_NUM_THREADS") == min(
        threads or cpu.available_cores(), cpu.available_cores()
    )
    assert compiled.get_property("INFERENCE_PRECISION_HINT") == openvino_engine.import_openvino().Type.f32


@pytest.mark.parametrize(("spare", "pinned"), [(0, True), (1, False)])
def test_a_process_with_a_share_of_the_cores_leaves_it_to_the_system_which(tiny, monkeypatch, spare, pinned):
    monkeypatch.setenv(cpu.OMP_VARIABLE, "1")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(1 + spare)), raising=False)
    assert choose(tiny).engine.requests.compiled.get_property("ENABLE_CPU_PINNING") is pinned


VERSIONS = {  # torch's own version.py
    "cuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n": True,
    "cuda: Optional[str] = None\nhip: Optional[str] = '6.2.41133'\n": True,
    "cuda: Optional[str] = None\nhip: Optional[str] = None\nxpu: Optional[str] = None\n": False,
    "debug = False\ncuda = '11.8'\n": True,
    "__version__ = '2.6.0+cpu'\ncuda = None\n": False,
}


@pytest.mark.parametrize(("text", "built"), VERSIONS.items())
@pytest.mark.parametrize("device", [True, False])
def test_a_gpu_is_seen_from_files(text, built, device, tmp_path, monkeypatch):
    (tmp_path / "version.py").write_text(text)
    monkeypatch.setattr(engines, "_version_file", lambda: tmp_path / "version.py")
    monkeypatch.setattr(engines, "DEVICES", (tmp_path / ("version.py" if device else "nothing"),))
    assert engines._may_have_gpu() is (built and device)


def test_torchs_own_file_says_what_torch_says(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "DEVICES", (tmp_path,))
    assert engines._may_have_gpu() is (torch.version.cuda is not None or torch.version.hip is not None)


# What a new process does with a model; any network request would end it.
ALONE = """
import signal, socket, sys
def refuse(*_): raise SystemExit("a connection was made")
socket.socket.connect = socket.getaddrinfo = refuse
from effviz.explain import activation_maps as maps, images, receptive_fields, sample_photos, targets
from effviz.explain.forward_pass import forward
from effviz.explain.data_types import Method, TargetLayer
from effviz.zoo import catalogue, loading, presets
model = loading.load(catalogue.parse_model(sys.argv[1]))
passed = forward(model, images.read(sample_photos.find("dog").path.read_bytes(), "dog"))
maps.activation_map(passed)
maps.activation_map(passed, method=Method.SCORECAM, layer=TargetLayer.STRIDE_2)
maps.activation_map(passed, method=Method.ABLATIONCAM, layer=TargetLayer.STRIDE_4)
unwanted = ("torch", "timm", "openvino_telemetry")
print([name for name, it in sys.modules.items() if it and name.partition(".")[0] in unwanted])
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_new_process_explains_without_torch_network_or_statistics_and_can_be_interrupted_then():
    done = subprocess.run([sys.executable, "-c", ALONE, "mini-baseline"], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["[]", "interrupted"], (done.returncode, done.stderr)
