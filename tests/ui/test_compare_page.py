import gc
import io
import json
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.testing.v1 import AppTest

from effviz.api import compare
from effviz.errors import SettingsError
from effviz.ui import cache, job_progress, photo_shelf
from effviz.ui.cache import SizeBoundedCache
from effviz.ui.compare import cell_inspector, display_settings
from effviz.ui.job_queue import JobQueue
from effviz.ui.session import Setting

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120


def page(**address: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S)
    test.query_params.update({"models": "lite0@224", **address})
    return test.run()


def texts(test: AppTest) -> str:
    parts = [*test.markdown, *test.caption, *test.info, *test.warning, *test.error]
    return "\n".join(str(part.value) for part in parts)


def grid(test: AppTest) -> dict[str, Any]:
    """Return the data that the browser draws; nothing if there is no grid."""
    return next(sent(test, "effviz_grid"), {"photos": []})


def news(test: AppTest) -> dict[str, Any]:
    """Return the data that the browser gets again while the maps stay."""
    return next(sent(test, "effviz_grid_news"))


def sent(test: AppTest, component: str) -> Iterator[dict[str, Any]]:
    for element in test.get("bidi_component"):
        if element.proto.component_name == component:
            yield json.loads(element.proto.json)[0]


def drawn(test: AppTest) -> list[dict[str, Any]]:
    """Return the data of the plot of cost and accuracy."""
    return list(json.loads(test.get("plotly_chart")[0].proto.spec)["data"])


def cells(test: AppTest) -> list[dict[str, Any]]:
    return [cell for photo in grid(test)["photos"] for cell in photo["cells"]]


def labels(test: AppTest) -> list[str]:
    return [cell["label"] for cell in cells(test)]


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_a_first_visit_compares_the_five_scaling_axes() -> None:
    test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S).run()
    assert not test.exception
    assert [(cell["label"], cell["role"]) for cell in cells(test)] == [
        ("lite0@224", "baseline"),
        ("lite1@224", "depth"),
        ("lite2@224", "width, from lite1@224"),  # the pure-width step
        ("lite0@260", "resolution"),
        ("lite2@260", "compound"),
    ]
    assert "Grad-CAM, HiResCAM, XGrad-CAM, ShapleyCAM" in texts(test)
    assert "Bright areas support the class." in [caption.value for caption in test.caption]
    assert r"\sum_k w_k" in test.latex[0].value  # behind "How it is computed"
    numbers = test.dataframe[0].value
    # README of the official Lite models: 4.7 and 6.1 million parameters; timm's 74.846 and 77.462 % top-1.
    assert numbers["Parameters (million)"].round(1).tolist() == [4.7, 5.4, 6.1, 4.7, 6.1]
    assert numbers["Top-1 (%)"].tolist() == ["74.8 (ImageNet)", *["not measured"] * 3, "77.5 (ImageNet)"]
    assert "their ImageNet accuracy at this size is unknown: lite1@224, lite2@224, lite0@260." in texts(test)
    assert {trace["name"] for trace in drawn(test) if trace["name"].startswith("lite")} == set()  # no line


def test_an_accuracy_of_ten_classes_is_no_imagenet_accuracy() -> None:
    test = page(models="lite0@224,mini-resolution@192")
    # models/manifest.json: 3,128 of Imagenette's 3,925 validation photos
    expected = ["74.8 (ImageNet)", "79.7 (Imagenette, 10 classes)"]
    assert test.dataframe[0].value["Top-1 (%)"].tolist() == expected
    (stars,) = [trace for trace in drawn(test) if trace["name"] == "In your comparison"]
    assert [of[0] for of in stars["customdata"]] == ["lite0@224"]
    assert "measured on classes other than ImageNet's: mini-resolution@192." in texts(test)


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
    assert labels(test) == ["lite0@224"]


