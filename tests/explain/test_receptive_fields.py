"""Energy compared with finite differences on whole networks; its summaries with hand counts and brute force."""

import copy
import dataclasses
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np
import pytest
import timm
import torch
from timm.layers import BatchNormAct2d
from torch import nn

from effviz.errors import SettingsError, TargetError
from effviz.explain import receptive_fields
from effviz.explain.data_types import Box
from effviz.explain.forward_pass import forward
from effviz.explain.overlay import top_share
from effviz.explain.receptive_fields import area_holding, box_holding, gradient_energy
from effviz.scaling import Padding
from effviz.zoo import torch_modules
from effviz.zoo.catalogue import catalogue, parse_model, recipe_names
from effviz.zoo.loading import load

UNEVEN = np.array([[4, 3], [2, 1]], dtype=np.float32) / 10


TRIED = np.random.default_rng(3).choice(33 * 33, 60, replace=False)  # pixels, by index


def differences(passed, index: int, row: int, column: int) -> np.ndarray:
    """Return the squared change of a cell's logit per change of each pixel, over its three values, one at a time."""
    module = copy.deepcopy(passed.model.module).double()
    pixels = torch.tensor(passed.prepared.pixels, dtype=torch.float64)
    inputs = torch.tensor(TRIED)[:, None] + 33 * 33 * torch.arange(3)
    steps = 1e-6 * torch.eye(pixels.numel(), dtype=torch.float64)[inputs.flatten()].view(-1, *pixels.shape[1:])

    def logits(some):
        cell = module.forward_features(some)[:, :, row : row + 1, column : column + 1]
        return module.forward_head(cell)[:, index]

    with torch.inference_mode():
        slopes = (logits(pixels + steps) - logits(pixels - steps)) / 2e-6
    return slopes.view(-1, 3).square().sum(1).numpy()


@pytest.mark.parametrize("name", ["scaled-d0.1-w0.1", "scaled-lite-d0.1-w0.1"])
def test_equals_finite_differences(lively, cat, name):
    """Equal up to one factor, because energies are fractions; the next test checks that they sum to 1."""
    passed = forward(lively(f"{name}@33"), cat)
    assert passed.features.shape[1:] == (2, 2)
    ours, expected = gradient_energy(passed, 88, 1, 0, grid=33).ravel()[TRIED], differences(passed, 88, 1, 0)
    assert (expected > 0).sum() > 30
    assert ours / ours.sum() == pytest.approx(expected / expected.sum(), rel=1e-3, abs=1e-5)


def test_coarser_grids_are_sums_of_pixels(lively, cat):
    passed = forward(lively("scaled-lite-d0.1-w0.1@33"), cat)
    pixels = gradient_energy(passed, 88, 1, 0, grid=33).astype(np.float64)
    near = {"rel": 1e-3, "abs": 1e-5 * pixels.max()}
    threes = pixels.reshape(11, 3, 11, 3).sum(axis=(1, 3))
    assert gradient_energy(passed, 88, 1, 0, grid=11) == pytest.approx(threes, **near)
    halves = pixels.repeat(2, axis=0).repeat(2, axis=1) / 4
    one_and_a_half = halves.reshape(22, 3, 22, 3).sum(axis=(1, 3))  # 33 pixels on 22 cells
    assert gradient_energy(passed, 88, 1, 0, grid=22) == pytest.approx(one_and_a_half, **near)


@pytest.mark.parametrize("passed", ["small_lite", "silu"])
def test_is_a_share_of_everything(passed, request):
    ours = gradient_energy(request.getfixturevalue(passed), 88, 2, 1)
    assert ours.shape == (56, 56)
    assert ours.dtype == np.float32
    assert not ours.flags.writeable
    assert ours.min() >= 0
    assert ours.sum(dtype=np.float64) == pytest.approx(1, abs=1e-5)


