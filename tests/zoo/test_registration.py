"""`effviz add`, `check` and `remove`: a user's file matches the network of the library that saved it."""

import copy
import functools
import json
import os
import shutil
from argparse import Namespace

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from effviz import settings
from effviz.cli import app
from effviz.errors import SettingsError, WeightsError
from effviz.explain import sample_photos, targets
from effviz.explain.activation_maps import activation_map
from effviz.explain.forward_pass import forward, prepare, run_network
from effviz.explain.images import read
from effviz.zoo import catalogue, checkpoints, loading, manifest, registration, state_dicts
from effviz.zoo.model import OutputActivation
from effviz.zoo.registration import NetworkFacts

TF, SYMMETRIC = "tf_efficientnet_b0", "efficientnet_b0"


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Return a separate models folder and a cache."""
    monkeypatch.setenv("EFFVIZ_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "models"


@functools.cache
def settled(architecture, classes=3, channels=3):
    """Return a random network whose outputs differ between photos, because its batch norms have seen noise.

    Many tests share it, so copy it before changing it.
    """
    torch.manual_seed(0)
    network = timm.create_model(architecture, num_classes=classes, in_chans=channels)
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = None
    network.train()
    with torch.no_grad():
        for _ in range(2):
            network(torch.randn(4, channels, 64, 64))
    return network.eval()


@pytest.fixture(scope="module")
def lite():
    return settled("tf_efficientnet_lite0")


@pytest.fixture(scope="module")
def photo():
    return read(sample_photos.find("bee").path.read_bytes(), "bee")


def saved(network, path, wrap=lambda state: state):
    torch.save(wrap(network.state_dict()), path)
    return path


def told(**facts):
    return NetworkFacts(**({"classes": ("cat", "dog", "fish"), "architecture": "tf_efficientnet_lite0"} | facts))


def logits(name, photo):
    model = loading.load(catalogue.parse_model(name))
    pixels = prepare(photo, model.ref).pixels
    return run_network(model, pixels)[1], torch.tensor(pixels)


@pytest.mark.parametrize("architecture", [TF, SYMMETRIC])
def test_padding_and_epsilon_are_those_of_the_architecture_that_was_told(models, photo, tmp_path, architecture):
    network = settled(architecture)
    file = tmp_path / "fine.safetensors"
    save_file(network.state_dict(), file)
    with pytest.raises(SettingsError, match=r"--architecture tf_efficientnet_b0 .* or --architecture efficientnet_b0 "):
        registration.add(file, told(architecture=""))
    entry, _findings = registration.add(file, told(architecture=architecture, name="fine"))
    assert entry.arithmetic.epsilon == (1e-3 if architecture == TF else 1e-5)
    ours, pixels = logits("fine@96", photo)
    with torch.inference_mode():
        theirs = network(pixels)[0].numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_multi_label_probabilities_need_not_sum_to_one(models, lite, photo, tmp_path, kind):
    file = saved(lite, tmp_path / "lite.pth")
    registration.add(file, told(name="three", activation=OutputActivation(kind)))
    passed = forward(loading.load(catalogue.parse_model("three@96")), photo)
    scores = torch.tensor(passed.logits)
    expected = scores.sigmoid() if kind == "sigmoid" else scores.softmax(0)
    np.testing.assert_allclose(targets.probabilities(passed), expected.numpy(), rtol=1e-5)
    guessed = targets.top_guesses(passed)
    assert [guess.index for guess in guessed] == expected.argsort(descending=True).tolist()
    made = activation_map(passed, guessed[1].index)
    assert made.probability == pytest.approx(float(expected[guessed[1].index]), rel=1e-5)


def test_one_logit_is_a_class_and_its_negative(models, photo, tmp_path):
    network = copy.deepcopy(settled("tf_efficientnet_lite0", classes=1))
    with torch.no_grad():
        network.classifier.bias -= 60  # far below zero; a softmax of one number would still be 100 %
    registration.add(saved(network, tmp_path / "one.pth"), told(classes=("tumour",)))
    passed = forward(loading.load(catalogue.parse_model("one")), photo)
    with torch.inference_mode():
        alone = network(torch.tensor(passed.prepared.pixels))[0]
    assert alone[0] < -1
    np.testing.assert_allclose(targets.probabilities(passed), [alone.sigmoid()[0], (-alone).sigmoid()[0]], atol=1e-5)
    first, second = (
        activation_map(passed, targets.resolve_target(targets.parse_target(name), passed))
        for name in ("tumour", "not tumour")
    )
    assert targets.top_guesses(passed)[0].name == "not tumour"
    np.testing.assert_array_equal(second.values, -first.values)
    for made in (first, second):
        assert made.values.mean(dtype=np.float64) + made.bias == pytest.approx(made.logit, rel=1e-4)


def test_the_command_line_speaks_of_a_lone_logit_as_of_two_classes(models, tmp_path):
    registration.add(
        saved(settled("tf_efficientnet_lite0", classes=1), tmp_path / "one.pth"), told(classes=("tumour",))
    )
    photo = str(sample_photos.find("bee").path)
    probabilities = []
    for target in ("tumour", "not tumour"):
        arguments = ["cam", photo, "--models", "one@64", "--out", str(tmp_path / "out"), "--target", target, "--json"]
        done = CliRunner().invoke(app, arguments)
        (found,) = json.loads(done.stdout)
        assert found["probability"] == pytest.approx(1 / (1 + np.exp(-found["logit"])), rel=1e-5)
        assert {guess["name"] for guess in found["top5"]} == {"tumour", "not tumour"}
        probabilities.append(found["probability"])
    assert sum(probabilities) == pytest.approx(1)


def test_one_channel_sees_the_photo_in_grey(models, photo, tmp_path):
    network = settled("efficientnet_b0", channels=1)
    registration.add(saved(network, tmp_path / "grey.pth"), told(architecture=SYMMETRIC, mean=(0.4,), std=(0.25,)))
    ours, _pixels = logits("grey@96", photo)
    levels = prepare(photo, catalogue.parse_model("grey@96")).rgb.astype(np.float64) / 255
    grey = levels @ [0.299, 0.587, 0.114]
    with torch.inference_mode():
        theirs = network(torch.tensor((grey - 0.4) / 0.25, dtype=torch.float32)[None, None])[0].numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


def test_one_channel_wants_one_mean(models, tmp_path):
    file = saved(settled("efficientnet_b0", channels=1), tmp_path / "grey.pth")
    for said in ({}, {"mean": (0.4,)}, {"mean": (0.4,), "std": (0.1, 0.2, 0.3)}):
        with pytest.raises(SettingsError, match=r"takes one channel: give --mean and --std, one number each"):
            registration.add(file, told(architecture=SYMMETRIC, **said))


def test_timms_checkpoint_says_its_architecture_and_settings(models, lite, tmp_path):
    args = Namespace(model="x", num_classes=3, input_size=[3, 160, 160], mean=[0.1, 0.2, 0.3], std=None, crop_pct=0.9)
    halves = {name: of.half() if of.is_floating_point() else of for name, of in lite.state_dict().items()}
    content = {"arch": "tf_efficientnet_lite0", "args": args, "epoch": 3, "state_dict": halves}
    file = tmp_path / "model best.pth.tar"
    torch.save(content | {"state_dict_ema": lite.state_dict()}, file)
    entry, findings = registration.add(file, told(architecture=""))
    assert (entry.name, entry.resolution_px, entry.crop_pct) == ("model-best", 160, 0.9)
    assert (entry.mean, entry.std) == ((0.1, 0.2, 0.3), (0.5, 0.5, 0.5))
    said = " ".join(findings)
    for word in ("state_dict_ema", "--ema", "Half precision (float16)", "depth 1, width 1, 3 logits"):
        assert word in said
    averaged, _findings = registration.add(file, told(name="averaged"), ema=True)
    assert averaged.sha256 != entry.sha256


def test_metadata_of_safetensors_says_what_it_is(models, lite, tmp_path):
    file = tmp_path / "lite.safetensors"
    said = {
        "architecture": "tf_efficientnet_lite0",
        "classes": json.dumps(["a", "b", "c"]),
        "input_size": "[3, 128, 128]",
    }
    save_file(lite.state_dict(), file, said)
    for given in (NetworkFacts(), NetworkFacts(name="blank", architecture=" ")):
        entry = registration.add(file, given)[0]
        assert (entry.classes, entry.resolution_px, entry.licence) == (("a", "b", "c"), 128, "unknown")


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"architecture": ""}, "--architecture tf_efficientnet_lite0"),
        ({"architecture": "resnet50"}, "no architecture 'resnet50'.*such as timm:resnet50.a1_in1k"),
        ({"architecture": "efficientnet_b0"}, "does not match: these are EfficientNet-Lite weights"),
        ({"classes": ()}, "3 classes without names: give --classes"),
        ({"classes": ("cat",)}, "1 class names for 3 logits"),
        ({"classes": ("cat", "cat", "dog")}, "different values"),
        ({"name": "My net"}, "The name 'My net' is not allowed"),
        ({"name": "b0"}, "the name of another network: give another --name"),
        ({"crop_pct": 0.0}, "crop_pct is 0.0. Allowed: 0.1 to 1"),
        ({"resolution_px": 0}, "resolution_px is 0. Allowed: 32 to 2048"),
        ({"interpolation": "magic"}, "Allowed: bilinear, bicubic"),
        ({"std": (0.0,)}, "std"),
    ],
)
def test_what_nobody_told_or_told_wrongly_is_one_sentence_and_leaves_nothing(models, lite, tmp_path, facts, words):
    file = saved(lite, tmp_path / "lite.pth")
    with pytest.raises(SettingsError, match=words):
        registration.add(file, told(**facts))
    assert not models.exists() or not list(models.iterdir())


def whole(network, path):
    torch.save(network, path)


def scripted(_network, path):
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), path)  # any program does


def keras(_network, path):
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))


def objects(network, path):
    torch.save({"state_dict": network.state_dict(), "callbacks": [print]}, path)


@pytest.mark.filterwarnings("ignore")  # torch's own warning about TorchScript
@pytest.mark.parametrize(
    ("save", "words"),
    [
        (whole, r"whole pickled model.*weights_only=False\)\.state_dict\(\)"),
        (scripted, r"TorchScript program.*torch\.jit\.load"),
        (keras, r"saved by Keras\. EffViz reads only safetensors"),
        (objects, r"contains code \(.*print\) besides its tensors"),
    ],
)
def test_other_forms_are_refused_with_the_line_that_saves_them_right(models, lite, tmp_path, save, words):
    file = tmp_path / "weights.pth"
    save(lite, file)
    with pytest.raises(WeightsError, match=words):
        checkpoints.open_weights(file)


def test_a_pointer_to_a_file_elsewhere_is_not_taken_for_weights(tmp_path):
    file = tmp_path / "model.safetensors"
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 21355344\n")
    with pytest.raises(WeightsError, match=r"model\.safetensors is damaged"):
        checkpoints.open_weights(file)


def test_numbers_that_numpy_has_not_are_named(tmp_path):
    save_file({"conv_stem.weight": torch.ones(2).to(torch.float8_e4m3fn)}, tmp_path / "small.safetensors")
    with pytest.raises(
        WeightsError,
        match=r"small\.safetensors contains numbers of type F8_E4M3, but EffViz reads floats of 16, 32 and",
    ):
        checkpoints.open_weights(tmp_path / "small.safetensors")


def test_bfloat16_beside_masks_is_read(tmp_path):
    numbers = {"halves": torch.tensor([1.5, -0.1]).bfloat16(), "mask": torch.tensor([True]), "level": torch.tensor(7)}
    save_file(numbers | {"byte": torch.tensor([255], dtype=torch.uint8)}, tmp_path / "w.safetensors")
    found = state_dicts.read_safetensors(tmp_path / "w.safetensors")
    assert {name: of.tolist() for name, of in found.items()} == {
        "halves": numbers["halves"].float().tolist(), "mask": [True], "level": 7, "byte": [255],
    }  # fmt: skip


def test_a_file_name_of_another_code_is_no_obstacle(models, lite, tmp_path):
    file = tmp_path / os.fsdecode(b"net-\xff.pth")
    with file.open("wb") as out:
        torch.save(lite.state_dict(), out)
    assert r"net-\udcff.pth" in registration.add(file, told())[0].origin


def test_two_files_under_one_name_never_mix(models, lite, photo, tmp_path):
    registration.add(saved(lite, tmp_path / "a.pth"), told(name="mine"))
    before, _ = logits("mine@64", photo)
    first = catalogue.parse_model("mine").spec
    with pytest.raises(SettingsError, match="`effviz remove mine` first"):
        registration.add(saved(lite, tmp_path / "a.pth"), told(name="mine"))
    assert registration.remove("mine").sha256 == first.sha256
    assert manifest.entries() == ()
    assert not (models / "mine.safetensors").exists()
    registration.add(
        saved(
            settled("tf_efficientnet_lite0"),
            tmp_path / "b.pth",
            lambda of: {n: t * 1.01 if t.is_floating_point() else t for n, t in of.items()},
        ),
        told(name="mine"),
    )
    second = catalogue.parse_model("mine").spec
    assert (second.name, second != first) == (first.name, True)
    assert not np.allclose(logits("mine@64", photo)[0], before)


def test_entries_that_stay_keep_their_own_words(models, lite, tmp_path):
    models.mkdir()
    registration.add(saved(lite, tmp_path / "one.pth"), told())
    rows = json.loads((models / "manifest.json").read_text())
    rows[0]["epsilon"] = 0.001  # the default, given explicitly
    (models / "manifest.json").write_text(json.dumps(rows))
    registration.add(saved(lite, tmp_path / "two.pth"), told())
    assert json.loads((models / "manifest.json").read_text())[0] == rows[0]


def test_the_commands_add_check_and_remove(models, lite, tmp_path):
    run = CliRunner().invoke
    file = saved(lite, tmp_path / "net.pth", lambda of: {"state_dict": {"model." + name: t for name, t in of.items()}})
    (tmp_path / "names.txt").write_text("cat\ndog\nfish\n")
    arguments = ["add", str(file), "--architecture", "tf_efficientnet_lite0", "--classes", str(tmp_path / "names.txt")]
    done = run(app, [*arguments, "--resolution", "96", "--mean", "0.5"])
    assert done.exit_code == 0, done.output
    for words in ("Wrapper removed: state_dict", "Prefix removed: model.", "net is ready", "licence"):
        assert words in done.output
    assert (tmp_path / "cache/effviz/added/net.png").stat().st_size > 10_000
    assert load_file(models / "net.safetensors")["classifier.weight"].dtype is torch.float32
    checked = run(app, ["check", "net", "--json"])
    assert json.loads(checked.output)["relative"] < 1e-4
    assert run(app, ["remove", "net"]).exit_code == 0
    gone = run(app, ["check", "net"])
    assert (gone.exit_code, "There is no model" in gone.output) == (1, True)


def test_networks_that_come_with_effviz_stay(tmp_path, monkeypatch):
    """In a clone, they are in the same list as the user's own."""
    own = json.loads((settings.SHIPPED / "models/manifest.json").read_text())[0] | {
        "name": "own",
        "file": "own.safetensors",
    }
    shutil.copytree(settings.SHIPPED / "models", tmp_path / "models")
    monkeypatch.setattr(settings, "SHIPPED", tmp_path)
    manifest.replace_entries([*manifest.own_entries(), manifest.checked_entry(own)])
    with pytest.raises(SettingsError, match=r"'mini-baseline' comes with EffViz\. You can remove only your own"):
        registration.remove("mini-baseline")
    assert (tmp_path / "models/mini/baseline.safetensors").exists()
    registration.remove("own")
    assert [entry.name for entry in manifest.own_entries()][:1] == ["mini-baseline"]