def test_a_model_that_does_not_exist_leaves_the_choice_at_once() -> None:
    test = page()
    picked = test.multiselect(key="picked")
    picked.set_value(["lite0@224", "resnet50", "lite0"]).run()
    assert [str(each.value) for each in test.warning if "'resnet50'" in str(each.value)]
    assert test.multiselect(key="picked").value == ["lite0@224"]  # "lite0" is the same model
    assert test.query_params["models"] == "lite0@224"
    test.run()
    assert not test.warning  # listed once


def test_an_unknown_sample_in_a_link_leaves_its_sentence() -> None:
    assert "The link asks for the sample photo 'nessie'" in texts(page(photos="nessie"))


def test_a_model_without_weights_names_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    test = page(models="lite0@224,b3@300,b1@240")
    assert "The weights of b3, b1 are not on this machine yet: run `effviz fetch b3 b1` once" in texts(test)
    assert labels(test) == ["lite0@224"]


def test_without_any_weights_there_is_no_claim_about_maps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    test = page(models="b3@300")
    assert "effviz fetch b3" in texts(test)
    assert "Same map" not in texts(test)
    assert not test.exception


def test_an_untrained_network_is_loudly_labelled() -> None:
    test = page(models="scaled-d1-w0.5@64")
    (cell,) = cells(test)
    assert not cell["trained"]
    assert "untrained" in cell["alt"]
    assert "Untrained: the weights are random" in grid(test)["words"]["untrained"]


@pytest.mark.parametrize("still", ["", "true"])
def test_a_model_that_cannot_be_converted_runs_on_torch_and_its_card_says_so(
    still: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no such operation")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("effviz.explain.engines.openvino_engine.build_network", fail)
    label = f"scaled-lite-d1-w0.{6 if still else 7}@80"  # weights that no engine has seen yet
    test = page(models=label, **({"still": still} if still else {}))
    said = texts(test).replace("\\", "") if still else "\n".join(cells(test)[0]["about"])
    assert f"{label} does not run on openvino, which would be faster (no such operation)." in said
    assert not test.exception


@pytest.mark.parametrize(
    "asked", [{"class": "TENCH"}, {"class": "0", "target": "class"}]
)  # the second in the format of old links
def test_one_class_for_all_is_what_every_map_explains(asked: dict[str, str]) -> None:
    test = page(models="lite0@224,lite1@240", **asked)
    (photo,) = grid(test)["photos"]
    place = photo["classes"].index("tench")
    assert news(test)["look"]["class"] == "tench"
    assert [cell["facts"][place]["index"] for cell in photo["cells"]] == [0, 0]  # ImageNet's first class
    assert all(place in cell["classes"] for cell in photo["cells"])
    assert test.query_params["class"] == "tench"
    assert "target" not in test.query_params


@pytest.mark.parametrize(("photo", "count"), [("lemur", 5), ("bee", 7)])
def test_classes_to_pick_from_are_the_five_likeliest_and_all_of_one_percent(photo: str, count: int) -> None:
    models = ["lite0@224", "lite1@224", "lite2@224", "lite0@260", "lite2@260"]
    (shown,) = grid(page(models=",".join(models), photos=photo))["photos"]
    guesses = [explanation.top5 for explanation in compare(photo, models).explanations]
    strongest: dict[str, float] = {}
    for guess in (guess for five in guesses for guess in five):
        strongest[guess.name] = max(strongest.get(guess.name, 0), guess.probability)
    likely = {name for name, probability in strongest.items() if probability >= 0.01}
    assert {five[0].name for five in guesses} | likely <= set(shown["classes"]) < set(strongest)
    assert len(shown["classes"]) == count
    assert min(strongest[name] for name in shown["classes"]) >= sorted(strongest.values())[-len(shown["classes"])]


def test_the_list_of_classes_begins_with_what_the_models_take_the_photos_for() -> None:
    test = page()
    (photo,) = grid(test)["photos"]
    box = test.selectbox(key=display_settings.CLASS_BOX)
    assert box.value == ""
    assert box.options[0] == "Each model's own first guess"
    assert box.options[1:6] == photo["classes"]  # one model: its top five predictions, most probable first
    assert len(box.options) == 1001
    before = grid(test)
    box.set_value(photo["classes"][2]).run()
    assert news(test)["look"]["class"] == photo["classes"][2] == test.query_params["class"]
    assert grid(test) == before  # a prediction is already among the maps
    test.session_state["class"] = ""  # as the browser's list sends it
    assert test.run().selectbox(key=display_settings.CLASS_BOX).value == ""


def test_a_link_to_a_later_guess_says_that_it_shows_the_first() -> None:
    test = page(target="rank", rank="3")
    assert "The link asks for each model's later guess" in texts(test)
    assert news(test)["look"]["class"] == ""


def test_a_class_that_no_model_knows_is_said_in_the_maps_places() -> None:
    (cell,) = cells(page(**{"class": "nessie"}))
    assert "nessie" in cell["gap"]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("One range for all maps", "shared"),
        ("Logit density (signed)", "density"),
        ("Share of positive evidence", "share"),
        ("rank", "rank"),
    ],
)
def test_a_link_names_a_scale_by_its_title_or_its_short_name(title: str, name: str) -> None:
    assert display_settings.SCALE.parse(title) == name


