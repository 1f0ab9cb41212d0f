"""Results of the grid search: arithmetic by hand, and the shipped run compared with the plan."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from effviz.errors import DatasetError
from effviz.facts import two_step_search
from effviz.facts.two_step_search import SearchResult
from effviz.scaling import ScalingRule, plan
from effviz.scaling.coefficient_grid import BaselineNetwork

ONE = SearchResult(1.0, 1.0, 1.0, 0, 0.6, 0.45, 64, 1.0, 100, 1.0, 10, 50.0, 200, 6, 9.5, "search abc", "by hand")


def rows(alpha: float, *accuracies: float) -> list[SearchResult]:
    return [replace(ONE, alpha=alpha, seed=seed, top1_pct=top1) for seed, top1 in enumerate(accuracies)]


def test_means_noise_and_the_best_by_hand() -> None:
    points = two_step_search.summarize_points(
        [*rows(1.0, 40, 44), *rows(1.2, 50, 54), *rows(1.4, 60), *rows(1.6, 53, 53)]
    )
    assert [(of.rule.alpha, of.top1_pct) for of in points] == [(1.4, 60), (1.6, 53), (1.2, 52), (1.0, 42)]
    # squares: 2 * 2^2 for 1.0, 2 * 2^2 for 1.2, 0 for 1.4 and 1.6; degrees of freedom: 1 + 1 + 0 + 1
    noise = two_step_search.noise_pct(points)
    assert noise == pytest.approx(math.sqrt(16 / 3))
    assert two_step_search.widest_spread_pct(points) == 4
    leader = two_step_search.best_point(points)
    assert leader is not None
    assert leader.rule.alpha == 1.6  # 1.4 was trained only once
    assert two_step_search.level_with(points[2], leader, noise)
    assert not two_step_search.level_with(points[3], leader, noise)  # 11 points apart, 2 * 2.31


def test_without_a_second_seed_there_is_neither_noise_nor_a_best() -> None:
    points = two_step_search.summarize_points(rows(1.2, 50))
    assert two_step_search.noise_pct(points) is None
    assert two_step_search.widest_spread_pct(points) is None
    assert two_step_search.best_point(points) is None


def test_the_baseline_does_not_compete() -> None:
    points = two_step_search.summarize_points([*rows(1.0, 90, 90), *rows(1.2, 50, 54)])
    leader = two_step_search.best_point(points)
    assert leader is not None
    assert leader.rule == ScalingRule(1.2, 1, 1)


def test_the_baseline_has_the_classes_of_its_parameters() -> None:
    # B0's parameters with ImageNet's classes (torchvision's count) and with ten: 990 * (1280 + 1) fewer.
    b0 = replace(ONE, depth=1.0, width=1.0, resolution_px=224, params=5_288_548)
    assert two_step_search.baseline_of(b0) == BaselineNetwork(1.0, 1.0, 224, 1000)
    assert two_step_search.baseline_of(replace(b0, params=5_288_548 - 990 * 1281)).classes == 10


@pytest.mark.parametrize("text", ["a,b\n1,2\n", ",".join(two_step_search.result_columns()) + "\n1,x\n"])
def test_a_file_of_something_else_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "results.csv"
    path.write_text(text)
    with pytest.raises(DatasetError, match="a CSV file written by `effviz search`"):
        two_step_search.read_results(path)


def test_the_shipped_run_is_what_it_says() -> None:
    results = two_step_search.shipped_results()
    classes = 10
    base = next(row for row in results if row.rule.constraint == 1)
    for row in results:
        network = plan(row.depth, row.width, row.resolution_px, classes=classes)
        assert (row.macs, row.params) == (network.macs, network.params)
        assert row.macs_ratio == pytest.approx(row.macs / base.macs, abs=1e-5)
        assert row.paper_ratio == pytest.approx(row.alpha * row.beta**2 * row.gamma**2, abs=1e-5)
        right = row.top1_pct / 100 * row.pictures
        assert right == pytest.approx(round(right), abs=0.01)  # a whole number of images
        assert row.source
    points = two_step_search.summarize_points(results)
    assert sum(len(of.results) >= 2 for of in points if not of.is_baseline) >= 5
    assert two_step_search.best_point(points) is not None
