"""Run the generated code and count the parameters with its library, and the MACs with torch's counter."""

import ast
import re
from itertools import product

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from effviz.scaling import PAPER_RULE, Budget, BudgetKind, Family, ScalingPath, plan, solve_within
from effviz.scaling.framework_code import Framework, check_line, framework_code, script


def at_phi(phi, px, classes):
    at = PAPER_RULE.at(phi)
    return plan(at.depth, at.width, px, classes=classes)


ASKED = solve_within((Budget(BudgetKind.PARAMS, 1e6),), ScalingPath(resolution_px=128, classes=5)).plan
NETWORKS = {
    "b2": plan(1.2, 1.1, 260, classes=7),
    "phi": at_phi(0.7, 160, 10),
    "narrow": plan(0.5, 0.13, 96, classes=3),
    "wide": plan(1.0, 1.33, 64, classes=2),  # its head is not four times its last block
    "asked": ASKED,
}
LITE = {"lite1": plan(1.1, 1.0, 240, Family.LITE, 4), "lite": plan(1.7, 0.6, 96, Family.LITE, 4)}
CASES = [*product(NETWORKS, (Framework.TIMM, Framework.TORCHVISION)), *product(LITE, (Framework.TIMM,))]


def built(code: str) -> torch.nn.Module:
    names: dict[str, object] = {}
    exec(code, names)
    return names["model"]


def macs(model: torch.nn.Module, px: int) -> int:
    """Return the multiply-adds; torch counts two operations each, without biases."""
    with torch.device("meta"):
        picture = torch.zeros(1, 3, px, px)
    with FlopCounterMode(display=False) as counter:
        model.eval()(picture)
    return counter.get_total_flops() // 2


@pytest.mark.parametrize(("name", "framework"), CASES)
def test_the_lines_build_a_network_of_these_parameters_and_macs(name, framework):
    network = (NETWORKS | LITE)[name]
    with torch.device("meta"):  # weights are not initialised
        model = built(framework_code(network, framework))
    assert sum(each.numel() for each in model.parameters()) == network.params
    assert macs(model, network.resolution) == network.macs
    assert f"{network.params:,} parameters; {network.macs:,} MACs" in check_line(network)


def test_the_program_runs_checks_itself_and_has_the_others_as_comments():
    code = script(ASKED)
    assert built(code)
    assert "torchvision" in code
    lines = [line for line in ast.unparse(ast.parse(code)).splitlines() if line.startswith(("import", "from"))]
    assert len(lines) == 1  # only timm is needed
    with pytest.raises(AssertionError):
        built(code.replace(str(ASKED.params), "5"))


@pytest.mark.parametrize(("name", "word"), [("b2", "EfficientNetB2(weights=None"), ("phi", "width_coefficient=")])
def test_keras_gets_its_name_or_the_coefficients(name, word):
    code = framework_code(NETWORKS[name], Framework.KERAS)
    ast.parse(code)
    assert word in code
    assert framework_code(LITE["lite"], Framework.KERAS) == ""


def test_coefficients_are_as_short_as_the_same_layers_allow():
    code = framework_code(NETWORKS["phi"], Framework.TIMM)  # 1.2^0.7 = 1.1361..., 1.1^0.7 = 1.0690...
    numbers = re.findall(r"multiplier=([\d.]+),", code)
    assert len(numbers) == 2
    assert max(map(len, numbers)) <= 4
    assert 'create_model("tf_efficientnet_b2", num_classes=1000)' in framework_code(
        at_phi(1, 240, 1000), Framework.TIMM
    )
