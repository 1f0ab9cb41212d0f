"""What Compare says of each model in numbers."""

import pytest
from streamlit.testing.v1 import AppTest

from effviz.ui.compare.grid_data import card_lines
from effviz.zoo import catalogue
from effviz.zoo.catalogue import model_card


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lite1@224", "depth 1.1 × width 1 × 224 px, with weights made for 240 px"),  # the official README's size
        ("lite1@240", "depth 1.1 × width 1 × 240 px"),
        ("scaled-d4-w1@300", "depth 4 × width 1 × 300 px"),  # nothing was made for any size
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
