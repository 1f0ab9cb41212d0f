"""The section's statements about Table 7, by hand from the paper's table and the released code's costs."""

import pytest

from effviz.ui.paper.table7 import _gains, _leads


def test_the_lead_is_that_of_the_table() -> None:
    # 81.1 against 79.0, 78.9 and 79.1; 1.83 billion against 1.58, 1.45 and 1.54
    found = _gains()
    assert (found["apart"], found["least"], found["most"]) == pytest.approx((0.2, 2.0, 2.2))
    assert (found["low"], found["high"]) == pytest.approx((16, 26), abs=0.5)


def test_the_texts_claim_stands_beside_the_figures() -> None:
    assert "by up to 2.5 %" in _leads()
    assert "2.6 points at 4.2 billion (B4)" in _leads()
