"""Table 1, typed from the paper."""

from statistics import geometric_mean

import pytest

from effviz.errors import SettingsError
from effviz.facts.paper_tables import (
    PaperVersion,
    held_out,
    paper_latencies,
    paper_points,
    paper_ratios,
    paper_speedup,
    paper_stages,
    training_fact,
    training_facts,
    transfer_dots,
    transfer_results,
)
from effviz.scaling import PUBLISHED, plan
from effviz.train import training_recipe
from tests.facts.conftest import load

TABLE_1 = [
    ("Conv3x3", 224, 32, 1),
    ("MBConv1, k3x3", 112, 16, 1),
    ("MBConv6, k3x3", 112, 24, 2),
    ("MBConv6, k5x5", 56, 40, 2),
    ("MBConv6, k3x3", 28, 80, 3),
    ("MBConv6, k5x5", 14, 112, 3),
    ("MBConv6, k5x5", 14, 192, 4),
    ("MBConv6, k3x3", 7, 320, 1),
    ("Conv1x1 & Pooling & FC", 7, 1280, 1),
]


@pytest.mark.parametrize("version", PaperVersion)
def test_table_1_is_the_papers(version):
    expected = list(TABLE_1)
    if version is PaperVersion.V1:
        expected[5] = ("MBConv6, k5x5", 28, 112, 3)  # the erratum that an author confirmed in tensorflow/tpu#383
    rows = [(of.operator, of.resolution_px, of.channels, of.layers) for of in paper_stages(version)]
    assert rows == expected
    assert [of.stage for of in paper_stages(version)] == list(range(1, 10))


def test_the_current_table_is_what_is_planned():
    stages = plan(1, 1, 224).stages
    assert [(of.operator, of.resolution_px, of.channels, of.layers) for of in paper_stages()] == [
        (of.operator, of.in_resolution, of.channels, of.layers) for of in stages
    ]


# Table 4, typed from the paper; its speed-ups are divided by hand.

PRINTED = {
    "ResNet-152": (1, "", 77.8, 0.554, None),
    "EfficientNet-B1": (1, "b1", 78.8, 0.098, 5.7),
    "GPipe": (2, "", 84.3, 19.0, None),
    "EfficientNet-B7": (2, "b7", 84.4, 3.1, 6.1),
}


def test_table_4_is_the_papers():
    rows = {
        row.model: (row.pair, row.name, row.top1_pct, row.latency_s, row.speedup_printed) for row in paper_latencies()
    }
    assert rows == PRINTED
    for row in paper_latencies():
        assert "average over 20 runs" in row.conditions
        assert row.source.startswith("Table 4")


def test_every_efficientnet_says_that_its_accuracy_is_an_older_one():
    assert [bool(row.note) for row in paper_latencies()] == [bool(row.name) for row in paper_latencies()]


@pytest.mark.parametrize(("pair", "times"), [(1, 554 / 98), (2, 190 / 31)])
def test_speedups_divided_anew_round_to_the_printed_ones(pair, times):
    assert paper_speedup(pair) == pytest.approx(times)
    printed = next(row.speedup_printed for row in paper_latencies() if row.pair == pair and row.speedup_printed)
    assert round(times, 1) == printed


# Table 2 as printed; the expected rows are typed from the paper's three versions.

B0_TO_B7 = [f"b{i}" for i in range(8)]
TOP1 = {
    PaperVersion.V5: [77.1, 79.1, 80.1, 81.6, 82.9, 83.6, 84.0, 84.3],
    PaperVersion.V3: [77.3, 79.2, 80.3, 81.7, 83.0, 83.7, 84.2, 84.4],
    PaperVersion.V1: [76.3, 78.8, 79.8, 81.1, 82.6, 83.3, 84.0, 84.4],
}
TOP5 = {
    PaperVersion.V5: [93.3, 94.4, 94.9, 95.7, 96.4, 96.7, 96.8, 97.0],
    PaperVersion.V3: [93.5, 94.5, 95.0, 95.6, 96.3, 96.7, 96.8, 97.1],
    PaperVersion.V1: [93.2, 94.4, 94.9, 95.5, 96.3, 96.7, 96.9, 97.1],
}


@pytest.mark.parametrize("version", PaperVersion)
def test_efficientnets_of_each_version(version):
    points = [point for point in paper_points(version) if point.is_efficientnet]
    assert [point.name for point in points] == B0_TO_B7
    assert [point.top1_pct for point in points] == TOP1[version]
    assert [point.top5_pct for point in points] == TOP5[version]
    assert [point.params_millions for point in points] == [5.3, 7.8, 9.2, 12, 19, 30, 43, 66]
    assert [point.macs_billions for point in points] == [0.39, 0.70, 1.0, 1.8, 4.2, 9.9, 19, 37]
    assert {point.version for point in points} == {version}


