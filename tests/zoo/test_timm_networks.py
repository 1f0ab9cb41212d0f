"""Networks of other families, from a generated hub cache, match timm, autograd and the library's Grad-CAM."""

import functools
import hashlib
import json
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import onnxruntime
import pytest
import timm
import torch
from huggingface_hub import constants
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from safetensors.torch import save_file

from effviz import file_io
from effviz.errors import SettingsError, TargetError
from effviz.explain import sample_photos
from effviz.explain.activation_maps import activation_map, cell_top_classes, class_maps
from effviz.explain.data_types import Method, TargetLayer
from effviz.explain.engines import choose
from effviz.explain.forward_pass import forward
from effviz.explain.images import read
from effviz.facts.timm_results import NetworkFamily
from effviz.plots import accuracy_cost
from effviz.zoo import catalogue, download, hub, loading, onnx_export, timm_networks
from effviz.zoo.presets import PRESETS, scaling_axis

COMMIT = "0123456789abcdef0123456789abcdef01234567"

# Closed form: the classifier uses the features' means. Others have a convolution or a normalisation in between.
LINEAR = {"resnet18.a1_in1k": 64, "tf_efficientnetv2_s.in1k": 64, "regnety_002.pycls_in1k": 64}

CURVED = {"mobilenetv3_small_100.lamb_in1k": 96, "convnext_atto.d2_in1k": 96}

ALL = LINEAR | CURVED

# A linear head has one closed form, whatever precedes it; one network is enough.
HEADS = ["resnet18.a1_in1k", *CURVED]


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Return timm's networks with random weights and realistic activations, and the hub cache that contains them."""
    cache, found = tmp_path_factory.mktemp("hub"), {}
    for number, name in enumerate(ALL):
        torch.manual_seed(number)
        network = timm.create_model(name, pretrained=False)
        enliven(network)
        put(cache, name, network)
        found[name] = network.eval()
    return cache, found


def enliven(network):
    """Update batch norms on noise and spread the classifier's logits; otherwise every photo looks alike."""
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = None
        if hasattr(part, "gamma") and isinstance(part.gamma, torch.nn.Parameter):
            torch.nn.init.constant_(part.gamma, 0.5)  # ConvNeXt's blocks start with almost no effect
    network.train()
    with torch.no_grad():
        network(torch.randn(4, 3, 64, 64))
        torch.nn.init.normal_(network.get_classifier().weight, 0, 0.3)
        torch.nn.init.normal_(network.get_classifier().bias, 0, 1)


def put(cache, name, network):
    folder = cache / f"models--timm--{name}"
    snapshot = folder / "snapshots" / COMMIT
    for place in (snapshot, folder / "blobs", folder / "refs"):
        place.mkdir(parents=True)
    (folder / "refs/main").write_text(COMMIT)
    save_file({key: of.contiguous() for key, of in network.state_dict().items()}, cache / "new")
    blob = folder / "blobs" / hashlib.sha256((cache / "new").read_bytes()).hexdigest()
    (cache / "new").rename(blob)
    (snapshot / "model.safetensors").symlink_to(f"../../blobs/{blob.name}")


@pytest.fixture(scope="module", autouse=True)
def offline(networks, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "HF_HUB_CACHE", str(networks[0]))
        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def photo():
    return read(sample_photos.find("bee").path.read_bytes(), "bee")


@pytest.fixture(scope="module")
def passed(offline, photo):
    """Return one torch pass of each network, computed when a test first needs it."""

    @functools.cache
    def run(name):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("EFFVIZ_ENGINE", "torch")
            return forward(loading.load(catalogue.parse_model(f"timm:{name}@{ALL[name]}")), photo)

    return run


