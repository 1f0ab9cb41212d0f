"""OpenVINO's numbers beside torch's on sample photos; which engine is taken; what lies on disk and in memory."""

import gc
import logging
import os
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from effviz.errors import SettingsError
from effviz.explain import closed, images, stages
from effviz.explain.engines import EngineName, choice, choose, engine_name, network, openvino_engine, runtime, store
from effviz.explain.engines.openvino_engine import WHOLE, Hint, OpenVinoEngine
from effviz.explain.engines.torch_engine import TorchEngine
from effviz.explain.forward import run
from effviz.explain.preprocess import prepare
from effviz.explain.results import Layer
from effviz.zoo.catalogue import parse
from effviz.zoo.loading import load

SAMPLES = sorted((Path(__file__).parents[2] / "assets" / "samples").glob("*.jpg"))
TINY = "scaled-lite-d1-w0.5@64"
# B0's and B3's architectures: SiLU, squeeze-and-excitation
NETWORKS = ("lite0", "lite1", "lite2", "scaled-d1-w1@224", "scaled-d1.4-w1.2@300")

# What a new process does with a model; sending anything would end it.
ALONE = """
import signal, socket, sys
def refuse(*_): raise SystemExit("a connection was made")
socket.socket.connect = socket.getaddrinfo = refuse
from effviz.explain.engines import engine_name
from effviz.zoo.catalogue import parse
from effviz.zoo.loading import load
print(engine_name(load(parse(sys.argv[1]))), [n for n, it in sys.modules.items() if it and n.startswith("openvino_t")])
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.fixture
def cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("EFFVIZ_ENGINE", raising=False)
    return tmp_path / "effviz" / "openvino"


@pytest.fixture
def tiny(cache, lively):
    return lively(TINY)


def pixels_of(model, count=1):
    size = model.ref.resolution_px
    return np.random.default_rng(1).standard_normal((count, 3, size, size), np.float32)


def assert_close(ours, expected):
    for ours_part, expected_part in zip(ours, expected, strict=True):
        assert ours_part.shape == expected_part.shape
        assert np.abs(ours_part - expected_part).max() <= 1e-3 * np.abs(expected_part).max()


@pytest.mark.parametrize("ref", NETWORKS)
def test_openvino_equals_torch_on_sample_photos(ref, lively, monkeypatch):
    """Features, logits and maps of all photos, up to every stage's end, and from there to the logits."""
    monkeypatch.setattr(openvino_engine, "OTHER_PARTS", 2 * len(stages.STRIDES) + 1)  # each is compiled once
    model = lively(ref)
    fast, rows = choose(model).engine, model.module.classifier.weight.detach().numpy()
    assert fast.name is EngineName.OPENVINO
    pixels = list(prepared(model, SAMPLES))
    for given, streamed in zip(pixels, fast.many(pixels), strict=True):
        *ends, features, logits = every_layer(model, given)
        row = rows[logits[0].argmax()]
        for ours in (fast.run(given), streamed):
            assert_close(ours, (features, logits))
            assert np.array_equal(np.argsort(-ours[1][0])[:5], np.argsort(-logits[0])[:5])
            assert_maps_close(closed.cam(ours[0][0], row), closed.cam(features[0], row))
        for layer, end in zip(stages.STRIDES, ends, strict=True):
            ours = fast.features_at(given, layer)
            assert_close([ours, *fast.logits_from([end], layer)], [end, logits])
            assert_maps_close(closed.eigencam(ours[0]), closed.eigencam(end[0]))


def prepared(model, paths):
    """Photos as the model wants them."""
    for path in paths:
        yield prepare(images.read(path.read_bytes(), path.name), model.ref).pixels


def every_layer(model, pixels):
    """What torch's own module gives: the ends of the stages, features and logits."""
    with torch.inference_mode():
        return [tensor.numpy() for tensor in stages.every_layer(model.module, torch.tensor(pixels))]


def assert_maps_close(ours, expected):
    """Within a thousandth of the map's range."""
    assert np.abs(ours - expected).max() <= 1e-3 * np.ptp(expected)


@pytest.mark.parametrize("ref", NETWORKS)
def test_the_torch_engine_cuts_at_every_stage(ref, lively):
    model = lively(ref)
    reference, (given,) = TorchEngine.of(model), prepared(model, SAMPLES[:1])
    *ends, features, logits = every_layer(model, given)
    assert_close(reference.run(given), (features, logits))
    for layer, end in zip(stages.STRIDES, ends, strict=True):
        assert_close([reference.features_at(given, layer), *reference.logits_from([end], layer)], [end, logits])


