"""The paper's training settings: section 5.2, and tensorflow/tpu's code, as the collected README of facts has them."""

import pytest

from effviz.errors import SettingsError
from effviz.facts import PaperVersion, training_fact, training_facts
from effviz.scaling import PUBLISHED
from effviz.train import training_recipe


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
    # v3; pictures held out in v5 alone.
    survival, held_out = training_fact("survival"), training_fact("held_out")
    assert [survival.printed_in(version) for version in PaperVersion] == ["0.8", "0.8", "drop connect 0.3, in v2 0.2"]
    assert [held_out.printed_in(version) for version in PaperVersion] == ["25000", "", ""]
    assert training_fact("rate").printed_in(PaperVersion.V1) == "0.256"


def test_what_only_the_code_says_is_not_put_into_the_papers_mouth() -> None:
    silent = [fact.key for fact in training_facts() if not fact.paper]
    assert silent == ["epsilon", "batch_size", "warmup_epochs", "steps", "ema", "label_smoothing"]


def test_the_codes_numbers_are_those_of_the_shipped_recipe() -> None:
    """Two readings of the same code: this table, and `recipes/paper.toml`."""
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
    assert int(training_fact("steps").coded) == of.epochs * 1_281_167 // of.batch_size  # pictures of ImageNet


def test_dropout_ends_at_the_published_networks() -> None:
    assert training_fact("dropout_least").coded == PUBLISHED["b0"].dropout
    assert training_fact("dropout_most").coded == PUBLISHED["b7"].dropout


def test_an_unknown_setting_is_one_sentence() -> None:
    with pytest.raises(SettingsError, match=r"no training setting 'lr'.*Pick one"):
        training_fact("lr")