@pytest.mark.parametrize("name", ALL)
def test_logits_are_timms_and_a_map_adds_up_to_its_logit(networks, passed, name):
    seen, theirs = passed(name), networks[1][name]
    with torch.inference_mode():
        expected = theirs(torch.tensor(seen.prepared.pixels))[0].numpy()
    np.testing.assert_allclose(seen.logits, expected, atol=1e-4 * np.abs(expected).max())
    assert (seen.head is None) is (name in LINEAR)
    for index in (int(expected.argmax()), 7):
        made = activation_map(seen, index)
        assert made.values.std() > 0
        missing = made.values.mean(dtype=np.float64) + made.bias - expected[index]
        assert abs(missing) <= 2e-4 * np.abs(expected).max()
    np.testing.assert_allclose(class_maps(seen)[7], activation_map(seen, 7).values, rtol=1e-3, atol=1e-3)
    assert cell_top_classes(seen)[0].shape[:2] == made.values.shape


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("method", [Method.GRADCAM, Method.LAYERCAM, Method.SHAPLEYCAM])
def test_maps_are_those_of_gradients_at_the_last_layer(networks, passed, name, method):
    seen = passed(name)
    index = int(seen.logits.argmax())
    features = torch.tensor(seen.features[None], requires_grad=True)
    logit = networks[1][name].forward_head(features)[0, index]
    (gradient,) = torch.autograd.grad(logit, features, create_graph=True)
    if method is Method.GRADCAM:
        expected = (gradient.mean((2, 3), keepdim=True) * features).sum(1)
    elif method is Method.LAYERCAM:
        expected = (gradient.clamp(min=0) * features).sum(1)
    else:  # Cai 2025, Eq. 9: the gradient minus half of the Hessian times the activations, averaged over the cells
        (second,) = torch.autograd.grad((gradient * features.detach()).sum(), features, allow_unused=True)
        corrected = gradient - 0.5 * (second if second is not None else 0)
        expected = (corrected.mean((2, 3), keepdim=True) * features).sum(1)
    expected = expected[0].detach().numpy()
    found = activation_map(seen, index, method).values
    np.testing.assert_allclose(found, expected, atol=2e-4 * np.abs(expected).max())


def test_grad_cam_is_the_librarys_where_the_head_is_not_linear(networks, passed):
    name = "convnext_atto.d2_in1k"
    seen, theirs = passed(name), networks[1][name]
    index = int(seen.logits.argmax())
    for parameter in theirs.parameters():
        parameter.requires_grad_(True)
    library = GradCAM(theirs, [theirs.stages[-1]])
    expected = library(torch.tensor(seen.prepared.pixels), [ClassifierOutputTarget(index)])[0]
    found = np.maximum(activation_map(seen, index, Method.GRADCAM).values, 0)
    rows = torch.nn.functional.interpolate(
        torch.tensor(found / found.max())[None, None], expected.shape, mode="bilinear"
    )
    assert np.corrcoef(rows.numpy().ravel(), expected.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("name", ALL)
def test_parameters_and_macs_are_those_that_timm_prints(networks, name):
    ref = catalogue.parse_model(f"timm:{name}")
    card = catalogue.model_card(ref)
    assert (card.depth, card.width) == (None, None)
    assert card.params == sum(of.numel() for of in networks[1][name].parameters())
    assert card.map_px == -(-card.resolution_px // 32)
    point = timm_networks.timm_point(name, card.resolution_px)
    if point is not None:  # its count includes batch norm, a few percent at most
        assert card.macs / 1e9 == pytest.approx(point.macs_billions_with_bn, rel=0.06, abs=0.006)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("vit_tiny_patch16_224", "cannot be explained .its last layer does not output a map"),
        ("mixer_s32_224", "its last layer does not output a map"),
        ("resnet50.best", "timm has no network 'resnet50.best'; similar names are resnet50"),
        ("nothing", "timm has no network 'nothing'"),
    ],
)
def test_what_has_no_map_is_one_sentence(name, words):
    with pytest.raises(SettingsError, match=words):
        catalogue.parse_model(f"timm:{name}")


def test_what_is_here_is_not_fetched_again():
    assert download.fetch(["timm:resnet18"])[0].name == "timm:resnet18.a1_in1k"  # timm's default weights


def test_missing_weights_name_the_one_command():
    ref = catalogue.parse_model("timm:resnet50.tv_in1k@160")
    assert "run `effviz fetch timm:resnet50.tv_in1k` once" in hub.availability(ref.spec).sentence
    assert catalogue.parse_model("timm:tf_efficientnet_b0.aa_in1k").label == "b0@224"