def test_a_link_brings_the_whole_look_back() -> None:
    asked = {"opacity": "80", "palette": "Cividis", "contour": "50", "threshold": "30", "cells": "true"}
    assert news(page(**asked, placement="Calibrated", scale="Logit density (signed)"))["look"] == {
        "class": "",
        "opacity": 80,
        "palette": "cividis",
        "contour": 50,
        "threshold": 30,
        "cells": True,
        "placement": "calibrated",
        "scale": "density",
    }


@pytest.mark.parametrize(
    ("setting", "wrong"),
    [
        (display_settings.OPACITY, "101"),
        (display_settings.CONTOUR, "half"),
        (display_settings.THRESHOLD, "9" * 5000),  # Python refuses to parse so many digits
        (display_settings.SCALE, "log"),
        (display_settings.PALETTE, "viridis"),
        (display_settings.CELLS, "perhaps"),
    ],
    ids=lambda given: str(getattr(given, "key", given))[:10],
)
def test_a_look_that_does_not_exist_is_one_sentence(setting: Setting[object], wrong: str) -> None:
    with pytest.raises(SettingsError, match=f"^The link asks for {setting.key} = .* Choose one below"):
        setting.parse(wrong)


def test_a_look_that_does_not_exist_leaves_its_sentence() -> None:
    test = page(opacity="101", scale="log")
    assert "The link asks for" in test.warning[0].value
    assert labels(test) == ["lite0@224"]


@pytest.mark.parametrize("scale", ["One range for all maps", "Logit density (signed)", "Share of positive evidence"])
def test_still_pictures_draw_scales_that_need_all_maps(scale: str) -> None:
    test = page(models="lite0@224,lite0@260", scale=scale, still="true")
    assert not test.exception
    assert labels(test) == []
    words = {"One": "one range for all maps", "Logit": "logit density", "Share": "share of the positive evidence"}
    assert words[scale.split()[0]] in texts(test)
    assert texts(test).count("White frame: what the model saw. Dimmed: cropped away.") == 1


def test_still_pictures_label_untrained_networks_loudly() -> None:
    assert "Untrained: the weights are random" in page(models="scaled-d1-w0.5@64", still="true").error[0].value


def test_still_pictures_have_their_own_controls_of_the_look() -> None:
    test = page(still="true", opacity="80")
    slider = next(each for each in test.slider if each.key == "look_opacity")
    assert slider.value == 80
    slider.set_value(20).run()
    assert test.query_params["opacity"] == "20"
    threshold = next(each for each in test.slider if each.key == "look_threshold")
    threshold.set_value(40).run()
    assert test.query_params["threshold"] == "40"
    test.toggle(key="look_still").set_value(False).run()
    assert news(test)["look"]["opacity"] == 20
    assert news(test)["look"]["threshold"] == 40