def outside(passed, row: int, column: int, shape: tuple[int, int]) -> np.ndarray:
    """Return which grid cells are entirely outside the cell's theoretical field."""
    can_see, seen = (
        receptive_fields.theoretical_box(passed.model.ref, passed.prepared.seen, row, column),
        passed.prepared.seen,
    )
    ys = seen.y0 + (seen.y1 - seen.y0) * np.arange(shape[0] + 1) / shape[0]
    xs = seen.x0 + (seen.x1 - seen.x0) * np.arange(shape[1] + 1) / shape[1]
    rows = (ys[1:] <= can_see.y0) | (ys[:-1] >= can_see.y1)
    columns = (xs[1:] <= can_see.x0) | (xs[:-1] >= can_see.x1)
    return rows[:, None] | columns[None, :]


@pytest.mark.parametrize("cell", [(0, 0), (8, 2), (9, 9)])
def test_lite_has_none_outside_what_a_cell_can_see(lively, cat, cell):
    """Use a shallow network whose receptive fields end within an image of 10 x 10 cells."""
    passed = forward(lively("scaled-lite-d0.1-w0.1@320"), cat)
    ours = gradient_energy(passed, 281, *cell)
    dark = outside(passed, *cell, ours.shape)
    assert 0.2 < dark.mean() < 0.9  # some cells are outside
    assert (ours[dark] == 0).all()
    assert (ours[~dark] > 0).mean() > 0.5


def test_squeeze_and_excitation_lets_every_cell_feel_the_whole_photo(lively, cat):
    passed = forward(lively("scaled-d0.1-w0.1@320"), cat)
    ours = gradient_energy(passed, 88, 0, 0)
    dark = outside(passed, 0, 0, ours.shape)
    assert dark.mean() > 0.5
    assert (ours[dark] > 0).all()


@pytest.mark.parametrize("trainable", [False, True])
def test_nothing_is_left_behind(small_lite, trainable):
    module = small_lite.model.module.requires_grad_(trainable)
    expected = gradient_energy(small_lite, 88, 1, 1)
    with torch.inference_mode():
        assert np.array_equal(gradient_energy(small_lite, 88, 1, 1), expected)
    with torch.no_grad():
        assert np.array_equal(gradient_energy(small_lite, 88, 1, 1), expected)
    for part in module.modules():
        assert not part.training
        assert not (part._forward_hooks | part._forward_pre_hooks | part._backward_hooks)
    for weight in module.parameters():
        assert weight.grad is None
        assert weight.requires_grad is trainable
    module.requires_grad_(False)
    assert not small_lite.prepared.pixels.flags.writeable


def test_the_backward_pass_is_made_under_the_models_lock(small_lite, monkeypatch):
    held = []

    def look(*arguments):
        with ThreadPoolExecutor(1) as other:
            free = other.submit(small_lite.model.weights.lock.acquire, blocking=False).result()
        held.append(not free)
        return gradient(*arguments)

    gradient = torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", look)
    gradient_energy(small_lite, 88, 1, 1)
    assert held == [True]


@pytest.mark.parametrize("passed", ["small_lite", "silu"])
def test_four_threads_on_one_model_give_the_serial_energies(passed, request):
    passed = request.getfixturevalue(passed)
    jobs = [(index, row, column) for index in (88, 281) for row in (0, 3) for column in (1, 2)]
    serial = [gradient_energy(passed, *job) for job in jobs]
    with ThreadPoolExecutor(4) as pool:
        parallel = list(pool.map(lambda job: gradient_energy(passed, *job), jobs))
    for ours, expected in zip(parallel, serial, strict=True):
        # threads may split sums in a different order
        assert np.abs(ours - expected).max() <= 1e-5 * expected.max()


def with_row(passed, value: float):
    """Return the same pass of a network whose classifier has one value in all weights of class 0."""
    module = copy.deepcopy(passed.model.module)
    module.classifier.weight[0] = value
    return dataclasses.replace(passed, model=torch_modules.wrap_module(passed.model.ref, module))


def test_nothing_matters_to_a_class_without_weights(small_lite):
    ours = gradient_energy(with_row(small_lite, 0), 0, 1, 1)
    assert (ours == 0).all()
    assert area_holding(ours) == 0
    assert box_holding(ours, 0.9, Box(10, 20, 66, 76)) == Box(10, 20, 10, 20 + 1)