@pytest.mark.parametrize("version", PaperVersion)
def test_every_row_of_table_2_is_there(version):
    table, points = load("table2_imagenet"), paper_points(version)
    assert [point.model for point in points] == table["model"].to_list()
    assert [point.group for point in points] == table["group"].to_list()
    assert [point.source for point in points] == table["source"].to_list()


def test_the_paper_prints_no_flops_for_gpipe():
    gpipe = next(point for point in paper_points() if point.model == "GPipe")
    assert (gpipe.macs_billions, gpipe.params_millions, gpipe.top1_pct, gpipe.name) == (None, 557, 84.3, "")


@pytest.mark.parametrize(
    ("name", "version", "top1_pct"),
    [
        ("EfficientNet-B3", PaperVersion.V5, 81.6),
        ("EfficientNet-B0", PaperVersion.V1, 76.3),
        ("ResNet-50", PaperVersion.V5, 76.0),
    ],
)
def test_top1_of_table_2(name, version, top1_pct):
    assert [point.top1_pct for point in paper_points(version) if point.model == name] == [top1_pct]


# Ratios of Table 2; the collected facts list the one that cannot be right.


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


# The paper's training settings: section 5.2 and tensorflow/tpu's code, from the README of the collected facts.


def test_what_the_paper_prints() -> None:
    # Section 5.2 of v5, read by hand.
    printed = {
        "squares": 0.9,
        "momentum": 0.9,
        "rate": 0.256,
        "decay": 0.97,
        "decay_epochs": 2.4,
        "norm_momentum": 0.99,
    }
    printed |= {"weight_decay": 1e-5, "dropout_least": 0.2, "dropout_most": 0.5, "survival": 0.8}
    assert {key: training_fact(key).printed for key in printed} == printed


def test_what_earlier_versions_print_otherwise() -> None:
    # README of the collected facts, sections 0 and 9: drop connect 0.3 in v1 and ICML, 0.2 in v2, survival 0.8 since
    # v3; images held out only in v5.
    survival, held_out = training_fact("survival"), training_fact("held_out")
    assert [survival.printed_in(version) for version in PaperVersion] == ["0.8", "0.8", "drop connect 0.3, in v2 0.2"]
    assert [held_out.printed_in(version) for version in PaperVersion] == ["25000", "", ""]
    assert training_fact("rate").printed_in(PaperVersion.V1) == "0.256"


def test_what_only_the_code_says_is_not_put_into_the_papers_mouth() -> None:
    silent = [fact.key for fact in training_facts() if not fact.paper]
    assert silent == ["epsilon", "batch_size", "warmup_epochs", "steps", "ema", "label_smoothing"]


def test_the_codes_numbers_are_those_of_the_shipped_recipe() -> None:
    """This table and `recipes/paper.toml` are two readings of the same code."""
    of = training_recipe.read_recipe("paper")
    assert training_fact("rate").coded == of.optimiser.rate
    assert training_fact("rate").printed == of.optimiser.rate * 4096 / of.optimiser.rate_for_batch
    assert training_fact("batch_size").coded == of.batch_size
    assert training_fact("warmup_epochs").coded == of.schedule.warmup_epochs
    assert (training_fact("decay").coded, training_fact("decay_epochs").coded) == (0.97, 2.4)
    assert training_fact("ema").coded == of.ema
    assert training_fact("epsilon").coded == of.optimiser.epsilon
    assert training_fact("norm_momentum").coded == 1 - of.network.norm_momentum
    assert training_fact("survival").coded == 1 - of.network.stochastic_depth
    assert training_fact("label_smoothing").coded == of.augmentation.label_smoothing
    assert int(training_fact("steps").coded) == of.epochs * 1_281_167 // of.batch_size  # images in ImageNet


def test_dropout_ends_at_the_published_networks() -> None:
    assert training_fact("dropout_least").coded == PUBLISHED["b0"].dropout
    assert training_fact("dropout_most").coded == PUBLISHED["b7"].dropout


def test_an_unknown_setting_is_one_sentence() -> None:
    with pytest.raises(SettingsError, match=r"no training setting 'lr'.*Choose one"):
        training_fact("lr")


# Tables 5, 6 and 8 and Fig. 6 match each other and numbers typed from the paper.

