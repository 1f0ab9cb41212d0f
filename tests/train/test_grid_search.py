"""The grid search trains every point once, the best five again, and nothing twice after an interruption."""

from dataclasses import replace
from pathlib import Path

import pytest

from effviz.errors import SettingsError
from effviz.facts import two_step_search
from effviz.scaling.coefficient_grid import GridSize
from effviz.train import grid_search, loop
from effviz.train.grid_search import GridSearch
from effviz.train.loop import SeriesStatus, TrainedNetwork
from effviz.train.training_recipe import TrainingRecipe, read_recipe


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> list[TrainingRecipe]:
    """Replace training with an artificial accuracy that increases with resolution and varies slightly with the seed."""
    trained: list[TrainingRecipe] = []

    def train(recipe: TrainingRecipe, known: object, folder: Path, options: object, report: object) -> TrainedNetwork:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "step-000000001-0123456789abcdef.pt").write_bytes(b"")
        (folder / "log.csv").write_text("")
        trained.append(recipe)
        return TrainedNetwork(None, recipe.network.resolution_px - recipe.seed, 200, (), 10.0)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "train", train)
    return trained


OF = GridSearch(read_recipe("search"))


def test_every_point_is_trained_once_and_the_best_five_twice(
    folder: Path, tmp_path: Path, fake: list[TrainingRecipe]
) -> None:
    results = grid_search.run_search(OF, folder, tmp_path / "out")
    points = grid_search.grid_points(OF, classes=2)
    assert len(results) == len(fake) == 2 + len(points) + 5
    firsts = [row for row in results if row.seed == 0 and row.rule != grid_search.UNSCALED]
    assert {row.rule for row in firsts} == {of.rule for of in points}
    seconds = {row.rule for row in results if row.seed == 1 and row.rule != grid_search.UNSCALED}
    assert len(seconds) == 5
    worst = min(row.top1_pct for row in firsts if row.rule in seconds)
    assert all(row.top1_pct <= worst for row in firsts if row.rule not in seconds)
    assert two_step_search.read_results(tmp_path / "out" / "results.csv") == results


def test_each_row_says_what_was_trained(folder: Path, tmp_path: Path, fake: list[TrainingRecipe]) -> None:
    for row, recipe in zip(grid_search.run_search(OF, folder, tmp_path / "out"), fake, strict=True):
        assert (row.depth, row.width) == (recipe.network.depth, recipe.network.width)
        assert row.resolution_px == recipe.network.resolution_px == round(64 * row.gamma)
        assert row.depth == pytest.approx(0.6 * row.alpha)
        assert row.width == pytest.approx(0.45 * row.beta)
        assert row.seed == recipe.seed
        assert row.top1_pct == (row.resolution_px - row.seed) / 2  # of 200 images
        assert row.source
        if row.rule != grid_search.UNSCALED:
            assert 1.9 <= row.macs_ratio <= 2.1


def test_a_broken_search_goes_on_with_what_is_missing(folder: Path, tmp_path: Path, fake: list[TrainingRecipe]) -> None:
    class StoppedError(Exception):
        pass

    def stop(stand: SeriesStatus) -> None:
        if stand.done == 4:
            raise StoppedError

    with pytest.raises(StoppedError):
        grid_search.run_search(OF, folder, tmp_path / "out", stop)
    before = len(fake)
    results = grid_search.run_search(OF, folder, tmp_path / "out")
    # The fourth was trained but not yet recorded at the interruption; a real search finds its checkpoint.
    assert len(fake) - before == len(results) - 3
    assert len({(row.rule, row.seed) for row in results}) == len(results)
    again = len(fake)
    assert grid_search.run_search(OF, folder, tmp_path / "out") == results
    assert len(fake) == again
    assert not list(tmp_path.glob("out/trials/*/step-*.pt"))
    assert list(tmp_path.glob("out/trials/*/log.csv"))


def test_a_result_that_was_changed_or_is_of_other_photos_is_trained_again(
    folder: Path, another_folder: Path, tmp_path: Path, fake: list[TrainingRecipe]
) -> None:
    results = grid_search.run_search(OF, folder, tmp_path / "out")
    table, done = tmp_path / "out" / "results.csv", len(fake)
    table.write_text(table.read_text().replace(f",{results[0].top1_pct},", ",99.5,"))  # a table for people
    (changed,) = tmp_path.glob("out/trials/a1-b1-g1-s1/outcome.json")
    changed.write_text(changed.read_text().replace(f'"top1_pct": {results[1].top1_pct}', '"top1_pct": 99.5'))
    assert grid_search.run_search(OF, folder, tmp_path / "out") == results
    assert fake[done:] == [replace(fake[1], seed=1)]
    assert two_step_search.read_results(table) == results
    (another_folder / "val" / "red" / "00.jpg").write_bytes((folder / "val" / "red" / "01.jpg").read_bytes())
    assert len(grid_search.run_search(OF, another_folder, tmp_path / "out")) == len(results) == len(fake) - done - 1


def test_results_of_another_recipe_are_not_mixed_in(folder: Path, tmp_path: Path, fake: list[TrainingRecipe]) -> None:
    grid_search.run_search(OF, folder, tmp_path / "out")
    with pytest.raises(SettingsError, match="results of the recipe search"):
        grid_search.run_search(GridSearch(replace(OF.recipe, epochs=7)), folder, tmp_path / "out")


def test_one_seed_shows_no_noise() -> None:
    with pytest.raises(SettingsError, match="at least 2"):
        GridSearch(OF.recipe, GridSize.COARSE, 1)


def test_a_real_search_of_the_smallest_kind(folder: Path, tmp_path: Path) -> None:
    recipe = replace(OF.recipe, name="tiny", epochs=1, batch_size=8).at(0.6, 0.45, 32)
    stands: list[SeriesStatus] = []
    results = grid_search.run_search(GridSearch(recipe), folder, tmp_path / "out", stands.append)
    assert [stand.result for stand in stands if stand.result is not None] == list(results)
    assert {stand.count for stand in stands} == {len(results)}
    assert stands[-1].done == len(results)
    assert all(0 <= row.top1_pct <= 100 and row.pictures == 10 for row in results)


def test_a_baseline_that_nothing_doubles_is_one_sentence(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid_search, "worth_training", lambda points: ())
    with pytest.raises(SettingsError, match="No point of the coarse grid doubles the MACs"):
        grid_search.run_search(OF, folder, tmp_path / "out")
