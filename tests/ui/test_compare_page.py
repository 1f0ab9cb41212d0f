import io
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120


def page(**address: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S)
    test.query_params.update({"models": "lite0@224", **address})
    return test.run()


def texts(test: AppTest) -> str:
    parts = [*test.markdown, *test.caption, *test.info, *test.warning, *test.error]
    return "\n".join(str(part.value) for part in parts)


def titles(test: AppTest) -> str:
    return "\n".join(str(part.proto.body) for part in test.get("html"))


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_a_first_visit_compares_the_five_scaling_axes() -> None:
    test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    assert not test.exception
    for label, role in (
        ("lite0@224", "baseline"),
        ("lite1@224", "depth"),
        ("lite2@224", "width"),
        ("lite0@260", "resolution"),
        ("lite2@260", "compound"),
    ):
        assert f"<b>{label}</b>" in titles(test)
        assert f">{role}" in titles(test)
    assert ">width, from lite1@224</span>" in titles(test)  # the pure-width step
    assert "Grad-CAM, HiResCAM, XGrad-CAM, ShapleyCAM" in texts(test)
    numbers = test.dataframe[0].value
    # README of the official Lite models: 4.7 and 6.1 million parameters; timm's 74.846 and 77.462 % top-1.
    assert numbers["Parameters (million)"].round(1).tolist() == [4.7, 5.4, 6.1, 4.7, 6.1]
    assert numbers["ImageNet top-1 (%)"].tolist() == ["74.8", *["not measured"] * 3, "77.5"]


def test_no_photo_is_one_calm_sentence() -> None:
    test = page(photos=",")
    assert "No photo is chosen" in texts(test)
    assert not test.exception


def test_no_model_is_one_calm_sentence() -> None:
    test = page(models=",")
    assert "No model is chosen" in texts(test)
    assert not test.exception


def test_an_unknown_model_leaves_its_sentence_and_the_others_work() -> None:
    test = page(models="resnet50@224,lite0@224")
    assert "There is no model 'resnet50'" in texts(test)
    assert "<b>lite0@224</b>" in titles(test)


def test_an_unknown_sample_in_a_link_leaves_its_sentence() -> None:
    assert "The link asks for the sample photo 'nessie'" in texts(page(photos="nessie"))


def test_a_model_without_weights_names_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    test = page(models="lite0@224,b3@300,b1@240")
    assert "The weights of b3, b1 are not on this machine yet: run `effviz fetch b3 b1` once" in texts(test)
    assert "<b>lite0@224</b>" in titles(test)


def test_without_any_weights_there_is_no_claim_about_maps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    test = page(models="b3@300")
    assert "effviz fetch b3" in texts(test)
    assert "Same map" not in texts(test)
    assert not test.exception


def test_an_untrained_network_is_loudly_labelled() -> None:
    test = page(models="scaled-d1-w0.5@64")
    assert "Untrained: random weights" in test.error[0].value


def test_one_class_for_all_is_what_every_map_explains() -> None:
    test = page(models="lite0@224,lite1@240", target="One class", **{"class": "tench"})
    assert texts(test).count("map: tench") == 2


def test_a_later_guess_explains_the_second_class() -> None:
    test = page(target="Later guess")
    assert "map: " in texts(test)


@pytest.mark.parametrize("scale", ["One range for all maps", "Logit density (signed)", "Share of positive evidence"])
def test_scales_that_need_all_maps_draw_them(scale: str) -> None:
    test = page(models="lite0@224,lite0@260", scale=scale)
    assert not test.exception
    words = {"One": "one range for all maps", "Logit": "logit density", "Share": "share of the positive evidence"}
    assert words[scale.split()[0]] in texts(test)


def test_a_slow_method_asks_first() -> None:
    test = page(method="Score-CAM")
    assert "about a minute a map" in texts(test)
    assert "<b>lite0@224</b>" not in titles(test)


def test_an_uploaded_photo_is_compared_and_a_broken_one_gets_its_sentence() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (80, 60), "green").save(buffer, "PNG")
    test = page(photos=",")
    files = [("lawn.png", buffer.getvalue(), "image/png"), ("x [y](z).jpg", b"no photo", "image/jpeg")]
    test.file_uploader[0].set_value(files).run()
    assert not test.exception
    assert "**lawn\\.png**" in texts(test)
    assert "x [y](z).jpg" in texts(test)
    assert "<b>lite0@224</b>" in titles(test)


def test_all_methods_of_the_last_layer_stand_side_by_side_with_twins_folded() -> None:
    test = page()
    assert "**CAM** = **Grad-CAM** = **HiResCAM** = **XGrad-CAM** = **ShapleyCAM**" in texts(test)
    assert "**LayerCAM** = **Element-wise Grad-CAM**" in texts(test)  # ReLU6: no feature is negative


def test_models_outside_a_ready_comparison_get_their_role_against_the_first() -> None:
    test = page(models="lite1@224,lite2@224,lite1@240")
    assert [role for role in ("baseline", "width", "resolution") if f">{role}</span>" in titles(test)] == [
        "baseline",
        "width",
        "resolution",
    ]


def test_a_role_against_another_model_than_the_first_names_it() -> None:
    assert ">width, from lite1@224</span>" in titles(page(models="lite0@224,lite1@224,lite2@224"))


def test_a_model_without_calibration_is_placed_plainly_and_says_so() -> None:
    test = page(models="lite0@224,lite0@96", placement="Calibrated")
    assert not test.error
    assert "lite0@96 has no measured calibration: plain placement" in texts(test).replace("\\", "")
    assert "lite0@224 has no measured" not in texts(test).replace("\\", "")


def test_the_family_of_the_strip_is_in_the_link() -> None:
    test = page(family="EfficientNet")
    assert next(control for control in test.segmented_control if control.key == "family").value == "efficientnet"


def test_nothing_is_claimed_when_no_cell_has_a_map() -> None:
    def script() -> None:
        from effviz.explain.results import Layer, Method
        from effviz.explain.targets import TOP1
        from effviz.ui.compare import methods
        from effviz.ui.compare.controls import Choice

        methods.badge([], Choice(Method.CAM, Layer.LAST, TOP1))

    test = AppTest.from_function(script, default_timeout=PATIENCE_S).run()
    assert not test.exception
    assert not test.markdown
