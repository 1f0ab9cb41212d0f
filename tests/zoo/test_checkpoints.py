"""Checkpoints in models/: matching files load, everything else is one clear error, and no code ever runs."""

import hashlib
import json
import os
import pickle
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from effviz import settings
from effviz.errors import SettingsError, WeightsError
from effviz.scaling import Family
from effviz.zoo import catalogue, checkpoints, hub, loading, manifest, torch_modules
from effviz.zoo.model import WeightsOrigin


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Return a separate models folder, next to a place outside it."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv(settings.MODELS.name, str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


@pytest.fixture(scope="module")
def network():
    return torch_modules.build_untrained(Family.LITE, 0.5, 0.5, 3)


def entry(path, **changes):
    return {
        "name": "tiny",
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "family": "lite",
        "depth": 0.5,
        "width": 0.5,
        "resolution_px": 96,
        "classes": ["church", "fish", "dog"],
        "licence": "Apache-2.0",
        "origin": "trained in a test",
        "top1_pct": 91.5,
        "top1_source": "the test",
    } | changes


def write(models, *rows):
    (models / "manifest.json").write_text(json.dumps(rows))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_listed_checkpoint_is_a_model_like_others(models, network, suffix):
    file = models / f"tiny{suffix}"
    save_file(network.state_dict(), file) if suffix == ".safetensors" else torch.save(network.state_dict(), file)
    write(models, entry(file, mean=[0.1, 0.2, 0.3], crop_pct=0.9))
    ref = catalogue.parse_model("tiny@64")
    assert ref.spec in catalogue.catalogue()
    assert (ref.spec.origin, ref.spec.trained, ref.spec.classes) == (
        WeightsOrigin.CHECKPOINT,
        True,
        ("church", "fish", "dog"),
    )
    assert (ref.spec.top1_pct, ref.spec.mean, ref.spec.std, ref.spec.crop_pct) == (
        91.5,
        (0.1, 0.2, 0.3),
        (0.5,) * 3,
        0.9,
    )
    assert hub.availability(ref.spec).available
    model = loading.load(ref)
    assert model.weights_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    expected = network.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in model.module.state_dict().items())


def test_a_checkpoint_takes_the_place_of_the_scaled_network_that_it_fits(models, network):
    file = models / "tiny.safetensors"
    save_file(network.state_dict(), file)
    write(models, entry(file))
    assert catalogue.parse_model("scaled-lite-d0.5-w0.5@128").label == "tiny@128"
    assert not catalogue.scaled_model(0.5, 0.5, 96, Family.EFFICIENTNET).trained
    assert not catalogue.scaled_model(0.6, 0.5, 96, Family.LITE).trained