def test_another_look_does_not_change_what_the_maps_are_sent_as() -> None:
    test = page(models="lite0@224,lite0@260")
    before, first = (
        [each.proto for each in test.get("bidi_component") if each.proto.component_name == "effviz_grid"],
        news(test),
    )
    test.session_state["opacity"] = 12
    test.run()
    after = [each.proto for each in test.get("bidi_component") if each.proto.component_name == "effviz_grid"]
    assert news(test) != first
    assert before == after  # so Streamlit sends only its hash


def test_a_slow_method_asks_first() -> None:
    test = page(method="Score-CAM")
    assert "up to about 6 s for these models" in texts(test)  # lite0@224: 1280 channels, 385 M MACs, 80 G a second
    assert labels(test) == []


def test_a_slow_method_at_a_stage_end_takes_a_pass_for_each_channel_there() -> None:
    # Lite2 at 224 px has 120 channels there (112 of Table 1, times 1.1, in steps of 8) and 577 M MACs.
    test = page(method="Ablation-CAM", layer="stride16", models="lite0@224,lite2@224", photos="lemur,coffee")
    assert "up to about 3 s for these models" in texts(test)  # 2 x (112 x 385 + 120 x 577) / 80 000


def test_an_uploaded_photo_is_compared_and_a_broken_one_gets_its_sentence() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (80, 60), "green").save(buffer, "PNG")
    test = page(photos=",")
    files = [("lawn.png", buffer.getvalue(), "image/png"), ("x [y](z).jpg", b"no photo", "image/jpeg")]
    test.file_uploader[0].set_value(files).run()
    assert not test.exception
    assert [photo["name"] for photo in grid(test)["photos"]] == ["lawn.png"]
    assert "x [y](z).jpg" in texts(test)
    assert labels(test) == ["lite0@224"]


def test_of_an_animation_the_first_picture_is_explained_and_the_grid_says_so() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (80, 60), "red").save(
        buffer, "GIF", save_all=True, append_images=[Image.new("RGB", (80, 60), "blue")]
    )
    test = page(photos=",", models="lite0@64")
    test.file_uploader[0].set_value([("wave.gif", buffer.getvalue(), "image/gif")]).run()
    (photo,) = grid(test)["photos"]
    assert photo["caption"] == "80 × 60 px · The file contains several pictures; EffViz uses the first."


def lawns(count: int) -> list[tuple[str, bytes, str]]:
    found = []
    for number in range(count):
        buffer = io.BytesIO()
        Image.new("RGB", (40, 30), (0, 10 * number, 0)).save(buffer, "PNG")
        found.append((f"lawn {number}.png", buffer.getvalue(), "image/png"))
    return found


@pytest.mark.parametrize(("room", "kept"), [("files", 12), ("bytes", 3)])
def test_more_photos_than_there_is_room_for_are_not_kept(
    room: str, kept: int, monkeypatch: pytest.MonkeyPatch, uploads: MemoryUploadedFileManager
) -> None:
    files = lawns(14)
    if room == "bytes":
        monkeypatch.setattr(photo_shelf, "MOST_MB", sum(len(data) for _, data, _ in files[:3]) / 2**20)
    test = page(photos=",", models="lite0@64")
    test.file_uploader[0].set_value(files).run()
    names = [f"lawn {number}.png" for number in range(kept)]
    for _ in range(2):  # the message stays
        assert [photo["name"] for photo in grid(test)["photos"]] == names
        assert f"No room for {14 - kept} of the files" in texts(test)
        assert len(uploads.file_storage["test session id"]) == kept  # the others are no longer in the server's memory
        test.run()
    test.file_uploader[0].set_value(files[:2]).run()
    assert "No room for" not in texts(test)


def question(test: AppTest) -> cell_inspector.Question:
    (photo,) = grid(test)["photos"]
    return cell_inspector.Question(photo["id"], "lite0@64", 5, 0, 1)


