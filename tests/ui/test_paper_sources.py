"""A list below each figure links the source of each point."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from effviz.facts.tables import link
from effviz.ui.paper.exhibit import EXISTING

ROOT = Path(__file__).parents[2]
# Sections whose figures are drawn by our own components, with their numbers in a table next to them.
OWN = {"figure2"}
TRAINED_HERE = "trained by `effviz search"


@pytest.mark.parametrize("section", [name for name in EXISTING if name not in OWN])
def test_every_point_links_its_source(section: str) -> None:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=90)
    at.switch_page("effviz/ui/pages/paper.py")
    at.query_params["section"] = section
    at.run()
    toggles = [toggle.key for toggle in at.toggle if str(toggle.key).endswith("-points")]
    assert len(toggles) == len(at.get("plotly_chart"))
    for key in toggles:
        at.toggle(key=key).set_value(True)
    at.run()
    assert not at.exception
    lists = [table.value for table in at.dataframe if "link" in table.value]
    assert len(lists) == len(toggles)
    for rows in lists:
        assert len(rows) > 0
        assert rows["source"].str.len().min() > 10
        assert list(rows["link"]) == [link(source) for source in rows["source"]]
    if section == "figure3":  # with only printed points
        assert set(lists[0]["link"]) == {"https://arxiv.org/abs/1905.11946v5"}
        assert len(lists[0]) == 19  # 6 widths, 6 depths and 7 resolutions
