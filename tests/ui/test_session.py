"""Visitors read their own language, and nothing on the tested pages stays in English."""

import gettext
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from effviz import i18n
from effviz.errors import SettingsError
from effviz.ui import components
from effviz.ui.session import parse_labels, parse_phi

ROOT = Path(__file__).parents[2]
Translate = Callable[[str, dict[str, str]], None]

GERMAN = {
    "What does accuracy cost?": "Was kostet Genauigkeit?",
    "Top-1 (%)": "Top-1 in Prozent",
    "{title} ({count} network)\0{title} ({count} networks)": "{title} ({count} Netz)\0{title} ({count} Netze)",
    "Depth": "Tiefe",
    "English": "Deutsch",
    "Trade-off": "Abwägung",
}


def open_tradeoff(**address: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.switch_page("effviz/ui/pages/tradeoff.py")
    at.query_params.update(address)
    return at.run()


def titles(at: AppTest) -> list[str]:
    assert not at.exception
    return [title.value for title in at.title]


def speaking(monkeypatch: pytest.MonkeyPatch, locale: str) -> None:
    """Make every browser request a language."""
    monkeypatch.setattr(type(st.context), "locale", property(lambda self: locale))


def test_the_address_chooses_the_language(translate: Translate) -> None:
    translate("de", GERMAN)
    at = open_tradeoff(lang="de")
    assert titles(at) == ["Was kostet Genauigkeit?"]
    assert re.search(r"EfficientNet, paper v5 \(8 Netze\)", at.get("plotly_chart")[0].proto.alt)  # Table 2: B0 to B7
    assert at.query_params["lang"] == "de"


def test_the_browser_chooses_where_the_address_does_not(translate: Translate, monkeypatch: pytest.MonkeyPatch) -> None:
    translate("de", GERMAN)
    speaking(monkeypatch, "de-AT")
    at = open_tradeoff()
    assert titles(at) == ["Was kostet Genauigkeit?"]
    assert "lang" not in at.query_params
    assert titles(open_tradeoff(lang="en")) == ["What does accuracy cost?"]


def test_a_browser_of_another_language_reads_english(translate: Translate, monkeypatch: pytest.MonkeyPatch) -> None:
    translate("de", GERMAN)
    speaking(monkeypatch, "pt-BR")
    assert titles(open_tradeoff()) == ["What does accuracy cost?"]


@pytest.mark.parametrize("asked", ["xx", "../../de", "de "])
def test_a_language_that_nobody_wrote_gets_one_sentence(translate: Translate, asked: str) -> None:
    translate("de", GERMAN)
    at = open_tradeoff(lang=asked)
    assert titles(at) == ["What does accuracy cost?"]
    assert [warning.value for warning in at.warning] == [
        f"The link asks for the language {asked!r}, but EffViz is not translated into it. Choose one at the top of the "
        "page: English, Deutsch."
    ]


def languages(at: AppTest) -> list[str]:
    """Return what the navigation offers: the button for English, if any, and the menu's label and options."""
    menu = at.get("menu_button")[0].proto
    return [*(button.label for button in at.button if button.key == "in-english"), menu.label, *menu.options]


def test_a_click_in_the_menu_shows_the_same_page_in_another_language(translate: Translate) -> None:
    translate("de", GERMAN)
    at = open_tradeoff(phi="1.5")
    assert languages(at) == ["English", "English", "Deutsch"]
    at.session_state["speak"] = "de"
    at.run()


@pytest.mark.parametrize(("locale", "offered"), [("zh-TW", []), ("zh-CN", ["English"]), ("zh-HK", ["English"])])
def test_who_reads_a_relative_language_has_english_one_click_away(
    translate: Translate, monkeypatch: pytest.MonkeyPatch, locale: str, offered: list[str]
) -> None:
    translate("zh_TW", {"What does accuracy cost?": "準確率要多少成本？", "English": "繁體中文"})
    speaking(monkeypatch, locale)
    at = open_tradeoff()
    assert titles(at) == ["準確率要多少成本？"]
    assert languages(at) == [*offered, "繁體中文", "English", "繁體中文"]
    for button in at.button:
        if button.key == "in-english":
            button.click().run()
            assert titles(at) == ["What does accuracy cost?"]
            assert at.query_params["lang"] == "en"
            assert languages(at) == ["English", "English", "繁體中文"]


def test_an_address_may_write_a_language_as_browsers_do(translate: Translate) -> None:
    translate("zh_TW", {"What does accuracy cost?": "準確率要多少成本？"})
    for asked in ("zh-TW", "zh_TW", "zh-Hant"):
        at = open_tradeoff(lang=asked)
        assert titles(at) == ["準確率要多少成本？"]
        assert at.query_params["lang"] == "zh-TW"


def test_the_pages_have_names_in_the_visitors_language(translate: Translate, monkeypatch: pytest.MonkeyPatch) -> None:
    translate("de", GERMAN)
    named: list[str] = []
    navigation = st.navigation

    def listen(pages: list[st.Page], **settings: object) -> object:  # type: ignore[valid-type]
        named.extend(page.title for page in pages)
        return navigation(pages, **settings)

    monkeypatch.setattr(st, "navigation", listen)
    open_tradeoff(lang="de")
    last = ["Paper", "Glossary", "Why does my Grad-CAM look wrong?"]
    assert named == ["Lesson", "Compare", "Scale", "Abwägung", "Evaluate", *last]


def page_with_a_button() -> None:
    import streamlit as st

    from effviz.i18n import _
    from effviz.ui import session

    session.adopt_language()
    st.button("press", on_click=lambda: st.session_state.update(said=_("Depth")))
    st.text(st.session_state.get("said", _("Depth") + "!"))


def test_callbacks_which_run_before_the_page_speak_the_language_too(translate: Translate) -> None:
    translate("de", GERMAN)
    at = AppTest.from_function(page_with_a_button)
    at.query_params["lang"] = "de"
    assert at.run().text[0].value == "Tiefe!"
    assert at.button[0].click().run().text[0].value == "Tiefe"


class Marking(gettext.NullTranslations):
    """A language in which every text shows that it was looked up."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, one: str, several: str, count: int) -> str:
        return f"⟦{one if count == 1 else several}⟧"


@pytest.fixture
def marking(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(i18n, "LOCALES", tmp_path)  # otherwise two languages would have the same name
    monkeypatch.setattr(i18n, "_catalogue", lambda code: Marking())


def shown(at: AppTest) -> Iterator[str]:
    """Yield every visible or spoken text of a page, except inside charts and components."""
    for kind in ("title", "header", "subheader", "markdown", "caption", "warning", "info"):
        yield from (str(element.value) for element in at.get(kind))
    for kind in ("metric", "button", "slider", "selectbox", "multiselect", "number_input", "button_group"):
        for element in at.get(kind):
            yield from (element.proto.label, getattr(element.proto, "help", ""))
            yield getattr(element.proto, "placeholder", "")
    for element in at.get("button_group"):
        yield from (option.content for option in element.proto.options)
    yield from (chart.proto.alt for chart in at.get("plotly_chart"))
    for table in at.table:
        yield from table.value.columns
    for table in at.dataframe:
        yield from (*table.value["macs_counted"], *table.value["training"])


# Names of networks, training methods and papers are the same in every language.
NAMES = re.compile(
    r"EfficientNet(-Lite|-B\d)?|(timm )?(AutoAugment|RandAugment)|px|(lite\d|mini-[a-z]+|scaled-d[\d.]+-w[\d.]+)@\d+"
)


def left_behind(at: AppTest) -> set[str]:
    """Return what remains of the texts without the parts that were looked up, including nested sentences."""
    assert not at.exception
    left = set(shown(at))
    while any("⟧" in text for text in left):
        left = {re.sub("⟦[^⟦⟧]*⟧", "", text) for text in left}
    return {text for text in left if re.search("[A-Za-z]{2}", NAMES.sub("", text))}


@pytest.mark.usefixtures("marking")
def test_nothing_on_the_scale_page_stays_english() -> None:
    at = AppTest.from_file(str(ROOT / "effviz/ui/pages/scale.py"), default_timeout=60)
    at.query_params.update({"budget": "params", "phi": "abc"})
    at.run()
    assert len(at.warning) >= 1  # also an error message
    assert left_behind(at) == set()


@pytest.mark.usefixtures("marking")
def test_nothing_on_the_tradeoff_page_stays_english() -> None:
    at = open_tradeoff(network="EfficientNet-B3", families="ResNet", phi="abc")
    assert len(at.warning) == 2  # the recipes differ, and phi is meaningless
    assert left_behind(at) == set()


class Words(HTMLParser):
    """Collect text and spoken attributes of a template."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data.strip())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("aria-label", "title", "alt", "placeholder")]


@pytest.mark.parametrize(
    "template", sorted(Path(components.__file__).parent.rglob("*.html")), ids=lambda file: file.name
)
def test_templates_of_components_hold_no_words(template: Path) -> None:
    parser = Words()
    parser.feed(template.read_text(encoding="utf-8"))
    assert {text for text in parser.found if re.search("[A-Za-z]{2}", text)} <= {"SVG", "PNG", "CSV"}


# State.


@pytest.mark.parametrize(
    ("text", "phi"), [("1.5", 1.5), ("-2", -2.0), ("8", 8.0), ("1.234", 1.25), ("0.3", 0.3), ("1e0", 1.0)]
)
def test_phi_of_a_link_lands_on_the_sliders_steps(text: str, phi: float) -> None:
    assert parse_phi(text) == phi


@pytest.mark.parametrize("text", ["abc", "", "999", "-2.1", "nan", "inf", "-inf", "1,5", "<b>1</b>"])
def test_phi_of_a_link_that_makes_no_sense_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(SettingsError, match="a number from -2 to 8"):
        parse_phi(text)


def test_labels_of_a_link_are_split_and_trimmed() -> None:
    assert parse_labels("lite0@224, lite2@260,,") == ("lite0@224", "lite2@260")
    assert parse_labels("") == ()


def page() -> None:
    import streamlit as st

    from effviz.ui.guard import guard
    from effviz.ui.session import PHI

    with guard():
        PHI.adopt()
    if st.button("to three"):
        PHI.put(3.0)
    if st.button("to one"):
        PHI.put(1.0)
    st.text(f"phi is {PHI.get():g}")


def state_shown(at: AppTest) -> str:
    return str(at.text[0].value)


def test_a_link_sets_the_value_and_stays_in_the_address() -> None:
    at = AppTest.from_function(page)
    at.query_params["phi"] = "2.5"
    at.run()
    assert state_shown(at) == "phi is 2.5"
    assert at.query_params == {"phi": "2.5"}


def test_without_a_link_the_default_holds_and_the_address_stays_short() -> None:
    at = AppTest.from_function(page).run()
    assert state_shown(at) == "phi is 1"
    assert at.query_params == {}


def test_a_change_is_written_into_the_address_and_an_old_address_does_not_undo_it() -> None:
    at = AppTest.from_function(page)
    at.query_params["phi"] = "2.5"
    at.run()
    at.button[0].click().run()
    assert state_shown(at) == "phi is 3"
    assert at.query_params == {"phi": "3"}
    at.query_params["phi"] = "2.5"  # a rerun requested before the address changed
    at.run()
    assert state_shown(at) == "phi is 3"


def test_back_at_the_default_the_address_is_short_again() -> None:
    at = AppTest.from_function(page)
    at.query_params["phi"] = "2.5"
    at.run()
    at.button[1].click().run()
    assert state_shown(at) == "phi is 1"
    assert at.query_params == {}


def test_a_value_survives_an_address_emptied_by_a_change_of_page() -> None:
    at = AppTest.from_function(page)
    at.query_params["phi"] = "2.5"
    at.run()
    at.query_params.clear()
    at.run()
    assert state_shown(at) == "phi is 2.5"
    assert at.query_params == {"phi": "2.5"}


@pytest.mark.parametrize("text", ["abc", "999"])
def test_junk_in_a_link_is_one_message_once(text: str) -> None:
    at = AppTest.from_function(page)
    at.query_params["phi"] = text
    at.run()
    assert [message.value for message in at.warning] == [
        f"The link asks for phi = '{text}', but phi must be a number from -2 to 8. Move the slider to choose one."
    ]
    assert state_shown(at) == "phi is 1"
    assert at.query_params == {}
    at.run()
    assert not at.warning