def test_check_notices_arithmetic_that_is_not_the_files(models, lite, tmp_path, monkeypatch):
    registration.add(saved(lite, tmp_path / "net.pth"), told(resolution_px=64))
    right = loading.read_as_saved
    monkeypatch.setattr(
        loading,
        "read_as_saved",
        lambda spec: ({n: t * 1.1 if n == "bn2.weight" else t for n, t in right(spec)[0].items()}, ""),
    )
    monkeypatch.setattr(
        loading, "weights", lambda spec, of=right: loading.Weights(spec, loading._as_run(of(spec)[0], spec), "")
    )
    done = CliRunner().invoke(app, ["check", "net"])
    assert (done.exit_code, "differs too much from timm" in done.output) == (1, True)


def test_a_network_that_cannot_be_drawn_is_not_left_in_the_list(models, lite, tmp_path, monkeypatch):
    def fails(entry):
        assert manifest.entries() == (entry,)
        raise SettingsError("No map.")

    monkeypatch.setattr("effviz.cli.networks._first_map", fails)
    words = ["add", str(saved(lite, tmp_path / "net.pth")), "--classes", "a,b,c", "--resolution", "64"]
    done = CliRunner().invoke(app, [*words, "--architecture", "tf_efficientnet_lite0"])
    assert (done.exit_code, "No map." in done.output) == (1, True)
    assert (manifest.entries(), list(models.glob("*.safetensors"))) == ((), [])
