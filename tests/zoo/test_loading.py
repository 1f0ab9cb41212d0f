"""A loaded model is ready to use: evaluation mode, no parameter gradients, usable in and after inference mode."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from effviz.errors import SettingsError
from effviz.zoo import catalogue, loading, torch_modules
from effviz.zoo.model import Channels


@pytest.mark.parametrize("text", ["lite0@96", "scaled-d0.5-w0.6@96", "scaled-lite-d0.5-w0.5@96"])
def test_loaded_network_only_looks(text):
    model = loading.load(catalogue.parse_model(text))
    assert not model.module.training
    assert not any(p.requires_grad for p in model.module.parameters())
    assert model.ref.label == text
    assert bool(model.weights_sha256) == model.ref.spec.trained


@pytest.mark.parametrize("text", ["lite0@96", "scaled-lite-d0.5-w0.5@96"])
def test_gradients_reach_the_input_even_when_loaded_in_inference_mode(text):
    with torch.inference_mode():
        module = loading.load(catalogue.parse_model(text)).module
    photo = torch.rand(1, 3, 96, 96, requires_grad=True)
    module(photo)[0, 0].backward()
    assert photo.grad.abs().sum() > 0
    assert all(p.grad is None for p in module.parameters())


def test_tensors_cannot_be_changed_and_the_module_has_its_own(monkeypatch):
    model = loading.load(catalogue.parse_model("lite0@96"))
    with pytest.raises(ValueError, match="read-only"):
        model.weights.tensors["classifier.bias"][0] = 1
    alone = model.weights.nbytes
    with torch.no_grad():
        model.module.classifier.bias += 1
    assert (model.module.classifier.bias.numpy() == model.classifier[1] + 1).all()
    assert model.weights.nbytes == 2 * alone  # counted


def test_four_threads_make_one_module(monkeypatch):
    made = []
    monkeypatch.setattr(
        torch_modules, "build_module", lambda *given, build=torch_modules.build_module: made.append(1) or build(*given)
    )
    model = loading.load(catalogue.parse_model("mini-baseline"))
    with ThreadPoolExecutor(4) as pool:
        found = {id(module) for module in pool.map(lambda _: model.module, range(8))}
    assert (len(made), len(found)) == (1, 1)


def test_sizes_of_one_network_share_weights_and_order_is_kept():
    refs = [catalogue.parse_model(text) for text in ("lite0", "mini-depth", "lite0@260")]
    first, other, second = loading.load_all(refs)
    assert first.weights is second.weights
    assert other.weights is not first.weights
    assert [model.ref for model in (first, other, second)] == refs
    found = list(loading.iter_models(refs))
    assert [place for place, _ in found] == [0, 2, 1]
    assert all(model.ref is refs[place] for place, model in found)
    assert found[0][1].weights is found[1][1].weights


def test_weights_that_want_blue_first_are_turned():
    spec = catalogue.find_model("mini-baseline")
    turned = replace(spec, arithmetic=replace(spec.arithmetic, channels=Channels.BGR))
    rgb, bgr = (loading.weights(of).tensors["conv_stem.weight"] for of in (spec, turned))
    assert np.array_equal(bgr[:, 0], rgb[:, 2])
    assert np.array_equal(bgr[:, 1], rgb[:, 1])


def test_untrained_weights_are_spread_as_timms():
    """Fan-out initialisation has one spread per layer; timm draws other numbers from the same distributions."""
    model = loading.load(catalogue.parse_model("scaled-d0.5-w0.6"))
    theirs = torch_modules.build_untrained(model.ref.spec.family, 0.5, 0.6).state_dict()
    for name, ours in model.weights.tensors.items():
        if ours.size > 5000:
            assert ours.std() == pytest.approx(float(theirs[name].std()), rel=0.1), name
        elif ours.ndim < 2:
            assert np.array_equal(ours, theirs[name].numpy()), name


@pytest.mark.parametrize("missing", ["torch", "timm"])
def test_without_torch_one_sentence_says_what_needs_it(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    sentence = f"needs {missing}, which this installation does not include.*pip install"
    with pytest.raises(SettingsError, match=sentence):
        loading.load(catalogue.parse_model("mini-baseline")).module  # noqa: B018


@pytest.mark.parametrize("text", ["lite1", "scaled-d0.5-w0.6@96"])
def test_loading_twice_gives_the_same_weights(text):
    first, second = (loading.load(catalogue.parse_model(text)).weights.tensors for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("library", ["torch", "pandas"])
def test_what_libraries_brought_is_set_aside_once_and_once_with_a_large_one(library):
    code = (
        "import gc; from effviz.zoo import loading; freeze = loading.freeze_garbage_collection; "
        "freeze(); first = gc.get_freeze_count();"
        "kept = [[] for _ in range(1000)]; freeze(); print(first, gc.get_freeze_count() == first);"
        f"import sys; sys.modules['{library}'] = [[] for _ in range(20_000)];"  # only its presence matters
        "freeze(); second = gc.get_freeze_count(); print(second > first + 10_000);"
        "more = [[] for _ in range(1000)]; freeze(); print(gc.get_freeze_count() == second)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split()[1:] == ["True", "True", "True"]