def test_only_the_last_layer_is_offered(passed):
    seen = passed("resnet18.a1_in1k")
    for method, layer in ((Method.GRADCAM, TargetLayer.STRIDE_16), (Method.FULLGRAD, TargetLayer.LAST)):
        with pytest.raises(TargetError, match="maps only at its last layer"):
            activation_map(seen, 0, method, layer)


def test_openvino_runs_what_it_converts_and_says_so(passed, photo):
    theirs = passed("resnet18.a1_in1k")
    fast = choose(theirs.model)
    assert (fast.engine.name, fast.fallback) == ("openvino", "")
    ours = forward(theirs.model, photo)
    np.testing.assert_allclose(ours.features, theirs.features, atol=1e-3 * np.abs(theirs.features).max())
    weights = activation_map(ours, 3, Method.SCORECAM)
    assert weights.values.shape == ours.features.shape[1:]


def test_shipped_descriptions_are_what_timm_says_now():
    name = "mobilenetv3_large_100.ra_in1k"
    assert timm_networks._looked_up(name) == timm_networks._network(name)
    assert timm_networks._counted(name, 224) == timm_networks.cost(name, 224)


def test_families_stand_beside_b0_at_its_accuracy_or_at_one_cost():
    (preset,) = (of for of in PRESETS if of.name == "families")
    b0, mobilenet, resnet, convnext = preset.refs
    for ref in (mobilenet, resnet):
        assert abs(ref.spec.top1_pct - b0.spec.top1_pct) < 1.2
    assert convnext.macs == pytest.approx(resnet.macs, rel=0.1)
    assert [scaling_axis(ref, b0) for ref in preset.refs[1:]] == [None] * 3
    for ref, words in zip(preset.refs[1:], preset.words[1:], strict=True):
        assert f"{ref.spec.top1_pct:.1f} %" in words


def test_every_point_of_another_family_can_be_asked_for_by_name():
    points = [point for family in NetworkFamily for point in accuracy_cost.family_series(family).points]
    others = [point.compare for point in points if point.compare.startswith("timm:")]
    assert len(others) > 100
    assert len(set(others)) == len(others)
    assert all(a != b for a, b in pairwise(sorted(others)))
    assert catalogue.parse_model("timm:resnet18.a1_in1k@288").label in others


def test_another_familys_network_is_exported_as_onnx(networks, photo, tmp_path):
    name = "convnext_atto.d2_in1k"
    model = loading.load(catalogue.parse_model(f"timm:{name}@{ALL[name]}"))
    made = onnx_export.export_onnx(model, tmp_path / "net.onnx")
    assert made.difference < 1e-4
    pixels = forward(model, photo).prepared.pixels
    session = onnxruntime.InferenceSession(made.file, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"pixels": pixels})
    with torch.inference_mode():
        expected = networks[1][name](torch.tensor(pixels)).numpy()  # timm's own network, as built
    assert np.abs(logits - expected).max() < 1e-4 * np.abs(expected).max()
    told = session.get_modelmeta().custom_metadata_map
    assert told["model"] == f"timm:{name}@{ALL[name]}"


@pytest.mark.parametrize("damage", ["flip", "zero", "truncate", "swap", "before", "none"])
def test_what_is_kept_of_a_network_is_not_used_when_it_was_changed(monkeypatch, caplog, damage):
    """A changed digit in its costs, or the stored costs of another network in the same format."""
    counts = {}
    for px in (64, 96):
        counts[px] = timm_networks.NetworkCost(*(px * number for number in range(1, 7)))
        file_io.write_sealed(timm_networks._kept_file(f"resnet10t.c3_in1k@{px}"), asdict(counts[px]))
    file, other = (timm_networks._kept_file(f"resnet10t.c3_in1k@{px}") for px in (64, 96))
    text = file.read_text()
    if damage != "none":
        changed = {"flip": text.replace("128", "129"), "zero": "\0" * len(text), "truncate": text[:-20]}
        changed |= {"swap": other.read_text(), "before": json.dumps(asdict(counts[64]))}
        file.write_text(changed[damage])
    found = timm_networks._cached("resnet10t.c3_in1k@64")
    assert found == (asdict(counts[64]) if damage == "none" else None)
    assert len(caplog.messages) == (damage != "none")
