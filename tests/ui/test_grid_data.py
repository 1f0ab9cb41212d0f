"""The numbers that Compare shows for each model."""

import pytest
from streamlit.testing.v1 import AppTest

from effviz.ui.compare.grid_data import agreement_words, card_lines
from effviz.zoo import catalogue
from effviz.zoo.catalogue import model_card


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lite1@224", "depth 1.1 × width 1 × 224 px, with weights made for 240 px"),  # the official README's size
        ("lite1@240", "depth 1.1 × width 1 × 240 px"),
        ("scaled-d4-w1@300", "depth 4 × width 1 × 300 px"),  # no weights, so no size that they were made for
    ],
)
def test_a_card_says_which_size_its_weights_were_made_for(name: str, said: str) -> None:
    assert card_lines(model_card(catalogue.parse_model(name)))[0] == said


def test_a_table_shows_no_marks_of_markdown() -> None:
    def script() -> None:
        from effviz.ui.compare.grid_data import show_model_table
        from effviz.zoo import catalogue
        from effviz.zoo.catalogue import model_card

        show_model_table([model_card(catalogue.parse_model("mini-depth"))])

    (weights,) = AppTest.from_function(script).run().dataframe[0].value["Weights"]
    assert weights.startswith("trained with effviz train, recipe mini-depth")  # models/manifest.json, without `


@pytest.mark.parametrize(
    ("shared", "of_both", "words"),  # for two areas of 100 points each
    [
        (100, 100, "looks at the same places"),
        (75, 125, "looks at the same places"),
        (74, 126, "looks mostly at the same places"),
        (49, 151, "looks partly at the same places"),
        (20, 180, "looks elsewhere"),  # chance: a fifth of a fifth
        (0, 200, "looks elsewhere"),
    ],
)
def test_an_overlap_is_said_by_the_part_that_two_areas_share(shared: int, of_both: int, words: str) -> None:
    assert agreement_words(shared / of_both) == words


def test_no_evidence_is_no_agreement() -> None:
    assert agreement_words(float("nan")) == "no positive evidence to compare"
