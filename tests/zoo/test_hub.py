"""Hub weights: loaded from a generated cache, compared with timm, and fetched from a local server."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from effviz.errors import SettingsError, WeightsError
from effviz.zoo import catalogue, download, hub, loading

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "timm/tf_efficientnet_b0.aa_in1k"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Return random weights of B0 as on the hub, including batch norm statistics."""
    torch.manual_seed(1)
    module = timm.create_model("tf_efficientnet_b0", pretrained=False)
    tensors = {name: torch.rand_like(t) if t.is_floating_point() else t for name, t in module.state_dict().items()}
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    save_file(tensors, path)
    return path


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Return an empty hub cache, offline."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path


def put(cache, weights):
    """Put weights and settings of B0 into the cache, as the hub's client does."""
    content = weights.read_bytes()
    folder = cache / "models--timm--tf_efficientnet_b0.aa_in1k"
    blob = folder / "blobs" / hashlib.sha256(content).hexdigest()
    snapshot = folder / "snapshots" / COMMIT
    for place in (blob.parent, snapshot, folder / "refs"):
        place.mkdir(parents=True)
    (folder / "refs/main").write_text(COMMIT)
    blob.write_bytes(content)
    (snapshot / "model.safetensors").symlink_to(f"../../blobs/{blob.name}")
    (snapshot / "config.json").write_text(json.dumps({"architecture": "tf_efficientnet_b0", "num_classes": 1000}))
    return blob


def test_cached_weights_are_those_that_timm_loads_offline(cache, weights):
    blob = put(cache, weights)
    assert hub.availability(catalogue.find_model("b0")).available
    model = loading.load(catalogue.parse_model("b0"))
    expected = timm.create_model("tf_efficientnet_b0.aa_in1k", pretrained=True).state_dict()
    found = model.module.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert model.weights_sha256 == blob.name


def test_logits_equal_timms(cache, weights):
    put(cache, weights)
    theirs = timm.create_model("tf_efficientnet_b0.aa_in1k", pretrained=True).eval()
    photo = torch.rand(1, 3, 224, 224)
    with torch.inference_mode():
        assert torch.equal(loading.load(catalogue.parse_model("b0")).module(photo), theirs(photo))


