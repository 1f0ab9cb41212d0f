"""The tables equal the published ones, complete and unchanged, with a source on every row."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from effviz.errors import SettingsError
from effviz.facts.tables import FOLDER, TABLES, TIMM_URL, credit, link, rows
from tests.facts.conftest import load

KNOWN = Path(__file__).with_name("tables.sha256")  # in the format of sha256sum


@pytest.mark.parametrize("name", TABLES)
def test_every_row_says_where_it_comes_from(name):
    source = load(name)["source"]
    assert len(source) > 0
    assert source.str.strip().str.len().gt(10).all()


def test_no_table_has_changed_since_it_was_held_against_its_sources():
    """Compare row by row with the facts collected from the paper, the official code and timm.

    timm's table contains only the networks that EffViz shows, and two rows of Lite have our own counts (see below).
    """
    known = dict(reversed(line.split()) for line in KNOWN.read_text().splitlines())
    assert known.keys() == {f"{name}.csv" for name in TABLES} - {"training.csv", "imagenet_classes.csv"}
    found = {name: hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() for name in known}
    assert {name for name in known if found[name] != known[name]} == set()


@pytest.mark.parametrize("name", ["coefficients", "lite"])
def test_counts_of_lite3_and_lite4_are_those_of_timms_modules(name):
    """The collected count scaled the stem before stage 2; in the Lite family the stem stays at 32."""
    params = load(name).set_index("model")["params_recomputed"]
    assert (params["lite3"], params["lite4"]) == (8_197_096, 13_006_568)


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
    with pytest.raises(SettingsError, match=r"'table9'.*Choose one.*table2_imagenet"):
        rows("table9")


def test_each_caller_gets_a_table_of_its_own():
    rows("lite")[0]["model"] = "changed"
    assert rows("lite")[0]["model"] == "lite0"


def test_figures_1_and_5_agree_with_table_2():
    """The figures' drawing coordinates independently give the numbers of Table 2 (version 3)."""
    table = load("table2_imagenet").set_index("model")
    for name, column in (("fig1_params_vs_accuracy", "params_millions"), ("fig5_flops_vs_accuracy", "flops_billions")):
        figure = load(name).query("arxiv_version == 'v3'").set_index("model")
        shared = figure.index.intersection(table.index)
        assert len(shared) >= 9
        assert (figure.loc[shared, "imagenet_top1_pct"] == table.loc[shared, "top1_pct_v3"]).all()
        assert (figure.loc[shared, column] / table.loc[shared, column]).between(0.95, 1.05).all()


# Every reference in a `source` column can be opened.

PAPER = "https://arxiv.org/abs/1905.11946"
CODE = "https://github.com/tensorflow/tpu/blob/7dc921f8/models/official/efficientnet/"


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("vector coordinates in github a/b papers/E.pdf (stamped arXiv:1905.11946v5 11 Sep 2020)", f"{PAPER}v5"),
        ("vector coordinates in github a/b@a874b213 papers/E.pdf (stamped v2 10 Jun 2019)", f"{PAPER}v2"),
        ("MACs counted by EffViz; accuracy: coordinates (stamped v3 23 Nov 2019)", f"{PAPER}v3"),
        ("Table 2, arXiv 1905.11946: v5 and v3; parsed from a/b papers/E.pdf (stamped v5, 11 Sep 2020)", PAPER),
        ("Table 3; identical in v2, v3, v5 and in Mycenae/PaperWeekly", PAPER),
        ("paper v5 section 5.2; tensorflow/tpu@7dc921f8 models/official/efficientnet/utils.py", f"{PAPER}v5"),
        ("tensorflow/tpu@7dc921f8 models/official/efficientnet/utils.py; not said elsewhere", f"{CODE}utils.py"),
        ("timm results/*.csv, huggingface/pytorch-image-models@aa4b5850", TIMM_URL),
        ("an author in tensorflow/tpu#383", "https://github.com/tensorflow/tpu/issues/383"),
        ("EffViz on Some CPU, torch 2.14, 2026-11-24 12:00 UTC", ""),
    ],
)
def test_the_address_is_that_of_what_is_named_first(source: str, address: str) -> None:
    assert link(source) == address


@pytest.mark.parametrize(
    "table",
    [
        *("fig1_params_vs_accuracy", "fig3_single_dimension", "fig4_width_by_baseline", "fig5_flops_vs_accuracy"),
        *("fig6_transfer_efficientnet_line", "fig8_scaling_methods", "table1_b0", "table2_imagenet", "table3_scaling"),
        *("table4_latency", "table5_transfer", "table6_datasets", "table7_scaled", "table8_val_vs_test", "training"),
        *("coefficients", "checkpoints", "lite", "timm_accuracy"),
    ],
)
def test_every_published_number_has_an_address(table: str) -> None:
    assert load(table)["source"].map(link).str.startswith("https://").all()


def test_a_slide_names_who_says_so_each_once() -> None:
    paper = "vector coordinates in a PDF (stamped arXiv:1905.11946v5), Figure 3"
    counted = "planned by EffViz with the official rounding"
    assert credit([paper, "Table 2, arXiv 1905.11946", counted]) == "Tan and Le 2019, arXiv:1905.11946; EffViz"
    code = "tensorflow/tpu@7dc921f8 models/official/efficientnet/utils.py; not said elsewhere"
    assert credit([code, "timm results/*.csv, huggingface/pytorch-image-models@aa4b5850"]) == "tensorflow/tpu; timm"
    assert credit([]) == ""
