"""What Compare says of each model in numbers."""

import pytest

from effviz.ui.compare.numbers import facts
from effviz.zoo import catalogue
from effviz.zoo.cards import card


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lite1@224", "depth 1.1 × width 1 × 224 px, with weights made for 240 px"),  # the official README's size
        ("lite1@240", "depth 1.1 × width 1 × 240 px"),
        ("scaled-d4-w1@300", "depth 4 × width 1 × 300 px"),  # nothing was made for any size
    ],
)
def test_a_card_says_which_size_its_weights_were_made_for(name: str, said: str) -> None:
    assert facts(card(catalogue.parse(name)))[0] == said