def test_torch_engine_equals_the_modules_own_forward(tiny):
    pixels = pixels_of(tiny, 2)
    features, logits = TorchEngine.of(tiny).run(pixels)
    with torch.no_grad():
        assert np.allclose(logits, tiny.module(torch.tensor(pixels)).numpy(), atol=1e-5)
    assert features.shape == (2, 1280, 2, 2)


def test_a_batch_is_run_photo_by_photo(tiny):
    pixels = pixels_of(tiny, 3)
    assert_close(choose(tiny).engine.run(pixels), TorchEngine.of(tiny).run(pixels))


def test_results_are_arrays_of_their_own(tiny):
    """A request's buffers are used again by the next call."""
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
    given = [int(features[0, 0, 0, 0]) for features, _ in TorchEngine.of(tiny).many(inputs)]
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
    for layer in (Layer.STRIDE_2, Layer.STRIDE_8, Layer.STRIDE_32):
        engine.features_at(pixels, layer)
    list(engine.many([pixels]))
    assert list(engine.parts) == [
        (WHOLE, Hint.LATENCY),
        (f"to {Layer.STRIDE_32}", Hint.LATENCY),
        (WHOLE, Hint.THROUGHPUT),
    ]
    first = engine.requests
    assert_close([engine.features_at(pixels, Layer.STRIDE_2)], [every_layer(tiny, pixels)[0]])
    assert engine.requests is first


def test_another_number_of_threads_gets_a_new_engine(tiny):
    before, threads = choose(tiny).engine, torch.get_num_threads()
    try:
        torch.set_num_threads(2 if threads == 1 else 1)
        after = choose(tiny).engine
        assert choose(tiny).engine is after
    finally:
        torch.set_num_threads(threads)
    assert after is not before
    if threads > 1:
        assert after.requests.compiled.get_property("INFERENCE_NUM_THREADS") == 1


def test_changed_weights_get_a_new_engine(tiny):
    pixels = pixels_of(tiny)
    run(tiny, pixels)
    with torch.no_grad():
        tiny.module.classifier.bias += 5
    assert_close(run(tiny, pixels)[1:], TorchEngine.of(tiny).run(pixels)[1])


def test_another_size_gets_its_own_engine(tiny):
    pixels = np.random.default_rng(1).standard_normal((1, 3, 96, 96), np.float32)
    assert_close(choose(tiny, 96).engine.run(pixels), TorchEngine.of(tiny).run(pixels))


def test_the_engine_goes_with_its_model(cache):
    gc.collect()  # those of other tests
    model = load(parse(TINY))
    choose(model)
    module = weakref.ref(model.module)
    before = len(choice._made)
    del model
    gc.collect()
    assert module() is None
    assert len(choice._made) == before - 1


@pytest.mark.parametrize("word", ["torch", " Torch "])
def test_the_setting_picks_torch(word, tiny, monkeypatch):
    monkeypatch.setenv("EFFVIZ_ENGINE", word)
    assert engine_name(tiny) is EngineName.TORCH
    assert choose(tiny).fallback == ""


