"""The training recipe on the Paper page: numbers, choices, and AutoAugment on a photo."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from effviz.facts.paper_tables import training_facts
from effviz.report.image_files import GridPicture
from effviz.ui.paper import autoaugment, recipe

ROOT = Path(__file__).parents[2]


def open_recipe(**address: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    at.switch_page("effviz/ui/pages/paper.py")
    at.query_params.update({"section": "recipe"} | address)
    at.run()
    check_calm(at)
    return at


def check_calm(at: AppTest) -> None:
    assert "training recipe" in at.header[0].value
    assert not at.exception
    assert not at.error


def chart(at: AppTest, key: str) -> dict[str, dict[str, object]]:
    """Return trace name -> trace, as sent to the browser."""
    keys = ("learning-rate", "moving-average", "dropout", "stochastic-depth", "activations")
    spec = json.loads(at.get("plotly_chart")[keys.index(key)].proto.spec)
    return {trace["name"]: trace for trace in spec["data"]}


def words(at: AppTest) -> str:
    return "\n".join(str(element.value) for kind in ("markdown", "caption", "info") for element in at.get(kind))


def tiles(at: AppTest) -> str:
    (found,) = [element.proto.body for element in at.get("html") if "<figure" in element.proto.body]
    return str(found)


def photo(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def no_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the photo, which needs torch and which the charts do not need."""
    monkeypatch.setattr("effviz.ui.paper.autoaugment.show", lambda: None)


@pytest.mark.usefixtures("no_photo")
def test_the_rate_is_printed_and_computed() -> None:
    at = open_recipe()
    drawn = chart(at, "learning-rate")
    assert drawn["Printed: 0.256, × 0.97 every 2.4 epochs"]["y"][0] == 0.256
    assert max(drawn["Official code, batches of 4096"]["y"]) == 0.256
    assert "continues at 0.2409" in words(at)  # 0.256 * 0.97 ** 2
    at.get("button_group")[1].set_value("2048").run()
    check_calm(at)
    assert max(chart(at, "learning-rate")["Official code, batches of 2048"]["y"]) == 0.128
    assert "continues at 0.1204" in words(at)


@pytest.mark.usefixtures("no_photo")
def test_stochastic_depth_follows_the_network_and_silu_has_a_slope_where_relu_has_none() -> None:
    at = open_recipe()
    assert len(chart(at, "stochastic-depth")["B0: may be skipped"]["x"]) == 9
    # Blocks 2, 4, 6, 7, 9, 10, 12, 13 and 14 (from 0) have a shortcut; block i is skipped with 0.2 * i / 16.
    assert "**15.0** of B0's 16 blocks" in words(at)  # 16 - 0.2 * 77 / 16 = 15.04
    assert chart(at, "activations")["SiLU"]["y"][0] == pytest.approx(-0.014836, abs=1e-6)
    at.toggle(key="slopes").set_value(True).run()
    check_calm(at)
    drawn = chart(at, "activations")
    assert set(drawn["ReLU"]["y"]) == {0.0, 1.0}
    assert min(drawn["SiLU"]["y"]) == pytest.approx(-0.0998, abs=1e-3)  # the least slope, near -2.4
    at = open_recipe(network="B7")
    assert len(chart(at, "stochastic-depth")["B7: may be skipped"]["x"]) == 48  # 55 blocks, seven open a stage
    assert "blocks run in a training step" in words(at)


@pytest.mark.usefixtures("no_photo")
def test_every_setting_has_a_name_and_stands_in_the_table() -> None:
    assert set(recipe.NAMES) == {fact.key for fact in training_facts()}
    rows = open_recipe().dataframe[0].value.set_index("setting")
    assert rows.loc["Weight average: decay", "printed"] == "not given"
    assert rows.loc["Weight average: decay", "official_code"] == "0.9999"
    assert rows.loc["Initial learning rate", "printed"] == "0.256"


@pytest.mark.usefixtures("no_photo")
@pytest.mark.parametrize(("version", "survival"), [("v5", "0.8"), ("v3", "0.8"), ("v1", "drop connect 0.3, in v2 0.2")])
def test_settings_follow_the_version(version: str, survival: str) -> None:
    at = open_recipe(paper=version)
    rows = at.dataframe[0].value.set_index("setting")
    assert rows.loc["Survival of the last block", "printed"] == survival
    assert rows.loc["Training images held out", "printed"] == ("25000" if version == "v5" else "not given")


def test_the_sample_is_augmented_and_a_seed_repeats_it() -> None:
    at = open_recipe(seed="3")
    first = tiles(at)
    assert first.count("<figure") == 1 + autoaugment.DRAWS
    assert "original" in first
    assert tiles(open_recipe(seed="3")) == first
    next(button for button in at.button if button.label == "Draw again").click().run()
    check_calm(at)
    assert at.number_input(key="seed").value == 4
    assert tiles(at) != first


def test_a_visitors_own_photo_is_augmented_and_a_broken_one_gets_its_sentence() -> None:
    at = open_recipe()
    sample = tiles(at)
    at.file_uploader[0].set_value([("mine.png", photo((200, 30, 30)), "image/png")]).run()
    check_calm(at)
    mine = tiles(at)
    assert mine != sample
    at.file_uploader[0].set_value([("<b>.png", b"not a picture", "image/png")]).run()
    check_calm(at)
    assert "not an image that EffViz can read" in at.warning[0].value
    assert tiles(at) == mine  # it stays


def test_words_of_a_tile_are_escaped_and_every_operation_has_some() -> None:
    from effviz.train import batches

    names = {operation.name for pair in batches._policy_pairs() for operation in pair}
    assert names == set(autoaugment.WORDS)
    assert autoaugment.told(()) == "unchanged"
    steps = (batches.PolicyOperation("Rotate", -21.0, True), batches.PolicyOperation("Invert", None, False))
    assert autoaugment.told(steps) == "rotated by −21°"
    drawn = autoaugment._figure(photo((0, 0, 0)), "<script>")
    assert "<script>" not in drawn
    assert "&lt;script&gt;" in drawn


def test_the_sheet_holds_all_tiles() -> None:
    tiles = [GridPicture(np.zeros((90, 120, 3), np.uint8), ("black",))] * (1 + autoaugment.DRAWS)
    data = autoaugment.sheet("black", 5, tiles)
    with Image.open(io.BytesIO(data)) as made:
        assert made.format == "PNG"
        assert made.width > 4 * 360


def test_the_charts_stand_there_before_torch_is_loaded() -> None:
    """Everything but the photo's operations runs without torch; this test replaces those."""
    code = f"""
import sys, types
sys.path.insert(0, {str(ROOT)!r})
stand_in = types.ModuleType("effviz.train.batches")
stand_in.draw = lambda picture, seed: types.SimpleNamespace(picture=picture, steps=())
sys.modules["effviz.train.batches"] = stand_in
from streamlit.testing.v1 import AppTest
at = AppTest.from_file({str(ROOT / "app.py")!r}, default_timeout=120)
at.switch_page("effviz/ui/pages/paper.py")
at.query_params["section"] = "recipe"
at.run()
print(len(at.get("plotly_chart")), len(at.exception), {{"torch", "timm"}} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "5 0 set()"
