import gettext

import pytest

from effviz import words


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