def test_a_gradient_without_numbers_is_said_in_words(small_lite):
    with pytest.raises(TargetError, match=r"class 0 at cell \(1, 1\) is not finite.* Choose another"):
        gradient_energy(with_row(small_lite, float("inf")), 0, 1, 1)


def test_unknown_class_or_cell(small_lite):
    with pytest.raises(TargetError, match=r"Class 1000 does not exist"):
        gradient_energy(small_lite, 1000, 0, 0)
    with pytest.raises(TargetError, match=r"Cell \(0, 4\) does not exist: .*rows 0 to 3 and columns 0 to 3"):
        gradient_energy(small_lite, 0, 0, 4)


@pytest.mark.parametrize(("share", "area"), [(0, 0), (0.2, 0.125), (0.4, 0.25), (0.8, 0.625), (0.9, 0.75), (1, 1)])
def test_area_by_hand(share, area):
    assert area_holding(UNEVEN, share) == pytest.approx(area)


def test_area_of_extremes():
    assert area_holding(np.full((8, 8), 1 / 64, np.float32)) == pytest.approx(0.9)
    alone = np.zeros((10, 10), np.float32)
    alone[3, 7] = 1
    assert area_holding(alone) == pytest.approx(0.009)  # nine tenths of one cell in a hundred
    assert area_holding(alone, 1) == pytest.approx(0.01)


def test_area_undoes_the_share_of_an_area(small_lite):
    ours = gradient_energy(small_lite, 281, 2, 2)
    assert 0.05 < area_holding(ours) < 0.9
    assert top_share(ours, area_holding(ours)) == pytest.approx(0.9, abs=1e-6)


def test_box_by_hand():
    seen = Box(100, 50, 120, 90)  # cells of 10 x 20 px
    assert box_holding(UNEVEN, 0.35, seen) == Box(100, 50, 110, 70)  # the upper left cell
    assert box_holding(UNEVEN, 0, seen) == Box(100, 50, 100, 70)  # nothing
    assert box_holding(UNEVEN, 0.65, seen) == Box(100, 50, 120, 70)  # the upper row, 0.7
    assert box_holding(UNEVEN.T, 0.65, seen) == Box(100, 50, 110, 90)
    assert box_holding(UNEVEN, 0.75, seen) == box_holding(UNEVEN, 1, seen) == seen


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 1.0])
def test_no_smaller_box_holds_as_much(share):
    values = np.random.default_rng(1).exponential(size=(6, 9)) ** 2
    values[0], values[:, 8] = 0, 0
    values = (values / values.sum()).astype(np.float32)
    ours = box_holding(values, share, Box(0, 0, 9, 6))
    top, bottom, left, right = int(ours.y0), int(ours.y1), int(ours.x0), int(ours.x1)
    total = values.sum(dtype=np.float64)
    assert values[top:bottom, left:right].sum(dtype=np.float64) >= share * total - 1e-12
    for y0, y1 in combinations(range(7), 2):
        for x0, x1 in combinations(range(10), 2):
            if (y1 - y0) * (x1 - x0) < (bottom - top) * (right - left):
                assert values[y0:y1, x0:x1].sum(dtype=np.float64) < share * total - 1e-12


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_shares_outside_0_to_1(share):
    with pytest.raises(SettingsError, match=r"share of the energy .* is out of range: 0 to 1 is allowed"):
        area_holding(UNEVEN, share)
    with pytest.raises(SettingsError, match=r"share of the energy"):
        receptive_fields.box_holding(UNEVEN, share, Box(0, 0, 1, 1))


# Boxes compared with the reach of gradients in timm's networks, with positive weights so that nothing cancels.

SIZES = (480, 500)  # the first 15 x 15 cells of 32 px exactly, the second 16 x 16 with a part left over
REFS = {"lite0": Padding.SAME, "b0:timm-ra_in1k": Padding.SYMMETRIC}


def positive(architecture: str) -> nn.Module:
    """Return the network with equal weights and only convolutions and shortcuts: no gates, no clipping."""
    module = timm.create_model(architecture, pretrained=False).eval().requires_grad_(False)
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.constant_(part.weight, part.out_channels / part.weight.numel())
        if isinstance(part, BatchNormAct2d):
            part.act = nn.Identity()
        if hasattr(part, "se"):
            part.se = nn.Identity()
    return module


