"""`effviz search` from the shell: the table, the JSON, and user errors."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from effviz.cli import app
from effviz.facts.two_step_search import SearchResult
from effviz.train import grid_search

ONE = SearchResult(1.0, 1.0, 1.0, 0, 0.6, 0.45, 64, 1.0, 100, 1.0, 10**6, 50.0, 200, 6, 9.5, "search abc", "by hand")
ROWS = tuple(
    replace(ONE, alpha=alpha, seed=seed, top1_pct=top1)
    for alpha, seed, top1 in ((1.0, 0, 40.0), (1.2, 0, 60.0), (1.2, 1, 62.0), (1.4, 0, 50.0))
)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid_search, "run_search", lambda *_: ROWS)


@pytest.mark.usefixtures("trained")
def test_the_best_point_and_its_noise_are_printed() -> None:
    result = CliRunner().invoke(app, ["search", "--data", "somewhere"])
    assert result.exit_code == 0, result.output
    best = next(line for line in result.stdout.splitlines() if "1.2, 1, 1" in line)
    assert "61.00" in best
    assert "best" in best
    # By hand: 60 and 62 have a standard deviation of sqrt(2); 1.4 is 11 away, more than 2 * 1.41 * sqrt(1.5).
    assert "differ by 1.41 points" in result.stdout
    assert "1 of 2 networks are level with the best" in result.stdout


@pytest.mark.usefixtures("trained")
def test_json_has_every_training() -> None:
    result = CliRunner().invoke(app, ["search", "--data", "somewhere", "--json"])
    found = json.loads(result.stdout)
    assert found["best"] == {"alpha": 1.2, "beta": 1.0, "gamma": 1.0}
    assert found["noise_pct"] == pytest.approx(2**0.5)
    assert [row["top1_pct"] for row in found["results"]] == [40, 60, 62, 50]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--data", "nowhere"], "nowhere/train contains 0 class folders"),
        (["--data", "nowhere", "--recipe", "none.toml"], "The recipe none.toml cannot be read"),
    ],
)
def test_what_a_user_does_wrong_is_one_line_and_exit_1(words: list[str], sentence: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["search", *words, "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