PUBLIC = {  # Table 5, left half: rival, its accuracy, EfficientNet, its accuracy, printed ratio
    "CIFAR-10": ("NASNet-A", 98.0, "EfficientNet-B0", 98.1, 21),
    "CIFAR-100": ("NASNet-A", 87.5, "EfficientNet-B0", 88.1, 21),
    "Birdsnap": ("Inception-v4", 81.8, "EfficientNet-B5", 82.0, 1.5),
    "Stanford Cars": ("Inception-v4", 93.4, "EfficientNet-B3", 93.6, 4.1),
    "Flowers": ("Inception-v4", 98.5, "EfficientNet-B5", 98.5, 1.5),
    "FGVC Aircraft": ("Inception-v4", 90.9, "EfficientNet-B3", 90.7, 4.1),
    "Oxford-IIIT Pets": ("ResNet-152", 94.5, "EfficientNet-B4", 94.8, 5.6),
    "Food-101": ("Inception-v4", 90.8, "EfficientNet-B4", 91.5, 2.4),
}


def test_table_5_is_the_papers():
    left = {
        row.dataset: (
            row.public.model,
            row.public.top1_pct,
            row.public.efficientnet,
            row.public.efficientnet_top1_pct,
            row.public.ratio_printed,
        )
        for row in transfer_results()
    }
    assert left == PUBLIC
    assert [row.best.model for row in transfer_results()] == ["GPipe"] * 3 + ["DAT"] * 3 + ["GPipe"] * 2
    assert [row.best.top1_pct for row in transfer_results()] == [99.0, 91.3, 83.6, 94.8, 97.7, 92.9, 95.9, 93.0]
    assert [row.best.efficientnet_top1_pct for row in transfer_results()] == list(
        load("table5_transfer")["our_acc_vs_best_pct"]
    )


def test_dat_has_no_parameters():
    for row in transfer_results():
        unknown = row.best.model == "DAT"
        assert (row.best.params_millions is None) == (row.best.ratio is None) == unknown
        assert (row.best.ratio_printed is None) == unknown


def test_one_printed_ratio_does_not_follow_from_its_parameters():
    """58 million divided by 17 million is 3.4, not 5.6."""
    pets = next(row for row in transfer_results() if row.dataset == "Oxford-IIIT Pets").public
    assert (pets.params_millions, pets.efficientnet_params_millions, pets.ratio_printed) == (58, 17, 5.6)
    assert pets.ratio == pytest.approx(58 / 17)
    for row in transfer_results():
        for rival in (row.public, row.best):
            if rival is not pets and rival.ratio is not None:
                assert rival.ratio == pytest.approx(rival.ratio_printed, rel=0.04)


def test_the_printed_means_are_those_of_the_printed_ratios():
    assert round(geometric_mean([row.public.ratio_printed for row in transfer_results()]), 1) == 4.7
    best = [row.best.ratio_printed for row in transfer_results() if row.best.ratio_printed is not None]
    assert round(geometric_mean(best), 1) == 9.6


def test_table_6_is_there():
    sizes = {row.dataset: (row.train_size, row.test_size, row.classes) for row in transfer_results()}
    assert sizes["CIFAR-10"] == (50000, 10000, 10)
    assert sizes["Birdsnap"] == (47386, 2443, 500)
    assert sizes["Food-101"] == (75750, 25250, 101)


def test_figure_6_is_its_table_and_agrees_with_table_5():
    table = load("fig6_transfer_efficientnet_line")
    dots = transfer_dots()
    assert [(dot.params_millions, dot.top1_pct) for dot in dots] == list(
        table[["params_millions", "accuracy_pct"]].itertuples(index=False, name=None)
    )
    drawn = {(dot.dataset, f"EfficientNet-{dot.name.upper()}"): dot.top1_pct for dot in dots}
    assert len(drawn) == 64
    apart = [
        (row.dataset, rival.efficientnet)
        for row in transfer_results()
        for rival in (row.public, row.best)
        if abs(drawn[row.dataset, rival.efficientnet] - rival.efficientnet_top1_pct) > 0.055
    ]
    assert apart == [("Flowers", "EfficientNet-B5")]  # 98.59 drawn, 98.5 printed


def test_figure_6_recomputed_is_the_network_with_the_data_sets_classifier():
    """5,288,548 parameters minus 1,281,000 of ImageNet's classifier, plus 1281 for each class of the data set."""
    b0 = {dot.dataset: dot.params_millions_computed for dot in transfer_dots() if dot.name == "b0"}
    assert b0["CIFAR-10"] == pytest.approx(4.007548 + 0.01281)
    assert b0["Birdsnap"] == pytest.approx(4.007548 + 0.6405)


def test_table_8_rounds_to_table_2():
    rows = held_out()
    assert [row.name for row in rows] == [f"b{i}" for i in range(8)]
    assert [round(row.val_top1_pct + 1e-9, 1) for row in rows] == [77.1, 79.1, 80.1, 81.6, 82.9, 83.6, 84.0, 84.3]
    assert [row.test_top1_pct for row in rows] == [77.23, 79.17, 80.16, 81.72, 82.94, 83.69, 84.04, 84.33]