@pytest.fixture
def gpu(monkeypatch):
    """A machine with a GPU, as far as torch says; its work is done by the CPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, *_: self)
    monkeypatch.setattr(TorchEngine, "_tensor", lambda _, array: torch.tensor(array))


def test_a_gpu_is_taken_where_there_is_one(tiny, gpu):
    engine = choose(tiny).engine
    assert engine.name is EngineName.CUDA
    assert engine.module is not tiny.module  # a copy: the visitors' module stays on the CPU
    assert choose(tiny).engine is engine
    pixels = pixels_of(tiny, 3)
    assert_close(engine.run(pixels), TorchEngine.of(tiny).run(pixels))


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
    with pytest.raises(SettingsError, match=r"asks for mps only.*set it to auto"):
        choose(tiny)


def test_an_unknown_setting_is_refused(tiny, monkeypatch):
    monkeypatch.setenv("EFFVIZ_ENGINE", "fast")
    with pytest.raises(SettingsError, match=r"'fast'.*auto, openvino, torch, cuda, mps.*Correct"):
        choose(tiny)


@pytest.mark.parametrize("error", [ImportError("No module named 'openvino'"), RuntimeError("no such operation")])
def test_without_openvino_torch_runs_and_says_so(error, tiny, monkeypatch, caplog):
    def fail(*_):
        raise error

    monkeypatch.setattr(network, "convert", fail)
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

    monkeypatch.setattr(network, "convert", fail)
    said = choose(tiny).fallback
    assert "OpConversionFailure: no rule for aten::complex" in said
    assert "node.cpp" not in said
    assert "\n" not in said
    assert len(said) < 220
    assert RAW in caplog.text


def test_a_conversion_with_other_numbers_is_not_used(tiny, monkeypatch):
    monkeypatch.setattr(network, "convert", lambda *_, convert=network.convert: convert(other, 64))
    other = load(parse(TINY))  # not enlivened
    chosen = choose(tiny)
    assert chosen.engine.name is EngineName.TORCH
    assert "other numbers" in chosen.fallback
    assert not list(cache_entries())


def cache_entries():
    return (store.folder() / "openvino").glob("scaled*")


def test_a_known_model_is_not_converted_again(tiny, cache, lively, monkeypatch):
    pixels = pixels_of(tiny)
    expected = choose(tiny).engine.run(pixels)
    monkeypatch.setattr(network, "convert", lambda *_: pytest.fail("converted again"))
    assert_close(choose(lively(TINY)).engine.run(pixels), expected)
    assert {path.suffix for path in cache.glob("scaled*/*")} == {".xml", ".bin"}
    assert list(cache.glob("compiled/*.blob"))
    assert not list(cache.glob(".new-*"))


@pytest.mark.parametrize("file", ["network.xml", "network.bin"])
def test_a_damaged_network_is_made_again(file, tiny, cache, lively):
    choose(tiny)
    (damaged,) = cache.glob(f"scaled*/{file}")
    damaged.write_bytes(damaged.read_bytes()[:1000])
    for blob in cache.glob("compiled/*"):
        blob.unlink()
    chosen = choose(lively(TINY))
    assert chosen.engine.name is EngineName.OPENVINO
    assert damaged.stat().st_size > 1000


def test_a_cache_that_cannot_be_written_costs_only_time(tiny, tmp_path, monkeypatch, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert engine_name(tiny) is EngineName.OPENVINO
    assert "cannot be kept" in caplog.text


def test_the_cache_is_bounded_in_bytes_and_lets_the_longest_unused_go(cache, monkeypatch):
    store.compiled().mkdir(parents=True)
    old = store.compiled() / "old.blob"
    old.write_text(5 * "x")
    os.utime(old, (1001, 1001))
    for used, name in ((1002, "a-1"), (1000, "b-1"), (1003, "c-1")):
        path = store.put(name, lambda path: path.write_text(8 * "x"))
        os.utime(path.parent, (used, used))
    store.find("b-1")  # the oldest is in use again
    monkeypatch.setattr(store, "MOST_BYTES", 25)
    store.put("d-1", lambda path: path.write_text(8 * "x"))
    assert sorted(entry.name for entry in cache.iterdir()) == ["b-1", "c-1", "compiled", "d-1"]  # 24 bytes
    assert not old.exists()
    assert store.find("a-1") is None


def test_the_key_tells_weights_sizes_and_versions_apart(tiny):
    key = store.key(tiny, 64, "1")
    assert key == store.key(tiny, 64, "1")
    assert len({key, store.key(tiny, 96, "1"), store.key(tiny, 64, "2"), store.key(load(parse(TINY)), 64, "1")}) == 4


def test_threads_follow_torch(tiny):
    assert choose(tiny).engine.requests.compiled.get_property("INFERENCE_NUM_THREADS") == torch.get_num_threads()
    assert choose(tiny).engine.requests.compiled.get_property("INFERENCE_PRECISION_HINT") == runtime.openvino().Type.f32


@pytest.mark.parametrize(("spare", "pinned"), [(0, True), (1, False)])
def test_a_process_with_a_share_of_the_cores_leaves_it_to_the_system_which(tiny, monkeypatch, spare, pinned):
    cores = set(range(torch.get_num_threads() + spare))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: cores, raising=False)
    assert choose(tiny).engine.requests.compiled.get_property("ENABLE_CPU_PINNING") is pinned


def test_a_new_process_converts_without_network_or_statistics_and_can_be_interrupted_then(cache):
    done = subprocess.run([sys.executable, "-c", ALONE, TINY], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["openvino []", "interrupted"], (done.returncode, done.stderr)
