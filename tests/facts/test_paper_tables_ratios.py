"""Ratios of Table 2; the one that cannot be right is known from the collected facts."""

import pytest

from effviz.facts import load, paper_ratios


def test_printed_ratios_are_the_tables():
    table = load("table2_imagenet")
    rows = paper_ratios()
    assert [row.model for row in rows] == list(table["model"])
    assert [row.params.printed for row in rows] == list(table["params_ratio_to_efficientnet"])
    assert [row.macs.printed for row in rows if row.macs.printed] == list(table["flops_ratio_to_efficientnet"].dropna())


@pytest.mark.parametrize(
    ("model", "params", "macs"),
    [("ResNet-50", 26 / 5.3, 4.1 / 0.39), ("SENet", 146 / 19, 42 / 4.2), ("AmoebaNet-C", 155 / 30, 41 / 9.9)],
)
def test_ratios_are_divided_anew_within_the_group(model, params, macs):
    row = next(row for row in paper_ratios() if row.model == model)
    assert (row.params.computed, row.macs.computed) == (pytest.approx(params), pytest.approx(macs))


def test_of_31_printed_ratios_one_is_impossible():
    others = [row for row in paper_ratios() if row.model != row.efficientnet]
    ratios = [
        (row.model, kind, ratio) for row in others for kind, ratio in (("params", row.params), ("macs", row.macs))
    ]
    assert sum(ratio.printed is not None for _, _, ratio in ratios) == 31
    assert [(model, kind) for model, kind, ratio in ratios if not ratio.possible] == [("PNASNet", "macs")]


def test_what_rounding_allows_for_pnasnet():
    pnasnet = next(row for row in paper_ratios() if row.model == "PNASNet").macs
    assert (pnasnet.printed, pnasnet.least, pnasnet.most) == (
        6.0,
        pytest.approx(22.5 / 4.25),
        pytest.approx(23.5 / 4.15),
    )


def test_gpipe_has_no_flops():
    gpipe = next(row for row in paper_ratios() if row.model == "GPipe")
    assert (gpipe.macs.printed, gpipe.macs.computed, gpipe.macs.possible) == (None, None, True)