def test_damaged_cache_is_refused_and_then_known(cache, weights):
    blob = put(cache, weights)
    blob.write_bytes(blob.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(WeightsError, match="run `effviz fetch b0` while online to fetch them again"):
        loading.load(catalogue.parse_model("b0"))
    assert not hub.availability(catalogue.find_model("b0")).available


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("content", [lambda whole: whole[:-1], lambda whole: bytes(len(whole)), lambda _: b""])
def test_a_file_that_is_not_whole_is_seen_at_a_glance(cache, weights, linked, content):
    blob = put(cache, weights)
    if not linked:  # as on systems without symbolic links
        place = next(cache.glob("models--*/snapshots/*/model.safetensors"))
        place.unlink()
        blob = blob.rename(place)
    blob.write_bytes(content(weights.read_bytes()))
    state = hub.availability(catalogue.find_model("b0"))
    assert (state.available, "`effviz fetch b0`" in state.sentence) == (False, True)
    with pytest.raises(WeightsError, match="`effviz fetch b0`"):
        loading.load(catalogue.parse_model("b0"))


def test_one_changed_bit_is_seen_by_whoever_looks_thoroughly(cache, weights):
    blob = put(cache, weights)
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.write_bytes(content)
    hub.verify(catalogue.find_model("b0"))
    assert not hub.availability(catalogue.find_model("b0")).available
    blob.write_bytes(weights.read_bytes())
    assert hub.availability(catalogue.find_model("b0")).available
    blob.write_bytes(content)
    with pytest.raises(WeightsError, match="Check that you are online"):
        download.fetch(["b0"])


def test_weights_of_another_network_of_the_same_shapes_are_not_used_in_its_place(cache, weights):
    blob = put(cache, weights)
    loading.load(catalogue.parse_model("b0"))
    loading.load(catalogue.parse_model("b0"))  # the same file is not a different one
    tensors = load_file(weights)
    tensors["classifier.bias"] = tensors["classifier.bias"] + 1
    save_file(tensors, cache / "other")
    other = blob.with_name(hashlib.sha256((cache / "other").read_bytes()).hexdigest())
    (cache / "other").rename(other)
    link = cache / "models--timm--tf_efficientnet_b0.aa_in1k/snapshots" / COMMIT / "model.safetensors"
    link.unlink()
    link.symlink_to(f"../../blobs/{other.name}")
    with pytest.raises(WeightsError, match=r"\(sha256 .*\) is not the one first read here"):
        loading.load(catalogue.parse_model("b0"))
    (pin,) = hub.pin_folder().iterdir()
    for damage in (b"", b"\0" * 64, pin.read_bytes()[:30]):  # a damaged record is written again
        pin.write_bytes(damage)
        assert loading.load(catalogue.parse_model("b0")).weights_sha256 == other.name
        assert pin.read_text() == other.name


def test_without_cache_one_sentence_names_the_command(cache):
    state = hub.availability(catalogue.find_model("b1"))
    assert (state.available, state.sentence.count(". ")) == (False, 0)
    assert "`effviz fetch b1`" in state.sentence
    with pytest.raises(WeightsError, match="`effviz fetch b1`"):
        loading.load(catalogue.parse_model("b1"))
    loading.load(catalogue.parse_model("lite0"))  # everything else still works


def test_other_recipes_are_fetched_by_their_name(cache):
    assert "`effviz fetch b0:ns_jft_in1k`" in hub.availability(catalogue.find_model("b0", "ns_jft_in1k")).sentence


def test_fetching_offline_is_one_error(cache):
    with pytest.raises(WeightsError, match="Check that you are online"):
        download.fetch(["b0"])


def test_fetching_an_unknown_model_fetches_nothing(cache, monkeypatch):
    monkeypatch.setattr(download, "hf_hub_download", lambda *_, **__: pytest.fail("fetched"))
    with pytest.raises(SettingsError, match="no model 'b99'"):
        download.fetch(["b0", "b99"])


def test_packaged_and_cached_models_need_no_fetching(cache, weights, monkeypatch):
    put(cache, weights)
    monkeypatch.setattr(download, "hf_hub_download", lambda *_, **__: pytest.fail("fetched"))
    assert [spec.name for spec in download.fetch(["lite0", "b0", "scaled-d2-w1"])] == ["lite0", "b0", "scaled-d2-w1"]


@pytest.fixture
def online(tmp_path, monkeypatch, weights):
    """Run a local hub that serves only B0, with an empty cache."""
    content = weights.read_bytes()

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self):
            known = self.path == f"/{REPOSITORY}/resolve/main/model.safetensors"
            self.send_response(200 if known else 404)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("Content-Length", str(len(content) if known else 0))
            if not known:
                self.send_header("X-Error-Code", "RepoNotFound")
            self.end_headers()

        def do_GET(self):
            self.do_HEAD()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    yield address
    server.shutdown()
    thread.join()
    server.server_close()


def test_fetched_weights_can_be_loaded_and_every_byte_is_reported(online, weights, monkeypatch):
    steps = []
    download.fetch(["b0"], lambda *step: steps.append(step))
    size = weights.stat().st_size
    assert steps[-1] == ("b0", size, size)
    assert [done for _, done, _ in steps] == sorted(done for _, done, _ in steps)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert (
        loading.load(catalogue.parse_model("b0@260")).weights_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    )


def test_damaged_weights_are_fetched_again(online, tmp_path, weights, monkeypatch):
    for _ in range(2):
        download.fetch(["b0"])
        (blob,) = tmp_path.glob("models--*/blobs/*")
        assert blob.read_bytes() == weights.read_bytes()
        blob.write_bytes(bytes(len(weights.read_bytes())))
        assert not hub.availability(catalogue.find_model("b0")).available
    download.fetch(["b0"])
    assert hub.availability(catalogue.find_model("b0")).available


def test_a_refusal_of_the_hub_is_one_error(online):
    with pytest.raises(WeightsError, match=r"refused timm/tf_efficientnet_b1\.aa_in1k \(404\)"):
        download.fetch(["b1"])
