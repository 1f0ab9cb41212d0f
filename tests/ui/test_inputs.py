"""A link preserves the choices, whatever the languages of its sender and reader."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from effviz.ui.inputs import widget_key

ROOT = Path(__file__).parents[2]
TINY = "scaled-lite-d1-w0.5@64"
Translate = Callable[[str, dict[str, str]], None]
GERMAN = {
    "Activation memory": "Zwischenspeicher",
    "Compound": "Gemeinsam",
    "Depth": "Tiefe",
    "One class": "Eine Klasse",
    "Other ConvNets, Table 2": "Andere Netze, Tabelle 2",
    "Params": "Parameter",
    "Resolution": "Auflösung",
}


def open_page(page: str, **address: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.switch_page(f"effviz/ui/pages/{page}.py")
    at.query_params.update(address)
    at.run()
    assert not at.exception
    assert not at.warning
    return at


def address(at: AppTest) -> dict[str, str]:
    return {key: value[0] if isinstance(value, list) else value for key, value in at.query_params.items()}


def chosen(at: AppTest, key: str) -> object:
    return next(group for group in at.get("button_group") if group.key == widget_key(key)).value


def offered(at: AppTest, key: str) -> list[str]:
    group = next(group for group in at.get("button_group") if group.key == widget_key(key))
    return [option.content for option in group.proto.options]


@pytest.mark.parametrize(
    ("page", "where", "choices"),
    [
        ("paper", {"section": "problem"}, {"cut": ("compound", "Gemeinsam"), "stages": ("depth", "Tiefe")}),
        ("tradeoff", {}, {"cost": ("Params", "Parameter")}),
        ("scale", {}, {"budget": ("activation-memory", "Zwischenspeicher"), "method": ("resolution", "Auflösung")}),
    ],
)
def test_a_link_made_in_german_means_the_same_in_english(
    translate: Translate, page: str, where: dict[str, str], choices: dict[str, tuple[str, str]]
) -> None:
    translate("de", GERMAN)
    german = open_page(page, lang="de", **where)
    for key, (value, name) in choices.items():
        assert name in offered(german, key)
        next(group for group in german.get("button_group") if group.key == widget_key(key)).set_value(value)
    link = address(german.run())
    english = open_page(page, **link | {"lang": "en"})
    for key, (value, name) in choices.items():
        assert link[key] == value
        assert name not in offered(english, key)
        assert chosen(english, key) == value


def test_several_stand_in_the_address_in_the_pages_order(translate: Translate) -> None:
    translate("de", GERMAN)
    german = open_page("paper", section="objective", lang="de")
    assert "Andere Netze, Tabelle 2" in offered(german, "series")
    assert "series" not in address(german)
    group = next(group for group in german.get("button_group") if group.key == widget_key("series"))
    group.set_value(["timm-resnet", "paper-others"]).run()
    assert address(german)["series"] == "paper-others,timm-resnet"
    english = open_page("paper", **address(german) | {"lang": "en"})
    assert set(english.dataframe[0].value["series"]) == {"Other ConvNets, Table 2", "timm, ResNet"}


def test_a_layer_stands_in_the_address_by_its_value(translate: Translate) -> None:
    translate("de", {"End of stride 16": "Ende von Schritt 16"})
    at = open_page("compare", models=TINY, method="EigenCAM", lang="de")
    layer = at.selectbox(key=widget_key("layer"))
    assert "Ende von Schritt 16" in layer.options
    layer.set_value("stride16").run()
    assert address(at)["layer"] == "stride16"


@pytest.mark.parametrize(
    ("page", "old", "new"),
    [
        (
            "scale",
            {"budget": "Activation memory", "method": "Resolution"},
            {"budget": "activation-memory", "method": "resolution"},
        ),
    ],
)
def test_a_link_with_an_english_name_still_opens(page: str, old: dict[str, str], new: dict[str, str]) -> None:
    at = open_page(page, **old)
    assert {key: chosen(at, key) for key in new} == new
    assert new.items() <= address(at).items()


def test_a_link_with_a_layers_english_name_still_opens() -> None:
    at = open_page("compare", models=TINY, method="EigenCAM", layer="End of stride 8")
    assert at.selectbox(key=widget_key("layer")).value == "stride8"
    assert address(at)["layer"] == "stride8"


def test_a_layer_that_a_method_lacks_leaves_the_only_one() -> None:
    at = open_page("compare", models=TINY, method="EigenCAM", layer="stride8")
    at.selectbox(key=widget_key("method")).set_value("cam").run()
    layer = at.selectbox(key=widget_key("layer"))
    assert (layer.value, len(layer.options)) == ("last", 1)
    assert "layer" not in address(at)
    assert not at.exception


def test_a_choice_is_kept_while_another_page_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import streamlit as st\nst.navigation([st.Page('named.py'), st.Page('other.py')]).run()"
    )
    (tmp_path / "named.py").write_text(
        "from effviz.ui import inputs\n"
        "inputs.choose_one('Cost', {'a': 'A', 'b': 'B'}, 'cost', 'a')\n"
        "inputs.choose_several('Parts', {'c': 'C', 'd': 'D'}, 'parts', ['c'])"
    )
    (tmp_path / "other.py").write_text("")
    at = AppTest.from_file(str(tmp_path / "app.py"), default_timeout=60).run()
    for group, value in zip(at.get("button_group"), ("b", ["d"]), strict=True):
        group.set_value(value).run()
    at.switch_page("other.py")
    at.query_params.clear()  # like Streamlit's navigation in a browser
    at.run()
    at.switch_page("named.py").run()
    assert [group.value for group in at.get("button_group")] == ["b", ["d"]]
    assert address(at) == {"cost": "b", "parts": "d"}


def test_none_of_several_is_a_link_too() -> None:
    at = open_page("paper", section="objective", series="")
    assert chosen(at, "series") == []
    assert not at.dataframe


def test_a_sample_photo_is_asked_for_by_its_name(translate: Translate) -> None:
    from effviz.explain import sample_photos

    last = sample_photos.samples()[-1]
    translate("de", {last.title: "Ein Foto"})
    at = open_page("paper", section="recipe", lang="de", sample=last.name)
    assert at.selectbox(key=widget_key("sample")).value == last.name
    assert "Ein Foto" in at.selectbox(key=widget_key("sample")).options
    at.selectbox(key=widget_key("sample")).set_value(sample_photos.samples()[0].name).run()
    assert "sample" not in address(at)  # the first choice is left out, to keep links short


def test_what_does_not_exist_leaves_the_first_choice_and_the_address() -> None:
    at = open_page("paper", section="search", grid="finest")
    assert chosen(at, "grid") == "coarse"
    assert "grid" not in address(at)
    assert not at.error


def test_a_bound_widget_of_another_page_keeps_its_choice_to_itself(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import streamlit as st\nst.navigation([st.Page('bound.py'), st.Page('named.py')]).run()"
    )
    (tmp_path / "bound.py").write_text(
        "import streamlit as st\nst.segmented_control('Cost', ['a', 'b'], default='a', key='cost', bind='query-params')"
    )
    (tmp_path / "named.py").write_text(
        "from effviz.ui import inputs\ninputs.choose_one('Cost', {'a': 'A', 'b': 'B'}, 'cost', 'a')"
    )
    at = AppTest.from_file(str(tmp_path / "app.py"), default_timeout=60).run()
    at.get("button_group")[0].set_value("b").run()
    at.switch_page("named.py").run()
    assert at.get("button_group")[0].value == "a"
    assert at.run().get("button_group")[0].value == "a"  # nor later
    assert not at.exception
