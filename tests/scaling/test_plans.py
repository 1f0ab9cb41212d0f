"""Plans match timm's modules, torch's FlopCounterMode, hooks on every layer, and Table 1."""

import json

import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import effviz
from effviz.errors import SettingsError
from effviz.scaling import PUBLISHED, Family, Operator, Padding, plan

FACTS = f"{effviz.__path__[0]}/facts"
ROW_OF_TABLE_1 = pd.read_csv(f"{FACTS}/table1_b0.csv").set_index("stage")
# Odd and even sizes on every level, both families, deeper, shallower, wider, thinner.
ODD_POINTS = [
    (1.0, 1.0, 225, Family.EFFICIENTNET),
    (0.4, 0.3, 33, Family.EFFICIENTNET),
    (1.7, 1.3, 127, Family.LITE),
    (1.0, 0.5, 257, Family.LITE),
]


def picture(resolution_px):
    return torch.empty(1, 3, resolution_px, resolution_px, device="meta")


def counted_macs(module, resolution_px):
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(picture(resolution_px))
    flops = counter.get_total_flops()
    assert flops % 2 == 0
    return flops // 2


def counted_params(module):
    return sum(parameter.numel() for parameter in module.parameters())


def published_plan(name):
    network = PUBLISHED[name]
    return plan(network.depth, network.width, network.resolution, network.family)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_equal_timm_and_the_flop_counter(name, timm_network):
    network = PUBLISHED[name]
    ours, module = published_plan(name), timm_network(network.depth, network.width, network.family)
    assert ours.params == counted_params(module)
    assert ours.macs == counted_macs(module, network.resolution)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    depth=st.floats(0.1, 1.6),
    width=st.floats(0.1, 4.0),
    resolution_px=st.integers(32, 1024),
    family=st.sampled_from(Family),
)
def test_any_point_equals_timm_and_the_flop_counter(timm_network, depth, width, resolution_px, family):
    ours, module = plan(depth, width, resolution_px, family), timm_network(depth, width, family)
    assert ours.params == counted_params(module)
    assert ours.macs == counted_macs(without_norms(module), resolution_px)


def without_norms(module):
    """Skip batch norms and activations, which have no FLOPs but take half of the time on the meta device."""
    for part in module.modules():
        for name, child in part.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(part, name, nn.Identity())
    return module


class Seen:
    """Record every convolution and linear layer while a module runs, and the tensors then in memory."""

    def __init__(self, module):
        self.rows, self.waiting = [], {}
        for part in module.modules():
            kind = type(part).__name__
            if kind == "SqueezeExcite":
                self.watch(part, "gated map")
            elif kind in ("InvertedResidual", "DepthwiseSeparableConv") and part.has_skip:
                self.watch(part, "shortcut")
            elif isinstance(part, nn.Conv2d | nn.Linear):
                part.register_forward_hook(self.layer)

    def watch(self, part, what):
        def arrives(_, inputs):
            self.waiting[what] = inputs[0]

        def is_used(*_):
            del self.waiting[what]

        part.register_forward_pre_hook(arrives)
        part.register_forward_hook(is_used)

    def layer(self, part, inputs, output):
        alive = {id(tensor): tensor.numel() for tensor in (inputs[0], output, *self.waiting.values())}
        self.rows.append((part, inputs[0].shape, output.shape, sum(alive.values())))


def layers_by_hooks(module, resolution_px):
    seen = Seen(module)
    with torch.no_grad():
        module(picture(resolution_px))
    return seen.rows


@pytest.mark.parametrize("padding", Padding)
@pytest.mark.parametrize("point", ODD_POINTS, ids=str)
def test_every_layer_equals_what_hooks_see(point, padding, timm_network):
    depth, width, resolution_px, family = point
    ours = plan(depth, width, resolution_px, family)
    rows = layers_by_hooks(timm_network(depth, width, family, padding), resolution_px)
    assert len(rows) == len(ours.layers)
    for layer, (part, entered, left, alive) in zip(ours.layers, rows, strict=True):
        linear = isinstance(part, nn.Linear)
        assert layer.kernel == (1 if linear else part.kernel_size[0])
        assert layer.stride == (1 if linear else part.stride[0])
        assert (layer.in_channels, layer.out_channels) == (entered[1], left[1])
        assert (layer.in_size, layer.out_size) == ((1, 1) if linear else (entered[2], left[2]))
        assert layer.activations == left.numel()
        assert layer.live == alive
    assert ours.activations == sum(row[2].numel() for row in rows)
    assert ours.peak_activation_bytes == 4 * max(row[3] for row in rows)


@pytest.mark.parametrize("point", ODD_POINTS, ids=str)
def test_params_and_macs_of_every_layer(point, timm_network):
    depth, width, resolution_px, family = point
    module = timm_network(depth, width, family)
    own_params = []
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            own_params[-1] += counted_params(part)  # timm registers each batch norm directly after its convolution
        elif isinstance(part, nn.Conv2d | nn.Linear):
            own_params.append(counted_params(part))
    layers = plan(depth, width, resolution_px, family).layers
    assert [layer.params for layer in layers] == own_params
    for layer, (part, _, left, _) in zip(layers, layers_by_hooks(module, resolution_px), strict=True):
        assert layer.macs == part.weight[0].numel() * left.numel()


