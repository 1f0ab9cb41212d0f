"""Table 5 as gains, Figure 6 with its recount."""

import pytest

from effviz.facts.paper_tables import transfer_results
from effviz.plots.paper_curves import Origin
from effviz.scaling import PUBLISHED, plan
from effviz.ui.paper.transfer import figure6, gain, table5
from tests.facts.conftest import load


def letters(name: str) -> str:
    return name.replace("-", "").replace(" ", "")


def test_gains_and_ratios_are_table_5s():
    public, _, best, _ = table5()
    # Accuracy differences subtracted by hand; ratios as printed.
    assert [(dot.x, dot.y) for dot in public.dots] == [
        (21, 0.1),
        (21, 0.6),
        (1.5, 0.2),
        (4.1, 0.2),
        (1.5, 0.0),
        (4.1, -0.2),
        (5.6, 0.3),
        (2.4, 0.7),
    ]
    assert [(dot.x, dot.y) for dot in best.dots] == [(8.7, -0.1), (8.7, 0.4), (8.7, 0.7), (14, -0.5), (8.7, 0.0)]


def test_dat_has_no_place_in_the_figure():
    assert not [dot.name for curve in table5() for dot in curve.dots if "DAT" in dot.name]
    assert [gain(result.best) for result in transfer_results() if result.best.model == "DAT"] == [-0.1, 1.1, 0.0]


def test_recomputed_ratios_are_the_printed_millions_divided():
    _, public, _, best = table5()
    assert public.origin is best.origin is Origin.COMPUTED
    ratios = {dot.name.partition(":")[0]: dot.x for dot in public.dots}
    assert ratios["Oxford-IIIT Pets"] == pytest.approx(58 / 17)
    assert ratios["CIFAR-10"] == pytest.approx(85 / 4)


@pytest.mark.parametrize("result", transfer_results(), ids=lambda result: result.dataset)
def test_figure_6_is_its_table_on_every_data_set(result):
    printed, computed, others = figure6(result.dataset)
    rows = load("fig6_transfer_efficientnet_line")
    rows = rows[
        rows["dataset"].str.replace("-", "").str.replace(" ", "") == result.dataset.replace("-", "").replace(" ", "")
    ]
    assert [(dot.x, dot.y) for dot in printed.dots] == list(
        rows[["params_millions", "accuracy_pct"]].itertuples(index=False, name=None)
    )
    assert len(printed.dots) == 8
    networks = [PUBLISHED[f"b{i}"] for i in range(8)]
    assert [dot.x for dot in computed.dots] == [
        plan(n.depth, n.width, n.resolution, n.family, result.classes).params / 1e6 for n in networks
    ]
    assert (result.public.model, result.public.top1_pct) in {(dot.name, dot.y) for dot in others.dots}
