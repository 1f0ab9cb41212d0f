"""Table 4, typed from the paper; its speed-ups divided by hand."""

import pytest

from effviz.facts import paper_latencies, paper_speedup

PRINTED = {
    "ResNet-152": (1, "", 77.8, 77.8, 0.554, None),
    "EfficientNet-B1": (1, "b1", 78.8, 79.1, 0.098, 5.7),
    "GPipe": (2, "", 84.3, 84.3, 19.0, None),
    "EfficientNet-B7": (2, "b7", 84.4, 84.3, 3.1, 6.1),
}


def test_table_4_is_the_papers():
    rows = {
        row.model: (row.pair, row.name, row.top1_pct, row.top1_pct_table2, row.latency_s, row.speedup_printed)
        for row in paper_latencies()
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
