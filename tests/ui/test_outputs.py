"""Numbers on the screen keep the digits that the paper prints; captions are short, terms are explained."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from effviz.ui import glossary, outputs


@pytest.mark.parametrize(  # the first seven are in Table 2
    "text", ["0.39", "0.70", "1.0", "26", "5.3", "9.9", "146", "0.386", "480", "37.7"]
)
def test_a_number_keeps_its_printed_digits(text: str) -> None:
    assert outputs.printed(float(text)) == text


@pytest.mark.parametrize(("value", "text"), [(37.746, "37.7"), (0.99996, "1.00"), (99.96, "100"), (2535.2, "2535")])
def test_three_digits_are_enough_of_a_computed_number(value: float, text: str) -> None:
    assert outputs.printed(value) == text


@pytest.mark.parametrize("text", ["1×", "3.0×", "8.7×", "21×"])
def test_a_ratio_keeps_its_printed_digits(text: str) -> None:
    assert outputs.times(float(text.removesuffix("×"))) == text


def test_a_caption_has_three_notes_and_folds_the_others() -> None:
    def page() -> None:
        from effviz.ui import outputs

        outputs.caption(["One.", "Two.", "Three.", "Four.", "Five."])
        outputs.caption(["Alone."])

    at = AppTest.from_function(page).run()
    assert [caption.value for caption in at.caption] == ["One. Two. Three.", "Alone."]
    assert [(fold.label, fold.markdown[0].value) for fold in at.expander] == [
        ("More about this figure", "- Four.\n- Five.")
    ]


def test_every_term_of_the_glossary_is_on_its_page() -> None:
    at = AppTest.from_file(str(Path(__file__).parents[2] / "effviz/ui/pages/glossary.py")).run()
    shown = "\n".join(text.value for text in at.markdown)
    assert [title for title, meaning in glossary.TERMS.values() if f"**{title}**: {meaning}" not in shown] == []
    assert glossary.tip("seed", "depth").count("\n\n**") == 1