class Harm:
    """An object whose pickle would leave a file behind if it ran."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("kind", ["pickle", "torch", "torch-legacy", "tensor-beside-code"])
def test_code_in_a_pickle_is_refused_and_never_runs(models, network, tmp_path, kind):
    file, trace = models / "harm.pth", tmp_path / "trace"
    content = {"conv_stem.weight": torch.zeros(1), "x": Harm(trace)} if kind == "tensor-beside-code" else Harm(trace)
    if kind == "pickle":
        file.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, file, _use_new_zipfile_serialization=kind != "torch-legacy")
    write(models, entry(file))
    with pytest.raises(WeightsError, match="contains code"):
        loading.load(catalogue.parse_model("tiny"))
    assert not trace.exists()


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt"])
@pytest.mark.parametrize(
    "content", [b"", b"hello", bytes(range(256)) * 20, b"PK\x03\x04" + bytes(100), b"\x80\x02]q\x00."]
)
def test_junk_is_refused(models, suffix, content):
    file = models / f"junk{suffix}"
    file.write_bytes(content)
    write(models, entry(file))
    with pytest.raises(WeightsError, match="only safetensors files and plain state dicts"):
        loading.load(catalogue.parse_model("tiny"))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_file_cut_short_is_refused(models, network, suffix):
    file = models / f"tiny{suffix}"
    save_file(network.state_dict(), file) if suffix == ".safetensors" else torch.save(network.state_dict(), file)
    file.write_bytes(file.read_bytes()[:-1000])
    write(models, entry(file))
    with pytest.raises(WeightsError, match="is damaged"):
        loading.load(catalogue.parse_model("tiny"))


@pytest.mark.parametrize("content", [[1, 2], {"a": 1}, {"state_dict": {"a": 1}}, torch.zeros(2)])
def test_anything_but_a_plain_state_dict_is_refused(models, content):
    file = models / "other.pth"
    torch.save(content, file)
    write(models, entry(file))
    with pytest.raises(WeightsError, match="contains something else"):
        loading.load(catalogue.parse_model("tiny"))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"state_dict": {"model." + name: of for name, of in state.items()}, "epoch": 3},
        lambda state: {"state_dict": {"conv_stem.weight": torch.zeros(1)}, "state_dict_ema": state},
        lambda state: {"model": state},
        lambda state: {"module." + name: of for name, of in state.items()},
        lambda state: {"module._orig_mod." + name: of for name, of in state.items()},
        lambda state: {name: of for name, of in state.items() if "num_batches_tracked" not in name},
        lambda state: state | {"old.num_batches_tracked": torch.zeros(1, dtype=torch.int64)},
        lambda state: {name: of.half() if of.is_floating_point() else of.reshape(1) for name, of in state.items()},
    ],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_wrappers_and_prefixes_are_taken_off_and_counters_do_not_count(models, network, wrap, suffix):
    content = wrap(network.state_dict())
    file = models / f"tiny{suffix}"
    if suffix == ".pth":
        torch.save(content, file)
    elif all(isinstance(of, torch.Tensor) for of in content.values()):
        save_file(content, file)
    else:
        pytest.skip("safetensors hold tensors alone")
    write(models, entry(file))
    found = loading.load(catalogue.parse_model("tiny")).weights.tensors
    for name, tensor in network.state_dict().items():
        if "num_batches_tracked" not in name:
            np.testing.assert_allclose(found[name], tensor.numpy(), atol=2e-3)


def test_symmetric_padding_and_its_epsilon_are_timms_other_networks(models):
    file = models / "tiny.safetensors"
    file.touch()
    write(models, entry(file, family="efficientnet", padding="symmetric"))
    spec = catalogue.parse_model("tiny").spec
    assert (spec.architecture, spec.arithmetic.padding.value, spec.arithmetic.epsilon) == (
        "efficientnet_b0",
        "symmetric",
        1e-5,
    )


def test_another_hash_is_refused_before_the_file_is_opened(models, network, monkeypatch):
    file = models / "tiny.safetensors"
    save_file(network.state_dict(), file)
    write(models, entry(file, sha256="0" * 64))
    monkeypatch.setattr(checkpoints.state_dicts, "read_safetensors", lambda _: pytest.fail("opened"))
    with pytest.raises(WeightsError, match=r"instead of 000000000000\.\.\."):
        loading.load(catalogue.parse_model("tiny"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width": 0.6}, "instead of"),  # wrong shapes
        ({"depth": 1.0}, "are missing or unexpected"),  # wrong names
        ({"classes": ["church", "fish"]}, r"classifier\.weight has the shape \(3, 1280\) instead of \(2, 1280\)"),
        ({"family": "efficientnet", "padding": "same"}, "are missing or unexpected"),
    ],
)
def test_weights_of_another_network_are_refused(models, network, change, words):
    file = models / "tiny.safetensors"
    save_file(network.state_dict(), file)
    write(models, entry(file, **change))
    with pytest.raises(WeightsError, match=words):
        loading.load(catalogue.parse_model("tiny"))


def test_weights_that_are_not_numbers_are_refused(models, network):
    file = models / "tiny.safetensors"
    save_file(network.state_dict() | {"classifier.bias": torch.tensor([0.0, float("nan"), 0.0])}, file)
    write(models, entry(file))
    with pytest.raises(WeightsError, match=r"classifier\.bias contains numbers that are not finite"):
        loading.load(catalogue.parse_model("tiny"))


@pytest.mark.filterwarnings("ignore")  # torch's own warning about deprecated types
@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.zeros(3).to_sparse(),
        lambda: torch.zeros(3, dtype=torch.complex64),
        lambda: torch.quantize_per_tensor(torch.zeros(3), 1.0, 0, torch.quint8),
        lambda: torch.empty(3, device="meta"),
    ],
    ids=["sparse", "complex", "quantized", "without data"],
)
def test_other_kinds_of_tensors_are_refused(models, network, make):
    file = models / "tiny.pth"
    torch.save(network.state_dict() | {"classifier.bias": make()}, file)
    write(models, entry(file))
    with pytest.raises(WeightsError, match="reads only safetensors files and plain state dicts of tensors"):
        loading.load(catalogue.parse_model("tiny"))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_half_precision_is_read_as_single(models, network, suffix):
    half = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in network.state_dict().items()
    }
    file = models / f"tiny{suffix}"
    save_file(half, file) if suffix == ".safetensors" else torch.save(half, file)
    write(models, entry(file))
    found = loading.load(catalogue.parse_model("tiny")).module.state_dict()
    assert all(torch.equal(found[name], tensor.to(found[name].dtype)) for name, tensor in half.items())
    assert {tensor.dtype for tensor in found.values()} == {torch.float32, torch.int64}


@pytest.mark.parametrize(
    "make",
    [torch.nn.Parameter, lambda tensor: torch._neg_view(-tensor), lambda tensor: tensor.flip(0).flip(0)[:]],
    ids=["with gradients", "negated when read", "a view"],
)
def test_tensors_that_are_kept_in_another_way_are_the_same_numbers(models, network, make):
    file = models / "tiny.pth"
    known = network.state_dict()
    torch.save(known | {"classifier.bias": make(known["classifier.bias"])}, file)
    write(models, entry(file))
    module = loading.load(catalogue.parse_model("tiny")).module
    assert torch.equal(module.classifier.bias, known["classifier.bias"])
    assert module.classifier.bias.is_leaf
    assert not module.classifier.bias.requires_grad


def test_bfloat16_is_read_as_single(models, network):
    halves = {
        name: tensor.bfloat16() if tensor.is_floating_point() else tensor
        for name, tensor in network.state_dict().items()
    }
    file = models / "tiny.safetensors"
    save_file(halves, file)
    write(models, entry(file))
    found = loading.load(catalogue.parse_model("tiny")).weights.tensors
    assert all(np.array_equal(found[name], tensor.to(torch.float64).numpy()) for name, tensor in halves.items())


def test_counters_of_batch_norms_may_be_missing(models, network):
    file = models / "tiny.safetensors"
    save_file({name: tensor for name, tensor in network.state_dict().items() if "num_batches" not in name}, file)
    write(models, entry(file))
    model = loading.load(catalogue.parse_model("tiny"))
    assert model.weights.tensors["bn1.num_batches_tracked"] == 0
    assert model.module.state_dict()["bn1.num_batches_tracked"].dtype is torch.int64


def pickled(models, network):
    file = models / "tiny.pth"
    torch.save(network.state_dict(), file)
    write(models, entry(file))


def test_a_pickle_is_read_by_torch_once_and_kept_as_safetensors(models, network, monkeypatch):
    pickled(models, network)
    first = loading.load(catalogue.parse_model("tiny"))
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("read again"))
    second = loading.load(catalogue.parse_model("tiny"))
    assert second.weights_sha256 == first.weights_sha256
    assert all(np.array_equal(tensor, first.weights.tensors[name]) for name, tensor in second.weights.tensors.items())


@pytest.mark.parametrize("harm", ["flip", "zero", "cut", "swap"])
def test_kept_tensors_that_were_changed_are_made_again(models, network, harm, caplog):
    pickled(models, network)
    expected = loading.load(catalogue.parse_model("tiny")).weights.tensors
    (kept,) = checkpoints.tensor_cache_folder().iterdir()
    content = bytearray(kept.read_bytes())
    if harm == "flip":
        content[-1] ^= 1
    elif harm == "swap":  # weights of another network, complete and with the right shapes
        save_file({name: tensor + 1 for name, tensor in network.state_dict().items()}, kept)
        content = kept.read_bytes()
    kept.write_bytes(bytes(len(content)) if harm == "zero" else content[:-100] if harm == "cut" else content)
    found = loading.load(catalogue.parse_model("tiny")).weights.tensors
    assert all(np.array_equal(tensor, expected[name]) for name, tensor in found.items())
    assert "are damaged" in caplog.text
    assert [file.name for file in checkpoints.tensor_cache_folder().iterdir()] == [kept.name]


def test_a_cache_that_cannot_be_written_costs_only_time(models, network, monkeypatch, tmp_path, caplog):
    pickled(models, network)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    loading.load(catalogue.parse_model("tiny"))
    assert "cannot be kept" in caplog.text


def test_a_pickle_without_torch_is_one_sentence(models, network, monkeypatch):
    pickled(models, network)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SettingsError, match=r"tiny\.pth was saved by torch, which is not installed"):
        loading.load(catalogue.parse_model("tiny"))


def test_a_file_that_changes_later_changes_nothing(models, network):
    file = models / "tiny.safetensors"
    save_file(network.state_dict(), file)
    write(models, entry(file))
    found = loading.load(catalogue.parse_model("tiny")).module.state_dict()
    with file.open("r+b") as known:  # the same file, not a different one in its place
        known.write(bytes(file.stat().st_size))
    assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in found.items())


def outside(models, network, way):
    """Return a good checkpoint outside the folder, listed in the manifest."""
    file = models.parent / "outside.safetensors"
    save_file(network.state_dict(), file)
    if way == "link":
        (models / "inside.safetensors").symlink_to(file)
    return file, {"dots": "../outside.safetensors", "absolute": str(file), "link": "inside.safetensors"}[way]


@pytest.mark.parametrize("way", ["dots", "absolute", "link"])
def test_a_path_out_of_the_folder_is_refused(models, network, way):
    file, name = outside(models, network, way)
    write(models, entry(file, file=name))
    with pytest.raises(WeightsError, match="must be in models/"):
        loading.load(catalogue.parse_model("tiny"))


def test_a_missing_file_is_one_error(models, network):
    file = models / "tiny.safetensors"
    save_file(network.state_dict(), file)
    write(models, entry(file))
    file.unlink()
    assert not hub.availability(catalogue.find_model("tiny")).available
    with pytest.raises(WeightsError, match="cannot be read"):
        loading.load(catalogue.parse_model("tiny"))


def test_an_unlisted_file_is_never_opened(models, network):
    save_file(network.state_dict(), models / "tiny.safetensors")
    write(models)
    with pytest.raises(WeightsError, match="only checkpoints listed there"):
        checkpoints.load("tiny")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON"),
        ("{}", "is not a list"),
        ("[1]", "without a name"),
        ("[" * 100_000, "nested too deeply"),
        ("\ufeff", "is not JSON"),
        ('[{"name": "x"}]', "lacks classes, depth, family"),
    ],
)
def test_a_broken_manifest_is_one_error(models, text, words):
    (models / "manifest.json").write_text(text)
    with pytest.raises(WeightsError, match=words):
        catalogue.catalogue()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"family": "resnet"}, "family is 'resnet'. Allowed: efficientnet, lite"),
        ({"depth": "deep"}, "depth is 'deep'. Allowed: a value of type float"),
        ({"depth": 1e300}, "depth is 1e\\+300. Allowed: 0.1 to 100"),
        ({"width": 900}, "width is 900. Allowed: 0.1 to 20"),
        ({"resolution_px": None}, "resolution_px is None"),
        ({"resolution_px": float("inf")}, "resolution_px is inf"),
        ({"resolution_px": "224"}, "resolution_px is '224'. Allowed: a value of type int"),
        ({"resolution_px": 224.5}, "resolution_px is 224.5. Allowed: a value of type int"),
        ({"mean": 3}, "mean is 3. Allowed: a list of 3 values"),
        ({"mean": [0.5]}, "mean is .0.5.. Allowed: a list of 3 values"),
        ({"mean": [0.5, float("nan"), 0.5]}, r"mean\[1\] is nan"),
        ({"std": [0.5, 0.5, 0]}, r"std\[2\] is 0"),
        ({"std": [0.5, 0.5, 1e-300]}, r"std\[2\] is 1e-300"),
        ({"std": [True, 0.5, 0.5]}, r"std\[0\] is True"),
        ({"colour": "red"}, "'tiny' has an unknown key 'colour'"),
        ({"name": "Tiny@3"}, "name is 'Tiny@3'. Allowed: a name of"),
        ({"name": "b0"}, "belongs to another network"),
        ({"name": "scaled-d1-w1"}, "belongs to another network"),
        ({"name": 3}, "without a name"),
        ({"sha256": "abc"}, "sha256 is 'abc'"),
        ({"classes": []}, "classes is "),
        ({"classes": ["tumour"], "activation": "softmax"}, "one class, so its softmax is always 100 %"),
        ({"activation": "relu"}, "activation is 'relu'. Allowed: softmax, sigmoid"),
        ({"channels": "cmyk"}, "channels is 'cmyk'. Allowed: rgb, bgr, grey"),
        ({"family": "efficientnet"}, "padding of 'tiny' is missing"),
        ({"padding": "valid"}, r"padding is 'valid'\. "),
        ({"epsilon": 0}, r"epsilon is 0\. "),
        ({"classes": ["cat", "cat"]}, "different values"),
        ({"classes": [1, 2]}, r"classes\[0\] is 1"),
        ({"classes": "animals"}, "classes is 'animals'"),
        ({"licence": ""}, "licence is ''"),
        ({"licence": ["MIT"] * 10**5}, r"licence is \[.{59}\.\.\.\. Allowed: a value of type str"),
        ({"crop_pct": 0}, "crop_pct is 0. Allowed: 0.1 to 1"),
        ({"crop_pct": 1e-9}, "crop_pct is 1e-09"),
        ({"interpolation": "magic"}, "Allowed: bilinear, bicubic"),
        ({"top1_pct": 900}, "top1_pct is 900"),
    ],
)
def test_a_wrong_value_in_the_manifest_is_one_error(models, network, change, words):
    file = models / "tiny.safetensors"
    save_file(network.state_dict(), file)
    write(models, entry(file, **change))
    with pytest.raises(WeightsError, match=words):
        catalogue.catalogue()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_a_manifest_that_is_no_file_is_one_error(models, make):
    make(models / "manifest.json")
    with pytest.raises(WeightsError, match="cannot be read"):
        catalogue.catalogue()


def test_a_file_that_unpacks_to_more_than_the_network_needs_is_refused_before_it_is(models, network, monkeypatch):
    file = models / "bomb.pth"
    torch.save(network.state_dict(), file)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as parts, parts.open("archive/data/zeros", "w") as part:
        for _megabyte in range(100):
            part.write(bytes(2**20))
    write(models, entry(file))
    monkeypatch.setattr(torch, "load", None)
    with pytest.raises(WeightsError, match=r"bomb\.pth unpacks to 10\d MB, .* at most \d\d MB"):
        checkpoints.load("tiny")


def test_one_number_that_claims_to_be_many_is_refused_before_it_is_copied(models, network):
    file = models / "wide.pth"
    torch.save(network.state_dict() | {"wide": torch.zeros(1).expand(10**12)}, file)
    write(models, entry(file))
    with pytest.raises(WeightsError, match="unpacks to 38146"):
        checkpoints.load("tiny")


def test_numbers_for_names_are_one_sentence(models, network):
    file = models / "numbers.pth"
    torch.save({3: torch.zeros(2), "a": torch.zeros(2), 7: torch.zeros(1)}, file)
    write(models, entry(file))
    with pytest.raises(WeightsError, match="tensors are missing or unexpected"):
        loading.load(catalogue.parse_model("tiny"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_weights_that_are_no_file_are_one_error(models, network, make):
    file = models / "tiny.safetensors"
    save_file(network.state_dict(), file)
    write(models, entry(file))
    file.unlink()
    make(file)
    with pytest.raises(WeightsError, match=r"tiny\.safetensors cannot be read|must be in models/"):
        loading.load(catalogue.parse_model("tiny"))


def test_two_checkpoints_of_one_name_are_refused(models, network):
    file = models / "tiny.safetensors"
    save_file(network.state_dict(), file)
    write(models, entry(file), entry(file))
    with pytest.raises(WeightsError, match="two checkpoints the same name"):
        catalogue.catalogue()


def test_without_a_folder_there_are_no_checkpoints(models):
    shutil.rmtree(models)
    assert manifest.entries() == ()


def test_every_checkpoint_of_the_project_can_be_loaded(monkeypatch):
    monkeypatch.delenv(settings.MODELS.name, raising=False)
    assert manifest.models_folder() == Path(__file__).parents[2] / "models"
    for listed in manifest.entries():
        loading.load(catalogue.parse_model(listed.name))


def test_a_zip_whose_parts_cannot_be_counted_is_refused_before_torch_unpacks_it(tmp_path):
    file = tmp_path / "newer.pth"
    torch.save({"a": torch.zeros(9)}, file)
    data = file.read_bytes()
    file.write_bytes(
        data.replace(b"PK\x01\x02" + data[data.index(b"PK\x01\x02") + 4 :][:4], b"PK\x01\x02\x00\x00c\x00")
    )
    with pytest.raises(WeightsError):
        checkpoints._check_unpacked(file, 10**6)
