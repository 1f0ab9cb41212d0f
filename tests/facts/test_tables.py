"""The tables are the published ones, whole and unchanged, with a source on every row."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from effviz.errors import SettingsError
from effviz.facts import TABLES, load, rows

SHARED = Path(__file__).parents[2].parent / "shared" / "facts"
COPIED = (
    "checkpoints",
    "coefficients",
    "fig1_params_vs_accuracy",
    "fig3_single_dimension",
    "fig4_width_by_baseline",
    "fig5_flops_vs_accuracy",
    "fig6_transfer_efficientnet_line",
    "fig8_scaling_methods",
    "lite",
    "phi_formula",
    "table1_b0",
    "table2_imagenet",
    "table3_scaling",
    "table4_latency",
    "table5_transfer",
    "table6_datasets",
    "table7_scaled",
    "table8_val_vs_test",
)
MENDED = ("coefficients", "lite")


@pytest.mark.parametrize("name", TABLES)
def test_every_row_says_where_it_comes_from(name):
    source = load(name)["source"]
    assert len(source) > 0
    assert source.str.strip().str.len().gt(10).all()


@pytest.mark.parametrize("name", COPIED)
def test_a_table_is_the_collected_one(name):
    if not SHARED.is_dir():
        pytest.skip("the collected facts (../shared/facts) are not on this machine")
    ours, collected = load(name), pd.read_csv(SHARED / f"{name}.csv")
    if name in MENDED:
        ours, collected = (table[~table.model.isin(["lite3", "lite4"])] for table in (ours, collected))
    pd.testing.assert_frame_equal(ours, collected)


@pytest.mark.parametrize("name", MENDED)
def test_mended_rows_differ_from_the_collected_ones_only_in_our_recomputation(name):
    """The collected count gave stage 2 of lite3 and lite4 a scaled stem; in the Lite family the stem stays at 32."""
    if not SHARED.is_dir():
        pytest.skip("the collected facts (../shared/facts) are not on this machine")
    ours, collected = load(name), pd.read_csv(SHARED / f"{name}.csv")
    published = [column for column in ours if "recomputed" not in column and column != "source"]
    pd.testing.assert_frame_equal(ours[published], collected[published])
    params = ours.set_index("model")["params_recomputed"]
    assert (params["lite3"], params["lite4"]) == (8_197_096, 13_006_568)  # timm's modules


def test_timm_rows_are_rows_of_the_collected_table():
    if not SHARED.is_dir():
        pytest.skip("the collected facts (../shared/facts) are not on this machine")
    collected = pd.read_csv(SHARED / "timm_accuracy.csv")
    ours = load("timm_accuracy")
    assert len(ours.merge(collected, how="inner")) == len(ours)
    ported = collected.model.str.fullmatch(r"(tf_)?efficientnet_(b\d|l2|lite\d)")
    assert ours.model.str.fullmatch(r"(tf_)?efficientnet_(b\d|l2|lite\d)").sum() == ported.sum()


@pytest.mark.parametrize("name", TABLES)
def test_rows_are_what_pandas_reads(name):
    table = load(name)
    texts = table.select_dtypes(exclude="number").columns
    expected = table.fillna(dict.fromkeys(texts, "")).to_dict("records")
    found = rows(name)
    np.testing.assert_equal(found, expected)
    assert [type(value) for row in found for value in row.values()] == [
        type(value) for row in expected for value in row.values()
    ]


def test_a_table_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(SettingsError, match=r"'table9'.*table2_imagenet.*Pick one"):
        load("table9")


def test_each_caller_gets_a_table_of_its_own():
    table = load("lite")
    table.loc[0, "model"] = "changed"
    assert load("lite").loc[0, "model"] == "lite0"


def test_figures_1_and_5_agree_with_table_2():
    """The figures' drawing coordinates are another route to the numbers of Table 2 (version 3)."""
    table = load("table2_imagenet").set_index("model")
    for name, column in (("fig1_params_vs_accuracy", "params_millions"), ("fig5_flops_vs_accuracy", "flops_billions")):
        figure = load(name).query("arxiv_version == 'v3'").set_index("model")
        shared = figure.index.intersection(table.index)
        assert len(shared) >= 9
        assert (figure.loc[shared, "imagenet_top1_pct"] == table.loc[shared, "top1_pct_v3"]).all()
        assert (figure.loc[shared, column] / table.loc[shared, column]).between(0.95, 1.05).all()
