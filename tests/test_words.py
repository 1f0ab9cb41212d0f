import copy
import gettext
import json
import pickle
from collections.abc import Callable

import pytest

from effviz import words

Translate = Callable[[str, dict[str, str]], None]


class Shouting(gettext.NullTranslations):
    def gettext(self, message: str) -> str:
        return message.upper()


def test_without_a_catalogue_texts_stay_as_they_are() -> None:
    assert words._("A plain sentence.") == "A plain sentence."


def test_a_visitor_reads_the_catalogue_of_the_own_language(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"en": gettext.NullTranslations(), "loud": Shouting()}
    monkeypatch.setattr(words, "_catalogue", found.__getitem__)
    token = words.language.set("loud")
    try:
        assert words._("{count} photos").lower().format(count=3) == "3 photos"
        assert words._("photos") == "PHOTOS"
    finally:
        words.language.reset(token)
    assert words._("photos") == "photos"


def test_marked_text_is_looked_up_only_when_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    marked = words.later("Last layer")
    monkeypatch.setattr(words, "_catalogue", lambda of: Shouting())
    assert marked == "Last layer"
    assert words._(marked) == "LAST LAYER"


def test_a_compiled_catalogue_is_found_by_its_folder(translate: Translate) -> None:
    translate("de", {"Depth": "Tiefe", "{count} seed\0{count} seeds": "{count} Keim\0{count} Keime"})
    assert words.languages() == ("de",)
    assert words._("Depth") == "Depth"
    with_language("de", check_german)


def check_german() -> None:
    assert words._("Depth") == "Tiefe"
    assert words._("Width") == "Width"  # not in the catalogue yet
    assert [words.many("{count} seed", "{count} seeds", n).format(count=n) for n in (1, 2)] == ["1 Keim", "2 Keime"]


def with_language(code: str, check: Callable[[], None]) -> None:
    token = words.language.set(code)
    try:
        check()
    finally:
        words.language.reset(token)


def test_counted_texts_have_both_english_forms_without_a_catalogue() -> None:
    assert words.many("{count} seed", "{count} seeds", 1) == "{count} seed"
    assert words.many("{count} seed", "{count} seeds", 0) == "{count} seeds"


def test_an_empty_text_stays_empty_and_is_not_the_catalogues_header(translate: Translate) -> None:
    translate("de", {})
    with_language("de", lambda: check_equal(words._(""), ""))


def check_equal(shown: str, expected: str) -> None:
    assert shown == expected


def test_a_kept_text_with_values_is_looked_up_only_when_shown(translate: Translate) -> None:
    translate("de", {"{name} has {share:.0%} of it": "{share:.0%} davon hat {name}"})
    kept = words.later("{name} has {share:.0%} of it", name="B0", share=0.25)
    assert kept == "B0 has 25% of it"
    assert json.dumps(kept) == '"B0 has 25% of it"'
    for same in (kept, copy.deepcopy(kept), pickle.loads(pickle.dumps(kept))):
        assert words._(same) == "B0 has 25% of it"
        with_language("de", lambda same=same: check_equal(words._(same), "25% davon hat B0"))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (("de",), "de"),
        (("de-AT",), "de"),
        (("pt-br",), "pt_BR"),
        (("pt",), "en"),  # nobody wrote that one
        (("xx", "de-DE"), "de"),
        (("en-GB", "de"), "en"),  # the code's own language needs no catalogue
        (("", ""), "en"),
        (("../../de",), "en"),
    ],
)
def test_the_nearest_language_with_a_catalogue(translate: Translate, asked: tuple[str, ...], found: str) -> None:
    translate("de", {})
    translate("pt_BR", {})
    assert words.nearest(*asked) == found
