"""What a `source` column names can be opened."""

import pytest

from effviz.facts import load
from effviz.facts.tables import TIMM_URL, credit, link

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
