"""Numbers on the screen keep the digits that the paper prints."""

import pytest

from effviz.ui import outputs


@pytest.mark.parametrize(  # the first seven stand in Table 2
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