def test_operators_of_both_families():
    block = [Operator.EXPAND, Operator.DEPTHWISE, Operator.SQUEEZE, Operator.EXCITE, Operator.PROJECT]
    operators = [layer.operator for layer in plan(1, 1, 224).layers]
    assert operators == [Operator.CONV, *block[1:], *15 * block, Operator.CONV, Operator.CLASSIFIER]
    lite = [layer.operator for layer in plan(1, 1, 224, Family.LITE).layers]
    assert lite == [operator for operator in operators if operator not in (Operator.SQUEEZE, Operator.EXCITE)]


def test_activations_equal_those_timm_published():
    measured = pd.read_csv(f"{FACTS}/timm_accuracy.csv").drop_duplicates(["model", "image_size_px"])
    compared = []
    for row in measured.itertuples():
        name = row.model.removeprefix("tf_efficientnet_")
        if row.model.startswith("tf_efficientnet_") and name in PUBLISHED:
            network = PUBLISHED[name]
            ours = plan(network.depth, network.width, row.image_size_px, network.family)
            assert ours.activations / 1e6 == pytest.approx(row.million_activations, abs=0.00501)
            compared.append(name)
    assert set(compared) == set(PUBLISHED)


def test_b0_is_table_1():
    stages = plan(1, 1, 224).stages
    assert [stage.stage for stage in stages] == list(ROW_OF_TABLE_1.index)
    for stage in stages:
        row = ROW_OF_TABLE_1.loc[stage.stage]
        assert stage.operator.split(",")[0].startswith(row.operator.split(" ")[0])
        assert stage.kernel == row.kernel
        assert stage.stride == row.stride_of_first_block
        assert stage.channels == row.output_channels
        assert stage.layers == row.layers
        assert (stage.in_resolution, stage.out_resolution) == (row.input_resolution, row.output_resolution)


def test_b0_totals_are_the_known_ones():
    b0 = published_plan("b0")
    assert b0.params == 5_288_548  # torchvision's num_params
    assert b0.peak_activation_bytes == 4 * (96 * 112**2 + 96 * 56**2)  # stage 3's first depthwise, by hand


@pytest.mark.parametrize("name", ["b0", "b5", "lite4"])
def test_stages_add_up_to_the_plan(name):
    ours = published_plan(name)
    for key in ("params", "macs", "activations"):
        total = getattr(ours, key)
        assert total == sum(getattr(stage, key) for stage in ours.stages)
        assert total == sum(getattr(layer, key) for layer in ours.layers)
    for stage in ours.stages:
        assert stage.macs == sum(layer.macs for layer in ours.layers if layer.stage == stage.stage)
        assert {layer.block for layer in ours.layers if layer.stage == stage.stage} == set(range(stage.layers))


def test_lite_keeps_stem_head_and_the_ends():
    wide = plan(2.0, 2.0, 224, Family.LITE).stages
    assert [stage.layers for stage in wide] == [1, 1, 4, 4, 6, 6, 8, 1, 1]
    assert [stage.channels for stage in wide] == [32, 32, 48, 80, 160, 224, 384, 640, 1280]


def test_other_numbers_of_classes():
    ten, thousand = plan(1, 1, 224, classes=10), plan(1, 1, 224)
    assert thousand.params - ten.params == 990 * 1280 + 990
    assert thousand.macs - ten.macs == 990 * 1280
    assert (ten.classes, thousand.classes) == (10, 1000)


def test_json_view():
    ours = plan(1.2, 1.1, 260)
    view = json.loads(json.dumps(ours.as_dict()))
    assert list(view) == ["depth", "width", "resolution", "params", "macs", "activations", "stages"]
    assert (view["depth"], view["width"], view["resolution"]) == (1.2, 1.1, 260)
    assert (view["params"], view["macs"], view["activations"]) == (ours.params, ours.macs, ours.activations)
    assert view["stages"][2]["operator"] == "MBConv6, k3x3"
    assert view["stages"][2]["layers"] == 3
    assert len(view["stages"]) == 9


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((0, 1, 224), "The depth 0 is out of range: 0.1 to 100"),
        ((101, 1, 224), "The depth 101 is out of range"),
        ((float("nan"), 1, 224), "The depth nan is out of range"),
        ((1, -1, 224), "The width -1 is out of range: 0.1 to 20"),
        ((1, float("inf"), 224), "The width inf is out of range"),
        ((1, 1, 31), "The resolution 31 px is out of range: 32 to 2048 px"),
        ((1, 1, 2049), "The resolution 2049 px is out of range"),
        ((1, 1, 224, Family.LITE, 0), "The number of classes 0 is out of range"),
    ],
)
def test_out_of_range(numbers, words):
    with pytest.raises(SettingsError) as caught:
        plan(*numbers)
    assert str(caught.value).startswith(words)
    assert "is allowed. Choose a " in str(caught.value)


def test_the_ends_of_every_range_work():
    assert plan(0.1, 0.1, 32).layers[-2].out_size == 1
    assert plan(100, 1, 32).stages[6].layers == 400
    assert plan(1, 20, 2048).layers[-2].out_size == 64