@pytest.fixture(scope="module", params=REFS)
def name_and_module(request):
    return request.param, positive(parse_model(request.param).spec.architecture)


@pytest.mark.parametrize("size_px", SIZES)
def test_box_is_where_the_gradient_reaches(name_and_module, size_px):
    name, module = name_and_module
    ref, seen = parse_model(f"{name}@{size_px}"), Box(0, 0, size_px, size_px)
    pixels = torch.rand(1, 3, size_px, size_px, requires_grad=True)
    features = module.forward_features(pixels)[0].sum(0)  # (H, W)
    last = features.shape[0] - 1
    for row, column in [(0, last), (last, 1), (last // 2, last // 2)]:
        (gradient,) = torch.autograd.grad(features[row, column], pixels, retain_graph=True)
        reached = gradient[0].abs().sum(0).nonzero()
        (top, left), (bottom, right) = reached.amin(0).tolist(), reached.amax(0).tolist()
        assert receptive_fields.theoretical_box(ref, seen, row, column) == Box(left, top, right + 1, bottom + 1)
    with pytest.raises(TargetError):
        receptive_fields.theoretical_box(ref, seen, 0, last + 1)


def test_box_by_hand_on_a_photo():
    """Lite0 at 640 px: 851 px wide (tests/scaling), cell 0 around pixel 31, so it ends at 31.5 + 425.5 = 457."""
    ref = parse_model("lite0@640")
    seen = Box(100, 50, 100 + 2 * 640, 50 + 3 * 640)  # two and three photo pixels per pixel of the model
    assert receptive_fields.theoretical_box(ref, seen, 0, 0) == Box(100, 50, 100 + 2 * 457, 50 + 3 * 457)
    # Cell 19 is 19 * 32 px further: from 31.5 + 608 - 425.5 = 214 to the end.
    assert receptive_fields.theoretical_box(ref, seen, 0, 19) == Box(100 + 2 * 214, 50, 1380, 50 + 3 * 457)


def test_at_its_own_size_every_cell_of_lite0_can_see_everything():
    seen = Box(130.5, 36, 635.5, 541)
    boxes = {
        receptive_fields.theoretical_box(parse_model("lite0"), seen, row, column)
        for row in range(7)
        for column in range(7)
    }
    assert boxes == {seen}


def test_every_network_is_padded_as_timm_pads_it(monkeypatch):
    monkeypatch.setattr(
        timm.models.efficientnet, "efficientnet_init_weights", lambda *_, **__: None
    )  # saves half of the time
    refs = [parse_model(f"{spec.name}:{recipe}") for spec in catalogue() for recipe in recipe_names(spec.name)]
    networks = {ref.spec.architecture.partition(".")[0] for ref in refs}
    with torch.device("meta"):
        stems = {name: timm.create_model(name, pretrained=False).conv_stem for name in networks}
    same = {name for name, stem in stems.items() if "Same" in type(stem).__name__}  # timm's Conv2dSame pads dynamically
    assert {ref.label for ref in refs if ref.spec.arithmetic.padding is Padding.SAME} == {
        ref.label for ref in refs if ref.spec.architecture.partition(".")[0] in same
    }
    assert set() < same < networks


@pytest.mark.parametrize("name", ["scaled-d0.1-w0.1", "scaled-lite-d0.1-w0.1"])
def test_scaled_networks_are_padded_as_their_base(name):
    ref = parse_model(name)
    assert type(load(ref).module.conv_stem).__name__ == "Conv2dSame"
    assert ref.spec.arithmetic.padding is Padding.SAME


@pytest.mark.parametrize(("row", "column"), [(-1, 0), (0, -1), (7, 0), (0, 7)])
def test_unknown_cell(row, column):
    with pytest.raises(TargetError, match=r"Cell \(.*\) does not exist: .* rows 0 to 6 and columns 0 to 6\. Pick"):
        receptive_fields.theoretical_box(parse_model("lite0"), Box(0, 0, 224, 224), row, column)
