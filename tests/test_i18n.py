import copy
import gettext
import json
import pickle
from collections.abc import Callable

import pytest

from effviz import i18n

Translate = Callable[[str, dict[str, str]], None]


class Shouting(gettext.NullTranslations):
    def gettext(self, message: str) -> str:
        return message.upper()


def test_without_a_catalogue_texts_stay_as_they_are() -> None:
    assert i18n._("A plain sentence.") == "A plain sentence."


def test_a_visitor_reads_the_catalogue_of_the_own_language(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"en": gettext.NullTranslations(), "loud": Shouting()}
    monkeypatch.setattr(i18n, "_catalogue", found.__getitem__)
    token = i18n.thread_language.set("loud")
    try:
        assert i18n._("{count} photos").lower().format(count=3) == "3 photos"
        assert i18n._("photos") == "PHOTOS"
    finally:
        i18n.thread_language.reset(token)
    assert i18n._("photos") == "photos"


def test_marked_text_is_looked_up_only_when_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    marked = i18n.lazy_gettext("Last layer")
    monkeypatch.setattr(i18n, "_catalogue", lambda of: Shouting())
    assert marked == "Last layer"
    assert i18n._(marked) == "LAST LAYER"


def test_a_compiled_catalogue_is_found_by_its_folder(translate: Translate) -> None:
    translate("de", {"Depth": "Tiefe", "{count} seed\0{count} seeds": "{count} Keim\0{count} Keime"})
    assert i18n.available_languages() == ("de",)
    assert i18n._("Depth") == "Depth"
    with_language("de", check_german)


def check_german() -> None:
    assert i18n._("Depth") == "Tiefe"
    assert i18n._("Width") == "Width"  # not in the catalogue yet
    assert [i18n.ngettext("{count} seed", "{count} seeds", n).format(count=n) for n in (1, 2)] == ["1 Keim", "2 Keime"]


def with_language(code: str, check: Callable[[], None]) -> None:
    token = i18n.thread_language.set(code)
    try:
        check()
    finally:
        i18n.thread_language.reset(token)


def test_counted_texts_have_both_english_forms_without_a_catalogue() -> None:
    assert i18n.ngettext("{count} seed", "{count} seeds", 1) == "{count} seed"
    assert i18n.ngettext("{count} seed", "{count} seeds", 0) == "{count} seeds"


def test_an_empty_text_stays_empty_and_is_not_the_catalogues_header(translate: Translate) -> None:
    translate("de", {})
    with_language("de", lambda: check_equal(i18n._(""), ""))


def check_equal(shown: str, expected: str) -> None:
    assert shown == expected


def test_a_kept_text_with_values_is_looked_up_only_when_shown(translate: Translate) -> None:
    translate("de", {"{name} has {share:.0%} of it": "{share:.0%} davon hat {name}"})
    kept = i18n.lazy_gettext("{name} has {share:.0%} of it", name="B0", share=0.25)
    assert kept == "B0 has 25% of it"
    assert json.dumps(kept) == '"B0 has 25% of it"'
    for same in (kept, copy.deepcopy(kept), pickle.loads(pickle.dumps(kept))):
        assert i18n._(same) == "B0 has 25% of it"
        with_language("de", lambda same=same: check_equal(i18n._(same), "25% davon hat B0"))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (("de",), "de"),
        (("d",), "en"),
        (("de-AT",), "de"),
        (("pt-br",), "pt_BR"),
        (("pt",), "pt_BR"),  # the nearest that there is
        (("pt-PT", "de"), "pt_BR"),
        *(((f"zh{region}",), "zh_TW") for region in ("-TW", "-Hant", "-Hant-HK", "-HK", "-MO", "-CN", "-Hans-CN", "")),
        (("xx", "de-DE"), "de"),
        (("en-GB", "de"), "en"),  # the code's own language needs no catalogue
        (("", ""), "en"),
        (("../../de",), "en"),
    ],
)
def test_the_nearest_language_with_a_catalogue(translate: Translate, asked: tuple[str, ...], found: str) -> None:
    translate("de", {})
    translate("pt_BR", {})
    translate("zh_TW", {})
    assert i18n.best_language(*asked) == found


def test_a_language_has_the_name_that_its_catalogue_gives_it(translate: Translate) -> None:
    translate("de", {"English": "Deutsch"})
    translate("pt_BR", {})
    assert [i18n.language_name(code) for code in ("en", "de", "pt_BR")] == ["English", "Deutsch", "pt-BR"]
    assert [i18n.language_tag(code) for code in ("en", "zh_TW")] == ["en", "zh-TW"]