def test_what_matters_to_a_cell_is_asked_in_the_visitors_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    test = page(models="lite0@64", photos="crab")
    asked = test.session_state[cell_inspector.ASKED] = question(test)
    monkeypatch.setattr(cell_inspector, "_ENERGIES", SizeBoundedCache(2**20, lambda energy: energy.nbytes))
    with monkeypatch.context() as full:
        full.setattr(job_progress, "QUEUE", JobQueue(1, most_waiting=0))
        assert "requests are already waiting" in news(test.run())["answer"]["sentence"]
        test.session_state[job_progress.STOPPED] = {hash(asked)}
        stopped = news(test.run())["answer"]
        assert (stopped["sentence"], stopped["energy"]) == ("Stopped before the result was ready.", None)
    test.session_state[job_progress.STOPPED] = set()
    assert news(test.run())["answer"]["energy"]["rows"] > 0
    monkeypatch.setattr(job_progress, "QUEUE", JobQueue(1, most_waiting=0))
    assert news(test.run())["answer"]["energy"]["rows"] > 0  # it is cached, and takes no turn
    assert not test.get("progress")


def test_a_page_that_is_left_open_holds_no_pixels_of_a_photo() -> None:
    """Its buttons and fragments would keep them for hours, outside the caches' limits."""
    photo = io.BytesIO()
    Image.new("RGB", (90, 60), "teal").save(photo, "PNG")
    test = page(photos=",")
    test.file_uploader[0].set_value([("left_open.png", photo.getvalue(), "image/png")]).run()
    assert labels(test) == ["lite0@224"]
    (key,) = [key for key in cache._PHOTOS._values if isinstance(key, tuple) and key[1] == "left_open.png"]
    pixels = weakref.ref(cache._PHOTOS._values.pop(key).rgb)
    gc.collect()
    assert pixels() is None
    test.button(key="sanity").click().run()  # reads the file again
    assert not test.exception
    assert key in cache._PHOTOS


def test_all_methods_of_the_last_layer_stand_side_by_side_with_twins_folded() -> None:
    test = page()
    assert "**CAM** = **Grad-CAM** = **HiResCAM** = **XGrad-CAM** = **ShapleyCAM**" in texts(test)
    assert "**LayerCAM** = **Element-wise Grad-CAM**" in texts(test)  # ReLU6: no feature is negative


def test_models_outside_a_ready_comparison_get_their_role_against_the_first() -> None:
    test = page(models="lite1@224,lite2@224,lite1@240")
    assert [cell["role"] for cell in cells(test)] == ["baseline", "width", "resolution"]


def test_a_role_against_another_model_than_the_first_names_it() -> None:
    assert cells(page(models="lite0@224,lite1@224,lite2@224"))[2]["role"] == "width, from lite1@224"


def test_a_model_without_calibration_is_placed_plainly_and_says_so() -> None:
    test = page(models="lite0@224,lite0@96", placement="Calibrated")
    assert [cell["place"]["calibration"] is None for cell in cells(test)] == [False, True]
    test = page(models="lite0@224,lite0@96", placement="Calibrated", still="true")
    assert not test.error
    assert "lite0@96 has no measured calibration, so its map uses plain placement" in texts(test).replace("\\", "")
    assert "lite0@224 has no measured" not in texts(test).replace("\\", "")


def test_the_family_of_the_strip_is_in_the_link() -> None:
    test = page(family="EfficientNet")
    assert next(control for control in test.segmented_control if control.key == "family").value == "efficientnet"


def test_nothing_is_claimed_when_no_cell_has_a_map() -> None:
    def script() -> None:
        from effviz.explain.data_types import Method, TargetLayer
        from effviz.explain.targets import TOP1
        from effviz.ui.compare import photo_grid
        from effviz.ui.compare.display_settings import ExplanationChoice

        photo_grid.show_same_methods([], ExplanationChoice(Method.CAM, TargetLayer.LAST, TOP1))

    test = AppTest.from_function(script, default_timeout=PATIENCE_S).run()
    assert not test.exception
    assert not test.markdown
